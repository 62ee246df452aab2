// Instructions per second: a loop of nine, with a call, loads and stores; all checks of protection
// on.
#include <array>
#include <vector>

#include <benchmark/benchmark.h>

#include "sancus_emulator/reference_board.hpp"

namespace authex::sancus_emulator {
namespace {

using Words = std::vector<std::uint16_t>;

/// mov #0x5a80, &0x0120; mov #0x2800, r1; mov #0x0300, r5
const Words prologue = {0x40B2, 0x5A80, 0x0120, 0x4031, 0x2800, 0x4035, 0x0300};
/// loop: add r6, r7; mov r7, 2(r5); add @r5, r8; call #sub; xor r8, r9; dec r10; jnz loop; jmp loop
/// sub: rra r9; ret
Words loop_at(std::uint16_t address) {
    constexpr std::uint16_t sub = 20; // bytes from `loop`
    return {0x5607,
            0x4785,
            0x0002,
            0x5528,
            0x12B0,
            static_cast<std::uint16_t>(address + sub),
            0xE809,
            0x831A,
            0x23F7,
            0x3FF6,
            0x1109,
            0x4130};
}
constexpr double cycles_of_a_round = 19;
constexpr double instructions_of_a_round = 9;

/// mov's of protect's arguments: text 0x5000–0x5020, data 0x0280–0x0400; protect.
const Words protect = {0x4309,
                       0x430A,
                       0x403B,
                       0x1234,
                       0x403C,
                       0x5000,
                       0x403D,
                       0x5020,
                       0x403E,
                       0x0280,
                       0x403F,
                       0x0400,
                       0x1381};
const Words call_stack_inside = {0x4031, 0x0380}; // mov #0x0380, r1
/// TACCR0 := 1000, its interrupt on, count up with the core's clock; eint. The handler is reti.
const Words timer = {0x40B2, 1000, 0x0172, 0x40B2, 0x0010, 0x0162, 0x40B2, 0x0210, 0x0160, 0xD232};

void put(Machine& machine, std::uint16_t address, const Words& words) {
    machine.load(address, {reinterpret_cast<const std::uint8_t*>(words.data()), 2 * words.size()});
}

Words joined(std::initializer_list<Words> parts) {
    Words all;
    for (const Words& part : parts) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

/// @param start the program at 0x4000, which ends with a branch to `loop`
void measure(benchmark::State& state, const Words& start, std::uint16_t loop) {
    Configuration configuration;
    configuration.map = {0x0200, 0x2800, 0x4000};
    Machine machine(configuration, reference_devices());
    put(machine, 0x4000, joined({start, {0x4030, loop}}));
    put(machine, loop, loop_at(loop));
    put(machine, 0x4800, {0x1300}); // reti
    put(machine, vector::address(vector::timer_a0), {0x4800});
    put(machine, vector::address(vector::reset), {0x4000});
    machine.reset();
    (void)machine.run(100'000);
    constexpr std::uint64_t slice = 1'000'000;
    const std::uint64_t first = machine.core().cycle;
    for (auto _ : state) {
        if (machine.run(machine.core().cycle + slice) != Stop::limit) {
            state.SkipWithError("the program has ended");
            return;
        }
    }
    const auto cycles = static_cast<double>(machine.core().cycle - first);
    state.counters["instructions"] = benchmark::Counter(
        cycles / cycles_of_a_round * instructions_of_a_round, benchmark::Counter::kIsRate);
    state.counters["cycles"] = benchmark::Counter(cycles, benchmark::Counter::kIsRate);
}

void unprotected_code(benchmark::State& state) {
    measure(state, prologue, 0x4100);
}
void inside_an_enclave(benchmark::State& state) {
    measure(state, joined({prologue, protect, call_stack_inside}), 0x5000);
}
void with_timer_interrupts(benchmark::State& state) {
    measure(state, joined({prologue, timer}), 0x4100);
}

BENCHMARK(unprotected_code);
BENCHMARK(inside_an_enclave);
BENCHMARK(with_timer_interrupts);

} // namespace
} // namespace authex::sancus_emulator
