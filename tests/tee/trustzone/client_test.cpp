// The client of a real TEE, against a kernel that refuses what Linux refuses.
#include <unistd.h>

#include <gmock/gmock.h>

#include "tee/modules.hpp"
#include "tee/process/manager_end.hpp"
#include "tee/process/memory_file.hpp"
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

/// What a kernel does with memory that a process wants to register.
enum class Kernel : std::uint8_t { registers_memory, does_not, says_so_but_does_not };

/// A module's process between its rings and a real TEE; the manager writes and reads their other
/// ends.
class RealTee : public testing::TestWithParam<Kernel> {
  protected:
    void SetUp() override {
        kernel_.takes_memory = GetParam() != Kernel::does_not;
        kernel_.registers_memory = GetParam() == Kernel::registers_memory;
        ASSERT_EQ(open_real(client_, kernel_.ta, area_), 0U);
        ASSERT_EQ(shares_rings(), GetParam() == Kernel::registers_memory);
    }
    void TearDown() override {
        (void)NormalWorld::close();
        ::close(client_.registered());
    }
    /// One invocation of what lies in the ring, as far as the process goes.
    process::Answer invoke() {
        const process::Answer answer =
            process::invoke(door_of_real(), end_.readable().value(), end_.writable().value());
        if (answer.good) {
            end_.commit(answer.produced);
            end_.consume(answer.consumed);
        }
        return answer;
    }
    void send(ByteView frames) {
        const Bytes room = manager_.writable().value();
        ASSERT_GE(room.size(), frames.size());
        copy(frames, room);
        manager_.commit(frames.size());
    }
    process::Answer invoke(ByteView frames) {
        send(frames);
        return invoke();
    }

    KernelDouble kernel_;
    DeviceClient client_{kernel_};
    test::MemoryFile file_{process::ring_bytes_default};
    process::SharedArea area_ = file_.map(process::End::module);
    process::SharedArea managers_area_ = file_.map(process::End::manager);
    process::ModuleEnd end_{area_, -1};
    process::ManagerEnd manager_{managers_area_};
    std::vector<std::uint8_t> in_ = test::frame(Kind::call, 0, 7, std::vector<std::uint8_t>(64, 5));
};

INSTANTIATE_TEST_SUITE_P(Kernels,
                         RealTee,
                         testing::Values(Kernel::registers_memory,
                                         Kernel::does_not,
                                         Kernel::says_so_but_does_not),
                         [](const auto& info) {
                             return info.param == Kernel::registers_memory ? "RegistersMemory"
                                    : info.param == Kernel::does_not       ? "DoesNot"
                                                                           : "SaysSoButDoesNot";
                         });

TEST_P(RealTee, FramesGoInAndOutAllAroundTheRings) {
    EXPECT_EQ(process::start_image(door_of_real(), area_.rings(), {}), 0U);
    const std::size_t rounds = 3 * process::ring_bytes_default / in_.size();
    for (std::size_t i = 0; i < rounds; ++i) {
        const process::Answer answer = invoke(in_);
        ASSERT_TRUE(answer.good);
        ASSERT_EQ(answer.consumed, in_.size());
        const ByteView out = manager_.readable().value();
        wire::FrameView view;
        ASSERT_EQ(wire::parse_frame(out, view), Error::none) << i;
        ASSERT_EQ(view.body.back(), 5);
        manager_.consume(out.size());
    }
}

TEST_P(RealTee, MoreThanOneInvocationTakesIsLeftForTheNext) {
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

TEST_P(RealTee, ImpossibleAnswersAndDeadTeesEndTheModule) {
    kernel_.lies = 1'000'000;
    EXPECT_FALSE(invoke(in_).good);
    kernel_.lies = 0;
    EXPECT_TRUE(invoke().good);
    kernel_.failing = ENODEV;
    EXPECT_FALSE(invoke(in_).good);
    kernel_.failing = 0;
    EXPECT_EQ(NormalWorld::close(), 0U);
    EXPECT_FALSE(invoke().good) << "the session is gone";
}

TEST_P(RealTee, AllocatesNothingWhereTheRingsAreShared) {
    EXPECT_EQ(kernel_.allocated == 0, shares_rings());
}

using RegisteringTee = RealTee;
INSTANTIATE_TEST_SUITE_P(Kernels, RegisteringTee, testing::Values(Kernel::registers_memory));

TEST_P(RegisteringTee, TheInRingStaysReadOnlyToTheProcess) {
    const auto begin = reinterpret_cast<std::uintptr_t>(area_.in_ring().base);
    const std::size_t page = process::page_bytes;
    for (std::size_t at = 0; at < 2 * area_.in_ring().bytes; at += page) {
        ASSERT_FALSE(KernelDouble::may_write(begin + at, begin + at + page)) << at;
    }
}

TEST_P(RegisteringTee, FramesElsewhereAreNotGivenToTheTee) {
    std::vector<std::uint8_t> out(process::ring_bytes_min);
    const Bytes in_rings = end_.writable().value();
    EXPECT_FALSE(process::invoke(door_of_real(), in_, in_rings).good);
    EXPECT_FALSE(process::invoke(door_of_real(), in_rings.first(64), out).good);
    const ByteView rings = area_.rings();
    EXPECT_FALSE(
        process::invoke(door_of_real(), {rings.data() + rings.size() - 8, 9}, in_rings).good)
        << "over their end";
    EXPECT_TRUE(invoke(in_).good);
}

TEST_P(RegisteringTee, TheTeeKnowsTheMemoryAsLongAsItsDescriptorIsOpen) {
    const process::Descriptor moved(::dup(client_.registered()));
    ::close(client_.registered());
    EXPECT_TRUE(invoke(in_).good);
}

TEST(RealTeeOpening, SaysWhatIsMissing) {
    KernelDouble kernel;
    DeviceClient client(kernel);
    EXPECT_TRUE(client.is_there());
    kernel.implementation = 2;
    EXPECT_FALSE(client.is_there());
    const test::MemoryFile file;
    const process::SharedArea area = file.map(process::End::module);
    EXPECT_EQ(open_real(client, {1}, area), KernelDouble::not_found);
    kernel.takes_memory = false;
    kernel.has_memory = false;
    EXPECT_EQ(open_real(client, kernel.ta, area), client_failed);
    kernel.has_memory = true;
    kernel.failing = EACCES;
    EXPECT_EQ(open_real(client, kernel.ta, area), client_failed);
}

TEST(RealTeeOpening, IsRefusedWithACauseForEachAnswerOfOptee) {
    const auto cause = [](std::uint32_t result) {
        const Refusal refusal = refusal_of(result);
        return std::string(refusal.code) + ": " + refusal.why.data();
    };
    EXPECT_THAT(cause(0xFFFF000F),
                testing::AllOf(StartsWith("image-signature: "),
                               HasSubstr("another key"),
                               HasSubstr("damaged"),
                               HasSubstr("secure storage")));
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
    EXPECT_THAT(remedy_of("image-signature"),
                testing::AllOf(HasSubstr("signing"), HasSubstr("/var/lib/tee")))
        << "one result, several causes";
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
