#pragma once
// Reads requests of HTTP/1.0 and 1.1, and refuses every one that two readers could read
// differently.                                                      (RFC 9110, RFC 9112 §2.2, §5,
// §6, §11.2)

#include <authex/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::web {

/// Request line and fields, with the empty line that ends them.
constexpr std::size_t head_max_bytes = 8192;
constexpr std::size_t body_max_bytes = 8192;
constexpr std::size_t request_max_bytes = head_max_bytes + body_max_bytes;
constexpr std::size_t fields_max = 64;

[[nodiscard]] bool equal(ByteView a, ByteView b);
/// ASCII letters alone have two cases.
[[nodiscard]] bool equal_ignoring_case(ByteView a, ByteView b);

struct Field {
    ByteView name;
    ByteView value; ///< without spaces around it
};
/// Takes the first line off `lines`, which end with CRLF each. @return whether it is a field
[[nodiscard]] bool take_field(ByteView& lines, Field& field);

enum class Reading : std::uint8_t { incomplete, complete, refused };

/// One request. Its views are of the bytes that were given.
class RequestReader {
  public:
    /// @param received what came of the request so far, at the same place each time and never
    /// less; more than the request may follow. @pre at most request_max_bytes
    [[nodiscard]] Reading read(ByteView received);

    /// Why it is refused: 400, 413, 414, 417, 431, 501 or 505.
    [[nodiscard]] unsigned status() const { return status_; }

    // Once it is complete:

    [[nodiscard]] ByteView method() const { return method_; }
    /// As it was sent, from its `/` on, without the query. Nothing is decoded.
    [[nodiscard]] ByteView path() const { return path_; }
    /// What stands behind `?`.
    [[nodiscard]] ByteView query() const { return query_; }
    [[nodiscard]] ByteView body() const { return body_; }
    /// Empty where there is none; the first of several.
    [[nodiscard]] ByteView field(ByteView name) const;
    /// The connection is good for more requests.
    [[nodiscard]] bool keeps_alive() const { return keeps_alive_; }
    /// Of the whole request.
    [[nodiscard]] std::size_t size() const { return head_bytes_ + body_bytes_; }

  private:
    [[nodiscard]] bool find_end_of_head(ByteView received);
    void read_head(ByteView head);
    void read_request_line(ByteView line);
    void read_target(ByteView target);
    void read_fields(ByteView lines);
    void read_field(const Field& field);
    void read_length(ByteView digits);
    void refuse(unsigned status) { status_ = status_ == 0 ? status : status_; }

    ByteView method_;
    ByteView path_;
    ByteView query_;
    ByteView fields_;
    ByteView body_;
    std::size_t scanned_ = 0;
    std::size_t line_begin_ = 0;
    std::size_t head_bytes_ = 0; ///< 0: it has not ended
    std::size_t body_bytes_ = 0;
    unsigned status_ = 0; ///< 0: nothing is wrong so far
    bool keeps_alive_ = false;
    bool has_host_ = false;
    bool has_length_ = false;
    bool has_coding_ = false;
};

} // namespace authex::web
