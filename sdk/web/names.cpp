#include <authex/web/names.hpp>

namespace authex::web {
namespace {

constexpr std::size_t name_max_bytes = 253;
constexpr std::size_t label_max_bytes = 63;

bool is_digit(std::uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

bool is_letter(std::uint8_t byte) {
    const auto lower = static_cast<std::uint8_t>(byte | 0x20U);
    return lower >= 'a' && lower <= 'z';
}

bool is_separator(std::uint8_t byte) {
    return byte == ',' || byte == ' ';
}

bool has(ByteView text, std::uint8_t wanted) {
    for (const std::uint8_t byte : text) {
        if (byte == wanted) {
            return true;
        }
    }
    return false;
}

/// Hexadecimal digit, or 16.
unsigned hex(std::uint8_t byte) {
    if (is_digit(byte)) {
        return byte - unsigned{'0'};
    }
    const auto lower = static_cast<std::uint8_t>(byte | 0x20U);
    return lower >= 'a' && lower <= 'f' ? lower - unsigned{'a'} + 10 : 16;
}

/// Four numbers up to 255, with dots between.
bool read_ipv4(ByteView text, Name& name) {
    std::size_t part = 0;
    unsigned value = 0;
    std::size_t digits = 0;
    for (const std::uint8_t byte : text) {
        if (byte == '.') {
            if (digits == 0 || part == 3) {
                return false;
            }
            ++part;
            value = 0;
            digits = 0;
            continue;
        }
        value = value * 10 + (byte - unsigned{'0'});
        if (!is_digit(byte) || ++digits > 3 || value > 255) {
            return false;
        }
        name.address[part] = static_cast<std::uint8_t>(value);
    }
    name.address_bytes = 4;
    return part == 3 && digits != 0;
}

/// Eight groups of up to four digits with colons between; `::` once, for groups of zeros. (RFC 4291
/// §2.2; without an embedded IPv4 address)
bool read_ipv6(ByteView text, Name& name) {
    constexpr std::size_t groups = 8;
    std::uint16_t values[groups]{};
    std::size_t count = 0;
    std::size_t gap = groups + 1; // none
    std::size_t at = 0;
    while (at < text.size()) {
        if (text[at] == ':') {
            const bool doubled = at + 1 < text.size() && text[at + 1] == ':';
            if (doubled ? gap <= groups : count == 0 || at + 1 == text.size()) {
                return false;
            }
            gap = doubled ? count : gap;
            at += doubled ? 2 : 1;
            if (at < text.size() && text[at] == ':') {
                return false;
            }
            continue;
        }
        unsigned value = 0;
        std::size_t digits = 0;
        for (; at < text.size() && text[at] != ':'; ++at) {
            if (hex(text[at]) > 15 || ++digits > 4) {
                return false;
            }
            value = value * 16 + hex(text[at]);
        }
        if (count == groups) {
            return false;
        }
        values[count++] = static_cast<std::uint16_t>(value);
    }
    if (gap > groups ? count != groups : count == groups) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t to = i < gap ? i : groups - count + i;
        name.address[2 * to] = static_cast<std::uint8_t>(values[i] >> 8U);
        name.address[2 * to + 1] = static_cast<std::uint8_t>(values[i]);
    }
    name.address_bytes = 16;
    return true;
}

bool is_dns_name(ByteView text) {
    std::size_t label = 0;
    std::uint8_t before = '.';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::uint8_t byte = text[i];
        const bool star = byte == '*' && i == 0 && text.size() > 2 && text[1] == '.';
        if (byte == '.' ? label == 0 || before == '-'
                        : ++label > label_max_bytes || (byte == '-' && label == 1) ||
                              !(is_letter(byte) || is_digit(byte) || byte == '-' || star)) {
            return false;
        }
        label = byte == '.' ? 0 : label;
        before = byte;
    }
    return label != 0 && before != '-' && text.size() <= name_max_bytes;
}

} // namespace

Name read_name(ByteView text) {
    Name name;
    bool numeric = true;
    for (const std::uint8_t byte : text) {
        numeric = numeric && (is_digit(byte) || byte == '.');
    }
    if (has(text, ':') ? read_ipv6(text, name) : numeric && read_ipv4(text, name)) {
        name.kind = NameKind::address;
    } else if (!numeric && is_dns_name(text)) {
        name.kind = NameKind::dns;
    }
    return name;
}

ByteView take_name(ByteView& rest) {
    while (!rest.empty() && is_separator(rest[0])) {
        rest = rest.subspan(1);
    }
    std::size_t at = 0;
    while (at < rest.size() && !is_separator(rest[at])) {
        ++at;
    }
    const ByteView name = rest.first(at);
    rest = rest.subspan(at);
    return name;
}

} // namespace authex::web
