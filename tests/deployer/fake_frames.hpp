#pragma once
// Frames as bytes, for the fake nodes.

#include <stdexcept>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "wire/frame.hpp"

namespace authex::test {

using Octets = std::vector<std::uint8_t>;

inline Octets octets(const std::string& text) {
    return {text.begin(), text.end()};
}

/// Whole frames of a run of them.
inline std::vector<Octets> whole_frames(ByteView bytes) {
    std::vector<Octets> frames;
    wire::FrameView view;
    while (wire::parse_frame(bytes, view) == Error::none) {
        frames.emplace_back(bytes.begin(),
                            bytes.begin() + static_cast<std::ptrdiff_t>(view.frame_bytes()));
        bytes = bytes.subspan(view.frame_bytes());
    }
    return frames;
}

inline wire::FrameHeader header_of(const Octets& frame) {
    wire::FrameHeader header;
    if (wire::parse_header(frame, header) != Error::none) {
        throw std::runtime_error("no frame");
    }
    return header;
}

inline Octets frame_of(const wire::FrameHeader& header) {
    Octets frame(wire::header_bytes);
    wire::write_header(header, frame);
    return frame;
}

} // namespace authex::test
