#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {
namespace {

class PolicyTest : public testing::Test {
  protected:
    Scene scene_;
    Policy policy_;

    void expect_accepted() {
        const Verdict verdict = verify(scene_.build(), policy_);
        EXPECT_TRUE(verdict.genuine) << story(verdict);
        EXPECT_EQ(verdict.outcome, Outcome::accepted) << story(verdict);
    }
    void expect_refused(const char* step) {
        const Verdict verdict = verify(scene_.build(), policy_);
        EXPECT_TRUE(verdict.genuine) << story(verdict);
        EXPECT_EQ(verdict.outcome, Outcome::refused);
        EXPECT_EQ(failed_step(verdict), step) << story(verdict);
        ASSERT_NE(verdict.steps.failure(), nullptr);
        EXPECT_EQ(verdict.steps.failure()->problem->code, "policy-refused");
        EXPECT_THAT(verdict.steps.failure()->problem->detail, testing::StartsWith("expected: "));
        EXPECT_FALSE(verdict.steps.failure()->problem->fix.empty());
    }
};

TEST_F(PolicyTest, AnEnclaveInDebugModeIsRefusedByDefault) {
    scene_.quote.body.attributes.flags |= attribute::debug;
    expect_refused("policy-debug");
    policy_.allow_debug = true;
    expect_accepted();
}

TEST_F(PolicyTest, AttributesThatAnApplicationHasNoUseForAreRefused) {
    const std::uint64_t good = scene_.quote.body.attributes.flags;
    for (const std::uint64_t flags : {good | attribute::provision_key,
                                      good | attribute::einit_token_key,
                                      good & ~attribute::init,
                                      good & ~attribute::mode64}) {
        scene_.quote.body.attributes.flags = flags;
        expect_refused("policy-attributes");
    }
}

TEST_F(PolicyTest, AStatusIsTakenOnlyWhereItIsListed) {
    scene_.platform.tcb.components.fill(3);
    expect_refused("policy-tcb-status");
    policy_.accepted.insert(TcbStatus::configuration_needed);
    expect_accepted();
    policy_.accepted.erase(TcbStatus::up_to_date);
    expect_accepted();
    scene_.platform.tcb.components.fill(5);
    expect_refused("policy-tcb-status");
}

TEST_F(PolicyTest, NoPolicyTakesARevokedOrUnknownPlatform) {
    policy_.accepted.insert(TcbStatus::revoked);
    policy_.accepted.insert(TcbStatus::not_supported);
    scene_.platform.tcb.components.fill(1);
    scene_.platform.tcb.pce = 5;
    expect_refused("policy-tcb-status");
    scene_.platform.tcb.components.fill(0);
    expect_refused("policy-tcb-status");
}

TEST_F(PolicyTest, HardeningIsTakenWithAllAdvisoriesMitigated) {
    scene_.platform.tcb.components.fill(4);
    policy_.accepted.insert(TcbStatus::sw_hardening_needed);
    expect_accepted();
    policy_.mitigated = std::set<std::string>{"INTEL-SA-00334"};
    expect_refused("policy-tcb-status");
    policy_.mitigated->insert("INTEL-SA-00615");
    expect_accepted();
}

TEST_F(PolicyTest, WhatIsNotKnownIsNotMitigated) {
    scene_.platform.tcb.components.fill(4);
    scene_.tcb_info["version"] = 2;
    scene_.tcb_info.erase("id");
    for (nlohmann::json& level : scene_.tcb_info["tcbLevels"]) {
        nlohmann::json tcb = {{"pcesvn", level["tcb"]["pcesvn"]}};
        for (std::size_t i = 0; i < tcb_components; ++i) {
            const std::string number = std::to_string(i + 1);
            tcb["sgxtcbcomp" + std::string(number.size() < 2 ? "0" : "") + number + "svn"] =
                level["tcb"]["sgxtcbcomponents"][i]["svn"];
        }
        level["tcb"] = tcb;
        level.erase("advisoryIDs");
    }
    policy_.accepted.insert(TcbStatus::sw_hardening_needed);
    expect_accepted();
    policy_.mitigated.emplace();
    expect_refused("policy-tcb-status");
}

TEST_F(PolicyTest, MeasurementAndSignerAreCompared) {
    policy_.mrenclave = scene_.quote.body.mrenclave;
    policy_.mrsigner = scene_.quote.body.mrsigner;
    expect_accepted();
    policy_.mrenclave->back() ^= 1;
    expect_refused("policy-mrenclave");
    policy_.mrenclave.reset();
    policy_.mrsigner->front() ^= 1;
    expect_refused("policy-mrsigner");
}

TEST_F(PolicyTest, ProductAndSecurityVersionAreCompared) {
    policy_.isv_prod_id = 7;
    policy_.isv_svn_min = 3;
    expect_accepted();
    policy_.isv_svn_min = 4;
    expect_refused("policy-version");
    policy_.isv_svn_min = 0;
    policy_.isv_prod_id = 8;
    expect_refused("policy-version");
}

TEST_F(PolicyTest, AllOfTheReportDataIsCompared) {
    policy_.report_data = scene_.quote.body.report_data;
    expect_accepted();
    for (const std::size_t at : {0U, 31U, 32U, 63U}) {
        policy_.report_data = scene_.quote.body.report_data;
        policy_.report_data->at(at) ^= 0x80;
        expect_refused("policy-report-data");
    }
}

TEST_F(PolicyTest, AnOlderEvaluationIsRefused) {
    policy_.evaluation_min = 19;
    expect_accepted();
    scene_.qe_identity["tcbEvaluationDataNumber"] = 18;
    expect_refused("policy-evaluation");
}

} // namespace
} // namespace authex::tee::sgx
