#include "tee/trustzone/client/device_client.hpp"

#include <algorithm>
#include <cstddef>

#include <linux/tee.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t parameters_max = std::tuple_size_v<Parameters>;

/// tee_ioctl_open_session_arg and tee_ioctl_invoke_arg, whose parameters C++ has no words for: they
/// lie right behind, and the kernel wants the size of both.
struct OpenArgument {
    std::uint8_t uuid[TEE_IOCTL_UUID_LEN];
    std::uint8_t client_uuid[TEE_IOCTL_UUID_LEN];
    std::uint32_t client_login;
    std::uint32_t cancel_id;
    std::uint32_t session;
    std::uint32_t result;
    std::uint32_t origin;
    std::uint32_t parameter_count;
};
static_assert(sizeof(OpenArgument) == sizeof(tee_ioctl_open_session_arg) &&
              offsetof(OpenArgument, result) == offsetof(tee_ioctl_open_session_arg, ret));
struct InvokeArgument {
    std::uint32_t function;
    std::uint32_t session;
    std::uint32_t cancel_id;
    std::uint32_t result;
    std::uint32_t origin;
    std::uint32_t parameter_count;
    tee_ioctl_param parameters[parameters_max];
};
static_assert(offsetof(InvokeArgument, parameters) == sizeof(tee_ioctl_invoke_arg) &&
              offsetof(InvokeArgument, result) == offsetof(tee_ioctl_invoke_arg, ret));

template <typename T>
tee_ioctl_buf_data buffer_of(T& argument) {
    return {.buf_ptr = reinterpret_cast<std::uintptr_t>(&argument), .buf_len = sizeof argument};
}

tee_ioctl_param to_kernel(const Parameter& parameter) {
    tee_ioctl_param out{};
    out.attr = static_cast<std::uint64_t>(parameter.kind);
    out.a = parameter.offset;
    out.b = parameter.bytes;
    out.c = static_cast<std::uint64_t>(static_cast<std::int64_t>(parameter.memory));
    if (parameter.kind == Parameter::Kind::none ||
        parameter.kind == Parameter::Kind::value_output) {
        out.c = 0;
    }
    return out;
}

void from_kernel(const tee_ioctl_param& answered, Parameter& parameter) {
    if (parameter.kind == Parameter::Kind::value_output) {
        parameter.offset = static_cast<std::uint32_t>(answered.a);
        parameter.bytes = static_cast<std::uint32_t>(answered.b);
    } else if (parameter.kind == Parameter::Kind::memory_output) {
        parameter.bytes = std::min<std::uint64_t>(answered.b, parameter.bytes);
    }
}

} // namespace

std::uint32_t DeviceClient::capabilities() {
    tee_ioctl_version_data version{};
    return driver_.control(TEE_IOC_VERSION, &version) >= 0 && version.impl_id == TEE_IMPL_ID_OPTEE
               ? version.gen_caps
               : 0;
}

bool DeviceClient::is_there() {
    return (capabilities() & TEE_GEN_CAP_GP) != 0;
}

SharedMemory DeviceClient::share(std::size_t bytes) {
    tee_ioctl_shm_alloc_data data{};
    data.size = bytes;
    const int descriptor = driver_.control(TEE_IOC_SHM_ALLOC, &data);
    if (descriptor < 0 || data.size < bytes) {
        return {};
    }
    const Bytes mapped = driver_.map(descriptor, bytes);
    return mapped.empty() ? SharedMemory{} : SharedMemory{.id = data.id, .bytes = mapped};
}

SharedMemory DeviceClient::register_memory(Bytes pages) {
    if ((capabilities() & TEE_GEN_CAP_REG_MEM) == 0) {
        return {};
    }
    tee_ioctl_shm_register_data data{};
    data.addr = reinterpret_cast<std::uintptr_t>(pages.data());
    data.length = pages.size();
    const int descriptor = driver_.control(TEE_IOC_SHM_REGISTER, &data);
    if (descriptor < 0) {
        return {};
    }
    registered_ = descriptor;
    return {.id = data.id, .bytes = pages};
}

std::uint32_t DeviceClient::open(const Uuid& ta, std::uint32_t& session) {
    OpenArgument open{};
    std::copy(ta.begin(), ta.end(), open.uuid);
    open.client_login = TEE_IOCTL_LOGIN_PUBLIC;
    tee_ioctl_buf_data data = buffer_of(open);
    if (driver_.control(TEE_IOC_OPEN_SESSION, &data) < 0) {
        return client_failed;
    }
    session = open.session;
    return open.result;
}

std::uint32_t
DeviceClient::invoke(std::uint32_t session, std::uint32_t command, Parameters& parameters) {
    InvokeArgument invoke{};
    invoke.function = command;
    invoke.session = session;
    invoke.parameter_count = parameters_max;
    std::transform(parameters.begin(), parameters.end(), invoke.parameters, to_kernel);
    tee_ioctl_buf_data data = buffer_of(invoke);
    if (driver_.control(TEE_IOC_INVOKE, &data) < 0) {
        return client_failed;
    }
    for (std::size_t i = 0; i < parameters_max; ++i) {
        from_kernel(invoke.parameters[i], parameters[i]);
    }
    return invoke.result;
}

void DeviceClient::close(std::uint32_t session) {
    tee_ioctl_close_session_arg argument{};
    argument.session = session;
    (void)driver_.control(TEE_IOC_CLOSE_SESSION, &argument);
}

} // namespace authex::tee::trustzone
