// Whatever comes over a serial line, neither end reads or writes beyond its packets, what they take
// for messages can be looked at, and two ends that then hear each other are soon of one mind.
#include <array>
#include <cstdint>
#include <cstdlib>

#include "tee/sancus/link/frame_header.hpp"
#include "tee/sancus/link/host_link.hpp"

namespace {

using namespace authex;
using namespace authex::tee::sancus::link;

/// What is said while the other end does not listen: bounded, since a turn is.
template <typename Speak, typename Hear>
void converse(Speak speak, Hear hear) {
    std::uint8_t byte = 0;
    for (std::size_t i = 0; speak(byte); ++i) {
        if (i > 8 * wire_bytes_max) {
            std::abort();
        }
        hear(byte);
    }
}

void take_messages(Link& link) {
    for (ByteView message = link.message(); !message.empty(); message = link.message()) {
        std::array<std::uint8_t, frame_header_bytes> header{};
        std::array<std::uint8_t, compressed_bytes_max> again{};
        const std::size_t head = restore_header(message, 3, header.data());
        if (message.size() > message_bytes_max || head > message.size()) {
            std::abort();
        }
        if (head != 0) {
            (void)compress_header(header.data(), message[0] & slot_mask, again.data());
        }
        link.take();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::array<Packet, window_to_board + 1> received;
    std::array<Packet, window_to_host> sending;
    BoardLink board(received, sending);
    HostLink host({});
    std::uint64_t now = 0;
    host.begin(1, now);
    const auto host_speaks = [&](std::uint8_t& byte) { return host.next(byte, now); };
    const auto board_speaks = [&](std::uint8_t& byte) { return board.next(byte); };
    for (std::size_t i = 0; i + 1 < size; i += 2) {
        const std::uint8_t what = data[i];
        const std::uint8_t byte = data[i + 1];
        if ((what & 1U) != 0) {
            host.receive(byte, now);
        } else {
            board.receive(byte);
        }
        if ((what & 2U) != 0) {
            converse(host_speaks, [&](std::uint8_t said) {
                if ((what & 4U) != 0) {
                    board.receive(said);
                }
            });
        }
        if ((what & 8U) != 0) {
            converse(board_speaks, [&](std::uint8_t said) {
                if ((what & 16U) != 0) {
                    host.receive(said, now);
                }
            });
        }
        if ((what & 32U) != 0 && !board.room().empty()) {
            board.room()[0] = byte;
            board.send(1 + byte);
        }
        if ((what & 64U) != 0 && !host.room().empty()) {
            host.room()[0] = byte;
            host.send(1 + byte);
        }
        if ((what & 128U) != 0) {
            take_messages(host);
            take_messages(board);
            now += 100;
            host.tick(now);
        }
    }
    host.begin(2, now);
    for (int i = 0; i != 100; ++i) {
        now += 100;
        host.tick(now);
        converse(host_speaks, [&](std::uint8_t said) { board.receive(said); });
        take_messages(board);
        converse(board_speaks, [&](std::uint8_t said) { host.receive(said, now); });
        take_messages(host);
    }
    if (host.state() != HostLink::State::up || !host.all_acknowledged() ||
        !board.all_acknowledged()) {
        std::abort();
    }
    return 0;
}
