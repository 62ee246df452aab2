#include "runtime/connections.hpp"

#include "base/bytes.hpp"
#include "base/counter.hpp"

namespace authex::runtime {

Error check_counter(const std::uint64_t& counter,
                    const std::uint64_t& expected,
                    wire::Delivery delivery) {
    if (below(counter, expected)) {
        return Error::replayed;
    }
    if (!below(counter, wire::counter_limit)) {
        return Error::exhausted;
    }
    if (delivery == wire::Delivery::ordered && below(expected, counter)) {
        return Error::too_early;
    }
    return Error::none;
}

void ConnectionTable::remove(Connection& connection) {
    wipe({reinterpret_cast<std::uint8_t*>(&connection), sizeof connection});
}

Connection* ConnectionTable::find(std::uint16_t channel) {
#if AUTHEX_WITH_CONNECTION_HINTS
    if (last_found_ != nullptr && last_found_->used && last_found_->terms.channel == channel) {
        return last_found_;
    }
#endif
    for (Connection& slot : slots()) {
        if (slot.used && slot.terms.channel == channel) {
#if AUTHEX_WITH_CONNECTION_HINTS
            last_found_ = &slot;
#endif
            return &slot;
        }
    }
    return nullptr;
}

Connection* ConnectionTable::free_slot() {
    for (Connection& slot : slots()) {
        if (!slot.used) {
            return &slot;
        }
    }
#if AUTHEX_WITH_CONNECTION_HINTS
    if (high_ < slots_.size()) {
        return &slots_[high_++];
    }
#endif
    return nullptr;
}

Error ConnectionTable::set(const wire::SetConnection& terms, Connection*& connection) {
    if (!crypto::supported(terms.algorithm)) {
        return Error::unsupported;
    }
    Connection* slot = connection;
    if (slot == nullptr) {
        slot = free_slot();
        if (slot == nullptr) {
            return Error::no_space;
        }
    } else if (terms.epoch <= slot->terms.epoch) {
        if (terms.epoch != slot->terms.epoch) {
            return Error::old_epoch;
        }
        const bool same = equal_constant_time(bytes_of(terms), bytes_of(slot->terms));
        return same ? Error::none : Error::key_mismatch;
    }
    connection = slot;
    remove(*slot);
    const Error error = slot->keys[0].set(terms.algorithm, terms.key);
    if (error == Error::none) {
        slot->terms = terms;
        slot->used = true;
    }
    return error;
}

void ConnectionTable::clear() {
    for (Connection& slot : slots()) {
        remove(slot);
    }
}

} // namespace authex::runtime
