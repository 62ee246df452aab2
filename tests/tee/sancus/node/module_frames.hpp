#pragma once
// A ModuleLink, used as the data plane does.

#include <chrono>
#include <optional>
#include <poll.h>
#include <vector>

#include <gtest/gtest.h>

#include "running_board.hpp"
#include "tee/loader.hpp"
#include "wire/frame.hpp"

namespace authex::tee::sancus {

using ByteString = std::vector<std::uint8_t>;

struct Received {
    wire::FrameHeader header;
    ByteString body;
};

inline bool readable(int fd, milliseconds time) {
    pollfd polled{fd, POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(time.count())) == 1;
}

inline void send(ModuleLink& link, wire::FrameHeader header, const ByteString& body) {
    header.length = static_cast<std::uint32_t>(body.size());
    const std::optional<Bytes> room = link.writable();
    ASSERT_TRUE(room);
    ASSERT_GE(room->size(), wire::header_bytes + body.size());
    wire::write_header(header, *room);
    copy(body, room->subspan(wire::header_bytes));
    link.commit(wire::header_bytes + body.size());
    link.notify();
}

/// As the data plane waits: it asks to be rung, then sleeps on the doorbell.
inline std::optional<Received> receive(ModuleLink& link, milliseconds time = long_time) {
    const auto end = std::chrono::steady_clock::now() + time;
    for (;;) {
        const std::optional<ByteView> bytes = link.readable();
        wire::FrameView frame;
        if (bytes && wire::parse_frame(*bytes, frame) == Error::none) {
            Received received{frame.header, {frame.body.begin(), frame.body.end()}};
            link.consume(frame.frame_bytes());
            link.notify();
            return received;
        }
        const auto left =
            std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return std::nullopt;
        }
        if (link.prepare_sleep(false) && readable(link.doorbell_fd(), left)) {
            link.drain_doorbell();
        }
    }
}

} // namespace authex::tee::sancus
