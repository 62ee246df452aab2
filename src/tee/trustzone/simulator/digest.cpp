#include "tee/trustzone/simulator/digest.hpp"

#include "tee/trustzone/simulator/operation.hpp"

namespace authex::tee::trustzone {
namespace {

bool hashes(const Operation& operation) {
    return operation.kind() == Class::digest || operation.kind() == Class::mac;
}

void update(Operation& operation, ByteView data) {
    if (operation.kind() == Class::digest) {
        operation.digest.vtable->update(&operation.digest.vtable, data.data(), data.size());
    } else if (operation.algorithm == aes_cmac) {
        operation.cmac.update(data);
    } else {
        br_hmac_update(&operation.mac, data.data(), data.size());
    }
}

void end(Operation& operation, Bytes out) {
    if (operation.kind() == Class::digest) {
        operation.digest.vtable->out(&operation.digest.vtable, out.data());
    } else if (operation.algorithm == aes_cmac) {
        operation.cmac.end(out);
    } else {
        br_hmac_out(&operation.mac, out.data());
    }
}

} // namespace

std::uint32_t begin_hash(const Arguments& arguments) {
    Operation* const operation = operation_of(arguments);
    if (operation == nullptr || !hashes(*operation)) {
        return tee_bad_parameters;
    }
    if (operation->kind() == Class::digest) {
        hash_of(operation->algorithm)->init(&operation->digest.vtable);
    } else {
        const KeyObject* const key = operation->filled_key();
        if (key == nullptr) {
            return tee_bad_parameters;
        }
        if (operation->algorithm == aes_cmac) {
            operation->cmac.begin(key->secret());
        } else {
            br_hmac_key_init(&operation->mac_key,
                             hash_of(operation->algorithm),
                             key->secret().data(),
                             key->secret().size());
            br_hmac_init(&operation->mac, &operation->mac_key, 0);
        }
    }
    operation->phase = Phase::begun;
    return tee_success;
}

std::uint32_t update_hash(const Core& core, const Arguments& arguments) {
    if (arguments[2] == 0) {
        return tee_success;
    }
    const std::optional<ByteView> data = core.readable(arguments[1], arguments[2]);
    if (arguments[1] == 0 || !data) {
        return arguments[1] == 0 ? tee_bad_parameters : tee_access_denied;
    }
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_operation(arguments, operation)) {
        return result;
    }
    if (!hashes(*operation)) {
        return tee_bad_parameters;
    }
    update(*operation, *data);
    return tee_success;
}

std::uint32_t end_hash(const Core& core, const Arguments& arguments) {
    if (arguments[1] == 0 && arguments[2] != 0) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> data = core.readable(arguments[1], arguments[2]);
    std::uint64_t room = 0;
    if (!data || !core.memory.take(arguments[4], room)) {
        return tee_access_denied;
    }
    const std::optional<Bytes> out = core.writable(arguments[3], room);
    if (!out) {
        return tee_access_denied;
    }
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_operation(arguments, operation)) {
        return result;
    }
    if (!hashes(*operation)) {
        return tee_bad_parameters;
    }
    const std::size_t bytes =
        operation->algorithm == aes_cmac ? Cmac::bytes : bytes_of(*hash_of(operation->algorithm));
    if (!core.memory.put(arguments[4], std::uint64_t{bytes})) {
        return tee_access_denied;
    }
    if (room < bytes) {
        return tee_short_buffer;
    }
    update(*operation, *data);
    end(*operation, *out);
    return tee_success;
}

} // namespace authex::tee::trustzone
