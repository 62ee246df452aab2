#include "tee/sgx/verifier/der.hpp"

namespace authex::tee::sgx {
namespace {

constexpr std::uint8_t long_form = 0x80;
constexpr std::size_t length_bytes_max = 3;

/// The length at the front of `bytes`, which is taken off.
std::optional<std::size_t> take_length(ByteView& bytes) {
    if (bytes.empty()) {
        return std::nullopt;
    }
    const std::uint8_t first = bytes.front();
    bytes = bytes.subspan(1);
    if (first < long_form) {
        return first;
    }
    const std::size_t count = first & (long_form - 1U);
    if (count == 0 || count > length_bytes_max || count > bytes.size() || bytes.front() == 0) {
        return std::nullopt;
    }
    std::size_t length = 0;
    for (const std::uint8_t byte : bytes.first(count)) {
        length = length << 8U | byte;
    }
    bytes = bytes.subspan(count);
    return length < long_form ? std::nullopt : std::optional(length);
}

} // namespace

std::optional<ByteView> DerReader::next(std::optional<std::uint8_t> tag) {
    ByteView rest = bytes_;
    const bool fits =
        !rest.empty() && (!tag || rest.front() == *tag) && (rest.front() & 0x1FU) != 0x1F;
    if (fits) {
        rest = rest.subspan(1);
        const std::optional<std::size_t> length = take_length(rest);
        if (length && *length <= rest.size()) {
            bytes_ = rest.subspan(*length);
            return rest.first(*length);
        }
    }
    bytes_ = {};
    return std::nullopt;
}

std::optional<ByteView> DerReader::take(std::uint8_t tag) {
    return next(tag);
}

std::optional<ByteView> DerReader::skip() {
    return next(std::nullopt);
}

std::optional<std::uint32_t> DerReader::unsigned_integer() {
    std::optional<ByteView> content = take(der::integer);
    if (!content || content->empty() || (content->front() & 0x80U) != 0) {
        return std::nullopt;
    }
    const bool padded = content->size() > 1 && content->front() == 0;
    if (padded && ((*content)[1] & 0x80U) == 0) {
        return std::nullopt;
    }
    const ByteView digits = padded ? content->subspan(1) : *content;
    if (digits.size() > sizeof(std::uint32_t)) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (const std::uint8_t byte : digits) {
        value = value << 8U | byte;
    }
    return value;
}

} // namespace authex::tee::sgx
