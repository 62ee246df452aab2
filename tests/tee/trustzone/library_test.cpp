// TEEs that are reached through a library of the GP TEE Client API: modules on such a node, and any
// client program beside them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/owner.hpp"
#include "tee/trustzone/client/library_client.hpp"
#include "tee/trustzone/device_key_file.hpp"
#include "tee/trustzone/trustzone_modules.hpp"
#include "tee/trustzone/verifier.hpp"
#include "wire/handshake.hpp"

namespace authex::tee::trustzone {
namespace {

namespace fs = std::filesystem;
using test::frame;
using wire::Kind;

const Image& image() {
    static const Image built =
        test::build_ta("#include <authex/module.hpp>\n"
                       "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n"
                       "AUTHEX_ENTRY(crash, call) { __builtin_trap(); (void)call; }\n");
    return built;
}

SignedTa parsed(const std::string& content) {
    SignedTa ta;
    EXPECT_TRUE(parse_signed_ta(test::view_of(content), ta));
    return ta;
}

/// A machine whose TEE has a libteec, and a key.
class LibraryTest : public testing::Test {
  protected:
    void SetUp() override {
        fs::copy_file(fs::path(AUTHEX_BINARY_DIR) / "teec-double/libteec.so.1", library_);
        fs::create_directories(folder_.path() / "optee_armtz");
        const std::string secret(reinterpret_cast<const char*>(&device_.secret),
                                 sizeof device_.secret);
        folder_.write("device-key", secret);
    }
    [[nodiscard]] LoaderOptions options() const {
        return {.state_directory = folder_.path(),
                .device = folder_.path() / "tee0", // there is none
                .library = library_.string(),
                .ta_folder = folder_.path() / "optee_armtz",
                .host_program = fs::path(AUTHEX_BINARY_DIR) / "bin/authex-tz-host"};
    }
    /// As one that may be taken for hardware: no simulated manager is there.
    std::unique_ptr<TrustZoneLoader> open() {
        return test::require(TrustZoneLoader::open(options()));
    }
    ModuleSpec spec() { return test::spec_of_file(content_, "m"); }
    std::unique_ptr<ModuleLink> start(TrustZoneLoader& loader) {
        return test::require(loader.start(spec(), test::module_folder(folder_, "m", image().path)));
    }
    static void end(ModuleLink& link) {
        link.kill();
        EXPECT_TRUE(test::wait_exit(link));
    }

