#include "runtime/emitter.hpp"

namespace authex::runtime {

void Emitter::open(Bytes out) {
    out_ = out;
    used_ = 0;
    limit_ = 0;
}

void Emitter::allow(std::size_t bytes) {
    limit_ = used_ + (bytes < free() ? bytes : free());
}

Error Emitter::plain(wire::FrameHeader header, ByteView body) {
    const std::size_t frame_bytes = wire::header_bytes + body.size();
    if (frame_bytes > room()) {
        return Error::no_space;
    }
    header.deployment = deployment_;
    header.length = static_cast<std::uint32_t>(body.size());
    const Bytes frame = out_.subspan(used_, frame_bytes);
    wire::write_header(header, frame);
    copy(body, frame.subspan(wire::header_bytes));
    used_ += frame_bytes;
    return Error::none;
}

Error Emitter::sealed(ByteView frame) {
    if (frame.size() > room()) {
        return Error::no_space;
    }
    copy(frame, out_.subspan(used_));
    used_ += frame.size();
    return Error::none;
}

} // namespace authex::runtime
