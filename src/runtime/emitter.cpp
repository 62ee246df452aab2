#include "runtime/emitter.hpp"

#include "runtime/host_memory.hpp"
#include "wire/seal.hpp"

namespace authex::runtime {

void Emitter::open(Bytes out) {
    left_ = out;
    limit_ = 0;
}

void Emitter::allow(std::size_t bytes) {
    limit_ = bytes < free() ? bytes : free();
}

void Emitter::append(const ByteView& bytes) {
    copy_out(bytes, left_);
    left_ = left_.subspan(bytes.size());
    limit_ -= bytes.size();
}

Error Emitter::plain(wire::FrameHeader& header, const ByteView& body) {
    header.deployment = deployment_;
    header.length = static_cast<std::uint32_t>(body.size());
    if (header.frame_bytes() > limit_) {
        return Error::no_space;
    }
    std::uint8_t room[wire::header_bytes];
    append(wire::header_as_bytes(header, room));
    append(body);
    return Error::none;
}

Error Emitter::sealed(crypto::AeadKey& key,
                      wire::FrameHeader& header,
                      const ByteView& body,
                      Bytes scratch) {
    header.deployment = deployment_;
    const Bytes room = scratch.first(limit_ < scratch.size() ? limit_ : scratch.size());
    const Error error = wire::seal_frame(key, header, body, room);
    if (error == Error::none) {
        append(room.first(header.frame_bytes()));
    }
    return error;
}

} // namespace authex::runtime
