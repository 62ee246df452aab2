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
constexpr std::size_t counter_at = 12;
constexpr std::uint8_t kind_event = 3;
constexpr std::uint8_t kind_ack = 6;
constexpr std::uint8_t kind_call = 7;
constexpr std::uint8_t kind_result = 8;
constexpr std::uint8_t kind_refusal = 15;
/// In the last byte of the counter of calls that the timer makes. Those of managers are smaller.
constexpr std::uint8_t own_call = 0xFF;

std::uint16_t word(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] | at[1] << 8U);
}

/// The bytes of the first frame of a module's output; 0: that is none.
std::uint16_t frame_bytes(const std::uint8_t* frame, std::uint16_t left) {
    std::array<std::uint8_t, link::compressed_bytes_max> head;
    if (left < link::frame_header_bytes || link::compress_header(frame, 0, head.data()) == 0) {
        return 0;
    }
    const std::uint16_t length = word(frame + length_at);
    const bool whole = length <= left - link::frame_header_bytes &&
                       length <= link::message_bytes_max - link::compressed_bytes_max &&
                       word(frame + length_at + 2) == 0;
    return whole ? static_cast<std::uint16_t>(link::frame_header_bytes + length) : std::uint16_t{0};
}

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
    if (!flush() || !tell_failures() || !tell_counts() || !tell_carried()) {
        return false;
    }
    if (!local_.empty()) {
        return carry();
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

/// Sends the frames of the module that was called last. @return false: some must wait
bool EventManager::flush() {
    while (out_left_ != 0) {
        const std::uint16_t bytes = frame_bytes(out_at_, out_left_);
        if (bytes == 0) {
            out_left_ = 0;
            fail(out_slot_, link::Failure::output);
            return true;
        }
        if (!pass(out_at_, bytes)) {
            return false;
        }
        out_at_ += bytes;
        out_left_ = static_cast<std::uint16_t>(out_left_ - bytes);
    }
    answers_ = nullptr;
    return true;
}

/// @return false: it must wait
bool EventManager::pass(const std::uint8_t* frame, std::uint16_t bytes) {
    const std::uint8_t kind = frame[kind_at];
    const std::uint16_t channel = word(frame + channel_at);
    const bool answer = kind == kind_ack || kind == kind_refusal;
    if ((kind == kind_result && frame[counter_end] == own_call) ||
        (answer && answers_ != nullptr && answers_->channel == channel)) {
        return true; // to what was not the manager's
    }
    LocalRoute* route = kind == kind_event ? routes_.find(out_slot_, channel) : nullptr;
    if (route != nullptr && (!route->through_manager || !local_.empty())) {
        if (local_.push(frame, bytes, route)) {
            return true;
        }
        // Nobody can be called before all of this output is somewhere: the manager
        // has more room.
        routes_.give_up();
        while (!local_.empty()) {
            if (!carry()) {
                return false;
            }
        }
    }
    return send_up(out_slot_, frame, bytes);
}

/// @return false: there is no room yet
bool EventManager::send_up(std::uint8_t number, const std::uint8_t* frame, std::uint16_t bytes) {
    const Bytes room = link_.room();
    if (room.empty()) {
        return false;
    }
    const std::size_t head = link::compress_header(frame, number, room.data());
    const std::size_t rest = bytes - link::frame_header_bytes;
    __builtin_memcpy(room.data() + head, frame + link::frame_header_bytes, rest);
    link_.send(head + rest);
    return true;
}

/// Gives the first frame that waits to the module that it is for. @return
/// false: it must wait
bool EventManager::carry() {
    LocalRoute& route = local_.route();
    const std::uint16_t bytes = local_.bytes();
    if (route.through_manager) {
        if (!send_up(route.source, local_.frame(), bytes)) {
            return false;
        }
        local_.pop();
        return true;
    }
    __builtin_memcpy(in_.data(), local_.frame(), bytes);
    call(route.destination, in_.data(), bytes);
    if (!consumed_ && slots_[route.destination].state == link::SlotState::module) {
        return true; // it had something else to say first
    }
    answers_ = &route;
    if (!was_taken(route)) {
        route.through_manager = true;
        return true;
    }
    ++route.events;
    route.bytes += bytes;
    __builtin_memcpy(route.next.data(), &in_[counter_at], route.next.size());
    local_.pop();
    return true;
}

/// Whether the module acknowledges the frame in `in_`, whose counter is then
/// the next one.
bool EventManager::was_taken(const LocalRoute& route) {
    std::uint8_t* digit = &in_[counter_at];
    while (++*digit == 0) {
        ++digit;
    }
    const std::uint8_t* at = out_at_;
    for (std::uint16_t left = out_left_; left != 0;) {
        const std::uint16_t bytes = frame_bytes(at, left);
        if (bytes == 0) {
            return false;
        }
        if (at[kind_at] == kind_ack && word(at + channel_at) == route.channel) {
            bool same = true;
            for (std::uint8_t i = 0; i != 8; ++i) {
                same = same && at[counter_at + i] == in_[counter_at + i];
            }
            return same;
        }
        at += bytes;
        left = static_cast<std::uint16_t>(left - bytes);
    }
    return false;
}

/// The manager is there to be told.
void EventManager::heard() {
    for (LocalRoute& route : routes_.all()) {
        route.to_tell = route.events != 0;
    }
}

/// @return false: there is no room yet
bool EventManager::tell_carried() {
    for (LocalRoute& route : routes_.all()) {
        if (!route.to_tell) {
            continue;
        }
        const Bytes room = link_.room();
        if (room.empty()) {
            return false;
        }
        begin_notice(room, link::Code::carried);
        room[2] = route.source;
        std::uint8_t* out = &room[3];
        __builtin_memcpy(out, &route.channel, 2);
        __builtin_memcpy(out + 2, &route.events, 2);
        __builtin_memcpy(out + 4, &route.bytes, 4);
        __builtin_memcpy(out + 8, route.next.data(), 8);
        link_.send(19);
        route.to_tell = false;
        route.events = 0;
        route.bytes = 0;
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
    routes_.give_up(number);
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
