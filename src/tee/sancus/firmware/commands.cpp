#include "tee/sancus/firmware/event_manager.hpp"
#include "tee/sancus/firmware/hardware.hpp"

namespace authex::tee::sancus::firmware {
namespace {

using link::Refusal;
using link::SlotState;

constexpr std::uint16_t operation_leave = 1;

/// Interrupts that modules may have: not those of the line, the timer, the watchdog, violations and
/// resets.
constexpr std::uint16_t vectors_for_modules = 0b0001'1000'0011'1111;

std::uint16_t rounded(std::uint16_t bytes) {
    return static_cast<std::uint16_t>((bytes + link::alignment - 1U) & ~(link::alignment - 1U));
}

} // namespace

/// What a command was given, and where its results go. A read past the end is seen in done().
struct EventManager::Arguments {
    link::Code code;
    const std::uint8_t* in;
    std::uint16_t in_left;
    std::uint8_t* out;
    bool ok = true;

    [[nodiscard]] std::uint8_t first() const { return in_left != 0 ? *in : std::uint8_t{0}; }
    std::uint8_t u8() {
        ok = ok && in_left != 0;
        in_left = static_cast<std::uint16_t>(in_left - (ok ? 1U : 0U));
        return ok ? *in++ : std::uint8_t{0};
    }
    std::uint16_t u16() {
        const std::uint8_t low = u8();
        return static_cast<std::uint16_t>(low | u8() << 8U);
    }
    [[nodiscard]] bool done() const { return ok && in_left == 0; }
    void put8(std::uint8_t value) { *out++ = value; }
    void put16(std::uint16_t value) {
        put8(static_cast<std::uint8_t>(value));
        put8(static_cast<std::uint8_t>(value >> 8U));
    }
};

/// @return false: there is no room for its answer yet
bool EventManager::execute(ByteView message) {
    const Bytes room = link_.room();
    if (room.empty()) {
        return false;
    }
    if (message.size() < 2) {
        return true;
    }
    Arguments arguments{.code = static_cast<link::Code>(message[0] >> link::slot_bits),
                        .in = message.data() + 2,
                        .in_left = static_cast<std::uint16_t>(message.size() - 2),
                        .out = room.data() + 3};
    room[0] = message[0];
    room[1] = message[1];
    const Refusal refusal = dispatch(arguments);
    room[2] = static_cast<std::uint8_t>(refusal);
    link_.send(refusal == Refusal::none ? static_cast<std::size_t>(arguments.out - room.data())
                                        : 3U);
    return true;
}

Refusal EventManager::dispatch(Arguments& arguments) {
    switch (arguments.code) {
    case link::Code::hello:
        return hello(arguments);
    case link::Code::reserve:
        return reserve(arguments);
    case link::Code::write:
        return write(arguments);
    case link::Code::protect:
        return protect(arguments);
    case link::Code::bind:
        return bind(arguments);
    case link::Code::leave:
        return leave(arguments);
    case link::Code::status:
        return status(arguments);
    case link::Code::every:
        return every(arguments);
    case link::Code::route:
        return route(arguments);
    case link::Code::reset:
        reset();
        return Refusal::none;
    case link::Code::failed:
    case link::Code::called:
    case link::Code::carried:
        break;
    }
    return Refusal::unknown;
}

Slot* EventManager::slot_of(Arguments& arguments) {
    const std::uint8_t number = arguments.u8();
    return number < link::slots_max ? &slots_[number] : nullptr;
}

Refusal EventManager::hello(Arguments& arguments) const {
    for (const std::uint16_t word : {link::firmware_version,
                                     address_of(modules_text_begin),
                                     address_of(modules_text_end),
                                     address_of(modules_data_begin),
                                     address_of(modules_data_end),
                                     last_id_,
                                     std::uint16_t{link::slots_max}}) {
        arguments.put16(word);
    }
    return arguments.done() ? Refusal::none : Refusal::malformed;
}

Refusal EventManager::reserve(Arguments& arguments) {
    Slot* slot = slot_of(arguments);
    const std::uint16_t text_bytes = rounded(arguments.u16());
    const std::uint16_t data_bytes = rounded(arguments.u16());
    if (!arguments.done() || text_bytes == 0) {
        return Refusal::malformed;
    }
    if (slot == nullptr || slot->state != SlotState::free) {
        return Refusal::slot;
    }
    const Area text{address_of(modules_text_begin), address_of(modules_text_end)};
    const Area data{address_of(modules_data_begin), address_of(modules_data_end)};
    slot->text.begin = find_room(slots_, &Slot::text, text, text_bytes);
    slot->data.begin = find_room(slots_, &Slot::data, data, data_bytes);
    if (slot->text.begin == 0 || slot->data.begin == 0) {
        *slot = Slot{};
        return Refusal::memory;
    }
    slot->text.end = static_cast<std::uint16_t>(slot->text.begin + text_bytes);
    slot->data.end = static_cast<std::uint16_t>(slot->data.begin + data_bytes);
    slot->state = SlotState::reserved;
    __builtin_memset(reinterpret_cast<void*>(slot->data.begin), 0, data_bytes);
    arguments.put16(slot->text.begin);
    arguments.put16(slot->data.begin);
    return Refusal::none;
}

Refusal EventManager::write(Arguments& arguments) {
    const std::uint16_t address = arguments.u16();
    if (!arguments.ok || arguments.in_left > link::write_bytes_max) {
        return Refusal::malformed;
    }
    for (const Slot& slot : slots_) {
        if (slot.state == SlotState::reserved && address >= slot.text.begin &&
            address < slot.text.end && arguments.in_left <= slot.text.end - address) {
            __builtin_memcpy(reinterpret_cast<void*>(address), arguments.in, arguments.in_left);
            return Refusal::none;
        }
    }
    return Refusal::address;
}

Refusal EventManager::protect(Arguments& arguments) {
    Slot* slot = slot_of(arguments);
    const std::uint8_t role = arguments.u8();
    const std::uint16_t vendor = arguments.u16();
    const std::uint16_t text_bytes = arguments.u16();
    Area data{arguments.u16(), arguments.u16()};
    if (!arguments.done() || role > static_cast<std::uint8_t>(link::Role::gate)) {
        return Refusal::malformed;
    }
    if (slot == nullptr || slot->state != SlotState::reserved ||
        text_bytes > slot->text.end - slot->text.begin) {
        return Refusal::slot;
    }
    const Layout layout{.vendor_id = vendor,
                        .text_begin = slot->text.begin,
                        .text_end = static_cast<std::uint16_t>(slot->text.begin + text_bytes),
                        .data_begin = data.begin,
                        .data_end = data.end};
    const std::uint16_t id = ::protect(&layout);
    if (id == 0) {
        return Refusal::hardware;
    }
    last_id_ = id;
    slot->id = id;
    slot->state =
        role == static_cast<std::uint8_t>(link::Role::module) ? SlotState::module : SlotState::gate;
    arguments.put16(id);
    return Refusal::none;
}

Refusal EventManager::bind(Arguments& arguments) {
    Slot* slot = slot_of(arguments);
    const std::uint8_t vector = arguments.u8();
    if (!arguments.done()) {
        return Refusal::malformed;
    }
    if (slot == nullptr || slot->state != SlotState::module || slot->vector != Slot::no_vector) {
        return Refusal::slot;
    }
    std::uint16_t free = vectors_for_modules;
    for (std::uint8_t i = 0; i != vector && free != 0; ++i) {
        free >>= 1U;
    }
    volatile std::uint16_t& entry = word_at(static_cast<std::uint16_t>(vectors + 2 * vector));
    if ((free & 1U) == 0 || entry != default_vectors[vector]) {
        return Refusal::vector;
    }
    entry = slot->text.begin;
    slot->vector = vector;
    return Refusal::none;
}

Refusal EventManager::leave(Arguments& arguments) {
    const std::uint8_t number = arguments.first();
    Slot* slot = slot_of(arguments);
    if (!arguments.done()) {
        return Refusal::malformed;
    }
    if (slot == nullptr || slot->state == SlotState::free) {
        return Refusal::slot;
    }
    if (slot->vector != Slot::no_vector) {
        word_at(static_cast<std::uint16_t>(vectors + 2 * slot->vector)) =
            default_vectors[slot->vector];
        slot->vector = Slot::no_vector;
    }
    if (enclave_at(slot->text.begin) != 0) {
        Call call{};
        call.entry = slot->text.begin;
        call.operation = operation_leave;
        (void)enter(&call);
        if (enclave_at(slot->text.begin) != 0) {
            slot->state = SlotState::failed;
            return Refusal::stays;
        }
    }
    time_.remove(number);
    routes_.remove(number);
    *slot = Slot{};
    return Refusal::none;
}

Refusal EventManager::every(Arguments& arguments) {
    Periodic wanted{.slot = arguments.first()};
    const Slot* slot = slot_of(arguments);
    wanted.index = arguments.u8();
    wanted.entry = arguments.u16();
    const std::uint16_t low = arguments.u16();
    wanted.every_ms = std::uint32_t{arguments.u16()} << 16U | low;
    if (!arguments.done() || (wanted.every_ms != 0 && wanted.every_ms < link::period_ms_min)) {
        return Refusal::malformed;
    }
    if (slot == nullptr || slot->state != SlotState::module) {
        return Refusal::slot;
    }
    return time_.set(wanted) ? Refusal::none : Refusal::memory;
}

Refusal EventManager::route(Arguments& arguments) {
    const std::uint8_t number = arguments.first();
    const Slot* source = slot_of(arguments);
    const std::uint16_t channel = arguments.u16();
    const std::uint8_t destination = arguments.u8();
    if (!arguments.done() || destination > link::slots_max) {
        return Refusal::malformed;
    }
    const bool ends = destination == link::slots_max;
    if (source == nullptr || source->state != SlotState::module ||
        (!ends && slots_[destination].state != SlotState::module)) {
        return Refusal::slot;
    }
    return routes_.set(number, channel, destination) ? Refusal::none : Refusal::memory;
}

Refusal EventManager::status(Arguments& arguments) {
    arguments.put16(last_id_);
    arguments.put16(link_.bad_packets());
    for (const Slot& slot : slots_) {
        arguments.put8(static_cast<std::uint8_t>(slot.state));
        arguments.put16(slot.id);
        arguments.put16(slot.text.begin);
    }
    return arguments.done() ? Refusal::none : Refusal::malformed;
}

} // namespace authex::tee::sancus::firmware
