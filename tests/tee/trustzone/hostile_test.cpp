// A hostile normal world around a real trusted application in the simulated TEE: its clients, and
// whoever has the machine's files. What it says to the entries alone: normal_world_test.cpp.
#include <gmock/gmock.h>

#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/machine_with_library.hpp"
#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/verifier.hpp"

namespace authex::tee::trustzone {
namespace {

using HostileWorld = test::MachineWithLibrary;
using test::frame;
using wire::Kind;

/// On a processor.
class HostileClient : public test::MachineWithLibrary,
                      public testing::WithParamInterface<std::tuple<const char*, const char*>> {};

TEST_P(HostileClient, HarmsNobody) {
    const auto& [what, machine] = GetParam();
    const auto honest = frame(Kind::call, 0, 7, std::vector<std::uint8_t>(64, 5));
    const auto file =
        folder_.write("frame", {reinterpret_cast<const char*>(honest.data()), honest.size()});
    const auto result =
        run_client("hostile_client", {install(build({}, machine)), file.string(), what}, machine);
    EXPECT_EQ(result.status, 0) << result.output;
}

INSTANTIATE_TEST_SUITE_P(TeeClientApi,
                         HostileClient,
                         testing::Combine(testing::Values("changes-memory-during-calls",
                                                          "gives-wrong-types",
                                                          "gives-no-or-huge-sizes",
                                                          "gives-null",
                                                          "invokes-without-a-session",
                                                          "enters-again",
                                                          "cancels",
                                                          "needs-no-call-of-the-tee"),
                                          testing::ValuesIn(test::machines())),
                         [](const auto& info) {
                             std::string name = std::string(std::get<0>(info.param)) + "_" +
                                                std::get<1>(info.param);
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST_F(HostileWorld, KillsBetweenCallsEndTheModuleAndANewOneBeginsAfresh) {
    const auto loader = open();
    std::vector<std::uint8_t> before;
    for (int i = 0; i < 5; ++i) {
        const auto link = start(*loader, image_);
        const std::vector<std::uint8_t> data = {1, 2, 3};
        EXPECT_TRUE(test::send(*link, frame(Kind::call, 0, 7, data)));
        const auto answer = test::receive(*link);
        EXPECT_TRUE(std::equal(data.rbegin(), data.rend(), answer.rbegin()));
        const auto report = test::report_of(*link);
        EXPECT_NE(report, before) << "what was said to the one before is not believed";
        before = report;
        end(*link);
    }
}

TEST_F(HostileWorld, AnotherTaUnderTheSameUuidIsNotTakenForTheModule) {
    const Image other = build("AUTHEX_ENTRY(leak, call) { call.result.u8(1); }\n");
    EXPECT_EQ(install(image_), install(other)) << "owner and name are the same";
    const auto loader = open();
    const auto link = start(*loader, other);
    const auto report = test::report_of(*link);
    const auto evidence = test::require(loader->evidence(spec(other), report));
    EXPECT_TRUE(TrustZoneVerifier().verify(evidence, expectation(other, report)));
    const auto claims = TrustZoneVerifier().verify(evidence, expectation(image_, report));
    ASSERT_FALSE(claims);
    EXPECT_EQ(claims.error().code, "evidence-identity");
    end(*link);
}

TEST_F(HostileWorld, AForgedAnswerOfTheAttestationIsRefused) {
    const auto loader = open();
    const auto link = start(*loader, image_);
    const auto report = test::report_of(*link);
    const Expectation wanted = expectation(image_, report);
    const auto code = [&](ByteView statement) {
        const auto claims = TrustZoneVerifier().verify(write_evidence(statement), wanted);
        return claims ? std::string() : claims.error().code;
    };
    std::vector<std::uint8_t> statement(report.begin() + wire::report_data_bytes, report.end());
    EXPECT_EQ(code(statement), "");
    // Of the same module, but an earlier one: its statement is about another handshake.
    end(*link);
    const auto next = start(*loader, image_);
    const auto later = test::report_of(*next);
    end(*next);
    EXPECT_EQ(code(ByteView(later).subspan(wire::report_data_bytes)), "evidence-forged");
    // As whoever knows all but the device's key can make it.
    const auto own = test::require(open_device_key(folder_.path() / "attackers-key.pem"));
    const auto digest =
        compile::sha256(std::string(wanted.report_data.begin(), wanted.report_data.end()) +
                        std::string(image_.identity.begin(), image_.identity.end()));
    std::array<std::uint8_t, 32> message{};
    std::copy(digest.begin(), digest.end(), message.begin());
    const auto signature = sign_pss(own.secret, message, {});
    ASSERT_TRUE(signature);
    std::copy(signature->begin(), signature->end(), statement.begin() + 32);
    EXPECT_EQ(code(statement), "evidence-forged");
    std::fill(statement.begin() + 32, statement.end(), std::uint8_t{0});
    EXPECT_EQ(code(statement), "evidence-forged") << "nobody vouched";
}

} // namespace
} // namespace authex::tee::trustzone
