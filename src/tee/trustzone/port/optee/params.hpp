#pragma once
// Parameters of an entry or a call, as the standard's interface and OP-TEE's have them.

#include "tee/trustzone/port/internal_api.hpp"
#include "tee/trustzone/port/optee/abi.hpp"

namespace authex::tee::trustzone::optee {

inline bool is_memory(std::uint32_t type) {
    return type >= TEE_PARAM_TYPE_MEMREF_INPUT;
}

/// An address as system calls take it.
template <typename T>
std::uint64_t word(T* pointer) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
}

inline void from_wire(const Params& params, TEE_Param out[params_max]) {
    for (std::size_t i = 0; i < params_max; ++i) {
        const std::uint64_t first = params.values[2 * i];
        const std::uint64_t second = params.values[2 * i + 1];
        if (is_memory((params.types >> (4 * i)) & 0xFU)) {
            out[i].memref = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(first)),
                             static_cast<std::size_t>(second)};
        } else {
            out[i].value = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(second)};
        }
    }
}

inline void to_wire(const TEE_Param in[params_max], std::uint32_t types, Params& params) {
    params.types = types;
    for (std::size_t i = 0; i < params_max; ++i) {
        if (is_memory((types >> (4 * i)) & 0xFU)) {
            params.values[2 * i] =
                static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(in[i].memref.buffer));
            params.values[2 * i + 1] = in[i].memref.size;
        } else {
            params.values[2 * i] = in[i].value.a;
            params.values[2 * i + 1] = in[i].value.b;
        }
    }
}

} // namespace authex::tee::trustzone::optee
