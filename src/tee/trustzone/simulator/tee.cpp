#include "tee/trustzone/simulator/tee.hpp"

#include <algorithm>
#include <cstring>
#include <unistd.h>

#include "tee/trustzone/simulator/cipher.hpp"
#include "tee/trustzone/simulator/clock.hpp"
#include "tee/trustzone/simulator/core.hpp"
#include "tee/trustzone/simulator/derivation.hpp"
#include "tee/trustzone/simulator/digest.hpp"
#include "tee/trustzone/simulator/gate.hpp"
#include "tee/trustzone/simulator/key_attributes.hpp"
#include "tee/trustzone/simulator/key_generation.hpp"
#include "tee/trustzone/simulator/key_object.hpp"
#include "tee/trustzone/simulator/operation.hpp"
#include "tee/trustzone/simulator/properties.hpp"
#include "tee/trustzone/simulator/pseudo_ta.hpp"
#include "tee/trustzone/simulator/sealing.hpp"
#include "tee/trustzone/simulator/signature.hpp"
#include "tee/trustzone/simulator/storage.hpp"

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

Core core;
std::uint64_t calls = 0;

/// What the TA had open.
void close_all() {
    free_all_operations();
    close_all_key_objects();
    close_all_objects();
    close_all_pseudo_tas();
}

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

std::uint32_t draw(const Arguments& arguments) {
    const std::optional<Bytes> out = core.memory.writable(arguments[0], arguments[1]);
    if (!out) {
        return tee_access_denied;
    }
    br_hmac_drbg_generate(&core.random, out->data(), out->size());
    return tee_success;
}

/// (flags, address, bytes): the TA's own memory, which is secure, or what was shared with it, which
/// is not. (`core/mm/vm.c`)
std::uint32_t check_rights(const Arguments& arguments) {
    constexpr std::uint64_t write = 2;
    constexpr std::uint64_t any_owner = 4;
    constexpr std::uint64_t non_secure = 0x10000000;
    constexpr std::uint64_t secure = 0x20000000;
    const std::uint64_t flags = arguments[0];
    if ((flags & non_secure) != 0 && (flags & secure) != 0) {
        return tee_access_denied;
    }
    const Access access = (flags & write) != 0 ? Access::write : Access::read;
    const bool may_own =
        (flags & non_secure) == 0 && core.memory.allows(arguments[1], arguments[2], access);
    const bool may_share = (flags & any_owner) != 0 && (flags & secure) == 0 &&
                           core.is_shared(arguments[1], arguments[2]);
    return may_own || may_share ? tee_success : tee_access_denied;
}

std::uint64_t answer_storage(Call number, const Arguments& arguments) {
    switch (number) {
    case Call::storage_open:
        return open_object(core, arguments);
    case Call::storage_create:
        return create_object(core, arguments);
    case Call::storage_delete:
        return delete_object(core, arguments);
    case Call::storage_rename:
        return rename_object(core, arguments);
    case Call::storage_read:
        return read_object(core, arguments);
    case Call::storage_write:
        return write_object(core, arguments);
    case Call::storage_truncate:
        return truncate_object(core, arguments);
    case Call::storage_seek:
        return seek_object(core, arguments);
    default:
        return tee_not_supported;
    }
}

std::uint64_t answer_object(Call number, const Arguments& arguments) {
    switch (number) {
    case Call::object_get_info:
        return is_key_object(arguments[0]) ? get_key_object_info(core, arguments)
                                           : get_object_info(core, arguments);
    case Call::object_close:
        return is_key_object(arguments[0]) ? close_key_object(arguments) : close_object(arguments);
    case Call::object_restrict_usage:
        return restrict_usage(arguments);
    case Call::object_get_attribute:
        return get_attribute(core, arguments);
    case Call::object_allocate:
        return allocate_object(core, arguments);
    case Call::object_reset:
        return reset_object(arguments);
    case Call::object_populate:
        return populate_object(core, arguments);
    case Call::object_copy:
        return copy_object(arguments);
    case Call::object_generate_key:
        return generate_key(core, arguments);
    default:
        return answer_storage(number, arguments);
    }
}

