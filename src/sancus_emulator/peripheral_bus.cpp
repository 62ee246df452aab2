#include "sancus_emulator/peripheral_bus.hpp"

#include <algorithm>

namespace authex::sancus_emulator {

PeripheralBus::PeripheralBus(std::vector<NamedDevice> devices) : devices_(std::move(devices)) {
    for (std::size_t word = 0; word < at_.size(); ++word) {
        for (const NamedDevice& named : devices_) {
            if (named.device->has(static_cast<std::uint16_t>(2 * word))) {
                at_[word] = named.device.get();
            }
        }
    }
}

std::uint16_t PeripheralBus::read(std::uint16_t address, std::uint64_t cycle) {
    Device* device = at_[address / 2U];
    if (device == nullptr) {
        return 0;
    }
    return device->read(address, cycle);
}

void PeripheralBus::write(std::uint16_t address,
                          std::uint16_t value,
                          std::uint16_t mask,
                          std::uint64_t cycle) {
    Device* device = at_[address / 2U];
    if (device == nullptr) {
        return;
    }
    advance(cycle == 0 ? 0 : cycle - 1);
    before_write_ = requests();
    written_ = cycle;
    device->write(address, value, mask, cycle);
}

std::optional<std::uint64_t>
PeripheralBus::first_request(std::uint64_t from, std::uint64_t end, std::uint16_t vectors) {
    for (std::uint64_t cycle = from; cycle < end; cycle = std::max(cycle + 1, next_event())) {
        advance(cycle);
        if ((requests(cycle) & vectors) != 0) {
            return cycle;
        }
    }
    return std::nullopt;
}

std::uint16_t PeripheralBus::peek(std::uint16_t address, std::uint64_t cycle) {
    constexpr std::size_t state_bytes = 1024;
    Device* device = at_[address / 2U];
    if (device == nullptr) {
        return 0;
    }
    advance(cycle);
    std::vector<std::uint8_t> state(state_bytes);
    for (;;) {
        Writer writer(state);
        device->save(writer);
        if (writer.ok()) {
            break;
        }
        state.resize(2 * state.size());
    }
    const std::uint16_t value = device->read(address, cycle);
    Reader reader(state);
    device->load(reader);
    return value;
}

void PeripheralBus::reset(std::uint64_t cycle) {
    written_ = 0;
    for (const NamedDevice& named : devices_) {
        named.device->reset(cycle);
    }
}

void PeripheralBus::advance(std::uint64_t cycle) {
    for (const NamedDevice& named : devices_) {
        named.device->advance(cycle);
    }
}

std::uint64_t PeripheralBus::next_event() const {
    std::uint64_t next = never;
    for (const NamedDevice& named : devices_) {
        next = std::min(next, named.device->next_event());
    }
    return next;
}

std::uint16_t PeripheralBus::requests() const {
    unsigned requested = 0;
    for (const NamedDevice& named : devices_) {
        requested |= named.device->requests();
    }
    return static_cast<std::uint16_t>(requested);
}

void PeripheralBus::accepted(unsigned vector) {
    for (const NamedDevice& named : devices_) {
        named.device->accepted(vector);
    }
}

bool PeripheralBus::awaits_nmi() const {
    return std::any_of(devices_.begin(), devices_.end(), [](const NamedDevice& named) {
        return named.device->awaits_nmi();
    });
}

bool PeripheralBus::wants_reset() const {
    return std::any_of(devices_.begin(), devices_.end(), [](const NamedDevice& named) {
        return named.device->wants_reset();
    });
}

Device* PeripheralBus::find(std::string_view name) {
    const auto found = std::find_if(devices_.begin(),
                                    devices_.end(),
                                    [&](const NamedDevice& named) { return named.name == name; });
    return found == devices_.end() ? nullptr : found->device.get();
}

} // namespace authex::sancus_emulator
