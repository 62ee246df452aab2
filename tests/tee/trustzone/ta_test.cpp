// Trusted applications in the simulated TEE: loaded as OP-TEE loads them, entered, attested. Those
// of AArch64 run where qemu-aarch64 and a host for it are.
#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/image/ta_elf.hpp"
#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/trustzone_modules.hpp"
#include "tee/trustzone/verifier.hpp"

namespace authex::tee::trustzone {
namespace {

using test::frame;
using wire::Kind;

constexpr const char* source =
    "#include <authex/module.hpp>\n"
    "namespace { int initial = 41; int* pointer = &initial; const char* const words[] = {\"a\", "
    "\"bc\"}; }\n"
    "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n"
    "AUTHEX_ENTRY(crash, call) { *reinterpret_cast<volatile int*>(8) = 1; call.result.u8(1); }\n"
    "#if defined(__aarch64__)\n"
    "#define FAULT \"mov x8, #999; brk #1\" : : : \"x0\", \"x8\"\n"
    "#else\n"
    "#define FAULT \"ud2\"\n"
    "#endif\n"
    "AUTHEX_ENTRY(trap, call) { asm volatile(FAULT); call.result.u8(1); }\n"
    "AUTHEX_ENTRY(write_code, call) {\n"
    "    *reinterpret_cast<volatile char*>(reinterpret_cast<std::uintptr_t>(words)) = 1;\n"
    "    auto* code = reinterpret_cast<volatile char*>(__builtin_return_address(0));\n"
    "    *code = 1; call.result.u8(1);\n"
    "}\n"
    "AUTHEX_ENTRY(deep, call) {\n"
    "    std::uint8_t large[1 << 17]; large[0] = 1;\n"
    "    asm volatile(\"\" : : \"r\"(large) : \"memory\"); call.result.u8(large[9]);\n"
    "}\n"
    "AUTHEX_ENTRY(values, call) { ++*pointer; call.result.u32(initial);\n"
    "    call.result.u8(words[call.data[0]][0]); }\n";
enum Entry : std::uint16_t { echo, crash, trap, write_code, deep, values };

const Image& image_for(const std::string& machine) {
    static std::map<std::string, Image> built;
    const auto found = built.find(machine);
    return found != built.end()
               ? found->second
               : built.emplace(machine, test::build_ta(source, {.machine = machine})).first->second;
}

class TaTest : public testing::TestWithParam<const char*> {
  protected:
    static const Image& image() { return image_for(GetParam()); }
    static ModuleSpec spec(const std::string& name = "ta") {
        return test::spec_of_file(test::content_of(image()), name);
    }
    std::unique_ptr<ModuleLink> start(const std::string& name = "ta") {
        return test::require(
            loader_->start(spec(name), test::module_folder(folder_, name, image().path)));
    }
    static std::vector<std::uint8_t> call(ModuleLink& link, Entry entry, ByteView data) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, entry, 7, data)));
        const std::vector<std::uint8_t> answer = test::receive(link);
        wire::FrameView view;
        if (wire::parse_frame(answer, view) != Error::none) {
            return {};
        }
        return {view.body.begin(), view.body.end()};
    }
    Expectation expectation(ByteView report) {
        return {.identity = image().identity,
                .report_data = {report.begin(), report.begin() + wire::report_data_bytes},
                .evidence_key = loader_->info().evidence_key,
                .simulated = true,
                .simulation_allowed = true};
    }
    static void end(ModuleLink& link) {
        link.kill();
        EXPECT_TRUE(test::wait_exit(link));
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<TrustZoneLoader> loader_ = test::open_trustzone_loader(folder_);
};

INSTANTIATE_TEST_SUITE_P(Machines,
                         TaTest,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST(TaMachines, IncludeThatOfBoards) {
    if (!test::has_aarch64()) {
        GTEST_SKIP() << "nothing of AArch64 is tried: no qemu-user, or no libraries (tools/setup)";
    }
    EXPECT_THAT(test::machines(), testing::Contains(testing::StrEq("aarch64")));
}

TEST_P(TaTest, AnswersManyCalls) {
    const auto link = start();
    for (std::uint32_t i = 0; i < 1'000; ++i) {
        const std::vector<std::uint8_t> data(i % 700, static_cast<std::uint8_t>(i));
        const auto answer = call(*link, echo, data);
        ASSERT_TRUE(answer == data || answer.size() > data.size()) << i;
        ASSERT_TRUE(std::equal(data.rbegin(), data.rend(), answer.rbegin()));
    }
    end(*link);
}

TEST_P(TaTest, InitialValuesAndPointersAreThere) {
    const auto link = start();
    const std::vector<std::uint8_t> second = {1};
    for (const int expected : {42, 43}) {
        const auto answer = call(*link, values, second);
        ASSERT_GE(answer.size(), 5U);
        EXPECT_EQ(int{answer[answer.size() - 5]}, expected);
        EXPECT_EQ(answer.back(), 'b');
    }
    end(*link);
}

TEST_P(TaTest, AFaultEndsItAlone) {
    for (const Entry entry : {crash, trap, write_code, deep}) {
        const auto other = start("other");
        const auto link = start();
        EXPECT_TRUE(test::send(*link, frame(Kind::call, entry, 7)));
        EXPECT_TRUE(test::wait_exit(*link)) << entry;
        const std::vector<std::uint8_t> data = {1, 2, 3};
        EXPECT_FALSE(call(*other, echo, data).empty());
        end(*other);
    }
}

TEST_P(TaTest, IsFoundAgainByALaterManager) {
    auto link = start();
    link.reset();
    loader_ = test::open_trustzone_loader(folder_);
    link = test::require(loader_->adopt(spec(), folder_.path() / "ta"));
    const std::vector<std::uint8_t> data = {1, 2, 3};
    const auto answer = call(*link, echo, data);
    EXPECT_TRUE(std::equal(data.rbegin(), data.rend(), answer.rbegin()));
    end(*link);
}

TEST_P(TaTest, LeavesNoSecretOfTheDeviceInItsFolder) {
    const auto link = start();
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "ta/machinery"));
    end(*link);
}

