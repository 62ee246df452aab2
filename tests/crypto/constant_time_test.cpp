// What is secret decides about no branch: the processor goes the same way, instruction by
// instruction, wherever a forged tag differs from the true one. Told apart by steps, not by time.
#include <array>
#include <csignal>
#include <initializer_list>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/bytes.hpp"
#include "crypto/aead.hpp"

namespace authex::crypto {
namespace {

/// Where the traced child ends what is measured. It begins at a trap.
extern "C" __attribute__((noinline)) void authex_trace_ends() {
    asm volatile("nop");
}

struct Path {
    std::uint64_t steps = 0;
    std::uint64_t digest = 0xCBF29CE484222325; ///< FNV-1a over the instructions' addresses
    bool operator==(const Path&) const = default;
};

/// Changes one byte of what is secret, or forged, and goes on after a trap. @return whether all
/// went as it has to
using Check = bool (*)(std::size_t wrong_byte, std::uint8_t wrong_bits);

bool refuses_as_aes_gcm(std::size_t wrong_byte, std::uint8_t wrong_bits) {
    AeadKey key;
    const std::array<std::uint8_t, 16> secret{1, 2, 3};
    const std::array<std::uint8_t, nonce_bytes> nonce{};
    const std::array<std::uint8_t, 12> associated{};
    std::array<std::uint8_t, 32> body{};
    std::array<std::uint8_t, tag_bytes> tag{};
    (void)key.set(Algorithm::aes_128_gcm, secret);
    (void)key.seal(nonce, associated, body, tag);
    auto again = body; // functions are bound at their first call, which is not what is measured
    (void)key.open(nonce, associated, again, tag);
    tag[wrong_byte] ^= wrong_bits;
    (void)::raise(SIGTRAP);
    const Error error = key.open(nonce, associated, body, tag);
    authex_trace_ends();
    return error == Error::forged;
}

/// Expands a key and seals a body; both differ from others in one byte.
bool seals_as_aes_gcm(std::size_t byte, std::uint8_t bits) {
    AeadKey key;
    std::array<std::uint8_t, 16> secret{1, 2, 3};
    const std::array<std::uint8_t, nonce_bytes> nonce{};
    std::array<std::uint8_t, 16> body{};
    std::array<std::uint8_t, tag_bytes> tag{};
    (void)key.set(Algorithm::aes_128_gcm, secret);
    (void)key.seal(nonce, {}, body, tag);
    secret[byte] ^= bits;
    body[byte] ^= bits;
    (void)::raise(SIGTRAP);
    (void)key.set(Algorithm::aes_128_gcm, secret);
    const Error error = key.seal(nonce, {}, body, tag);
    authex_trace_ends();
    return error == Error::none;
}

/// What SPONGENT and everything else compares with.
bool refuses_as_equal(std::size_t wrong_byte, std::uint8_t wrong_bits) {
    const std::array<std::uint8_t, tag_bytes> tag{4, 5, 6};
    auto forged = tag;
    (void)equal_constant_time(tag, forged);
    forged[wrong_byte] ^= wrong_bits;
    (void)::raise(SIGTRAP);
    const bool equal = equal_constant_time(tag, forged);
    authex_trace_ends();
    return !equal;
}

std::uint64_t instruction_pointer(pid_t child) {
    user_regs_struct registers{};
    ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
    return registers.rip;
}

/// @return no steps where processes may not be traced here.
Path trace(Check check, std::size_t wrong_byte, std::uint8_t wrong_bits) {
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

void expect_same_steps(Check check, std::initializer_list<std::size_t> bytes) {
    const Path first = trace(check, 0, 1);
    if (first.steps == 0) {
        GTEST_SKIP() << "processes may not be traced here (ptrace)";
    }
    EXPECT_GT(first.steps, 16U);
    for (const std::size_t byte : bytes) {
        EXPECT_EQ(trace(check, byte, 0x80), first) << "byte " << byte;
    }
}

TEST(ConstantTime, AForgedTagOfAesGcmTakesTheSameStepsWhereverItIsWrong) {
    expect_same_steps(refuses_as_aes_gcm, {1, 7, 8, 15});
}

TEST(ConstantTime, SealingWithAesGcmTakesTheSameStepsWhateverTheKeyAndTheBody) {
    expect_same_steps(seals_as_aes_gcm, {7, 15});
}

TEST(ConstantTime, AComparisonTakesTheSameStepsWhereverItFails) {
    expect_same_steps(refuses_as_equal, {1, 7, 8, 15});
}

} // namespace
} // namespace authex::crypto