std::uint64_t answer_operation(Call number, const Arguments& arguments) {
    switch (number) {
    case Call::state_allocate:
        return allocate_operation(core, arguments);
    case Call::state_copy:
        return copy_operation(arguments);
    case Call::state_free:
        return free_operation(arguments);
    case Call::hash_init:
        return begin_hash(arguments);
    case Call::hash_update:
        return update_hash(core, arguments);
    case Call::hash_final:
        return end_hash(core, arguments);
    case Call::cipher_init:
        return begin_cipher(core, arguments);
    case Call::cipher_update:
        return update_cipher(core, arguments);
    case Call::cipher_final:
        return end_cipher(core, arguments);
    case Call::asymm_operate:
        return sign(core, arguments);
    case Call::asymm_verify:
        return verify(core, arguments);
    case Call::derive_key:
        return derive_key(core, arguments);
    case Call::authenc_init:
        return begin_sealing(core, arguments);
    case Call::authenc_update_aad:
        return add_data(core, arguments);
    case Call::authenc_update_payload:
        return update_payload(core, arguments);
    case Call::authenc_enc_final:
        return end_sealing(core, arguments);
    case Call::authenc_dec_final:
        return end_opening(core, arguments);
    default:
        return answer_object(number, arguments);
    }
}

std::uint64_t answer(std::uint64_t number, const Arguments& arguments) {
    ++calls;
    switch (static_cast<Call>(number)) {
    case Call::log:
        return tee_success; // nobody listens
    case Call::panic:
        ::_exit(exit_ta_panicked); // the process has no descriptor left to say why
    case Call::get_property:
        return get_property(core, arguments);
    case Call::get_property_name_to_index:
        return get_property_index(core, arguments);
    case Call::open_ta_session:
        return open_pseudo_ta(core, arguments);
    case Call::invoke_ta_command:
        return invoke_pseudo_ta(core, arguments);
    case Call::close_ta_session:
        return close_pseudo_ta(arguments);
    case Call::check_access_rights:
        return check_rights(arguments);
    case Call::get_cancellation_flag:
        return get_cancellation_flag(core, arguments);
    case Call::mask_cancellation:
        return mask_cancellation(core, arguments, true);
    case Call::unmask_cancellation:
        return mask_cancellation(core, arguments, false);
    case Call::wait:
        return wait(core, arguments);
    case Call::get_time:
        return get_time(core, arguments);
    case Call::set_ta_time:
        return set_ta_time(core, arguments);
    case Call::random_number:
        return draw(arguments);
    default:
        return answer_operation(static_cast<Call>(number), arguments);
    }
}

/// References to memory are refused before the TA sees them, unless they are empty.
bool are_clients(const Params& params) {
    for (std::size_t i = 0; i < optee::params_max; ++i) {
        const std::uint64_t bytes = params.values[2 * i + 1];
        if (is_memory(type_of(params.types, i)) && bytes != 0 &&
            !core.is_shared(params.values[2 * i], bytes)) {
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
    const std::uint64_t top = (core.memory.stack_top() - sizeof(Params)) & ~(stack_alignment - 1);
    auto* const given = pointer<Params>(top);
    *given = params;
    core.cancellation_masked = true;
    core.cancelled = 0;
    const auto result = static_cast<std::uint32_t>(
        enter_ta(core.memory.entry(), top, what, session, given, command));
    bring_back(*given, params);
    return result;
}

} // namespace

const char* start_tee(ByteView elf, const TaPlan& plan, const Machinery& machinery) {
    core.device_key = machinery.device_key;
    br_hmac_drbg_init(
        &core.random, &br_sha256_vtable, machinery.entropy.data(), machinery.entropy.size());
    if (const char* refusal = core.memory.place(elf, plan)) {
        return refusal;
    }
    std::memcpy(core.uuid.data(), &plan.head, core.uuid.size()); // it begins with it
    core.hardware_key = hardware_key_of(machinery.device_key);
    core.storage = machinery.storage;
    close_all();
    static const bool gate_is_open = open_gate(answer);
    return gate_is_open ? nullptr : "the gate's place in memory is taken";
}

void share(std::span<const ByteView> memories) {
    core.shared = {};
    std::copy(memories.begin(), memories.end(), core.shared.begin());
}

void request_cancellation() {
    request_cancellation(core);
}

std::uint32_t open_session(std::uint64_t session, Params& params) {
    return enter(optee::Entry::open_session, session, 0, params);
}

std::uint32_t invoke_command(std::uint64_t session, std::uint32_t command, Params& params) {
    return enter(optee::Entry::invoke_command, session, command, params);
}

std::uint32_t close_session(std::uint64_t session) {
    Params none;
    const std::uint32_t result = enter(optee::Entry::close_session, session, 0, none);
    close_all();
    return result;
}

std::uint64_t system_calls() {
    return calls;
}

} // namespace authex::tee::trustzone
