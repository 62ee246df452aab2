#include "tee/trustzone/simulator/pseudo_ta.hpp"

#include <algorithm>
#include <cstring>

#include <bearssl/bearssl_hash.h>

#include "tee/trustzone/port/commands.hpp"

namespace authex::tee::trustzone {
namespace {

using optee::Params;

/// As TEE_UUID lies in memory. (`pta_attestation.h`, `pta_system.h`)
constexpr std::array<std::array<std::uint8_t, 16>, 2> uuids = {{{0x61,
                                                                 0x08,
                                                                 0x80,
                                                                 0x39,
                                                                 0x2A,
                                                                 0x18,
                                                                 0x20,
                                                                 0x47,
                                                                 0x9B,
                                                                 0x67,
                                                                 0x2B,
                                                                 0xCD,
                                                                 0x62,
                                                                 0x2B,
                                                                 0xC0,
                                                                 0xB5},
                                                                {0x78,
                                                                 0x89,
                                                                 0x2F,
                                                                 0x3A,
                                                                 0xC0,
                                                                 0x5D,
                                                                 0xE8,
                                                                 0x11,
                                                                 0x9C,
                                                                 0x2D,
                                                                 0xFA,
                                                                 0x7A,
                                                                 0xE0,
                                                                 0x1B,
                                                                 0xBE,
                                                                 0xBC}}};
/// Places in `uuids`; a session's number is one more.
enum Which : std::size_t { attestation, system };
std::array<bool, uuids.size()> open;

constexpr std::uint64_t in_and_out = 0x65; ///< types: memory in, memory out
constexpr std::size_t extra_bytes_max = 1024;

/// HASH_TA_MEMORY: hash ‖ signature of SHA-256(nonce ‖ hash). (`core/pta/attestation.c`)
std::uint32_t hash_ta_memory(Core& core, Params& params) {
    constexpr std::size_t nonce_bytes_max = 1024;
    const std::uint64_t room = params.values[3];
    if (params.types != in_and_out || params.values[1] == 0 || params.values[1] > nonce_bytes_max) {
        return tee_bad_parameters;
    }
    const auto nonce = core.memory.readable(params.values[0], params.values[1]);
    const auto out = core.memory.writable(params.values[2], room);
    if (!nonce || !out) {
        return tee_access_denied;
    }
    const MemoryHash hash = core.memory.hash();
    params.values[3] = hash.size() + modulus_bytes;
    if (room < params.values[3]) {
        return tee_short_buffer;
    }
    std::array<std::uint8_t, 32> digest{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, nonce->data(), nonce->size());
    br_sha256_update(&context, hash.data(), hash.size());
    br_sha256_out(&context, digest.data());
    std::array<std::uint8_t, 32> salt{};
    br_hmac_drbg_generate(&core.random, salt.data(), salt.size());
    const std::optional<Signature> signature = sign_pss(core.device_key, digest, salt);
    if (!signature) {
        return tee_security;
    }
    copy(hash, *out);
    copy(*signature, out->subspan(hash.size()));
    return tee_success;
}

/// PTA_SYSTEM_DERIVE_TA_UNIQUE_KEY: from hardware key, UUID and what the TA adds; into memory of
/// the TA's own alone. (`core/pta/system.c`)
std::uint32_t derive_ta_unique_key(const Core& core, const Params& params) {
    constexpr std::size_t key_bytes_min = 16;
    constexpr std::size_t key_bytes_max = 32;
    const std::uint64_t bytes = params.values[3];
    if (params.types != in_and_out || params.values[1] > extra_bytes_max || bytes < key_bytes_min ||
        bytes > key_bytes_max) {
        return tee_bad_parameters;
    }
    const auto out = core.memory.writable(params.values[2], bytes);
    if (!out) {
        return tee_security;
    }
    const auto extra = core.memory.readable(params.values[0], params.values[1]);
    if (!extra) {
        return tee_access_denied;
    }
    std::array<std::uint8_t, sizeof core.uuid + extra_bytes_max> data{};
    std::copy(core.uuid.begin(), core.uuid.end(), data.begin());
    copy(*extra, Bytes(data).subspan(core.uuid.size()));
    const auto key = derive(core.hardware_key,
                            Subkey::unique_ta,
                            ByteView(data).first(core.uuid.size() + extra->size()));
    copy(ByteView(key).first(out->size()), *out);
    return tee_success;
}

/// Of 64 bits, in two values.
std::uint64_t address_of(const Params& params) {
    return params.values[2] << 32U | (params.values[3] & 0xFFFFFFFFU);
}

/// PTA_SYSTEM_MAP_ZI: (bytes, flags), address, padding, which is none here. What libutee lends to
/// other TAs lies there.
std::uint32_t map_zeros(Core& core, Params& params) {
    constexpr std::uint64_t types = 0x131; // value in, in and out, in
    constexpr std::uint64_t shareable = 1;
    const std::uint64_t bytes = params.values[0];
    if (params.types != types || (params.values[1] & ~shareable) != 0 || bytes == 0) {
        return tee_bad_parameters;
    }
    if (address_of(params) != 0 || params.values[4] != 0 || params.values[5] != 0) {
        return tee_not_supported;
    }
    const std::uint64_t address = core.memory.map_zeros(bytes);
    params.values[2] = address >> 32U;
    params.values[3] = address & 0xFFFFFFFFU;
    return address != 0 ? tee_success : tee_out_of_memory;
}

/// PTA_SYSTEM_UNMAP: (bytes, 0), address.
std::uint32_t unmap_zeros(Core& core, const Params& params) {
    constexpr std::uint64_t types = 0x11; // values in
    return params.types == types && params.values[1] == 0 &&
                   core.memory.unmap_zeros(address_of(params), params.values[0])
               ? tee_success
               : tee_bad_parameters;
}

std::uint32_t invoke_system(Core& core, std::uint64_t command, Params& params) {
    enum Command : std::uint64_t { derive_key = 1, map_zi = 2, unmap = 3 }; // `pta_system.h`
    switch (command) {
    case derive_key:
        return derive_ta_unique_key(core, params);
    case map_zi:
        return map_zeros(core, params);
    case unmap:
        return unmap_zeros(core, params);
    default:
        return tee_not_implemented;
    }
}

} // namespace

std::uint32_t open_pseudo_ta(const Core& core, const Arguments& arguments) {
    std::array<std::uint8_t, 16> wanted{};
    if (!core.memory.take(arguments[0], wanted) ||
        !core.memory.put(arguments[3], std::uint32_t{0})) {
        return tee_access_denied;
    }
    (void)core.memory.put(arguments[4], std::uint32_t{0}); // libutee gives no place for it
    const auto found = std::find(uuids.begin(), uuids.end(), wanted);
    if (found == uuids.end()) {
        return tee_item_not_found;
    }
    const auto which = static_cast<std::size_t>(found - uuids.begin());
    open[which] = true;
    return core.memory.put(arguments[3], static_cast<std::uint32_t>(which + 1)) ? tee_success
                                                                                : tee_access_denied;
}

std::uint32_t invoke_pseudo_ta(Core& core, const Arguments& arguments) {
    Params params;
    if (arguments[0] == 0 || arguments[0] > open.size() || !open[arguments[0] - 1]) {
        return tee_bad_parameters;
    }
    if (!core.memory.take(arguments[3], params) || !core.memory.put(arguments[3], params)) {
        return tee_access_denied;
    }
    (void)core.memory.put(arguments[4], std::uint32_t{0});
    std::uint32_t result = tee_bad_parameters;
    if (arguments[0] - 1 == system) {
        result = invoke_system(core, arguments[2], params);
    } else if (arguments[2] == command_hash_ta_memory) {
        result = hash_ta_memory(core, params);
    }
    return core.memory.put(arguments[3], params) ? result : tee_access_denied;
}

std::uint32_t close_pseudo_ta(const Arguments& arguments) {
    if (arguments[0] == 0 || arguments[0] > open.size() || !open[arguments[0] - 1]) {
        return tee_bad_parameters;
    }
    open[arguments[0] - 1] = false;
    return tee_success;
}

void close_all_pseudo_tas() {
    open = {};
}

} // namespace authex::tee::trustzone
