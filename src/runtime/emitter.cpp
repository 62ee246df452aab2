#include "runtime/emitter.hpp"

namespace authex::runtime {

void Emitter::open(Bytes out, std::size_t kept_back) {
    out_ = out;
    used_ = 0;
    kept_back_ = kept_back;
}

std::size_t Emitter::room() const {
    const std::size_t free = out_.size() - used_;
    return free > kept_back_ ? free - kept_back_ : 0;
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
