#include "sancus_emulator/enclaves.hpp"

#include <algorithm>

namespace authex::sancus_emulator {

void EnclaveTable::reset() {
    std::fill(enclaves_.begin(), enclaves_.end(), Enclave{});
    next_id_ = 1;
}

template <typename Matches>
Domain EnclaveTable::last(const Matches& matches) const {
    for (std::size_t slot = enclaves_.size(); slot > 0; --slot) {
        if (enclaves_[slot - 1].enabled && matches(enclaves_[slot - 1])) {
            return static_cast<Domain>(slot);
        }
    }
    return unprotected;
}

Domain EnclaveTable::text_of(std::uint16_t address) const {
    return last([&](const Enclave& enclave) { return enclave.layout.has_text(address); });
}

Domain EnclaveTable::data_of(std::uint16_t address) const {
    return last([&](const Enclave& enclave) { return enclave.layout.has_data(address); });
}

Domain EnclaveTable::with_id(std::uint16_t id) const {
    return last([&](const Enclave& enclave) { return enclave.id == id; });
}

Domain EnclaveTable::overlapped_by(const Layout& layout) const {
    return last([&](const Enclave& other) {
        return layout.text_start < other.layout.text_end &&
               layout.text_end > other.layout.text_start;
    });
}

Domain EnclaveTable::touched_by(const Layout& layout) const {
    const auto overlap = [](unsigned start, unsigned end, unsigned begin, unsigned stop) {
        return start < stop && end > begin;
    };
    return last([&](const Enclave& enclave) {
        const Layout& other = enclave.layout;
        const auto touches = [&](unsigned start, unsigned end) {
            return overlap(start, end, other.text_start, other.text_end) ||
                   overlap(start, end, other.data_start, other.data_end);
        };
        return touches(layout.text_start, layout.text_end) ||
               touches(layout.data_start, layout.data_end);
    });
}

Domain EnclaveTable::forbidden_by(Domain who, std::uint16_t address, bool write) const {
    for (std::size_t slot = 1; slot <= enclaves_.size(); ++slot) {
        const Enclave& enclave = enclaves_[slot - 1];
        const bool inside = who == slot;
        if (enclave.enabled && ((enclave.layout.has_text(address) && (write || !inside)) ||
                                (enclave.layout.has_data(address) && !inside))) {
            return static_cast<Domain>(slot);
        }
    }
    return unprotected;
}

bool EnclaveTable::may_read(Domain who, std::uint16_t address) const {
    return forbidden_by(who, address, false) == unprotected;
}

bool EnclaveTable::may_write(Domain who, std::uint16_t address) const {
    return forbidden_by(who, address, true) == unprotected;
}

std::optional<Domain> EnclaveTable::free_slot() const {
    for (std::size_t slot = 0; slot < enclaves_.size(); ++slot) {
        if (!enclaves_[slot].enabled) {
            return static_cast<Domain>(slot + 1);
        }
    }
    return std::nullopt;
}

void EnclaveTable::enable(Domain slot, const Layout& layout) {
    at(slot) = {true, next_id_++, layout, {}};
}

void EnclaveTable::cancel(Domain slot) {
    at(slot) = {};
    --next_id_;
}

void EnclaveTable::disable(Domain slot) {
    at(slot) = {};
}

void EnclaveTable::classify(const MemoryMap& map, Memory& memory) const {
    const auto open = [](access::Classes& classes, std::size_t start, std::size_t end) {
        std::fill(classes.begin() + static_cast<std::ptrdiff_t>(start),
                  classes.begin() + static_cast<std::ptrdiff_t>(end),
                  access::open);
    };
    const std::size_t data_end =
        std::min(map.data_start + std::size_t{map.data_bytes}, address_space);
    memory.read.fill(access::slow);
    memory.write.fill(access::slow);
    open(memory.read, map.data_start, data_end);
    open(memory.read, map.program_start, address_space);
    // Writes to program memory take a cycle more and may change what is decoded.
    open(memory.write, map.data_start, data_end);
    const auto claim = [](std::uint8_t& name, Domain slot) {
        name = name == access::open ? slot : access::slow;
    };
    for (std::size_t slot = 1; slot <= enclaves_.size(); ++slot) {
        const Enclave& enclave = enclaves_[slot - 1];
        if (!enclave.enabled) {
            continue;
        }
        const auto domain = static_cast<Domain>(slot);
        for (std::size_t a = enclave.layout.text_start; a < enclave.layout.text_end; ++a) {
            claim(memory.read[a], domain);
            memory.write[a] = access::slow;
        }
        for (std::size_t a = enclave.layout.data_start; a < enclave.layout.data_end; ++a) {
            claim(memory.read[a], domain);
            claim(memory.write[a], domain);
        }
    }
}

} // namespace authex::sancus_emulator
