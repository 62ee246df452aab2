#include "cli/payload.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>

#include "base/hex.hpp"

namespace authex::cli {
namespace {

using Payload = std::vector<std::uint8_t>;

int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

Expected<Payload> from_hex(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == ':' || c == '\n'; });
    if (text.rfind("0x", 0) == 0) {
        text.erase(0, 2);
    }
    Payload payload;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit(text[i]);
        const int low = i + 1 < text.size() ? digit(text[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return failure("payload-hex",
                           fmt::format("\"{}\" is not pairs of hexadecimal digits", text),
                           "write each byte with two digits: 0a for 10");
        }
        payload.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return payload;
}

Expected<Payload> from_file(const std::filesystem::path& path) {
    if (path == "-") {
        return Payload(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    }
    std::ifstream file(path, std::ios::binary);
    if (!file.is_open() || std::filesystem::is_directory(path)) {
        return failure("payload-file", fmt::format("cannot read {}", path.string()));
    }
    return Payload(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

Payload integer(std::uint64_t value, std::size_t width_bytes) {
    Payload payload(width_bytes);
    for (std::size_t i = 0; i < width_bytes; ++i) {
        payload[i] = static_cast<std::uint8_t>(value >> (8U * i));
    }
    return payload;
}

bool is_text(ByteView bytes) {
    return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) {
        return (byte >= 0x20 && byte < 0x7F) || byte == '\n' || byte == '\t';
    });
}

} // namespace

Expected<Payload> read_payload(const PayloadSource& source) {
    if (source.hex) {
        return from_hex(*source.hex);
    }
    if (source.text) {
        return Payload(source.text->begin(), source.text->end());
    }
    if (source.file) {
        return from_file(*source.file);
    }
    if (source.u8) {
        return integer(*source.u8, 1);
    }
    if (source.u16) {
        return integer(*source.u16, 2);
    }
    if (source.u32) {
        return integer(*source.u32, 4);
    }
    return source.u64 ? integer(*source.u64, 8) : Payload();
}

std::string describe_bytes(ByteView bytes) {
    if (bytes.empty()) {
        return "(empty)";
    }
    std::string text = to_hex(bytes);
    if (bytes.size() > 1 && is_text(bytes)) {
        return fmt::format("{}  \"{}\"", text, std::string(bytes.begin(), bytes.end()));
    }
    if (bytes.size() == 1 || bytes.size() == 2 || bytes.size() == 4) {
        std::uint64_t value = 0;
        for (std::size_t i = bytes.size(); i > 0; --i) {
            value = (value << 8U) | bytes[i - 1];
        }
        return fmt::format("{}  = {}", text, value);
    }
    return text;
}

} // namespace authex::cli
