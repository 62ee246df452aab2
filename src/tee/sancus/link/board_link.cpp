#include "tee/sancus/link/link.hpp"

namespace authex::tee::sancus::link {

BoardLink::BoardLink(std::span<Packet, window_to_board + 1> received,
                     std::span<Packet, window_to_host> sending)
    : Link(received, sending) {}

void BoardLink::lost() {
    ++bad_;
    peer_more_ = false;
    owes_again_ = session_ != 0;
}

void BoardLink::receive(std::uint8_t byte) {
    const Decoded decoded = decoder_.byte(byte);
    if (decoded == Decoded::bad) {
        lost();
    }
    if (decoded != Decoded::packet) {
        return;
    }
    const Control control = Control::of(arrived_packet().data[0]);
    if (control.type == Type::sync) {
        synchronise();
    } else if (session_ == 0) {
        owes_sync_ = true;
    } else if (!arrived(control)) {
        owes_again_ = true;
    }
}

void BoardLink::synchronise() {
    const Packet& packet = arrived_packet();
    std::uint32_t session = 0;
    if (packet.bytes != control_bytes + 2 * sizeof session) {
        return;
    }
    __builtin_memcpy(&session, &packet.data[control_bytes], sizeof session);
    if (session == 0) {
        return;
    }
    if (session != session_) {
        session_ = session;
        boot_ = boot_ == 0 ? session : boot_;
        restart();
    }
    owes_sync_ = true;
}

bool BoardLink::next(std::uint8_t& byte) {
    if (!encoder_.busy()) {
        if (owes_sync_) {
            owes_sync_ = false;
            start_sync(session_, boot_);
        } else if (session_ == 0 || !start_packet()) {
            return false;
        }
    }
    byte = encoder_.next();
    return true;
}

} // namespace authex::tee::sancus::link
