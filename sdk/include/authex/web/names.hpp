#pragma once
// What a certificate's subjectAltName may hold, as people write it. (RFC 5280 §4.2.1.6)

#include <authex/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace authex::web {

enum class NameKind : std::uint8_t { none, dns, address };

struct Name {
    NameKind kind = NameKind::none; ///< none: it is no name
    std::uint8_t address[16]{};
    std::size_t address_bytes = 0; ///< 4 or 16
};

/// A DNS name (letters, digits, hyphens and dots, `*` as its first label), 127.0.0.1 or ::1.
[[nodiscard]] Name read_name(ByteView text);

/// Takes the first of several off `rest`, between commas and spaces. Empty: there is none.
[[nodiscard]] ByteView take_name(ByteView& rest);

} // namespace authex::web
