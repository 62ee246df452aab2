#include "counted.hpp"

#include <fmt/format.h>

namespace authex::test {
namespace {

std::string little_endian(std::uint64_t value, std::size_t bytes) {
    std::string hex;
    for (std::size_t i = 0; i < bytes; ++i) {
        hex += fmt::format("{:02x}", value >> (8 * i) & 0xFFU);
    }
    return hex;
}

Taken parse(const std::string& bytes) {
    const auto word = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 4; i > 0 && at + 4 <= bytes.size(); --i) {
            value = value << 8U | static_cast<std::uint8_t>(bytes[at + i - 1]);
        }
        return value;
    };
    return {.events = word(0), .expected = word(4), .gaps = word(8), .behind = word(12)};
}

} // namespace

void Counted::begin(const std::string& connection, const Load& load) {
    must({"output",
          connection,
          "--hex",
          little_endian(load.events, 4) + little_endian(load.bytes, 2) +
              little_endian(load.batch, 2) + little_endian(load.pause_us, 4)});
}

Taken Counted::taken(const std::string& connection) {
    const Result result = authex({"request", connection, "--raw"});
    EXPECT_EQ(result.status, 0) << result.err;
    return parse(result.out);
}

std::optional<Taken> Counted::display(const std::string& sink) {
    const Result result = authex({"call", sink, "display", "--raw"});
    return result.status == 0 ? std::optional(parse(result.out)) : std::nullopt;
}

} // namespace authex::test
