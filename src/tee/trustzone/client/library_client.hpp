#pragma once
// Speaks to a TEE through its own library of the GP TEE Client API, loaded when it is needed:
// `libteec.so.1` of OP-TEE, or that of any other TEE which offers the standard's functions.

#include <array>

#include "tee/trustzone/client/client.hpp"
#include "tee/trustzone/client/tee_client_api.h"

namespace authex::tee::trustzone {

class LibraryClient final : public TeeClient {
  public:
    LibraryClient() = default;
    ~LibraryClient();
    LibraryClient(const LibraryClient&) = delete;
    LibraryClient& operator=(const LibraryClient&) = delete;

    /// Loads the library, and opens a context with the TEE that it takes by itself.
    /// @param library as dlopen() takes it
    void load(const char* library);

    /// A library that has all functions, and a TEE behind it.
    [[nodiscard]] bool is_there() override { return connected_; }
    /// Up to 4 in a client's life, of both kinds.
    SharedMemory share(std::size_t bytes) override;
    /// A library may keep a copy behind it, which it brings up to date at each call.
    SharedMemory register_memory(Bytes pages) override;
    /// One session at a time.
    std::uint32_t open(const Uuid& ta, std::uint32_t& session) override;
    std::uint32_t
    invoke(std::uint32_t session, std::uint32_t command, Parameters& parameters) override;
    void close(std::uint32_t session) override;

  private:
    struct Functions {
        decltype(&TEEC_InitializeContext) initialize_context = nullptr;
        decltype(&TEEC_FinalizeContext) finalize_context = nullptr;
        decltype(&TEEC_AllocateSharedMemory) allocate_shared_memory = nullptr;
        decltype(&TEEC_RegisterSharedMemory) register_shared_memory = nullptr;
        decltype(&TEEC_ReleaseSharedMemory) release_shared_memory = nullptr;
        decltype(&TEEC_OpenSession) open_session = nullptr;
        decltype(&TEEC_CloseSession) close_session = nullptr;
        decltype(&TEEC_InvokeCommand) invoke_command = nullptr;
    };
    [[nodiscard]] bool find(void* library);
    [[nodiscard]] SharedMemory
    take(void* buffer, std::size_t bytes, decltype(&TEEC_AllocateSharedMemory) how);
    [[nodiscard]] bool fill(const Parameters& parameters, TEEC_Operation& operation);

    Functions call_;
    bool connected_ = false;
    bool session_open_ = false;
    TEEC_Context context_{};
    TEEC_Session session_{};
    std::array<TEEC_SharedMemory, 4> memories_{};
    std::size_t memory_count_ = 0;
};

} // namespace authex::tee::trustzone
