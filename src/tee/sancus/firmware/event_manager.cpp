#include "tee/sancus/firmware/event_manager.hpp"

#include "tee/sancus/firmware/hardware.hpp"

namespace authex::tee::sancus::firmware {
namespace {

constexpr std::uint16_t operation_invoke = 0;
/// Of a frame's header.                                                   (wire/frame.hpp)
constexpr std::size_t kind_at = 1;
constexpr std::size_t channel_at = 4;
constexpr std::size_t length_at = 8;
constexpr std::size_t counter_end = 19;
constexpr std::uint8_t kind_call = 7;
constexpr std::uint8_t kind_result = 8;
/// In the last byte of the counter of calls that the timer makes. Those of managers are smaller.
constexpr std::uint8_t own_call = 0xFF;

void begin_notice(Bytes room, link::Code code) {
    room[0] = static_cast<std::uint8_t>(static_cast<unsigned>(code) << link::slot_bits |
                                        link::slot_commands);
    room[1] = 0;
}

} // namespace

void EventManager::run() {
    while (work()) {
    }
}

/// One step. @return whether there may be another
bool EventManager::work() {
    if (!flush() || !tell_failures() || !tell_counts()) {
        return false;
    }
    if (look()) {
        return true;
    }
    const ByteView message = link_.message();
    // Entries that take longer than their period do not keep the manager's messages waiting.
    if ((!time_had_its_turn_ || message.empty()) && call_due()) {
        time_had_its_turn_ = true;
        return true;
    }
    time_had_its_turn_ = false;
    if (message.empty()) {
        return false;
    }
    const auto number = static_cast<std::uint8_t>(message[0] & link::slot_mask);
    const bool done = number == link::slot_commands ? execute(message) : deliver(number, message);
    if (done) {
        link_.take();
    }
    return done || out_left_ != 0;
}

/// Calls the next module that has an interrupt. @return false: there is none
bool EventManager::look() {
    while (looking_ != link::slots_max) {
        const std::uint8_t number = looking_++;
        const Slot& slot = slots_[number];
        if (slot.state == link::SlotState::module && slot.vector != Slot::no_vector) {
            call(number, in_.data(), 0);
            return true;
        }
    }
    return false;
}

/// Calls the entry of a module that is due. @return false: there is none
bool EventManager::call_due() {
    Periodic* periodic = time_.due();
    if (periodic == nullptr) {
        return false;
    }
    __builtin_memset(in_.data(), 0, link::frame_header_bytes);
    in_[0] = 1;
    in_[kind_at] = kind_call;
    __builtin_memcpy(&in_[channel_at], &periodic->entry, sizeof periodic->entry);
    in_[counter_end] = own_call;
    call(periodic->slot, in_.data(), link::frame_header_bytes);
    if (consumed_ && periodic->due) {
        periodic->due = false;
        ++periodic->called;
    }
    return true;
}

/// Sends the frames of the module that was called last. A frame to another module of this board is
/// the manager's to carry; one that need not leave the chip would be handed over here.
/// @return false: there is no room for all of them yet
bool EventManager::flush() {
    while (out_left_ != 0) {
        const Bytes room = link_.room();
        if (room.empty()) {
            return false;
        }
        std::uint16_t length = 0;
        std::size_t head = 0;
        if (out_left_ >= link::frame_header_bytes) {
            __builtin_memcpy(&length, out_at_ + length_at, sizeof length);
            head = link::compress_header(out_at_, out_slot_, room.data());
        }
        const auto rest = static_cast<std::uint16_t>(out_left_ - link::frame_header_bytes);
        if (head == 0 || length > rest || length > link::message_bytes_max - head ||
            out_at_[length_at + 2] != 0 || out_at_[length_at + 3] != 0) {
            out_left_ = 0;
            fail(out_slot_, link::Failure::output);
            return true;
        }
        if (out_at_[kind_at] != kind_result || out_at_[counter_end] != own_call) {
            __builtin_memcpy(room.data() + head, out_at_ + link::frame_header_bytes, length);
            link_.send(head + length);
        }
        out_at_ += link::frame_header_bytes + length;
        out_left_ = static_cast<std::uint16_t>(rest - length);
    }
    return true;
}

/// @return false: there is no room yet
bool EventManager::tell_counts() {
    for (Periodic& periodic : time_.all()) {
        if (!periodic.to_tell) {
            continue;
        }
        const Bytes room = link_.room();
        if (room.empty()) {
            return false;
        }
        begin_notice(room, link::Code::called);
        room[2] = periodic.slot;
        room[3] = periodic.index;
        __builtin_memcpy(&room[4], &periodic.called, sizeof periodic.called);
        __builtin_memcpy(&room[8], &periodic.missed, sizeof periodic.missed);
        link_.send(12);
        periodic.to_tell = false;
    }
    return true;
}

/// @return false: there is no room yet
bool EventManager::tell_failures() {
    for (std::uint8_t number = 0; number != link::slots_max; ++number) {
        Slot& slot = slots_[number];
        if (!slot.to_tell) {
            continue;
        }
        const Bytes room = link_.room();
        if (room.empty()) {
            return false;
        }
        begin_notice(room, link::Code::failed);
        room[2] = number;
        room[3] = static_cast<std::uint8_t>(slot.failure);
        link_.send(4);
        slot.to_tell = false;
    }
    return true;
}

void EventManager::fail(std::uint8_t number, link::Failure failure) {
    Slot& slot = slots_[number];
    time_.remove(number);
    slot.state = link::SlotState::failed;
    slot.failure = failure;
    slot.to_tell = true;
}

/// @return false: it is still to be delivered
bool EventManager::deliver(std::uint8_t number, ByteView message) {
    if (slots_[number].state != link::SlotState::module) {
        return true; // it has failed or left, as the manager knows or will be told
    }
    const std::size_t head = link::restore_header(message, 0, in_.data());
    if (head == 0) {
        return true;
    }
    const auto length = static_cast<std::uint16_t>(message.size() - head);
    __builtin_memcpy(in_.data() + link::frame_header_bytes, message.data() + head, length);
    const auto bytes = static_cast<std::uint16_t>(link::frame_header_bytes + length);
    call(number, in_.data(), bytes);
    return consumed_ || slots_[number].state != link::SlotState::module;
}

/// @pre nothing of another call is left in `out_`
void EventManager::call(std::uint8_t number, const std::uint8_t* in, std::uint16_t in_bytes) {
    Slot& slot = slots_[number];
    Call call{.entry = slot.text.begin,
              .operation = operation_invoke,
              .in = in,
              .in_bytes = in_bytes,
              .out = out_.data(),
              .out_bytes = out_bytes_max,
              .consumed = 0,
              .produced = 0,
              .error = 0};
    const bool came_back = enter(&call);
    consumed_ = call.consumed == in_bytes;
    if (!came_back) {
        fail(number, link::Failure::violation);
    } else if (call.produced > out_bytes_max) {
        fail(number, link::Failure::output);
    } else if (call.error != 0) {
        fail(number, link::Failure::error);
    } else if (!consumed_ && (call.consumed != 0 || call.produced == 0)) {
        fail(number, link::Failure::consumption);
    }
    if (came_back && call.produced <= out_bytes_max) {
        out_slot_ = number;
        out_at_ = out_.data();
        out_left_ = call.produced;
    }
}

} // namespace authex::tee::sancus::firmware