    test::TemporaryFolder folder_;
    fs::path library_ = folder_.path() / "libteec.so.1";
    DeviceKeyPair device_ =
        test::require(open_device_key(fs::path(AUTHEX_TEST_CACHE) / "library-device-key.pem"));
    std::string content_ = test::content_of(image());
};

TEST_F(LibraryTest, TheDevicesKeyIsAskedThroughIt) {
    const auto loader = open();
    EXPECT_FALSE(loader->info().simulated);
    EXPECT_EQ(loader->info().evidence_key,
              std::vector<std::uint8_t>(device_.modulus.begin(), device_.modulus.end()));
}

TEST_F(LibraryTest, AModuleAnswersAndIsFoundAgain) {
    auto loader = open();
    auto link = start(*loader);
    const auto call = [&](const std::vector<std::uint8_t>& data) {
        EXPECT_TRUE(test::send(*link, frame(Kind::call, 0, 7, data)));
        const auto answer = test::receive(*link);
        return answer.size() >= data.size() &&
               std::equal(data.rbegin(), data.rend(), answer.rbegin());
    };
    for (std::uint32_t i = 0; i < 500; ++i) {
        ASSERT_TRUE(call(std::vector<std::uint8_t>(i, static_cast<std::uint8_t>(i)))) << i;
    }
    link.reset();
    loader = open();
    link = test::require(loader->adopt(spec(), folder_.path() / "m"));
    EXPECT_TRUE(call({1, 2, 3}));
    end(*link);
}

TEST_F(LibraryTest, ItsEvidenceIsThatOfTheDevice) {
    const auto loader = open();
    const auto link = start(*loader);
    std::vector<std::uint8_t> report;
    test::Owner owner(1, [&](ByteView order) {
        EXPECT_TRUE(test::send(*link, order));
        std::vector<std::uint8_t> answer = test::receive(*link);
        wire::FrameView view;
        if (report.empty() && wire::parse_frame(answer, view) == Error::none) {
            Reader body(view.body);
            (void)body.take(body.u16());
            const ByteView rest = body.rest();
            report.assign(rest.begin(), rest.end());
        }
        return answer;
    });
    EXPECT_THROW(owner.attest(), std::runtime_error) << "the image is another owner's";
    const auto evidence = test::require(loader->evidence(spec(), report));
    const auto claims = TrustZoneVerifier().verify(
        evidence,
        {.identity = image().identity,
         .report_data = {report.begin(), report.begin() + wire::report_data_bytes},
         .evidence_key = {device_.modulus.begin(), device_.modulus.end()}});
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_EQ(claims->identity, image().identity);
    end(*link);
}

TEST_F(LibraryTest, ATaThatTheTeeDoesNotTakeIsRefusedWithItsCause) {
    LoaderOptions elsewhere = options();
    elsewhere.ta_folder = folder_.path() / "forgotten";
    fs::create_directories(elsewhere.ta_folder);
    const auto loader = test::require(TrustZoneLoader::open(elsewhere));
    const auto refused = loader->start(spec(), test::module_folder(folder_, "m", image().path));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "tee-missing") << to_text(refused.error());
    EXPECT_THAT(refused.error().fix, testing::HasSubstr("--ta-folder"));
}

TEST_F(LibraryTest, AFaultEndsTheModule) {
    const auto loader = open();
    const auto link = start(*loader);
    EXPECT_TRUE(test::send(*link, frame(Kind::call, 1, 7)));
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(LibraryTest, WithoutALibraryOrATeeBehindItNothingBegins) {
    const auto code = [](const LoaderOptions& options) {
        const auto loader = TrustZoneLoader::open(options);
        return loader ? std::string() : loader.error().code;
    };
    EXPECT_EQ(code(options()), "");
    LoaderOptions wrong = options();
    wrong.client = ClientWay::device;
    EXPECT_EQ(code(wrong), "tee-missing") << "a device was asked for";
    wrong = options();
    wrong.library = folder_.path() / "none.so";
    EXPECT_EQ(code(wrong), "tee-missing");
    wrong.library = "libm.so.6"; // has no function of the standard's
    EXPECT_EQ(code(wrong), "tee-missing");
    wrong = options();
    wrong.host_program = "/bin/true";
    EXPECT_EQ(code(wrong), "host-missing");
    fs::remove(folder_.path() / "device-key");
    EXPECT_EQ(code(options()), "tee-missing") << "no TEE answers";
}

TEST_F(LibraryTest, SharedMemoryAndSessionsAreBounded) {
    LibraryClient client;
    std::uint32_t session = 0;
    Parameters parameters = {Parameter{.kind = Parameter::Kind::memory_input, .memory = 0}};
    EXPECT_EQ(client.share(1).id, -1) << "before anything is loaded";
    EXPECT_EQ(client.open({}, session), client_failed);
    client.load(library_.c_str());
    ASSERT_TRUE(client.is_there());
    EXPECT_EQ(client.invoke(1, 0, parameters), client_failed) << "no session";
    const Uuid attestation = {0x39,
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
    EXPECT_EQ(client.open({9}, session), TEEC_ERROR_ITEM_NOT_FOUND);
    ASSERT_EQ(client.open(attestation, session), TEEC_SUCCESS);
    EXPECT_EQ(client.open(attestation, session), client_failed) << "one at a time";
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed) << "no such memory";
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(client.share(100).id, i);
    }
    EXPECT_EQ(client.share(100).id, -1);
    parameters[0].bytes = 101;
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed) << "behind its end";
    parameters[0].bytes = 100;
    parameters[0].offset = 1;
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed);
    parameters[0].offset = 0;
    EXPECT_EQ(client.invoke(session, 0, parameters), TEEC_ERROR_BAD_PARAMETERS);
    client.close(session);
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed);
}

TEST_F(LibraryTest, AClientProgramInCRunsWithIt) {
    const SignedTa ta = parsed(content_);
    fs::copy_file(image().path, folder_.path() / "optee_armtz" / (to_text(ta.uuid) + ".ta"));
    const auto result =
        test::require(compile::run_command({"env",
                                            "LD_LIBRARY_PATH=" + folder_.path().string(),
                                            AUTHEX_BINARY_DIR "/bin/authex_teec_client",
                                            to_text(ta.uuid),
                                            "100"},
                                           folder_.path()));
    EXPECT_EQ(result.status, 0) << result.output;
}

} // namespace
} // namespace authex::tee::trustzone
