#pragma once
// A machine whose TEE is reached through a library of the GP TEE Client API, and a module for it.

#include <gtest/gtest.h>

#include "tee/trustzone/device_key_file.hpp"
#include "tee/trustzone/trustzone_modules.hpp"
#include "tee/verifier.hpp"

namespace authex::test {

class MachineWithLibrary : public testing::Test {
  protected:
    void SetUp() override {
        std::filesystem::copy_file(
            std::filesystem::path(AUTHEX_BINARY_DIR) / "teec-double/libteec.so.1", library_);
        std::filesystem::create_directories(tas());
        folder_.write("device-key",
                      {reinterpret_cast<const char*>(&device_.secret), sizeof device_.secret});
    }
    static tee::Image build(const std::string& more = {}, const std::string& machine = "x86-64") {
        return build_ta("#include <authex/module.hpp>\n"
                        "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n" +
                            more,
                        {.machine = machine});
    }
    [[nodiscard]] std::filesystem::path tas() const { return folder_.path() / "optee_armtz"; }
    [[nodiscard]] tee::trustzone::LoaderOptions options() const {
        return {.state_directory = folder_.path(),
                .device = folder_.path() / "tee0", // there is none
                .library = library_.string(),
                .ta_folder = tas(),
                .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-tz-host"};
    }
    std::unique_ptr<tee::trustzone::TrustZoneLoader> open() {
        return require(tee::trustzone::TrustZoneLoader::open(options()));
    }
    static tee::ModuleSpec spec(const tee::Image& image) {
        return spec_of_file(content_of(image), "m");
    }
    std::unique_ptr<tee::ModuleLink> start(tee::trustzone::TrustZoneLoader& loader,
                                           const tee::Image& image) {
        return require(loader.start(spec(image), module_folder(folder_, "m", image.path)));
    }
    static void end(tee::ModuleLink& link) {
        link.kill();
        EXPECT_TRUE(wait_exit(link));
    }
    /// Where the TEE's loader finds it, as the normal world puts it there. @return its UUID
    [[nodiscard]] std::string install(const tee::Image& image) const {
        const std::string content = content_of(image);
        tee::trustzone::SignedTa ta;
        EXPECT_TRUE(tee::trustzone::parse_signed_ta(view_of(content), ta));
        const std::string uuid = tee::trustzone::to_text(ta.uuid);
        std::filesystem::copy_file(
            image.path, tas() / (uuid + ".ta"), std::filesystem::copy_options::overwrite_existing);
        return uuid;
    }
    /// Runs a client program that is linked against libteec, on the processor of the machine.
    [[nodiscard]] tee::compile::CommandResult
    run_client(const std::string& name,
               std::vector<std::string> arguments,
               const std::string& machine = "x86-64") const {
        const std::string folder = folder_.path().string();
        const std::string program = "authex_teec_" + name;
        std::vector<std::string> words = {
            "env", "LD_LIBRARY_PATH=" + folder, AUTHEX_BINARY_DIR "/bin/" + program};
        if (machine == "aarch64") {
            words = {"env",
                     "AUTHEX_DEVICE_FOLDER=" + folder,
                     "qemu-aarch64",
                     AUTHEX_BINARY_DIR "/bin/aarch64/" + program};
        }
        words.insert(words.end(), arguments.begin(), arguments.end());
        return require(tee::compile::run_command(words, folder_.path()));
    }
    [[nodiscard]] tee::Expectation expectation(const tee::Image& image, ByteView report) const {
        return {.identity = image.identity,
                .report_data = {report.begin(), report.begin() + wire::report_data_bytes},
                .evidence_key = {device_.modulus.begin(), device_.modulus.end()}};
    }

    TemporaryFolder folder_;
    std::filesystem::path library_ = folder_.path() / "libteec.so.1";
    tee::trustzone::DeviceKeyPair device_ = require(tee::trustzone::open_device_key(
        std::filesystem::path(AUTHEX_TEST_CACHE) / "library-device-key.pem"));
    tee::Image image_ = build();
};

} // namespace authex::test
