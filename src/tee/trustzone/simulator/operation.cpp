#include "tee/trustzone/simulator/operation.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

std::array<Operation, 16> operations;

/// Whether there is such an operation, and the keys are what it takes.
std::uint32_t check(std::uint32_t algorithm, std::uint32_t mode, const Arguments& arguments) {
    const std::uint64_t key = arguments[2];
    const std::uint64_t second_key = arguments[3];
    const Class kind = class_of(algorithm);
    if (key != 0) {
        const KeyObject* const object = key_object(key);
        if (object == nullptr) {
            return tee_bad_state;
        }
        if (kind == Class::none) {
            return tee_not_supported;
        }
        if (object->busy || !is_key_for(algorithm, mode, object->kind->type)) {
            return tee_bad_parameters;
        }
    }
    if (kind == Class::none) {
        return tee_not_supported;
    }
    return (kind == Class::digest) == (key == 0) && second_key == 0 ? tee_success
                                                                    : tee_bad_parameters;
}

void free_one(Operation& operation) {
    if (KeyObject* const object = key_object(operation.key)) {
        object->busy = false;
    }
    wipe({reinterpret_cast<std::uint8_t*>(&operation), sizeof operation});
    operation = {};
}

} // namespace

const KeyObject* Operation::filled_key() const {
    const KeyObject* const object = key_object(key);
    return object != nullptr && object->initialized ? object : nullptr;
}

Operation* operation_of(const Arguments& arguments) {
    return arguments[0] >= 1 && arguments[0] <= operations.size() &&
                   operations[arguments[0] - 1].phase != Phase::unused
               ? &operations[arguments[0] - 1]
               : nullptr;
}

std::uint32_t begun_operation(const Arguments& arguments, Operation*& operation) {
    operation = operation_of(arguments);
    return operation == nullptr                   ? tee_bad_parameters
           : operation->phase == Phase::allocated ? tee_bad_state
                                                  : tee_success;
}

std::uint32_t begun_operation(const Arguments& arguments, Class kind, Operation*& operation) {
    const std::uint32_t result = begun_operation(arguments, operation);
    return result == tee_success && operation->kind() != kind ? tee_bad_state : result;
}

Transfer transfer(const Core& core, const Arguments& arguments) {
    Transfer out;
    const std::optional<ByteView> from = core.readable(arguments[1], arguments[2]);
    std::uint64_t room = 0;
    if (!from || (arguments[4] != 0 && !core.memory.take(arguments[4], room))) {
        out.result = tee_access_denied;
        return out;
    }
    const std::optional<Bytes> to = core.writable(arguments[3], room);
    if (!to) {
        out.result = tee_access_denied;
        return out;
    }
    if (to->size() < from->size()) {
        out.result = tee_short_buffer;
    } else {
        out.from = *from;
        out.to = to->first(from->size());
    }
    const bool told =
        arguments[4] == 0 || core.memory.put(arguments[4], std::uint64_t{from->size()});
    out.result = told ? out.result : tee_access_denied;
    return out;
}

std::uint32_t allocate_operation(const Core& core, const Arguments& arguments) {
    const std::uint32_t algorithm = standard_number(static_cast<std::uint32_t>(arguments[0]));
    const auto mode = static_cast<std::uint32_t>(arguments[1]);
    if (const std::uint32_t result = check(algorithm, mode, arguments)) {
        return result;
    }
    const auto place = std::find_if(operations.begin(), operations.end(), [](const Operation& one) {
        return one.phase == Phase::unused;
    });
    if (place == operations.end()) {
        return tee_out_of_memory;
    }
    if (!core.memory.put(arguments[4],
                         static_cast<std::uint32_t>(place - operations.begin() + 1))) {
        return tee_access_denied;
    }
    place->phase = Phase::allocated;
    place->algorithm = algorithm;
    place->mode = mode;
    place->key = arguments[2];
    if (KeyObject* const object = key_object(place->key)) {
        object->busy = true;
    }
    return tee_success;
}

std::uint32_t copy_operation(const Arguments& arguments) {
    Operation* const to = operation_of(arguments);
    const Operation* const from = operation_of({arguments[1]});
    if (to == nullptr || from == nullptr || to->algorithm != from->algorithm ||
        to->mode != from->mode) {
        return tee_bad_parameters;
    }
    if (to->kind() == Class::signature || to->kind() == Class::derivation) {
        return tee_bad_state; // they keep nothing
    }
    const std::uint64_t own_key = to->key;
    *to = *from;
    to->key = own_key;
    to->sealing.gcm.bctx = &to->sealing.keys.vtable;
    return tee_success;
}

std::uint32_t free_operation(const Arguments& arguments) {
    Operation* const operation = operation_of(arguments);
    if (operation == nullptr) {
        return tee_bad_parameters;
    }
    free_one(*operation);
    return tee_success;
}

void free_all_operations() {
    for (Operation& operation : operations) {
        free_one(operation);
    }
}

} // namespace authex::tee::trustzone
