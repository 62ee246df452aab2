// What goes between a board and those who have its slots.
#include <algorithm>

#include "tee/sancus/board_thread.hpp"
#include "wire/frame.hpp"

namespace authex::tee::sancus {
namespace {

/// Of a slot that nobody has: a manager that starts again needs a moment to find its modules.
constexpr std::size_t early_bytes_max = 256U << 10U;

} // namespace

void Board::Thread::attach(std::uint8_t number,
                           std::uint16_t deployment,
                           std::shared_ptr<SlotUser> user) {
    Slot& slot = slots_.at(number);
    slot.user = std::move(user);
    slot.deployment = deployment;
    slot.early_bytes = 0;
    for (const std::vector<std::uint8_t>& message : std::exchange(slot.early, {})) {
        (void)give_frame(slot, message);
    }
}

void Board::Thread::detach(std::uint8_t number) {
    slots_.at(number) = {};
}

void Board::Thread::take_messages() {
    for (ByteView message = link_.message(); !message.empty(); message = link_.message()) {
        const std::uint8_t slot = message[0] & link::slot_mask;
        if (slot == link::slot_commands) {
            take_answer(message);
        } else if (!take_frame(slot, message)) {
            return; // its user has no room: the board waits
        }
        link_.take();
    }
}

bool Board::Thread::take_frame(std::uint8_t number, ByteView message) {
    Slot& slot = slots_.at(number);
    if (slot.user != nullptr) {
        return give_frame(slot, message);
    }
    if (slot.early_bytes + message.size() <= early_bytes_max) {
        slot.early.emplace_back(message.begin(), message.end());
        slot.early_bytes += message.size();
    }
    return true;
}

bool Board::Thread::give_frame(Slot& slot, ByteView message) {
    std::array<std::uint8_t, link::message_bytes_max + link::frame_header_bytes> frame{};
    const std::size_t head = link::restore_header(message, slot.deployment, frame.data());
    if (head == 0) {
        return true;
    }
    const ByteView body = message.subspan(head);
    copy(body, Bytes(frame).subspan(link::frame_header_bytes));
    return slot.user->take(ByteView(frame).first(link::frame_header_bytes + body.size()));
}

void Board::Thread::take_answer(ByteView message) {
    if (message.size() < 3) {
        return;
    }
    if (message[1] == 0) {
        take_notice(message);
        return;
    }
    const auto found = asked_.find(message[1]);
    if (found == asked_.end()) {
        return; // too late, or of an earlier manager
    }
    const Done done = std::move(found->second.done);
    asked_.erase(found);
    done(Reply{.refusal = static_cast<link::Refusal>(message[2]),
               .results = {message.begin() + 3, message.end()}});
}

void Board::Thread::take_notice(ByteView message) {
    const auto code = static_cast<link::Code>(message[0] >> link::slot_bits);
    if (message[2] >= link::slots_max || slots_.at(message[2]).user == nullptr) {
        return;
    }
    const std::shared_ptr<SlotUser> user = slots_.at(message[2]).user;
    if (code == link::Code::failed && message.size() == 4) {
        user->failed(static_cast<link::Failure>(message[3]));
    } else if (code == link::Code::called && message.size() == 12) {
        Reader reader(message.subspan(4));
        const std::uint32_t calls = reader.u32();
        user->counted(message[3], calls, reader.u32());
    } else if (code == link::Code::carried && message.size() == 19) {
        Reader reader(message.subspan(3));
        Carried events{.channel = reader.u16()};
        events.events = reader.u16();
        events.bytes = reader.u32();
        events.next = reader.u64();
        user->carried(events);
    }
}

void Board::Thread::send_messages() {
    while (link_.state() == link::HostLink::State::up && !link_.room().empty()) {
        if (send_command()) {
            continue;
        }
        bool any = false;
        for (std::uint8_t i = 0; i != link::slots_max && !any; ++i) {
            any = send_frame(turn_);
            turn_ = static_cast<std::uint8_t>((turn_ + 1) % link::slots_max);
        }
        if (!any) {
            return;
        }
    }
}

bool Board::Thread::send_command() {
    if (waiting_.empty() || asked_.size() == link::window_to_board) {
        return false;
    }
    do {
        ++number_;
    } while (number_ == 0 || asked_.contains(number_));
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    request.message[1] = number_;
    copy(request.message, link_.room());
    link_.send(request.message.size());
    asked_.emplace(number_, std::move(request));
    return true;
}

bool Board::Thread::send_frame(std::uint8_t number) {
    Slot& slot = slots_.at(number);
    if (slot.user == nullptr) {
        return false;
    }
    const ByteView frame = slot.user->next();
    if (frame.empty()) {
        return false;
    }
    const Bytes room = link_.room();
    const std::size_t head = link::compress_header(frame.data(), number, room.data());
    const ByteView body = frame.subspan(link::frame_header_bytes);
    if (head == 0 || body.size() > room.size() - link::compressed_bytes_max) {
        refuse_frame(slot, frame);
    } else {
        copy(body, room.subspan(head));
        link_.send(head + body.size());
    }
    slot.user->sent();
    return true;
}

/// In the module's place, which such a frame cannot reach.
void Board::Thread::refuse_frame(Slot& slot, ByteView frame) {
    wire::FrameHeader header;
    (void)wire::parse_header(frame, header);
    std::array<std::uint8_t, wire::header_bytes + 2> refusal{};
    refusal[wire::header_bytes] = static_cast<std::uint8_t>(header.kind);
    refusal[wire::header_bytes + 1] = static_cast<std::uint8_t>(Error::too_large);
    header.kind = wire::Kind::refusal;
    header.flags &= wire::flag_direction;
    header.length = 2;
    wire::write_header(header, refusal);
    (void)slot.user->take(refusal);
}

} // namespace authex::tee::sancus
