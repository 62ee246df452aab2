// A library of the GP TEE Client API over the simulated TEE: any client program that is linked
// against libteec runs with it. In its own folder, or that which AUTHEX_DEVICE_FOLDER names where
// it is part of the program, it finds what a device has: `device-key`, and the trusted
// applications, `optee_armtz/UUID.ta`; it keeps their persistent objects in `objects/UUID`. One TA
// at a time in a process.
#include <array>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <unistd.h>
#include <vector>

#include <bearssl/bearssl_rsa.h>
#include <sys/random.h>

#include "tee/trustzone/client/tee_client_api.h"
#include "tee/trustzone/image/signed_ta.hpp"
#include "tee/trustzone/simulator/tee.hpp"

#define TEEC_EXPORT __attribute__((visibility("default")))

namespace {

using namespace authex;
using namespace authex::tee::trustzone;

constexpr TEEC_Result bad_format = 0xFFFF0005;
constexpr TEEC_Result out_of_memory = TEEC_ERROR_OUT_OF_MEMORY;
constexpr TEEC_UUID attestation_uuid = {
    0x39800861, 0x182A, 0x4720, {0x9B, 0x67, 0x2B, 0xCD, 0x62, 0x2B, 0xC0, 0xB5}};
constexpr std::uint32_t get_public_key = 0;
constexpr std::uint64_t public_key_types = 0x266;

/// First word of what a session keeps in its room.
enum Session : std::uint64_t { closed = 0, attestation = 1, ta = 2 };
constexpr std::uint64_t ta_session = 1;

std::mutex turn; ///< the TEE has one processor
bool ta_is_open = false;
std::vector<std::uint8_t> ta_file;
int storage = -1;

std::string folder() {
    if (const char* const named = std::getenv("AUTHEX_DEVICE_FOLDER")) {
        return std::string(named) + "/";
    }
    Dl_info info{};
    ::dladdr(reinterpret_cast<void*>(&folder), &info);
    const std::string file = info.dli_fname;
    return file.substr(0, file.rfind('/') + 1);
}

std::vector<std::uint8_t> content(const std::string& name) {
    std::ifstream file(folder() + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool read_machinery(Machinery& machinery) {
    const std::vector<std::uint8_t> key = content("device-key");
    if (key.size() != sizeof machinery.device_key ||
        ::getrandom(machinery.entropy.data(), machinery.entropy.size(), 0) !=
            static_cast<ssize_t>(machinery.entropy.size())) {
        return false;
    }
    std::memcpy(&machinery.device_key, key.data(), key.size());
    return true;
}

Uuid octets_of(const TEEC_UUID& from) {
    Uuid uuid = {static_cast<std::uint8_t>(from.timeLow >> 24U),
                 static_cast<std::uint8_t>(from.timeLow >> 16U),
                 static_cast<std::uint8_t>(from.timeLow >> 8U),
                 static_cast<std::uint8_t>(from.timeLow),
                 static_cast<std::uint8_t>(from.timeMid >> 8U),
                 static_cast<std::uint8_t>(from.timeMid),
                 static_cast<std::uint8_t>(from.timeHiAndVersion >> 8U),
                 static_cast<std::uint8_t>(from.timeHiAndVersion)};
    std::memcpy(uuid.data() + 8, from.clockSeqAndNode, sizeof from.clockSeqAndNode);
    return uuid;
}

/// A parameter of the API as the TEE has it; memory is shared for the call.
struct Shared {
    optee::Params params;
    std::array<ByteView, shared_max> memories;
};

bool take_memory(
    Shared& shared, std::size_t index, std::uint32_t type, void* buffer, std::size_t bytes) {
    shared.params.types |= std::uint64_t{type} << (4 * index);
    shared.params.values[2 * index] = reinterpret_cast<std::uintptr_t>(buffer);
    shared.params.values[2 * index + 1] = bytes;
    if (buffer != nullptr) {
        shared.memories[index] = {static_cast<const std::uint8_t*>(buffer), bytes};
    }
    return true;
}

bool take(Shared& shared, std::size_t index, std::uint32_t kind, const TEEC_Parameter& param) {
    if (kind <= TEEC_VALUE_INOUT) {
        shared.params.types |= std::uint64_t{kind} << (4 * index);
        shared.params.values[2 * index] = param.value.a;
        shared.params.values[2 * index + 1] = param.value.b;
        return true;
    }
    if (kind >= TEEC_MEMREF_TEMP_INPUT && kind <= TEEC_MEMREF_TEMP_INOUT) {
        return take_memory(shared, index, kind, param.tmpref.buffer, param.tmpref.size);
    }
    if (kind < TEEC_MEMREF_WHOLE) {
        return false;
    }
    const TEEC_SharedMemory* const parent = param.memref.parent;
    if (parent == nullptr) {
        return false;
    }
    if (kind == TEEC_MEMREF_WHOLE) {
        const std::uint32_t type = 4 + (parent->flags & (TEEC_MEM_INPUT | TEEC_MEM_OUTPUT));
        return type != 4 && take_memory(shared, index, type, parent->buffer, parent->size);
    }
    const std::uint32_t type = kind - TEEC_MEMREF_PARTIAL_INPUT + TEEC_MEMREF_TEMP_INPUT;
    return ((type - 4) & ~parent->flags) == 0 && param.memref.offset <= parent->size &&
           param.memref.size <= parent->size - param.memref.offset &&
           take_memory(shared,
                       index,
                       type,
                       static_cast<std::uint8_t*>(parent->buffer) + param.memref.offset,
                       param.memref.size);
}

constexpr std::uint32_t kind_at(std::uint32_t types, std::size_t index) {
    return (types >> (4 * index)) & 0xFU;
}

bool take_all(Shared& shared, const TEEC_Operation* operation) {
    for (std::size_t i = 0; operation != nullptr && i < optee::params_max; ++i) {
        if (!take(shared, i, kind_at(operation->paramTypes, i), operation->params[i])) {
            return false;
        }
    }
    share(shared.memories);
    return true;
}

void bring_back(const Shared& shared, TEEC_Operation* operation) {
    for (std::size_t i = 0; operation != nullptr && i < optee::params_max; ++i) {
        const std::uint32_t kind = kind_at(operation->paramTypes, i);
        const std::uint64_t* const values = &shared.params.values[2 * i];
        TEEC_Parameter& param = operation->params[i];
        if (kind == TEEC_VALUE_OUTPUT || kind == TEEC_VALUE_INOUT) {
            param.value = {static_cast<std::uint32_t>(values[0]),
                           static_cast<std::uint32_t>(values[1])};
        } else if (kind == TEEC_MEMREF_TEMP_OUTPUT || kind == TEEC_MEMREF_TEMP_INOUT) {
            param.tmpref.size = values[1];
        } else if (kind >= TEEC_MEMREF_WHOLE && kind != TEEC_MEMREF_PARTIAL_INPUT) {
            param.memref.size = values[1];
        }
    }
}

/// GET_PUBKEY of the attestation PTA.
TEEC_Result give_public_key(optee::Params& params) {
    Machinery machinery{};
    if (params.types != public_key_types || !read_machinery(machinery)) {
        return TEEC_ERROR_BAD_PARAMETERS;
    }
    static constexpr std::uint8_t exponent[] = {1, 0, 1};
    const bool fits = params.values[1] >= sizeof exponent && params.values[3] >= modulus_bytes;
    params.values[1] = sizeof exponent;
    params.values[3] = modulus_bytes;
    if (!fits) {
        return TEEC_ERROR_SHORT_BUFFER;
    }
    DeviceKey& key = machinery.device_key;
    const br_rsa_private_key secret{.n_bitlen = device_key_bits,
                                    .p = key.p.data(),
                                    .plen = prime_bytes,
                                    .q = key.q.data(),
                                    .qlen = prime_bytes,
                                    .dp = key.dp.data(),
                                    .dplen = prime_bytes,
                                    .dq = key.dq.data(),
                                    .dqlen = prime_bytes,
                                    .iq = key.iq.data(),
                                    .iqlen = prime_bytes};
    std::memcpy(reinterpret_cast<void*>(params.values[0]), exponent, sizeof exponent);
    br_rsa_compute_modulus_get_default()(reinterpret_cast<void*>(params.values[2]), &secret);
    params.values[4] = algorithm_pss;
    return TEEC_SUCCESS;
}

/// A file of the TA's own. < 0: there is none.
int open_storage(const Uuid& uuid) {
    std::error_code error;
    std::filesystem::create_directories(folder() + "objects", error);
    const std::string name = folder() + "objects/" + to_text(uuid);
    return ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

TEEC_Result open_ta(const Uuid& uuid, const TEEC_Operation* operation, Shared& shared) {
    if (ta_is_open) {
        return out_of_memory;
    }
    Machinery machinery{};
    ta_file = content("optee_armtz/" + to_text(uuid) + ".ta");
    SignedTa ta;
    if (ta_file.empty() || !read_machinery(machinery)) {
        return TEEC_ERROR_ITEM_NOT_FOUND;
    }
    if (!parse_signed_ta(ta_file, ta)) {
        return TEEC_ERROR_SECURITY;
    }
    if (storage >= 0) {
        ::close(storage);
    }
    machinery.storage = storage = open_storage(uuid);
    const TaPlan plan = plan_ta(ta.elf);
    if (plan.refusal != nullptr || ta.uuid != uuid || uuid_of(plan.head) != uuid) {
        return bad_format;
    }
    if (start_tee(ta.elf, plan, machinery) != nullptr) {
        return out_of_memory;
    }
    if (!take_all(shared, operation)) {
        return TEEC_ERROR_BAD_PARAMETERS;
    }
    const TEEC_Result result = open_session(ta_session, shared.params);
    ta_is_open = result == TEEC_SUCCESS;
    return result;
}

TEEC_Result say(std::uint32_t* origin, std::uint32_t who, TEEC_Result result) {
    if (origin != nullptr) {
        *origin = who;
    }
    return result;
}

} // namespace

extern "C" {

TEEC_EXPORT TEEC_Result TEEC_InitializeContext(const char* name, TEEC_Context* context) {
    Machinery machinery{};
    if (context == nullptr) {
        return TEEC_ERROR_BAD_PARAMETERS;
    }
    return name == nullptr && read_machinery(machinery) ? TEEC_SUCCESS : TEEC_ERROR_ITEM_NOT_FOUND;
}

TEEC_EXPORT void TEEC_FinalizeContext(TEEC_Context* /*context*/) {}

TEEC_EXPORT TEEC_Result TEEC_RegisterSharedMemory(TEEC_Context* context,
                                                  TEEC_SharedMemory* memory) {
    if (context == nullptr || memory == nullptr || memory->buffer == nullptr ||
        memory->flags == 0 || (memory->flags & ~(TEEC_MEM_INPUT | TEEC_MEM_OUTPUT)) != 0) {
        return TEEC_ERROR_BAD_PARAMETERS;
    }
    memory->imp.room[0] = 0;
    return TEEC_SUCCESS;
}

TEEC_EXPORT TEEC_Result TEEC_AllocateSharedMemory(TEEC_Context* context,
                                                  TEEC_SharedMemory* memory) {
    if (context == nullptr || memory == nullptr || memory->flags == 0 ||
        (memory->flags & ~(TEEC_MEM_INPUT | TEEC_MEM_OUTPUT)) != 0) {
        return TEEC_ERROR_BAD_PARAMETERS;
    }
    memory->buffer = std::calloc(1, memory->size == 0 ? 1 : memory->size);
    memory->imp.room[0] = 1;
    return memory->buffer != nullptr ? TEEC_SUCCESS : out_of_memory;
}

TEEC_EXPORT void TEEC_ReleaseSharedMemory(TEEC_SharedMemory* memory) {
    if (memory != nullptr && memory->imp.room[0] == 1) {
        std::free(memory->buffer);
        memory->buffer = nullptr;
        memory->imp.room[0] = 0;
    }
}

TEEC_EXPORT TEEC_Result TEEC_OpenSession(TEEC_Context* context,
                                         TEEC_Session* session,
                                         const TEEC_UUID* destination,
                                         std::uint32_t method,
                                         const void* /*data*/,
                                         TEEC_Operation* operation,
                                         std::uint32_t* origin) {
    if (context == nullptr || session == nullptr || destination == nullptr ||
        method != TEEC_LOGIN_PUBLIC) {
        return say(origin, TEEC_ORIGIN_API, TEEC_ERROR_BAD_PARAMETERS);
    }
    const std::lock_guard<std::mutex> own(turn);
    session->imp.room[0] = closed;
    if (std::memcmp(destination, &attestation_uuid, sizeof attestation_uuid) == 0) {
        session->imp.room[0] = attestation;
        return say(origin, TEEC_ORIGIN_TEE, TEEC_SUCCESS);
    }
    Shared shared;
    const TEEC_Result result = open_ta(octets_of(*destination), operation, shared);
    if (result == TEEC_SUCCESS) {
        bring_back(shared, operation);
        session->imp.room[0] = ta;
    }
    return say(origin, TEEC_ORIGIN_TEE, result);
}

TEEC_EXPORT void TEEC_CloseSession(TEEC_Session* session) {
    const std::lock_guard<std::mutex> own(turn);
    if (session != nullptr && session->imp.room[0] == ta) {
        (void)close_session(ta_session);
        ta_is_open = false;
    }
    if (session != nullptr) {
        session->imp.room[0] = closed;
    }
}

TEEC_EXPORT TEEC_Result TEEC_InvokeCommand(TEEC_Session* session,
                                           std::uint32_t command,
                                           TEEC_Operation* operation,
                                           std::uint32_t* origin) {
    const std::lock_guard<std::mutex> own(turn);
    Shared shared;
    if (session == nullptr || session->imp.room[0] == closed || !take_all(shared, operation)) {
        return say(origin, TEEC_ORIGIN_API, TEEC_ERROR_BAD_PARAMETERS);
    }
    TEEC_Result result = TEEC_ERROR_NOT_SUPPORTED;
    if (session->imp.room[0] == ta) {
        result = invoke_command(ta_session, command, shared.params);
    } else if (command == get_public_key) {
        result = give_public_key(shared.params);
    }
    bring_back(shared, operation);
    return say(
        origin, session->imp.room[0] == ta ? TEEC_ORIGIN_TRUSTED_APP : TEEC_ORIGIN_TEE, result);
}

/// Beside the standard's: calls of the TEE that its TA has made.
TEEC_EXPORT std::uint64_t authex_system_calls() {
    return system_calls();
}

TEEC_EXPORT void TEEC_RequestCancellation(TEEC_Operation* /*operation*/) {
    request_cancellation();
}
}
