// Between a manager and one native module: round trip, throughput, memory of the process.
#include <fstream>
#include <sched.h>

#include <benchmark/benchmark.h>

#include "tee/native/native_modules.hpp"
#include "tee/process/link.hpp"

namespace authex {
namespace {

using test::frame;
using wire::Kind;

struct Module {
    explicit Module(std::uint32_t spin_us) {
        loader = test::require(tee::native::NativeLoader::open(
            {.state_directory = folder.path(),
             .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-host",
             .spin_us = spin_us}));
        static const tee::Image image = test::build_module(test::echo_source);
        directory = test::module_folder(folder, "echo", image.path);
        link = test::require(loader->start(test::spec_of(image, "echo"), directory));
    }
    ~Module() {
        link->kill();
        test::wait_exit(*link);
    }
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// VmRSS of the module's process, in KiB.
    [[nodiscard]] double memory_kib() const {
        const auto opened = test::require(tee::process::ProcessLink::open(directory));
        std::ifstream status("/proc/" + std::to_string(opened->record().module) + "/status");
        std::string word;
        while (status >> word) {
            if (word == "VmRSS:") {
                double kib = 0;
                status >> kib;
                return kib;
            }
        }
        return 0;
    }

    test::TemporaryFolder folder;
    std::unique_ptr<tee::native::NativeLoader> loader;
    std::filesystem::path directory;
    std::unique_ptr<tee::ModuleLink> link;
};

/// @return whether the frame came within `looks` looks at the ring
bool spin_for(tee::ModuleLink& link, std::int64_t looks) {
    for (std::int64_t look = 0; look < looks; ++look) {
        if (!link.readable()->empty()) {
            return true;
        }
        if (look % 16 == 15) {
            ::sched_yield();
        }
    }
    return false;
}

/// Arguments: looks before the manager sleeps, looks before the module sleeps.
void round_trip(benchmark::State& state) {
    Module module(static_cast<std::uint32_t>(state.range(1)));
    const std::vector<std::uint8_t> body(64, 7);
    const auto hello = frame(Kind::call, test::echo, 1, body);
    for (auto _ : state) {
        test::send(*module.link, hello);
        spin_for(*module.link, state.range(0));
        if (test::receive(*module.link).empty()) {
            state.SkipWithError("the module does not answer");
            break;
        }
    }
    state.counters["module_rss_kib"] = module.memory_kib();
}
BENCHMARK(round_trip)
    ->ArgNames({"manager_looks", "module_looks"})
    ->ArgsProduct({{0, 2000}, {0, 200, 2000, 10000}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

/// Calls of 64 bytes are written as long as there is room; their results are read in batches.
void stream(benchmark::State& state) {
    Module module(static_cast<std::uint32_t>(state.range(0)));
    const std::vector<std::uint8_t> body(64, 7);
    const auto call = frame(Kind::call, test::echo, 1, body);
    std::uint64_t answered = 0;
    for (auto _ : state) {
        Bytes room = *module.link->writable();
        std::size_t used = 0;
        for (int i = 0; i < 64 && room.size() - used >= call.size(); ++i, used += call.size()) {
            copy(call, room.subspan(used));
        }
        module.link->commit(used);
        const std::size_t ready = module.link->readable()->size();
        answered += ready / call.size();
        module.link->consume(ready / call.size() * call.size());
        module.link->notify();
        if (used == 0 && ready == 0) {
            ::sched_yield();
        }
    }
    state.counters["answered"] =
        benchmark::Counter(static_cast<double>(answered), benchmark::Counter::kIsRate);
    state.counters["module_rss_kib"] = module.memory_kib();
}
BENCHMARK(stream)->ArgName("module_looks")->Arg(0)->Arg(2000)->UseRealTime();

/// Spawn, hash, map, confine, hello.
void start_module(benchmark::State& state) {
    Module first(0);
    const tee::Image image = test::build_module(test::echo_source);
    const auto directory = test::module_folder(first.folder, "other", image.path);
    for (auto _ : state) {
        const auto link =
            test::require(first.loader->start(test::spec_of(image, "other"), directory));
        test::send(*link, frame(Kind::hello, 0, 0));
        if (test::receive(*link).empty()) {
            state.SkipWithError("the module does not answer");
            break;
        }
        state.PauseTiming();
        link->kill();
        test::wait_exit(*link);
        state.ResumeTiming();
    }
    state.counters["image_bytes"] = static_cast<double>(image.bytes);
}
BENCHMARK(start_module)->UseRealTime()->Unit(benchmark::kMillisecond);

} // namespace
} // namespace authex

BENCHMARK_MAIN();
