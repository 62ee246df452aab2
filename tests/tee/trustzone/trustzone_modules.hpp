#pragma once
// Real trusted applications for tests, over the simulated TEE.

#include <gtest/gtest.h>

#include "support/owner.hpp"
#include "tee/compile/compiler.hpp"
#include "tee/modules.hpp"
#include "tee/trustzone/builder.hpp"
#include "tee/trustzone/device_key_file.hpp"
#include "tee/trustzone/loader.hpp"
#include "wire/handshake.hpp"

namespace authex::test {

inline std::unique_ptr<tee::Builder> trustzone_builder() {
    return tee::trustzone::make_builder({.home = AUTHEX_SOURCE_DIR, .cache = AUTHEX_TEST_CACHE});
}

struct TaOptions {
    std::string machine = "x86-64";
    std::string module = "m";
    std::uint16_t version = 0;
    /// One key of all tests unless another is named: it takes a while to make.
    std::filesystem::path signing_key =
        std::filesystem::path(AUTHEX_TEST_CACHE) / "ta-signing-key.pem";
};

inline Expected<tee::Image> try_build_ta(const std::string& source, const TaOptions& options = {}) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    return trustzone_builder()->build(
        {.module = options.module,
         .sources = {"module.cpp"},
         .root = folder.path(),
         .owner_key = {1, 2, 3},
         .signing = {.key = options.signing_key, .public_key = {}, .signatures = {}},
         .svn = options.version,
         .machine = options.machine});
}
inline tee::Image build_ta(const std::string& source, const TaOptions& options = {}) {
    return require(try_build_ta(source, options));
}

inline std::string content_of(const tee::Image& image) {
    return require(tee::compile::read_file(image.path));
}
inline ByteView view_of(const std::string& content) {
    return {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()};
}

inline tee::ModuleSpec spec_of_file(const std::string& content, const std::string& name) {
    tee::ModuleSpec spec{.name = name, .deployment = 1};
    const std::vector<std::uint8_t> hash = tee::compile::sha256(content);
    std::copy(hash.begin(), hash.end(), spec.image_sha256.begin());
    return spec;
}

/// On a machine with a device key of its own.
inline std::unique_ptr<tee::trustzone::TrustZoneLoader>
open_another_machine(const TemporaryFolder& folder, const std::filesystem::path& ta_key = {}) {
    return require(tee::trustzone::TrustZoneLoader::open(
        {.state_directory = folder.path(),
         .simulate = true,
         .ta_key = ta_key,
         .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-tz-host"}));
}
inline std::unique_ptr<tee::trustzone::TrustZoneLoader>
open_trustzone_loader(const TemporaryFolder& folder, const std::filesystem::path& ta_key = {}) {
    // One of all tests: to make one takes a second.
    const std::filesystem::path kept =
        std::filesystem::path(AUTHEX_TEST_CACHE) / "tee-device-key.pem";
    (void)require(tee::trustzone::open_device_key(kept));
    std::filesystem::copy_file(
        kept, folder.path() / "tee-device-key.pem", std::filesystem::copy_options::skip_existing);
    return open_another_machine(folder, ta_key);
}

/// What the module answers to a handshake behind the Noise message: report data and statement. The
/// image is another owner's, so that the handshake does not end well.
inline std::vector<std::uint8_t> report_of(tee::ModuleLink& link) {
    std::vector<std::uint8_t> report;
    Owner owner(1, [&](ByteView order) {
        EXPECT_TRUE(send(link, order));
        std::vector<std::uint8_t> answer = receive(link);
        wire::FrameView view;
        if (report.empty() && wire::parse_frame(answer, view) == Error::none) {
            Reader body(view.body);
            (void)body.take(body.u16());
            const ByteView rest = body.rest();
            report.assign(rest.begin(), rest.end());
        }
        return answer;
    });
    EXPECT_THROW(owner.attest(), std::runtime_error);
    return report;
}

} // namespace authex::test
