#pragma once
// Appends whole frames to the output buffer of the current invocation. Writes to untrusted memory,
// never reads from it.

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/frame.hpp"

namespace authex::runtime {

class Emitter {
  public:
    /// Frames go to `out` from now on; `kept_back` bytes at its end stay free until release().
    void open(Bytes out, std::size_t kept_back);
    /// Gives back what was kept back.
    void release() { kept_back_ = 0; }
    void keep_back(std::size_t bytes) { kept_back_ = bytes; }
    void close() { out_ = {}; }

    void set_deployment(std::uint16_t deployment) { deployment_ = deployment; }
    [[nodiscard]] std::uint16_t deployment() const { return deployment_; }

    [[nodiscard]] std::size_t room() const;
    [[nodiscard]] std::size_t produced() const { return used_; }

    /// A plain frame. `header.length` and `deployment` are filled in. @error no_space
    [[nodiscard]] Error plain(wire::FrameHeader header, ByteView body);
    /// A frame that was sealed in private memory. @error no_space
    [[nodiscard]] Error sealed(ByteView frame);

  private:
    Bytes out_;
    std::size_t used_ = 0;
    std::size_t kept_back_ = 0;
    std::uint16_t deployment_ = 0;
};

} // namespace authex::runtime
