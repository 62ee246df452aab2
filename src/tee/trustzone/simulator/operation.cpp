#include "tee/trustzone/simulator/operation.hpp"

#include <algorithm>
#include <cstring>

#include <bearssl/bearssl_aead.h>
#include <bearssl/bearssl_block.h>
#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_hmac.h>

#include "tee/trustzone/simulator/secret_object.hpp"

namespace authex::tee::trustzone {
namespace {

// `tee_api_defines.h`
constexpr std::uint32_t algorithm_aes_gcm = 0x40000810;
constexpr std::uint32_t class_mac = 3; ///< highest 4 bits of an algorithm
constexpr std::uint32_t class_digest = 5;
enum Mode : std::uint32_t { mode_encrypt = 0, mode_decrypt = 1 };
constexpr std::size_t gcm_tag_bytes = 16;

constexpr std::uint32_t class_of(std::uint64_t algorithm) {
    return static_cast<std::uint32_t>(algorithm >> 28U) & 0xFU;
}

/// Null: none that is here. The lowest byte of the algorithm and of a key's type is the hash's
/// number.
const br_hash_class* hash_of(std::uint64_t algorithm) {
    static constexpr const br_hash_class* all[] = {&br_sha1_vtable,
                                                   &br_sha224_vtable,
                                                   &br_sha256_vtable,
                                                   &br_sha384_vtable,
                                                   &br_sha512_vtable};
    constexpr std::uint64_t first = 2;
    const std::uint64_t number = algorithm & 0x0FFFFFFFU;
    return number >= first && number < first + std::size(all) ? all[number - first] : nullptr;
}

std::size_t bytes_of(const br_hash_class& hash) {
    return (hash.desc >> BR_HASHDESC_OUT_OFF) & BR_HASHDESC_OUT_MASK;
}

enum class Phase : std::uint8_t { unused, allocated, begun, payload };

struct Operation {
    Phase phase = Phase::unused;
    std::uint32_t algorithm = 0;
    std::uint32_t mode = 0;
    std::uint64_t key = 0; ///< handle
    br_hash_compat_context digest{};
    br_hmac_key_context mac_key{};
    br_hmac_context mac{};
    br_aes_ct64_ctr_keys aes{};
    br_gcm_context gcm{};
    std::size_t tag_bytes = 0;
};
std::array<Operation, 16> operations;

Operation* operation_of(const Arguments& arguments) {
    return arguments[0] >= 1 && arguments[0] <= operations.size() &&
                   operations[arguments[0] - 1].phase != Phase::unused
               ? &operations[arguments[0] - 1]
               : nullptr;
}

/// One that has begun. @return tee_success, or why there is none
std::uint32_t begun(const Arguments& arguments, Operation*& operation) {
    operation = operation_of(arguments);
    return operation == nullptr                   ? tee_bad_parameters
           : operation->phase == Phase::allocated ? tee_bad_state
                                                  : tee_success;
}

std::uint32_t begun_sealing(const Arguments& arguments, Operation*& operation) {
    const std::uint32_t result = begun(arguments, operation);
    return result == tee_success && operation->algorithm != algorithm_aes_gcm ? tee_bad_state
                                                                              : result;
}

/// Whether there is such an operation, and the key is one for it.
std::uint32_t check(std::uint64_t algorithm, std::uint64_t key, std::uint64_t second_key) {
    const bool hashes = class_of(algorithm) == class_digest || class_of(algorithm) == class_mac;
    if (key != 0) {
        const SecretObject* const object = secret_object(key);
        const std::uint64_t wanted =
            algorithm == algorithm_aes_gcm ? type_aes : 0xA0000000U | (algorithm & 0xFFU);
        if (object == nullptr) {
            return tee_bad_state;
        }
        if (object->busy || object->type != wanted) {
            return tee_bad_parameters;
        }
    }
    if (algorithm != algorithm_aes_gcm && !(hashes && hash_of(algorithm) != nullptr)) {
        return tee_not_supported;
    }
    return (class_of(algorithm) == class_digest) == (key == 0) && second_key == 0
               ? tee_success
               : tee_bad_parameters;
}

void free_one(Operation& operation) {
    if (SecretObject* const object = secret_object(operation.key)) {
        object->busy = false;
    }
    wipe({reinterpret_cast<std::uint8_t*>(&operation), sizeof operation});
    operation = {};
}

void update(Operation& operation, ByteView data) {
    if (class_of(operation.algorithm) == class_digest) {
        operation.digest.vtable->update(&operation.digest.vtable, data.data(), data.size());
    } else {
        br_hmac_update(&operation.mac, data.data(), data.size());
    }
}

/// Payload through the cipher, in place. No additional data comes after it.
void run(Operation& operation, Bytes data) {
    if (operation.phase == Phase::begun) {
        br_gcm_flip(&operation.gcm);
        operation.phase = Phase::payload;
    }
    br_gcm_run(&operation.gcm, operation.mode == mode_encrypt ? 1 : 0, data.data(), data.size());
}

struct Transfer {
    ByteView from;
    Bytes to;
    std::uint32_t result = tee_success;
};

/// (…, data, its bytes, to, u64* its room): room is where all of it has some; a short one is told
/// how much is needed.
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

} // namespace

std::uint32_t allocate_operation(const Core& core, const Arguments& arguments) {
    if (const std::uint32_t result = check(arguments[0], arguments[2], arguments[3])) {
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
    place->algorithm = static_cast<std::uint32_t>(arguments[0]);
    place->mode = static_cast<std::uint32_t>(arguments[1]);
    place->key = arguments[2];
    if (SecretObject* const object = secret_object(place->key)) {
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
    const std::uint64_t own_key = to->key;
    *to = *from;
    to->key = own_key;
    to->gcm.bctx = &to->aes.vtable;
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

std::uint32_t begin_hash(const Arguments& arguments) {
    Operation* const operation = operation_of(arguments);
    if (operation == nullptr || operation->algorithm == algorithm_aes_gcm) {
        return tee_bad_parameters;
    }
    const br_hash_class* const hash = hash_of(operation->algorithm);
    if (class_of(operation->algorithm) == class_digest) {
        hash->init(&operation->digest.vtable);
    } else {
        const SecretObject* const key = secret_object(operation->key);
        if (key == nullptr || !key->initialized) {
            return tee_bad_parameters;
        }
        br_hmac_key_init(&operation->mac_key, hash, key->secret.data(), key->bytes);
        br_hmac_init(&operation->mac, &operation->mac_key, 0);
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
    if (const std::uint32_t result = begun(arguments, operation)) {
        return result;
    }
    if (operation->algorithm == algorithm_aes_gcm) {
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
    if (const std::uint32_t result = begun(arguments, operation)) {
        return result;
    }
    if (operation->algorithm == algorithm_aes_gcm) {
        return tee_bad_parameters;
    }
    const std::size_t bytes = bytes_of(*hash_of(operation->algorithm));
    if (!core.memory.put(arguments[4], std::uint64_t{bytes})) {
        return tee_access_denied;
    }
    if (room < bytes) {
        return tee_short_buffer;
    }
    update(*operation, *data);
    if (class_of(operation->algorithm) == class_digest) {
        operation->digest.vtable->out(&operation->digest.vtable, out->data());
    } else {
        br_hmac_out(&operation->mac, out->data());
    }
    return tee_success;
}

std::uint32_t begin_sealing(const Core& core, const Arguments& arguments) {
    Operation* const operation = operation_of(arguments);
    if (operation == nullptr || operation->algorithm != algorithm_aes_gcm) {
        return tee_bad_parameters;
    }
    const SecretObject* const key = secret_object(operation->key);
    if (key == nullptr || !key->initialized) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> nonce = core.memory.readable(arguments[1], arguments[2]);
    if (!nonce) {
        return tee_access_denied;
    }
    if (arguments[3] > gcm_tag_bytes) {
        return tee_bad_parameters;
    }
    operation->tag_bytes = static_cast<std::size_t>(arguments[3]);
    br_aes_ct64_ctr_init(&operation->aes, key->secret.data(), key->bytes);
    br_gcm_init(&operation->gcm, &operation->aes.vtable, br_ghash_ctmul64);
    br_gcm_reset(&operation->gcm, nonce->data(), nonce->size());
    operation->phase = Phase::begun;
    return tee_success;
}

std::uint32_t add_data(const Core& core, const Arguments& arguments) {
    const std::optional<ByteView> data = core.readable(arguments[1], arguments[2]);
    if (!data) {
        return tee_access_denied;
    }
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_sealing(arguments, operation)) {
        return result;
    }
    if (operation->phase == Phase::payload) {
        return tee_bad_parameters;
    }
    br_gcm_aad_inject(&operation->gcm, data->data(), data->size());
    return tee_success;
}

std::uint32_t update_payload(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_sealing(arguments, operation)) {
        return result;
    }
    const Transfer moved = transfer(core, arguments);
    if (moved.result == tee_success) {
        std::memmove(moved.to.data(), moved.from.data(), moved.from.size());
        run(*operation, moved.to);
    }
    return moved.result;
}

std::uint32_t end_sealing(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_sealing(arguments, operation)) {
        return result;
    }
    if (operation->mode != mode_encrypt) {
        return tee_bad_parameters;
    }
    std::uint64_t room = 0;
    if (!core.memory.take(arguments[6], room)) {
        return tee_access_denied;
    }
    const std::optional<Bytes> tag = core.writable(arguments[5], room);
    if (!tag) {
        return tee_access_denied;
    }
    if (!core.memory.put(arguments[6], std::uint64_t{operation->tag_bytes})) {
        return tee_access_denied;
    }
    if (room < operation->tag_bytes) {
        return tee_short_buffer;
    }
    const Transfer moved = transfer(core, arguments);
    if (moved.result != tee_success) {
        return moved.result;
    }
    std::memmove(moved.to.data(), moved.from.data(), moved.from.size());
    run(*operation, moved.to);
    br_gcm_get_tag_trunc(&operation->gcm, tag->data(), operation->tag_bytes);
    return tee_success;
}

std::uint32_t end_opening(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_sealing(arguments, operation)) {
        return result;
    }
    if (operation->mode != mode_decrypt) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> tag = core.readable(arguments[5], arguments[6]);
    const Transfer moved = transfer(core, arguments);
    if (moved.result != tee_success || !tag) {
        return moved.result != tee_success ? moved.result : tee_access_denied;
    }
    if (tag->size() != operation->tag_bytes) {
        return tee_mac_invalid;
    }
    std::memmove(moved.to.data(), moved.from.data(), moved.from.size());
    run(*operation, moved.to);
    return br_gcm_check_tag_trunc(&operation->gcm, tag->data(), tag->size()) == 1 ? tee_success
                                                                                  : tee_mac_invalid;
}

} // namespace authex::tee::trustzone