TEST_P(TaTest, ItsEvidenceIsVerifiedUnderTheDevicesKey) {
    const auto link = start();
    const auto report = test::report_of(*link);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const auto claims = TrustZoneVerifier().verify(evidence, expectation(report));
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_TRUE(claims->simulated);
    EXPECT_EQ(claims->identity, image().identity);
    EXPECT_THAT(claims->text, testing::HasSubstr("simulated"));
    end(*link);
}

TEST_P(TaTest, EvidenceOfAnythingElseIsRefused) {
    const auto link = start();
    const auto report = test::report_of(*link);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const auto code = [&](const Expectation& wanted, ByteView bytes) {
        const auto claims = TrustZoneVerifier().verify(bytes, wanted);
        return claims ? std::string() : claims.error().code;
    };
    Expectation wanted = expectation(report);
    wanted.identity[0] ^= 1;
    EXPECT_EQ(code(wanted, evidence), "evidence-identity");
    wanted = expectation(report);
    wanted.report_data[31] ^= 1;
    EXPECT_EQ(code(wanted, evidence), "evidence-forged");
    wanted = expectation(report);
    wanted.simulation_allowed = false;
    EXPECT_EQ(code(wanted, evidence), "simulation-refused");
    wanted = expectation(report);
    wanted.evidence_key.clear(); // never enrolled
    EXPECT_EQ(code(wanted, evidence), "evidence-forged");
    wanted = expectation(report);
    wanted.evidence_key[100] ^= 1;
    EXPECT_EQ(code(wanted, evidence), "evidence-forged");
    wanted = expectation(report);
    for (std::size_t at = 0; at < evidence.size(); at += 7) {
        std::vector<std::uint8_t> forged = evidence;
        forged[at] ^= 1;
        EXPECT_EQ(code(wanted, forged), at < 8 ? "evidence-malformed" : "evidence-forged") << at;
    }
    std::vector<std::uint8_t> unsigned_one = evidence;
    std::fill(unsigned_one.begin() + 8, unsigned_one.end(), std::uint8_t{0});
    EXPECT_EQ(code(wanted, unsigned_one), "evidence-forged");
    for (const std::size_t size : {std::size_t{0}, std::size_t{4}, evidence.size() - 1}) {
        EXPECT_EQ(code(wanted, ByteView(evidence).first(size)), "evidence-malformed") << size;
    }
    end(*link);
}

TEST_P(TaTest, AnotherOneUnderItsUuidIsNotTakenForIt) {
    const Image other = test::build_ta("#include <authex/module.hpp>\n"
                                       "AUTHEX_ENTRY(leak, call) { call.result.u8(1); }\n",
                                       {.machine = GetParam()});
    EXPECT_EQ(other.labels[0].value, image().labels[0].value) << "owner and name are the same";
    const ModuleSpec of_other = test::spec_of_file(test::content_of(other), "ta");
    const auto link =
        test::require(loader_->start(of_other, test::module_folder(folder_, "ta", other.path)));
    const auto report = test::report_of(*link);
    const auto evidence = test::require(loader_->evidence(of_other, report));
    const auto claims = TrustZoneVerifier().verify(evidence, expectation(report));
    ASSERT_FALSE(claims);
    EXPECT_EQ(claims.error().code, "evidence-identity");
    end(*link);
}

TEST_P(TaTest, EachStartHasOtherRandomNumbers) {
    std::set<std::vector<std::uint8_t>> reports;
    for (int i = 0; i < 3; ++i) {
        const auto link = start();
        const auto report = test::report_of(*link);
        reports.insert({report.begin(), report.begin() + wire::report_data_bytes});
        end(*link);
    }
    EXPECT_EQ(reports.size(), 3U);
}

} // namespace
} // namespace authex::tee::trustzone
