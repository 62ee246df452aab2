// The client of a real TEE, against a kernel that refuses what Linux refuses.
#include <gmock/gmock.h>

#include "tee/modules.hpp"
#include "tee/trustzone/client/device_client.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/kernel_double.hpp"
#include "tee/trustzone/loader.hpp"

namespace authex::tee::trustzone {
namespace {

using test::KernelDouble;
using test::NormalWorld;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using wire::Kind;

class RealTee : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(open_real(client_, kernel_.ta), 0U); }
    void TearDown() override { (void)NormalWorld::close(); }
    process::Answer invoke(ByteView in) { return process::invoke(door_of_real(), in, out_); }

    KernelDouble kernel_;
    DeviceClient client_{kernel_};
    std::vector<std::uint8_t> in_ = test::frame(Kind::call, 0, 7, std::vector<std::uint8_t>(64, 5));
    std::vector<std::uint8_t> out_ = std::vector<std::uint8_t>(512 * 1024);
};

TEST_F(RealTee, FramesGoInAndOutThroughSharedMemory) {
    EXPECT_EQ(process::start_image(door_of_real(), out_, {}), 0U);
    for (int i = 0; i < 100; ++i) {
        const process::Answer answer = invoke(in_);
        ASSERT_TRUE(answer.good);
        EXPECT_EQ(answer.consumed, in_.size());
        wire::FrameView view;
        ASSERT_EQ(wire::parse_frame(ByteView(out_).first(answer.produced), view), Error::none);
        EXPECT_EQ(view.body.back(), 5);
    }
}

TEST_F(RealTee, MoreThanIsSharedIsLeftForTheNextTime) {
    std::vector<std::uint8_t> many;
    while (many.size() < 400'000) {
        many.insert(many.end(), in_.begin(), in_.end());
    }
    const process::Answer answer = invoke(many);
    ASSERT_TRUE(answer.good);
    EXPECT_GT(answer.consumed, 0U);
    EXPECT_LT(answer.consumed, 200'000U);
    EXPECT_EQ(answer.consumed % in_.size(), 0U);
}

TEST_F(RealTee, ImpossibleAnswersAndDeadTeesEndTheModule) {
    kernel_.lies = 1'000'000;
    EXPECT_FALSE(invoke(in_).good);
    kernel_.lies = 0;
    EXPECT_TRUE(invoke(in_).good);
    kernel_.failing = ENODEV;
    EXPECT_FALSE(invoke(in_).good);
    kernel_.failing = 0;
    EXPECT_EQ(NormalWorld::close(), 0U);
    EXPECT_FALSE(invoke(in_).good) << "the session is gone";
}

TEST(RealTeeOpening, SaysWhatIsMissing) {
    KernelDouble kernel;
    DeviceClient client(kernel);
    EXPECT_TRUE(client.is_there());
    kernel.implementation = 2;
    EXPECT_FALSE(client.is_there());
    EXPECT_EQ(open_real(client, {1}), KernelDouble::not_found);
    kernel.has_memory = false;
    EXPECT_EQ(open_real(client, kernel.ta), client_failed);
    kernel.has_memory = true;
    kernel.failing = EACCES;
    EXPECT_EQ(open_real(client, kernel.ta), client_failed);
}

TEST(RealTeeOpening, IsRefusedWithACauseForEachAnswerOfOptee) {
    const auto cause = [](std::uint32_t result) {
        const Refusal refusal = refusal_of(result);
        return std::string(refusal.code) + ": " + refusal.why.data();
    };
    EXPECT_THAT(cause(0xFFFF000F), StartsWith("image-signature: "));
    EXPECT_THAT(cause(0xFFFF0003), StartsWith("image-rollback: "));
    EXPECT_THAT(cause(0xFFFF0008), StartsWith("tee-missing: "));
    EXPECT_THAT(cause(0xFFFF000C), StartsWith("tee-full: "));
    EXPECT_THAT(cause(client_failed), StartsWith("tee-failed: "));
    EXPECT_EQ(cause(0xFFFF3024), "image-malformed: OP-TEE does not open the TA: 0xffff3024");
}

TEST(RealTeeOpening, HasARemedyForEachCauseThatIsKnown) {
    for (const std::uint32_t result :
         {0xFFFF000FU, 0xFFFF0003U, 0xFFFF0008U, 0xFFFF000CU, client_failed}) {
        EXPECT_STRNE(remedy_of(refusal_of(result).code), "") << result;
    }
    EXPECT_THAT(remedy_of("host-timeout"), HasSubstr("tee-supplicant"));
    EXPECT_STREQ(remedy_of(refusal_of(0xFFFF3024).code), "");
}

TEST(RealTeeKey, IsAskedOfTheAttestationPta) {
    KernelDouble kernel;
    DeviceClient client(kernel);
    const auto key = test::require(ask_device_key(client));
    EXPECT_TRUE(std::equal(key.modulus.begin(), key.modulus.end(), kernel.modulus.begin()));
    EXPECT_EQ(kernel.closed, 1U);
    kernel.modulus.resize(256);
    EXPECT_EQ(ask_device_key(client).error().code, "tee-missing") << "2048 bits";
    kernel.modulus.resize(512);
    EXPECT_EQ(ask_device_key(client).error().code, "tee-missing") << "4096 bits";
    kernel.modulus.resize(384);
    kernel.has_attestation = false;
    EXPECT_EQ(ask_device_key(client).error().code, "tee-missing");
    kernel.has_attestation = true;
    kernel.implementation = 3;
    EXPECT_EQ(ask_device_key(client).error().code, "tee-missing");
}

TEST(RealTeeKey, IsMissingWhereThereIsNoDevice) {
    const test::TemporaryFolder folder;
    const auto loader = TrustZoneLoader::open(
        {.state_directory = folder.path(),
         .client = ClientWay::device,
         .device = folder.path() / "tee0",
         .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-tz-host"});
    ASSERT_FALSE(loader);
    EXPECT_EQ(loader.error().code, "tee-missing");
}

} // namespace
} // namespace authex::tee::trustzone
