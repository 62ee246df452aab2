#pragma once
// What the processor does between a trap and authex_trace_ends(), instruction by instruction.

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

/// Where the traced child ends what is measured. It begins at a trap.
extern "C" void authex_trace_ends();

namespace authex::test {

struct Path {
    std::uint64_t steps = 0;
    std::uint64_t digest = 0xCBF29CE484222325; ///< FNV-1a over the instructions' addresses
    bool operator==(const Path&) const = default;
};

/// Changes one byte of what is secret, or forged, and goes on after a trap. @return whether all
/// went as it has to
using Check = bool (*)(std::size_t wrong_byte, std::uint8_t wrong_bits);

inline std::uint64_t instruction_pointer(pid_t child) {
    user_regs_struct registers{};
    ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
    return registers.rip;
}

/// @return no steps where processes may not be traced here.
inline Path trace(Check check, std::size_t wrong_byte, std::uint8_t wrong_bits) {
    const pid_t child = ::fork();
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            ::_exit(0);
        }
        ::_exit(check(wrong_byte, wrong_bits) ? 0 : 3);
    }
    const auto end = reinterpret_cast<std::uint64_t>(&authex_trace_ends);
    Path path;
    int status = 0;
    (void)::waitpid(child, &status, 0); // at the trap
    for (std::uint64_t at = 0; WIFSTOPPED(status) && at != end; ++path.steps) {
        at = instruction_pointer(child);
        path.digest = (path.digest ^ at) * 0x100000001B3;
        ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
        (void)::waitpid(child, &status, 0);
    }
    if (WIFSTOPPED(status)) {
        ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
        (void)::waitpid(child, &status, 0);
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    return path;
}

inline void expect_same_steps(Check check, std::initializer_list<std::size_t> bytes) {
    const Path first = trace(check, 0, 1);
    if (first.steps == 0) {
        GTEST_SKIP() << "processes may not be traced here (ptrace)";
    }
    EXPECT_GT(first.steps, 16U);
    for (const std::size_t byte : bytes) {
        EXPECT_EQ(trace(check, byte, 0x80), first) << "byte " << byte;
    }
}

} // namespace authex::test
