#pragma once
// TCP servers that modules listen on, and their connections. Bytes wait in the socket while the
// module has no room for them; what a module writes waits here, within a limit.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "em/router.hpp"

namespace authex::em {

class StreamEvents {
  public:
    virtual ~StreamEvents() = default;
    /// Whether a frame of so many bytes fits towards the module now.
    virtual bool stream_room(ModuleId module, std::size_t frame_bytes) = 0;
    virtual void stream_frame(ModuleId module, const wire::FrameHeader& header, ByteView body) = 0;
    /// A line for the module's log.
    virtual void stream_log(ModuleId module, std::string text) = 0;
};

struct StreamLimits {
    std::size_t piece_bytes = 16 * 1024;
    std::size_t buffer_max_bytes = 1U << 20U; ///< written by the module, not taken by the client
    std::size_t per_module_max = 1024;        ///< connections at a time
    std::uint32_t linger_ms = 5000;           ///< after the client's last byte, or the module's
    std::size_t listeners_max = 16;           ///< of a module
};

/// When the node reads from a client: as soon as the module has room, or each time it asks.
enum class Delivery : std::uint8_t { pushed, pulled };

class Streams {
  public:
    Streams(asio::io_context& io, StreamEvents& events, std::string bind_address);
    ~Streams();
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    /// Listens for the module's stream endpoint and answers it. A second listen of the endpoint
    /// takes the place of the first.
    void listen(ModuleId module, std::uint16_t channel, std::uint16_t port, Delivery delivery);
    /// The module may get one more piece of a pulled stream.
    void pull(ModuleId module, std::uint64_t stream);
    void write(ModuleId module, std::uint64_t stream, ByteView data);
    /// Closes after what was written is sent.
    void close(ModuleId module, std::uint64_t stream);
    void remove(ModuleId module);
    /// The module has room again.
    void module_writable(ModuleId module);
    [[nodiscard]] bool wants_room(ModuleId module) const;

  private:
    struct Session;
    struct Listener;
    struct Owner {
        std::map<std::uint16_t, std::shared_ptr<Listener>> listeners;
        std::unordered_map<std::uint64_t, std::shared_ptr<Session>> sessions;
        std::size_t paused = 0; ///< sessions that wait for room at the module
    };
    using SessionPtr = std::shared_ptr<Session>;

    [[nodiscard]] SessionPtr find(ModuleId module, std::uint64_t stream) const;
    void accept(ModuleId module, const std::shared_ptr<Listener>& listener);
    void opened(ModuleId module, const Listener& listener, asio::ip::tcp::socket socket);
    void read_more(const SessionPtr& session);
    void read_some(const SessionPtr& session);
    void write_some(const SessionPtr& session);
    [[nodiscard]] static bool wants(const SessionPtr& session);
    void finish(const SessionPtr& session);
    void part(const SessionPtr& session);
    void discard(const SessionPtr& session);
    void linger(const SessionPtr& session);
    void end(const SessionPtr& session, bool tell);
    void pause(const SessionPtr& session);

    asio::io_context& io_;
    StreamEvents& events_;
    StreamLimits limits_;
    std::string bind_address_;
    std::unordered_map<ModuleId, Owner> owners_;
    std::uint64_t next_stream_; ///< no number of an earlier manager comes again: modules know those
    std::vector<std::uint8_t> scratch_;
};

} // namespace authex::em
