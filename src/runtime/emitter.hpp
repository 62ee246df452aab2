#pragma once
// Appends whole frames to the output buffer of the current invocation. Writes to untrusted memory,
// never reads from it.

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/frame.hpp"

namespace authex::runtime {

class Emitter {
  public:
    /// Frames go to `out` from now on; nothing until allow().
    void open(Bytes out);
    void close() { open({}); }
    /// From here on `bytes` may be written, or what is free where that is less. So whether
    /// something fits depends on this allowance, not on how much room the untrusted host gave.
    void allow(std::size_t bytes);

    void set_deployment(std::uint16_t deployment) { deployment_ = deployment; }
    [[nodiscard]] std::uint16_t deployment() const { return deployment_; }

    /// Left of the allowance, and of the buffer.
    [[nodiscard]] std::size_t room() const { return limit_ - used_; }
    [[nodiscard]] std::size_t free() const { return out_.size() - used_; }
    [[nodiscard]] std::size_t produced() const { return used_; }

    /// A plain frame. `header.length` and `deployment` are filled in. @error no_space
    [[nodiscard]] Error plain(wire::FrameHeader header, ByteView body);
    /// A frame that was sealed in private memory. @error no_space
    [[nodiscard]] Error sealed(ByteView frame);

  private:
    Bytes out_;
    std::size_t used_ = 0;
    std::size_t limit_ = 0; ///< used_ ≤ limit_ ≤ out_.size()
    std::uint16_t deployment_ = 0;
};

} // namespace authex::runtime
