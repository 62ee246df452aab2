#pragma once
// What the simulated TEE has for its TA, and what system calls take and give. (OP-TEE OS 4.10,
// `core/arch/arm/tee/arch_svc.c`, `utee_syscalls.h`)

#include <array>
#include <atomic>
#include <cstdint>

#include <bearssl/bearssl_rand.h>

#include "base/bytes.hpp"
#include "tee/trustzone/port/optee/abi.hpp"
#include "tee/trustzone/simulator/device_key.hpp"
#include "tee/trustzone/simulator/hardware_key.hpp"
#include "tee/trustzone/simulator/memory.hpp"

namespace authex::tee::trustzone {

// Results of the standard. (GP TEE Internal Core API 1.3, table 3-1)
constexpr std::uint32_t tee_success = 0;
constexpr std::uint32_t tee_corrupt_object = 0xF0100001;
constexpr std::uint32_t tee_storage_not_available = 0xF0100003;
constexpr std::uint32_t tee_generic = 0xFFFF0000;
constexpr std::uint32_t tee_access_denied = 0xFFFF0001;
constexpr std::uint32_t tee_cancel = 0xFFFF0002;
constexpr std::uint32_t tee_access_conflict = 0xFFFF0003;
constexpr std::uint32_t tee_bad_format = 0xFFFF0005;
constexpr std::uint32_t tee_bad_parameters = 0xFFFF0006;
constexpr std::uint32_t tee_bad_state = 0xFFFF0007;
constexpr std::uint32_t tee_item_not_found = 0xFFFF0008;
constexpr std::uint32_t tee_not_implemented = 0xFFFF0009;
constexpr std::uint32_t tee_not_supported = 0xFFFF000A;
constexpr std::uint32_t tee_out_of_memory = 0xFFFF000C;
constexpr std::uint32_t tee_security = 0xFFFF000F;
constexpr std::uint32_t tee_short_buffer = 0xFFFF0010;
constexpr std::uint32_t tee_overflow = 0xFFFF300F;
constexpr std::uint32_t tee_storage_no_space = 0xFFFF3041;
constexpr std::uint32_t tee_mac_invalid = 0xFFFF3071;
constexpr std::uint32_t tee_signature_invalid = 0xFFFF3072;
constexpr std::uint32_t tee_time_not_set = 0xFFFF5000;

/// Of a system call; those that it does not have are anything.
using Arguments = std::array<std::uint64_t, 8>;

struct Core {
    TaMemory memory;
    DeviceKey device_key{};
    HardwareKey hardware_key{};
    std::array<std::uint8_t, 16> uuid{}; ///< of the TA, as TEE_UUID lies in memory
    br_hmac_drbg_context random{};
    std::array<ByteView, optee::params_max> shared; ///< with the client
    int storage = -1;                ///< descriptor of the file of the TA's objects, < 0: none
    bool cancellation_masked = true; ///< as each operation begins
    std::atomic<std::uint32_t> cancelled = 0; ///< 1: the client asks for it
    [[nodiscard]] bool is_cancelled() const { return cancelled != 0 && !cancellation_masked; }
    /// Whether all of this is shared with the client.
    [[nodiscard]] bool is_shared(std::uint64_t address, std::uint64_t bytes) const;
    /// What operations read and write: memory of the TA, or shared. Empty optional: the TA may not.
    [[nodiscard]] std::optional<ByteView> readable(std::uint64_t address,
                                                   std::uint64_t bytes) const;
    [[nodiscard]] std::optional<Bytes> writable(std::uint64_t address, std::uint64_t bytes) const;
};

/// utee_object_info. (`utee_types.h`)
struct ObjectInfo {
    std::uint32_t type = 0;
    std::uint32_t object_bits = 0;
    std::uint32_t object_bits_max = 0;
    std::uint32_t usage = 0;
    std::uint32_t data_bytes = 0;
    std::uint32_t position = 0;
    std::uint32_t flags = 0;
};

} // namespace authex::tee::trustzone
