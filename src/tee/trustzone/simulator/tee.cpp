#include "tee/trustzone/simulator/tee.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_rand.h>

#include "tee/trustzone/port/commands.hpp"
#include "tee/trustzone/simulator/gate.hpp"
#include "tee/trustzone/simulator/memory.hpp"

namespace authex::tee::trustzone {
namespace {

using optee::Call;
using optee::Params;

// GP TEE Internal Core API 1.3, table 4-1.
constexpr std::uint32_t type_value_output = 2;
constexpr std::uint32_t type_value_inout = 3;
constexpr std::uint32_t type_memory_input = 5;
constexpr std::uint32_t type_memory_output = 6;
constexpr std::uint32_t type_memory_inout = 7;

constexpr std::uint64_t attestation_session = 1;
constexpr std::array<std::uint8_t, 16> attestation_uuid = {
    0x61, 0x08, 0x80, 0x39, 0x2A, 0x18, 0x20, 0x47, 0x9B, 0x67, 0x2B, 0xCD, 0x62, 0x2B, 0xC0, 0xB5};
constexpr std::uint32_t hash_types = 0x65; ///< memory in, memory out
constexpr std::size_t nonce_bytes_max = 1024;

struct Tee {
    TaMemory memory;
    DeviceKey device_key{};
    br_hmac_drbg_context random{};
    std::array<ByteView, shared_max> shared;
    std::atomic<bool> cancelled = false;
    bool attestation_open = false;
    bool cancellation_masked = true; ///< as each operation begins
    std::uint64_t calls = 0;
};
Tee tee;

template <typename T>
T* pointer(std::uint64_t address) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): system calls say addresses as numbers
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

constexpr std::uint32_t type_of(std::uint64_t types, std::size_t index) {
    return static_cast<std::uint32_t>(types >> (4 * index)) & 0xFU;
}
constexpr bool is_memory(std::uint32_t type) {
    return type >= type_memory_input && type <= type_memory_inout;
}

[[noreturn]] void panic(std::uint64_t code) {
    std::fprintf(stderr, "the TA panicked with code 0x%08x\n", static_cast<unsigned>(code));
    ::_exit(exit_ta_panicked);
}

/// A word that the TA wants written; it has no right to others' memory.
bool put_word(std::uint64_t address, std::uint32_t value) {
    if (!tee.memory.allows(address, sizeof value, Access::write)) {
        return false;
    }
    std::memcpy(pointer<void>(address), &value, sizeof value);
    return true;
}

/// HASH_TA_MEMORY: hash ‖ signature of SHA-256(nonce ‖ hash). (OP-TEE, `core/pta/attestation.c`)
std::uint32_t hash_ta_memory(Params& params) {
    const std::uint64_t nonce_bytes = params.values[1];
    const std::uint64_t room = params.values[3];
    if (params.types != hash_types || nonce_bytes == 0 || nonce_bytes > nonce_bytes_max) {
        return tee_bad_parameters;
    }
    if (!tee.memory.allows(params.values[0], nonce_bytes, Access::read) ||
        !tee.memory.allows(params.values[2], room, Access::write)) {
        return tee_access_denied;
    }
    const MemoryHash hash = tee.memory.hash();
    params.values[3] = hash.size() + modulus_bytes;
    if (room < params.values[3]) {
        return tee_short_buffer;
    }
    std::array<std::uint8_t, 32> digest{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(
        &context, pointer<void>(params.values[0]), static_cast<std::size_t>(nonce_bytes));
    br_sha256_update(&context, hash.data(), hash.size());
    br_sha256_out(&context, digest.data());
    std::array<std::uint8_t, 32> salt{};
    br_hmac_drbg_generate(&tee.random, salt.data(), salt.size());
    const std::optional<Signature> signature = sign_pss(tee.device_key, digest, salt);
    if (!signature) {
        return tee_security;
    }
    auto* const out = pointer<std::uint8_t>(params.values[2]);
    std::copy(hash.begin(), hash.end(), out);
    std::copy(signature->begin(), signature->end(), out + hash.size());
    return tee_success;
}

/// (UUID, timeout, params, session, origin)
std::uint32_t open_pseudo_ta(const std::uint64_t arguments[5]) {
    if (!tee.memory.allows(arguments[0], attestation_uuid.size(), Access::read) ||
        !put_word(arguments[3], 0) || !put_word(arguments[4], 0)) {
        return tee_access_denied;
    }
    if (std::memcmp(
            pointer<void>(arguments[0]), attestation_uuid.data(), attestation_uuid.size()) != 0) {
        return tee_item_not_found;
    }
    tee.attestation_open = true;
    put_word(arguments[3], attestation_session);
    return tee_success;
}

/// (session, timeout, command, params, origin)
std::uint32_t invoke_pseudo_ta(const std::uint64_t arguments[5]) {
    if (!tee.attestation_open || arguments[0] != attestation_session ||
        arguments[2] != command_hash_ta_memory) {
        return tee_bad_parameters;
    }
    if (!tee.memory.allows(arguments[3], sizeof(Params), Access::write) ||
        !put_word(arguments[4], 0)) {
        return tee_access_denied;
    }
    return hash_ta_memory(*pointer<Params>(arguments[3]));
}

std::uint32_t draw(std::uint64_t address, std::uint64_t bytes) {
    if (!tee.memory.allows(address, bytes, Access::write)) {
        return tee_access_denied;
    }
    br_hmac_drbg_generate(&tee.random, pointer<void>(address), static_cast<std::size_t>(bytes));
    return tee_success;
}

bool lies_shared(std::uint64_t address, std::uint64_t bytes) {
    return std::any_of(tee.shared.begin(), tee.shared.end(), [&](ByteView memory) {
        const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
        return address >= begin && address - begin <= memory.size() &&
               bytes <= memory.size() - (address - begin);
    });
}

/// (flags, address, bytes): the TA's own memory, or what was shared with it.
std::uint32_t check_rights(const std::uint64_t arguments[5]) {
    constexpr std::uint64_t write = 2;
    constexpr std::uint64_t any_owner = 4;
    const Access access = (arguments[0] & write) != 0 ? Access::write : Access::read;
    const bool is_shared =
        (arguments[0] & any_owner) != 0 && lies_shared(arguments[1], arguments[2]);
    return is_shared || tee.memory.allows(arguments[1], arguments[2], access) ? tee_success
                                                                              : tee_access_denied;
}

std::uint32_t mask(std::uint64_t old, bool masked) {
    if (!put_word(old, tee.cancellation_masked ? 1 : 0)) {
        return tee_access_denied;
    }
    tee.cancellation_masked = masked;
    return tee_success;
}

bool is_cancelled() {
    return tee.cancelled && !tee.cancellation_masked;
}

std::uint64_t answer(std::uint64_t number, const std::uint64_t arguments[5]) {
    ++tee.calls;
    switch (static_cast<Call>(number)) {
    case Call::log:
        return tee_success; // nobody listens
    case Call::panic:
        panic(arguments[0]);
    case Call::open_ta_session:
        return open_pseudo_ta(arguments);
    case Call::invoke_ta_command:
        return invoke_pseudo_ta(arguments);
    case Call::close_ta_session:
        tee.attestation_open = false;
        return tee_success;
    case Call::check_access_rights:
        return check_rights(arguments);
    case Call::get_cancellation_flag:
        return put_word(arguments[0], is_cancelled() ? 1 : 0) ? tee_success : tee_access_denied;
    case Call::mask_cancellation:
        return mask(arguments[0], true);
    case Call::unmask_cancellation:
        return mask(arguments[0], false);
    case Call::random_number:
        return draw(arguments[0], arguments[1]);
    default:
        return tee_not_supported;
    }
}

/// References to memory are refused before the TA sees them, unless they are empty.
bool are_clients(const Params& params) {
    for (std::size_t i = 0; i < optee::params_max; ++i) {
        const std::uint64_t bytes = params.values[2 * i + 1];
        if (is_memory(type_of(params.types, i)) && bytes != 0 &&
            !lies_shared(params.values[2 * i], bytes)) {
            return false;
        }
    }
    return true;
}

/// Of the TA's answers only what a client may get.
void bring_back(const Params& answered, Params& params) {
    for (std::size_t i = 0; i < optee::params_max; ++i) {
        const std::uint32_t type = type_of(params.types, i);
        if (type == type_value_output || type == type_value_inout) {
            params.values[2 * i] = static_cast<std::uint32_t>(answered.values[2 * i]);
            params.values[2 * i + 1] = static_cast<std::uint32_t>(answered.values[2 * i + 1]);
        } else if (type == type_memory_output || type == type_memory_inout) {
            params.values[2 * i + 1] = answered.values[2 * i + 1];
        }
    }
}

/// The parameters lie at the top of the TA's stack. (OP-TEE, `core/kernel/user_ta.c`)
std::uint32_t
enter(optee::Entry what, std::uint64_t session, std::uint64_t command, Params& params) {
    if (!are_clients(params)) {
        return tee_bad_parameters;
    }
    constexpr std::uint64_t stack_alignment = 16;
    const std::uint64_t top = (tee.memory.stack_top() - sizeof(Params)) & ~(stack_alignment - 1);
    auto* const given = pointer<Params>(top);
    *given = params;
    tee.cancellation_masked = true;
    tee.cancelled = false;
    const auto result = static_cast<std::uint32_t>(
        enter_ta(tee.memory.entry(), top, what, session, given, command));
    bring_back(*given, params);
    return result;
}

} // namespace

const char* start_tee(ByteView elf, const TaPlan& plan, const Machinery& machinery) {
    tee.device_key = machinery.device_key;
    br_hmac_drbg_init(
        &tee.random, &br_sha256_vtable, machinery.entropy.data(), machinery.entropy.size());
    if (const char* refusal = tee.memory.place(elf, plan)) {
        return refusal;
    }
    tee.attestation_open = false;
    static const bool gate_is_open = open_gate(answer);
    return gate_is_open ? nullptr : "the gate's place in memory is taken";
}

void share(std::span<const ByteView> memories) {
    tee.shared = {};
    std::copy(memories.begin(), memories.end(), tee.shared.begin());
}

void request_cancellation() {
    tee.cancelled = true;
}

std::uint32_t open_session(std::uint64_t session, Params& params) {
    return enter(optee::Entry::open_session, session, 0, params);
}

std::uint32_t invoke_command(std::uint64_t session, std::uint32_t command, Params& params) {
    return enter(optee::Entry::invoke_command, session, command, params);
}

std::uint32_t close_session(std::uint64_t session) {
    Params none;
    return enter(optee::Entry::close_session, session, 0, none);
}

std::uint64_t system_calls() {
    return tee.calls;
}

} // namespace authex::tee::trustzone
