#include "runtime/connections.hpp"

#include "base/bytes.hpp"

namespace authex::runtime {
namespace {

bool same_order(const wire::SetConnection& a, const wire::SetConnection& b) {
    return a.endpoint == b.endpoint && a.role == b.role && a.algorithm == b.algorithm &&
           a.delivery == b.delivery && equal_constant_time(a.key, b.key);
}

} // namespace

Error check_counter(std::uint64_t counter, std::uint64_t expected, wire::Delivery delivery) {
    if (counter < expected) {
        return Error::replayed;
    }
    if (counter >= wire::counter_limit) {
        return Error::exhausted;
    }
    if (counter > expected && delivery == wire::Delivery::ordered) {
        return Error::too_early;
    }
    return Error::none;
}

void ConnectionTable::wipe_slot(Connection& connection) {
    connection.key.clear();
    wipe(connection.terms.key);
    connection.next_out = 0;
    connection.next_in = 0;
    connection.accepted = 0;
    connection.refused = 0;
    connection.used = false;
    connection.owes_ack = false;
    connection.came_early = false;
}

Connection* ConnectionTable::find(std::uint16_t channel) {
    Connection& last = slots_[last_found_];
    if (last.used && last.terms.channel == channel) {
        return &last;
    }
    for (std::size_t i = 0; i < high_; ++i) {
        if (slots_[i].used && slots_[i].terms.channel == channel) {
            last_found_ = i;
            return &slots_[i];
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
    return high_ < slots_.size() ? &slots_[high_++] : nullptr;
}

Error ConnectionTable::set(const wire::SetConnection& terms) {
    if (!crypto::supported(terms.algorithm)) {
        return Error::unsupported;
    }
    Connection* slot = find(terms.channel);
    if (slot != nullptr) {
        if (terms.epoch < slot->terms.epoch) {
            return Error::old_epoch;
        }
        if (terms.epoch == slot->terms.epoch) {
            return same_order(terms, slot->terms) ? Error::none : Error::key_mismatch;
        }
    } else {
        slot = free_slot();
        if (slot == nullptr) {
            return Error::no_space;
        }
    }
    wipe_slot(*slot);
    const Error error = slot->key.set(terms.algorithm, terms.key);
    if (error != Error::none) {
        return error;
    }
    slot->terms = terms;
    slot->used = true;
    return Error::none;
}

void ConnectionTable::remove(std::uint16_t channel) {
    Connection* slot = find(channel);
    if (slot != nullptr) {
        wipe_slot(*slot);
    }
}

void ConnectionTable::clear() {
    for (Connection& slot : slots()) {
        wipe_slot(slot);
    }
}

} // namespace authex::runtime
