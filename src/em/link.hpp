#pragma once
// What managers say to each other over a TCP connection, without the connection: records of whole
// frames, and the greeting.
//
//   offset size field      little-endian
//        0    4 length     of the payload, 1 … record_max_bytes
//        4    4 checksum   CRC-32C of the payload
//        8    4 checksum   CRC-32C of the 8 bytes before: a damaged length must not make the
//                          receiver wait for what never comes
//       12      payload    whole frames
//
// A record that is not so closes the link: what was damaged on the way is sent again over the next
// one, and a damaged acknowledgement never drops a frame.
//
// Pings come in records of their own.
//
// The opener's first record is a hello frame: body u16 version, u64 node id, then the address that
// its own links listen on. The other answers with the same and direction `back`. Nothing else may
// come before.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "wire/frame.hpp"

namespace authex::em {

constexpr std::size_t record_header_bytes = 12;
/// Room for several largest frames.
constexpr std::size_t record_max_bytes = 256 * 1024;
/// A record that is this large is closed and a new one begun.
constexpr std::size_t record_turn_bytes = 64 * 1024;
/// What a link that has not said hello may send.
constexpr std::size_t greeting_max_bytes = 1024;

/// Gathers frames into records.
class RecordWriter {
  public:
    /// Adds whole frames, at most record_max_bytes - record_turn_bytes of them.
    void add(ByteView frames);
    /// Adds a frame in a record of its own: for what the link itself says.
    void add_alone(ByteView frame);
    /// Bytes to be written, with the open record closed.
    ByteView pending();
    void written(std::size_t bytes);
    [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }
    void clear();

  private:
    void close_record();

    std::vector<std::uint8_t> bytes_;
    std::size_t begin_ = 0;
    std::size_t open_ = 0; ///< offset of the open record's header
    bool is_open_ = false;
};

/// Finds records in what arrives.
class RecordParser {
  public:
    /// Takes the payload of a record. @return false: it is not acceptable.
    using Take = std::function<bool(ByteView payload)>;

    /// Takes arrived bytes and hands on each whole record. @return false: the peer sent no records
    /// or `take` said so; nothing more may be fed.
    bool feed(ByteView bytes, const Take& take);
    /// Larger records are refused from now on.
    void set_limit(std::size_t bytes) { limit_ = bytes; }
    [[nodiscard]] std::size_t held() const { return partial_.size(); }

  private:
    bool parse(ByteView bytes, const Take& take, std::size_t& used) const;

    std::vector<std::uint8_t> partial_;
    std::size_t limit_ = greeting_max_bytes;
};

struct LinkGreeting {
    std::uint64_t node_id = 0;
    std::string address;
    bool answer = false;
};
std::vector<std::uint8_t> greeting_frame(const LinkGreeting& greeting);
/// @error malformed | unknown_version | unknown_kind
[[nodiscard]] Error parse_greeting(ByteView payload, LinkGreeting& greeting);

/// A ping, or the answer to one.
std::array<std::uint8_t, wire::header_bytes> ping_frame(bool answer);

} // namespace authex::em
