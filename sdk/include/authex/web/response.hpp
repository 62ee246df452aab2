#pragma once
// Heads of answers. (RFC 9112 §4, RFC 9110 §15)

#include <authex/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::web {

struct ResponseHead {
    unsigned status = 200; ///< three digits
    const char* type = ""; ///< Content-Type
    std::size_t content_bytes = 0;
    bool keeps_alive = true;
    ByteView allowed_methods; ///< with 405
};

/// Largest of any head, if type and methods have 256 bytes together.
constexpr std::size_t response_head_max_bytes = 640;

/// "Not Found" to 404; empty for a status that is not known here.
[[nodiscard]] const char* reason_of(unsigned status);

void write_head(const ResponseHead& head, Writer& out);

} // namespace authex::web
