// Verification of one quote: with collateral that was checked before, and all of it anew; beside a
// single ECDSA verification.
#include <benchmark/benchmark.h>

#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {
namespace {

void verify_with_cached_collateral(benchmark::State& state) {
    const Presented evidence = Scene().build();
    QuoteVerifier verifier(evidence.collateral, evidence.anchor);
    for (auto _ : state) {
        if (!verifier.verify(evidence.quote, {}, Scene::now).genuine) {
            state.SkipWithError("not genuine");
            return;
        }
    }
}

void verify_all_anew(benchmark::State& state) {
    const Presented evidence = Scene().build();
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
