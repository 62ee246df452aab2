#include "em/link.hpp"

#include <algorithm>

#include "em/checksum.hpp"

namespace authex::em {
namespace {

/// Longest host:port: a DNS name has at most 253 characters (RFC 1035 §2.3.4).
constexpr std::size_t address_max_bytes = 253 + 1 + 5;
/// Of the record's header: what its own checksum covers.
constexpr std::size_t checked_header_bytes = 8;
/// What was written is thrown away when it is at least so much.
constexpr std::size_t compact_bytes = 64 * 1024;

} // namespace

void RecordWriter::add(ByteView frames) {
    if (is_open_ && bytes_.size() - open_ >= record_turn_bytes) {
        close_record();
    }
    if (!is_open_) {
        if (begin_ == bytes_.size()) {
            clear();
        } else if (begin_ >= compact_bytes && begin_ >= bytes_.size() / 2) {
            bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
            begin_ = 0;
        }
        open_ = bytes_.size();
        bytes_.resize(open_ + record_header_bytes);
        is_open_ = true;
    }
    bytes_.insert(bytes_.end(), frames.begin(), frames.end());
}

void RecordWriter::add_alone(ByteView frame) {
    if (is_open_) {
        close_record();
    }
    add(frame);
    close_record();
}

void RecordWriter::close_record() {
    const Bytes record = Bytes(bytes_).subspan(open_);
    const ByteView payload = record.subspan(record_header_bytes);
    Writer writer(record.first(record_header_bytes));
    writer.u32(static_cast<std::uint32_t>(payload.size())).u32(crc32c(payload));
    writer.u32(crc32c(writer.written()));
    is_open_ = false;
}

ByteView RecordWriter::pending() {
    if (is_open_) {
        close_record();
    }
    return ByteView(bytes_).subspan(begin_);
}

void RecordWriter::written(std::size_t bytes) {
    begin_ += bytes;
}

void RecordWriter::clear() {
    bytes_.clear();
    begin_ = 0;
    is_open_ = false;
}

bool RecordParser::parse(ByteView bytes, const Take& take, std::size_t& used) const {
    used = 0;
    while (bytes.size() - used >= record_header_bytes) {
        Reader reader(bytes.subspan(used));
        const std::uint32_t length = reader.u32();
        const std::uint32_t checksum = reader.u32();
        const std::uint32_t header_checksum = reader.u32();
        if (length == 0 || length > limit_ ||
            crc32c(bytes.subspan(used, checked_header_bytes)) != header_checksum) {
            return false;
        }
        if (reader.remaining() < length) {
            return true;
        }
        const ByteView payload = reader.take(length);
        if (crc32c(payload) != checksum || !take(payload)) {
            return false;
        }
        used += record_header_bytes + length;
    }
    return true;
}

bool RecordParser::feed(ByteView bytes, const Take& take) {
    std::size_t used = 0;
    if (partial_.empty()) {
        if (!parse(bytes, take, used)) {
            return false;
        }
        partial_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end());
        return true;
    }
    partial_.insert(partial_.end(), bytes.begin(), bytes.end());
    if (!parse(partial_, take, used)) {
        return false;
    }
    partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(used));
    return true;
}

std::vector<std::uint8_t> greeting_frame(const LinkGreeting& greeting) {
    const std::size_t length = 2 + 8 + std::min(greeting.address.size(), address_max_bytes);
    std::vector<std::uint8_t> frame(wire::header_bytes + length);
    wire::write_header(
        {.kind = wire::Kind::hello,
         .flags = static_cast<std::uint16_t>(greeting.answer ? wire::flag_direction : 0),
         .length = static_cast<std::uint32_t>(length)},
        frame);
    Writer(Bytes(frame).subspan(wire::header_bytes))
        .u16(wire::protocol_version)
        .u64(greeting.node_id)
        .bytes({reinterpret_cast<const std::uint8_t*>(greeting.address.data()), length - 10});
    return frame;
}

Error parse_greeting(ByteView payload, LinkGreeting& greeting) {
    wire::FrameView view;
    const Error error = wire::parse_frame(payload, view);
    if (error != Error::none) {
        return error;
    }
    if (view.header.kind != wire::Kind::hello) {
        return Error::unknown_kind;
    }
    Reader reader(view.body);
    const std::uint16_t version = reader.u16();
    greeting.node_id = reader.u64();
    const ByteView address = reader.rest();
    const bool printable = std::all_of(
        address.begin(), address.end(), [](std::uint8_t c) { return c > 0x20 && c < 0x7F; });
    if (!reader.ok() || payload.size() != view.frame_bytes() ||
        address.size() > address_max_bytes || !printable) {
        return Error::malformed;
    }
    if (version != wire::protocol_version) {
        return Error::unknown_version;
    }
    greeting.address.assign(address.begin(), address.end());
    greeting.answer = view.header.direction() == wire::Direction::back;
    return Error::none;
}

std::array<std::uint8_t, wire::header_bytes> ping_frame(bool answer) {
    std::array<std::uint8_t, wire::header_bytes> frame{};
    wire::write_header({.kind = wire::Kind::ping,
                        .flags = static_cast<std::uint16_t>(answer ? wire::flag_negative : 0)},
                       frame);
    return frame;
}

} // namespace authex::em
