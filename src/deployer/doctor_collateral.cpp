// What quotes of SGX are checked with.
#include <algorithm>

#include <fmt/format.h>

#include "deployer/doctor.hpp"
#include "deployer/sgx_trust.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::deployer {
namespace {

namespace sgx = tee::sgx;
using Level = Examined::Level;
constexpr auto near_end = std::chrono::hours(24) * 7;
constexpr auto fix_folder =
    "fetch it again, for instance with authex verify QUOTE --pccs URL --collateral DIR";

Examined trouble(std::string what, const Diagnostic& problem) {
    return {.level = Level::failure,
            .area = "collateral",
            .what = std::move(what),
            .text = problem.summary,
            .fix = problem.fix};
}

Examined judge_folder(const sgx::Trust& trust, std::chrono::system_clock::time_point time) {
    const std::string what = trust.collateral.string();
    const Expected<sgx::Collateral> collateral = sgx::read_collateral(trust.collateral);
    if (!collateral) {
        return trouble(what, collateral.error());
    }
    sgx::TrustAnchor anchor;
    if (!trust.root.empty()) {
        const Expected<sgx::Point> root = sgx::read_root(trust.root);
        if (!root) {
            return trouble(what, root.error());
        }
        anchor.root_key = *root;
    }
    const sgx::UnixTime now =
        std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
    sgx::ChainVerifier chains(anchor.root_key);
    sgx::Steps steps;
    const auto checked = sgx::CheckedCollateral::check(*collateral, anchor, chains, now, steps);
    if (!checked) {
        Diagnostic problem = *steps.failure()->problem;
        problem.fix = fix_folder;
        return trouble(what, problem);
    }
    const sgx::UnixTime end = checked->period().until;
    const bool soon =
        end - now < std::chrono::duration_cast<std::chrono::seconds>(near_end).count();
    return {.level = soon ? Level::warning : Level::ok,
            .area = "collateral",
            .what = what,
            .text = fmt::format("holds until {}", sgx::utc_text(end)),
            .fix = soon ? fix_folder : ""};
}

} // namespace

std::vector<Examined> examine_collateral(const descriptor::Descriptor& descriptor,
                                         std::chrono::system_clock::time_point now) {
    const bool has_sgx =
        std::any_of(descriptor.nodes.begin(), descriptor.nodes.end(), [](const auto& node) {
            return node.tee == descriptor::Tee::sgx;
        });
    if (!has_sgx) {
        return {};
    }
    const sgx::Trust trust = sgx_trust(descriptor);
    if (!trust.collateral.empty()) {
        return {judge_folder(trust, now)};
    }
    if (trust.service) {
        const Expected<bool> answered = sgx::CollateralService(*trust.service).probe();
        if (!answered) {
            return {trouble(trust.service->url, answered.error())};
        }
        return {{.area = "collateral", .what = trust.service->url, .text = "answers"}};
    }
    if (descriptor.simulation_allowed) {
        return {};
    }
    return {{.level = Level::warning,
             .area = "collateral",
             .what = "none",
             .text = "nodes with SGX seldom bring what their quotes are checked with",
             .fix = "policy: { pccs: https://… } or { collateral: DIR } in the descriptor"}};
}

} // namespace authex::deployer
