#pragma once
// A TEE device whose kernel refuses what Linux refuses (drivers/tee/tee_core.c), over a trusted
// application of this program and an attestation PTA.

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <linux/tee.h>

#include "tee/process/descriptor.hpp"
#include "tee/trustzone/client/device_client.hpp"
#include "tee/trustzone/normal_world.hpp"

namespace authex::test {

class KernelDouble final : public tee::trustzone::TeeDriver {
  public:
    static constexpr std::uint32_t not_found = 0xFFFF0008;

    std::uint32_t implementation = TEE_IMPL_ID_OPTEE;
    bool has_attestation = true;
    bool has_memory = true;
    bool takes_memory = true;     ///< of processes
    bool registers_memory = true; ///< though it says that it takes it
    std::vector<std::uint8_t> modulus = std::vector<std::uint8_t>(384, 0xC1);
    tee::trustzone::Uuid ta{9};
    std::uint64_t lies = 0; ///< added to the values that a TA gives back
    int failing = 0;        ///< errno of every call from now on

    int control(unsigned long request, void* argument) override {
        if (failing != 0) {
            return -failing;
        }
        switch (request) {
        case TEE_IOC_VERSION:
            static_cast<tee_ioctl_version_data*>(argument)->impl_id = implementation;
            static_cast<tee_ioctl_version_data*>(argument)->gen_caps =
                TEE_GEN_CAP_GP | (takes_memory ? TEE_GEN_CAP_REG_MEM : 0);
            return 0;
        case TEE_IOC_SHM_REGISTER:
            return register_memory(*static_cast<tee_ioctl_shm_register_data*>(argument));
        case TEE_IOC_SHM_ALLOC:
            return allocate(*static_cast<tee_ioctl_shm_alloc_data*>(argument));
        case TEE_IOC_OPEN_SESSION:
            return open(*static_cast<tee_ioctl_buf_data*>(argument));
        case TEE_IOC_INVOKE:
            return invoke(*static_cast<tee_ioctl_buf_data*>(argument));
        case TEE_IOC_CLOSE_SESSION:
            ++closed;
            return 0;
        default:
            return -EINVAL;
        }
    }
    Bytes map(int descriptor, std::size_t bytes) override {
        auto& memory = memory_.at(descriptor - first_descriptor);
        return bytes <= memory.size() ? Bytes(memory).first(bytes) : Bytes();
    }
    /// All of it is mapped, and may be written: it is pinned with FOLL_WRITE.
    static bool may_write(std::uint64_t begin, std::uint64_t end) {
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            char* rest = nullptr;
            const std::uint64_t from = std::strtoull(line.c_str(), &rest, 16);
            const std::uint64_t to = std::strtoull(rest + 1, &rest, 16);
            if (from <= begin && begin < to && rest[2] == 'w') {
                begin = to;
            }
        }
        return begin >= end;
    }
    unsigned closed = 0;
    std::size_t allocated = 0; ///< bytes

  private:
    /// The pages of a process, as long as any descriptor of them is open.
    struct Registered {
        Bytes bytes;
        tee::process::Descriptor alive; ///< the reading end; the writing one is the descriptor
    };

    static constexpr int first_descriptor = 100;
    static constexpr int first_registered = 1000; ///< a number of memory
    static constexpr std::uint32_t attestation_session = 77;
    static constexpr std::uint32_t ta_session = 1;

