#pragma once
// Appends whole frames to the output buffer of the current invocation. Writes to untrusted memory,
// never reads from it.

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/aead.hpp"
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

    /// Left of the allowance, and of the buffer.
    [[nodiscard]] std::size_t room() const { return limit_; }
    [[nodiscard]] std::size_t free() const { return left_.size(); }

    // Of `header` length, deployment and, where sealed, padding are filled in. `body` is at most
    // wire::max_body_bytes long.

    /// Appends a plain frame. @error no_space
    [[nodiscard]] Error plain(wire::FrameHeader& header, const ByteView& body);
    /// Seals a frame in `scratch`, private memory, then appends it.
    /// @error as wire::seal_frame; nothing was sealed then | no_space
    [[nodiscard]] Error
    sealed(crypto::AeadKey& key, wire::FrameHeader& header, const ByteView& body, Bytes scratch);

  private:
    void append(const ByteView& bytes);
    Bytes left_;
    std::size_t limit_ = 0; ///< ≤ left_.size()
    std::uint16_t deployment_ = 0;
};

} // namespace authex::runtime
