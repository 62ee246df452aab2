// Verification of one quote: with collateral that was checked before, and all of it anew; beside a
// single ECDSA verification. Its TCB info is as long as Intel's of a server in 2025, 10 kB.
#include <benchmark/benchmark.h>

#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {
namespace {

Presented presented() {
    Scene scene;
    nlohmann::json& levels = scene.tcb_info["tcbLevels"];
    for (int pce_svn = 4; pce_svn >= 0; --pce_svn) {
        nlohmann::json level = levels.back();
        level["tcb"]["pcesvn"] = pce_svn;
        level["advisoryIDs"] = {"INTEL-SA-00106", "INTEL-SA-00115", "INTEL-SA-00135"};
        levels.push_back(level);
    }
    for (nlohmann::json& level : levels) {
        for (nlohmann::json& component : level["tcb"]["sgxtcbcomponents"]) {
            component.update({{"category", "BIOS"}, {"type", "Early Microcode Update"}});
        }
    }
    return scene.build();
}

void verify_with_cached_collateral(benchmark::State& state) {
    const Presented evidence = presented();
    QuoteVerifier verifier(evidence.collateral, evidence.anchor);
    for (auto _ : state) {
        if (!verifier.verify(evidence.quote, {}, Scene::now).genuine) {
            state.SkipWithError("not genuine");
            return;
        }
    }
}

void verify_all_anew(benchmark::State& state) {
    const Presented evidence = presented();
    for (auto _ : state) {
        QuoteVerifier verifier(evidence.collateral, evidence.anchor);
        if (!verifier.verify(evidence.quote, {}, Scene::now).genuine) {
            state.SkipWithError("not genuine");
            return;
        }
    }
}

void one_signature(benchmark::State& state) {
    const KeyPair key = new_key();
    const std::array<std::uint8_t, report_body_bytes> message{};
    const auto signature = sign(*key, message);
    for (auto _ : state) {
        if (!signature_holds(*key, message, signature)) {
            state.SkipWithError("does not hold");
            return;
        }
    }
}

BENCHMARK(verify_with_cached_collateral)->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_all_anew)->Unit(benchmark::kMicrosecond);
BENCHMARK(one_signature)->Unit(benchmark::kMicrosecond);

} // namespace
} // namespace authex::tee::sgx
BENCHMARK_MAIN();
