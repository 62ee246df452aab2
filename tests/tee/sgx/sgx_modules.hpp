#pragma once
// Real enclaves for tests, over the simulated processor.

#include "tee/modules.hpp"
#include "tee/sgx/builder.hpp"
#include "tee/sgx/loader.hpp"

namespace authex::test {

inline std::unique_ptr<tee::Builder> sgx_builder() {
    return tee::sgx::make_builder({.home = AUTHEX_SOURCE_DIR, .cache = AUTHEX_TEST_CACHE});
}

/// Signed with one key of all tests: it takes a second to make.
inline tee::Image build_enclave(const std::string& source, bool debug = false) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    return require(sgx_builder()->build(
        {.module = "m",
         .sources = {"module.cpp"},
         .root = folder.path(),
         .owner_key = {1, 2, 3},
         .signing = {.key = std::filesystem::path(AUTHEX_TEST_CACHE) / "sgx-signing-key.pem",
                     .public_key = {},
                     .signatures = {}},
         .debug = debug}));
}

inline std::unique_ptr<tee::sgx::SgxLoader> open_sgx_loader(const TemporaryFolder& folder,
                                                            bool hide = false) {
    return require(tee::sgx::SgxLoader::open(
        {.state_directory = folder.path(),
         .simulate = true,
         .hide = hide,
         .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-sgx-host"}));
}

} // namespace authex::test