    int allocate(tee_ioctl_shm_alloc_data& data) {
        if (data.flags != 0 || data.size == 0) {
            return -EINVAL;
        }
        if (!has_memory) {
            return -ENOMEM;
        }
        data.id = static_cast<std::int32_t>(memory_.size());
        memory_[data.id].resize((data.size + 4095) / 4096 * 4096);
        allocated += memory_[data.id].size();
        return first_descriptor + data.id;
    }
    int register_memory(tee_ioctl_shm_register_data& data) {
        if (!takes_memory) {
            return -EOPNOTSUPP;
        }
        if (data.flags != 0 || data.length == 0) {
            return -EINVAL;
        }
        if (!registers_memory) {
            return -ENOMEM;
        }
        if (!may_write(data.addr, data.addr + data.length)) {
            return -EFAULT;
        }
        int ends[2] = {-1, -1};
        if (::pipe2(ends, O_CLOEXEC) != 0) {
            return -errno;
        }
        data.id = first_registered + static_cast<int>(registered_.size());
        registered_.emplace(data.id,
                            Registered{.bytes = {reinterpret_cast<std::uint8_t*>(data.addr),
                                                 static_cast<std::size_t>(data.length)},
                                       .alive = tee::process::Descriptor(ends[0])});
        return ends[1];
    }
    /// Empty: there is none of that number.
    Bytes memory_of(int id) {
        if (const auto found = memory_.find(id); found != memory_.end()) {
            return found->second;
        }
        const auto found = registered_.find(id);
        if (found == registered_.end()) {
            return {};
        }
        pollfd look{.fd = found->second.alive.get(), .events = 0, .revents = 0};
        return ::poll(&look, 1, 0) == 0 ? found->second.bytes : Bytes();
    }
    int open(const tee_ioctl_buf_data& data) {
        auto& argument = *reinterpret_cast<tee_ioctl_open_session_arg*>(data.buf_ptr);
        if (data.buf_len < sizeof argument || data.buf_len > TEE_MAX_ARG_SIZE ||
            sizeof argument + argument.num_params * sizeof(tee_ioctl_param) != data.buf_len) {
            return -EINVAL;
        }
        static constexpr std::uint8_t attestation[] = {0x39,
                                                       0x80,
                                                       0x08,
                                                       0x61,
                                                       0x18,
                                                       0x2A,
                                                       0x47,
                                                       0x20,
                                                       0x9B,
                                                       0x67,
                                                       0x2B,
                                                       0xCD,
                                                       0x62,
                                                       0x2B,
                                                       0xC0,
                                                       0xB5};
        argument.ret = not_found;
        if (has_attestation && std::memcmp(argument.uuid, attestation, sizeof attestation) == 0) {
            argument.session = attestation_session;
            argument.ret = 0;
        } else if (std::memcmp(argument.uuid, ta.data(), ta.size()) == 0) {
            argument.session = ta_session;
            argument.ret = NormalWorld::open(ta_session);
        }
        return 0;
    }
    /// Null: what the kernel does not take.
    std::uint8_t* address(const tee_ioctl_param& parameter) {
        const Bytes memory = memory_of(static_cast<int>(parameter.c));
        return memory.empty() || parameter.a + parameter.b < parameter.a ||
                       parameter.a + parameter.b > memory.size()
                   ? nullptr
                   : memory.data() + parameter.a;
    }
    int invoke(const tee_ioctl_buf_data& data) {
        auto& argument = *reinterpret_cast<tee_ioctl_invoke_arg*>(data.buf_ptr);
        if (data.buf_len < sizeof argument || data.buf_len > TEE_MAX_ARG_SIZE ||
            sizeof argument + argument.num_params * sizeof(tee_ioctl_param) != data.buf_len) {
            return -EINVAL;
        }
        auto* const given = reinterpret_cast<tee_ioctl_param*>(data.buf_ptr + sizeof argument);
        NormalWorld::Params params;
        for (std::uint32_t i = 0; i < argument.num_params; ++i) {
            const std::uint64_t type = given[i].attr & TEE_IOCTL_PARAM_ATTR_TYPE_MASK;
            if ((given[i].attr & ~static_cast<std::uint64_t>(TEE_IOCTL_PARAM_ATTR_MASK)) != 0) {
                return -EINVAL;
            }
            params.types |= type << (4 * i);
            if (type >= TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INPUT) {
                std::uint8_t* const memory = address(given[i]);
                if (memory == nullptr) {
                    return -EINVAL;
                }
                params.values[2 * i] = reinterpret_cast<std::uintptr_t>(memory);
                params.values[2 * i + 1] = given[i].b;
            }
        }
        argument.ret = argument.session == attestation_session
                           ? public_key(params)
                           : NormalWorld::enter(2, argument.session, params, argument.func);
        for (std::uint32_t i = 0; i < argument.num_params; ++i) {
            const std::uint64_t type = given[i].attr & TEE_IOCTL_PARAM_ATTR_TYPE_MASK;
            if (type == TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_OUTPUT) {
                given[i].a = params.values[2 * i] + lies;
                given[i].b = params.values[2 * i + 1] + lies;
            } else if (type == TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_OUTPUT) {
                given[i].b = params.values[2 * i + 1];
            }
        }
        return 0;
    }
    std::uint32_t public_key(NormalWorld::Params& params) {
        if (params.types != 0x266) {
            return 0xFFFF0006;
        }
        static constexpr std::uint8_t exponent[] = {1, 0, 1};
        if (params.values[1] < sizeof exponent || params.values[3] < modulus.size()) {
            params.values[3] = modulus.size();
            return 0xFFFF0010;
        }
        std::memcpy(reinterpret_cast<void*>(params.values[0]), exponent, sizeof exponent);
        params.values[1] = sizeof exponent;
        std::memcpy(reinterpret_cast<void*>(params.values[2]), modulus.data(), modulus.size());
        params.values[3] = modulus.size();
        params.values[4] = 0x70414930;
        return 0;
    }

    std::map<int, std::vector<std::uint8_t>> memory_;
    std::map<int, Registered> registered_;
};

} // namespace authex::test
