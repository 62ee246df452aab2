#include <numeric>

#include <fmt/format.h>

#include "sancus_emulator/loader_formats.hpp"
#include "sancus_emulator/text.hpp"

namespace authex::sancus_emulator {
namespace {

enum Record : std::uint8_t {
    data = 0,
    end_of_file = 1,
    extended_segment = 2,
    start_segment = 3,
    extended_linear = 4,
    start_linear = 5,
};

/// Count, address (2), type and checksum.
constexpr std::size_t frame_bytes = 5;

class HexReader {
  public:
    explicit HexReader(const std::string& file) : file_(file) {}

    Expected<bool> line(std::string_view text);
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] Firmware& firmware() { return firmware_; }
    [[nodiscard]] tl::unexpected<Diagnostic> wrong(std::string summary) const {
        Diagnostic diagnostic = make_error(
            "hex-malformed", std::move(summary), "the file is damaged or cut short: make it again");
        diagnostic.where = {file_, number_, 1, 0};
        return tl::unexpected(std::move(diagnostic));
    }

  private:
    Expected<bool> record(std::uint8_t type, std::uint16_t address, ByteView content);
    Expected<bool> add(std::uint32_t address, ByteView content);

    const std::string& file_;
    unsigned number_ = 0;
    bool ended_ = false;
    std::uint32_t base_ = 0;
    Firmware firmware_;
};

Expected<bool> HexReader::line(std::string_view text) {
    ++number_;
    if (!text.empty() && text.back() == '\r') {
        text.remove_suffix(1);
    }
    if (text.empty()) {
        return true;
    }
    if (ended_) {
        return wrong("there is more after the record that ends the file");
    }
    const auto bytes = text.front() == ':' ? bytes_of_hex(text.substr(1)) : std::nullopt;
    if (!bytes || bytes->size() < frame_bytes) {
        return wrong("this is no record: a colon and pairs of hexadecimal digits");
    }
    const ByteView all = *bytes;
    if (all.size() != frame_bytes + all[0]) {
        return wrong(
            fmt::format("the record says {} bytes and has {}", all[0], all.size() - frame_bytes));
    }
    if ((std::accumulate(all.begin(), all.end(), 0U) & 0xFFU) != 0) {
        return wrong("the checksum is wrong");
    }
    return record(
        all[3], static_cast<std::uint16_t>(all[1] << 8U | all[2]), all.subspan(4, all[0]));
}

Expected<bool> HexReader::record(std::uint8_t type, std::uint16_t address, ByteView content) {
    const auto number = [&] {
        std::uint32_t value = 0;
        for (const std::uint8_t byte : content) {
            value = value << 8U | byte;
        }
        return value;
    };
    const bool is_word = content.size() == 2;
    const bool is_long = content.size() == 4;
    if (type == data) {
        return add(base_ + address, content);
    }
    if (type == end_of_file && content.empty()) {
        ended_ = true;
    } else if (type == extended_segment && is_word) {
        base_ = number() << 4U;
    } else if (type == extended_linear && is_word) {
        base_ = number() << 16U;
    } else if ((type == start_segment || type == start_linear) && is_long) {
        firmware_.entry = static_cast<std::uint16_t>(number());
    } else {
        return wrong(fmt::format("a record of type {} with {} bytes", type, content.size()));
    }
    return true;
}

Expected<bool> HexReader::add(std::uint32_t address, ByteView content) {
    if (content.empty()) {
        return true;
    }
    if (std::uint64_t{address} + content.size() > address_space) {
        return wrong(fmt::format("address 0x{:x} is above 0xffff", address + content.size() - 1));
    }
    std::vector<Segment>& segments = firmware_.segments;
    const bool follows =
        !segments.empty() && segments.back().address + segments.back().bytes.size() == address;
    if (!follows) {
        segments.push_back({static_cast<std::uint16_t>(address), {}});
    }
    segments.back().bytes.insert(segments.back().bytes.end(), content.begin(), content.end());
    return true;
}

} // namespace

Expected<Firmware> read_intel_hex(ByteView content, const std::string& file) {
    std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
    HexReader reader(file);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (const auto read = reader.line(text.substr(0, end)); !read) {
            return tl::unexpected(read.error());
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (!reader.ended()) {
        return reader.wrong("the record that ends the file is missing");
    }
    return std::move(reader.firmware());
}

} // namespace authex::sancus_emulator
