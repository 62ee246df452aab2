#include "tee/trustzone/simulator/sealing.hpp"

#include <cstring>

#include "tee/trustzone/simulator/operation.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t tag_bytes_max = 16;

/// Payload through the cipher, in place. No additional data comes after it.
void run(Operation& operation, Bytes data) {
    if (operation.phase == Phase::begun) {
        br_gcm_flip(&operation.sealing.gcm);
        operation.phase = Phase::payload;
    }
    br_gcm_run(
        &operation.sealing.gcm, operation.mode == mode_encrypt ? 1 : 0, data.data(), data.size());
}

} // namespace

std::uint32_t begin_sealing(const Core& core, const Arguments& arguments) {
    Operation* const operation = operation_of(arguments);
    if (operation == nullptr || operation->algorithm != aes_gcm) {
        return tee_bad_parameters;
    }
    const KeyObject* const key = operation->filled_key();
    if (key == nullptr) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> nonce = core.memory.readable(arguments[1], arguments[2]);
    if (!nonce) {
        return tee_access_denied;
    }
    if (arguments[3] > tag_bytes_max) {
        return tee_bad_parameters;
    }
    operation->sealing.tag_bytes = static_cast<std::size_t>(arguments[3]);
    br_aes_ct64_ctr_init(&operation->sealing.keys, key->secret().data(), key->secret().size());
    br_gcm_init(&operation->sealing.gcm, &operation->sealing.keys.vtable, br_ghash_ctmul64);
    br_gcm_reset(&operation->sealing.gcm, nonce->data(), nonce->size());
    operation->phase = Phase::begun;
    return tee_success;
}

std::uint32_t add_data(const Core& core, const Arguments& arguments) {
    const std::optional<ByteView> data = core.readable(arguments[1], arguments[2]);
    if (!data) {
        return tee_access_denied;
    }
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_operation(arguments, Class::authenticated, operation)) {
        return result;
    }
    if (operation->phase == Phase::payload) {
        return tee_bad_parameters;
    }
    br_gcm_aad_inject(&operation->sealing.gcm, data->data(), data->size());
    return tee_success;
}

std::uint32_t update_payload(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_operation(arguments, Class::authenticated, operation)) {
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
    if (const std::uint32_t result = begun_operation(arguments, Class::authenticated, operation)) {
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
    if (!core.memory.put(arguments[6], std::uint64_t{operation->sealing.tag_bytes})) {
        return tee_access_denied;
    }
    if (room < operation->sealing.tag_bytes) {
        return tee_short_buffer;
    }
    const Transfer moved = transfer(core, arguments);
    if (moved.result != tee_success) {
        return moved.result;
    }
    std::memmove(moved.to.data(), moved.from.data(), moved.from.size());
    run(*operation, moved.to);
    br_gcm_get_tag_trunc(&operation->sealing.gcm, tag->data(), operation->sealing.tag_bytes);
    return tee_success;
}

std::uint32_t end_opening(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_operation(arguments, Class::authenticated, operation)) {
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
    if (tag->size() != operation->sealing.tag_bytes) {
        return tee_mac_invalid;
    }
    std::memmove(moved.to.data(), moved.from.data(), moved.from.size());
    run(*operation, moved.to);
    return br_gcm_check_tag_trunc(&operation->sealing.gcm, tag->data(), tag->size()) == 1
               ? tee_success
               : tee_mac_invalid;
}

} // namespace authex::tee::trustzone
