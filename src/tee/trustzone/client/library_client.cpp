#include "tee/trustzone/client/library_client.hpp"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::uint32_t only_session = 1;

template <typename Function>
bool find_one(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

TEEC_UUID to_teec(const Uuid& uuid) {
    TEEC_UUID out{};
    out.timeLow = (std::uint32_t{uuid[0]} << 24U) | (std::uint32_t{uuid[1]} << 16U) |
                  (std::uint32_t{uuid[2]} << 8U) | uuid[3];
    out.timeMid = static_cast<std::uint16_t>((uuid[4] << 8U) | uuid[5]);
    out.timeHiAndVersion = static_cast<std::uint16_t>((uuid[6] << 8U) | uuid[7]);
    std::copy(uuid.begin() + 8, uuid.end(), out.clockSeqAndNode);
    return out;
}

/// As parts of shared memory, which the standard counts among the kinds of parameters.
std::uint32_t kind_of(Parameter::Kind kind) {
    switch (kind) {
    case Parameter::Kind::value_output:
        return TEEC_VALUE_OUTPUT;
    case Parameter::Kind::memory_input:
        return TEEC_MEMREF_PARTIAL_INPUT;
    case Parameter::Kind::memory_output:
        return TEEC_MEMREF_PARTIAL_OUTPUT;
    case Parameter::Kind::none:
        break;
    }
    return TEEC_NONE;
}

bool is_memory(Parameter::Kind kind) {
    return kind == Parameter::Kind::memory_input || kind == Parameter::Kind::memory_output;
}

} // namespace

LibraryClient::~LibraryClient() {
    if (!connected_) {
        return;
    }
    close(only_session);
    while (memory_count_ > 0) {
        call_.release_shared_memory(&memories_[--memory_count_]);
    }
    call_.finalize_context(&context_);
}

bool LibraryClient::find(void* library) {
    return find_one(library, "TEEC_InitializeContext", call_.initialize_context) &&
           find_one(library, "TEEC_FinalizeContext", call_.finalize_context) &&
           find_one(library, "TEEC_AllocateSharedMemory", call_.allocate_shared_memory) &&
           find_one(library, "TEEC_RegisterSharedMemory", call_.register_shared_memory) &&
           find_one(library, "TEEC_ReleaseSharedMemory", call_.release_shared_memory) &&
           find_one(library, "TEEC_OpenSession", call_.open_session) &&
           find_one(library, "TEEC_CloseSession", call_.close_session) &&
           find_one(library, "TEEC_InvokeCommand", call_.invoke_command);
}

void LibraryClient::load(const char* library) {
    // Never unloaded: it may have threads of its own.
    void* const found = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
    connected_ = found != nullptr && find(found) &&
                 call_.initialize_context(nullptr, &context_) == TEEC_SUCCESS;
}

SharedMemory LibraryClient::share(std::size_t bytes) {
    return take(nullptr, bytes, call_.allocate_shared_memory);
}

SharedMemory LibraryClient::register_memory(Bytes pages) {
    return take(pages.data(), pages.size(), call_.register_shared_memory);
}

/// @param buffer null: the library makes it
SharedMemory
LibraryClient::take(void* buffer, std::size_t bytes, decltype(&TEEC_AllocateSharedMemory) how) {
    if (!connected_ || memory_count_ == memories_.size()) {
        return {};
    }
    TEEC_SharedMemory& memory = memories_[memory_count_];
    memory = {};
    memory.buffer = buffer;
    memory.size = bytes;
    memory.flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT;
    if (how(&context_, &memory) != TEEC_SUCCESS || memory.buffer == nullptr) {
        return {};
    }
    return {.id = static_cast<std::int32_t>(memory_count_++),
            .bytes = {static_cast<std::uint8_t*>(memory.buffer), bytes}};
}

std::uint32_t LibraryClient::open(const Uuid& ta, std::uint32_t& session) {
    if (!connected_ || session_open_) {
        return client_failed;
    }
    const TEEC_UUID uuid = to_teec(ta);
    session_ = {};
    std::uint32_t origin = 0;
    const TEEC_Result result = call_.open_session(
        &context_, &session_, &uuid, TEEC_LOGIN_PUBLIC, nullptr, nullptr, &origin);
    session_open_ = result == TEEC_SUCCESS;
    session = only_session;
    return result;
}

bool LibraryClient::fill(const Parameters& parameters, TEEC_Operation& operation) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const Parameter& one = parameters[i];
        operation.paramTypes |= kind_of(one.kind) << (4 * i);
        if (!is_memory(one.kind)) {
            continue;
        }
        const auto memory = static_cast<std::size_t>(one.memory);
        if (one.memory < 0 || memory >= memory_count_ || one.offset > memories_[memory].size ||
            one.bytes > memories_[memory].size - one.offset) {
            return false;
        }
        operation.params[i].memref = {.parent = &memories_[memory],
                                      .size = static_cast<std::size_t>(one.bytes),
                                      .offset = static_cast<std::size_t>(one.offset)};
    }
    return true;
}

std::uint32_t
LibraryClient::invoke(std::uint32_t session, std::uint32_t command, Parameters& parameters) {
    TEEC_Operation operation{};
    if (!session_open_ || session != only_session || !fill(parameters, operation)) {
        return client_failed;
    }
    std::uint32_t origin = 0;
    const TEEC_Result result = call_.invoke_command(&session_, command, &operation, &origin);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        Parameter& one = parameters[i];
        if (one.kind == Parameter::Kind::value_output) {
            one.offset = operation.params[i].value.a;
            one.bytes = operation.params[i].value.b;
        } else if (one.kind == Parameter::Kind::memory_output) {
            one.bytes = std::min<std::uint64_t>(operation.params[i].memref.size, one.bytes);
        }
    }
    return result;
}

void LibraryClient::close(std::uint32_t session) {
    if (session_open_ && session == only_session) {
        call_.close_session(&session_);
        session_open_ = false;
    }
}

} // namespace authex::tee::trustzone
