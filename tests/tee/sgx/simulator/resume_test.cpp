// An enclave of a few instructions, interrupted by an exception and resumed: each scenario in a
// process of its own, which one simulated processor takes over.
#include <array>
#include <cstring>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tee/sgx/simulator/processor.hpp"

// Reads a word that may not be there, and says it together with what it had in registers before.
// In: RDI the word, RSI where to write.
asm(R"(
    .pushsection .text
    .globl  small_enclave
    .globl  small_enclave_end
small_enclave:
    movq    %rcx, %r13
    movq    $0x1234, %r12
    movq    %r12, %xmm5
    movq    $0x77, %rdx
    pushq   %rdx
    fildq   (%rsp)
    popq    %rdx
    stc
    movq    (%rdi), %rax
    movq    %rax, (%rsi)
    setc    %al
    movzbl  %al, %eax
    movq    %rax, 8(%rsi)
    movq    %r12, 16(%rsi)
    movq    %xmm5, 24(%rsi)
    fistpq  32(%rsi)
    movq    %r13, %rbx
    movl    $4, %eax
    .byte   0x0F, 0x01, 0xD7
small_enclave_end:
# Keeps what neither the enclave nor an asynchronous exit leaves as it was; on a stack of its own, so that the enclave, which uses
# that of its caller, finds it at one place whoever resumes it.
# In: RDI the word, RSI where to write, EDX the leaf, RCX the run.
    .globl  call_small_enclave
call_small_enclave:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, %rax
    leaq    small_stack_end(%rip), %rsp
    pushq   %rax
    pushq   %rcx
    movl    %edx, %ecx
    xorl    %edx, %edx
    callq   authex_simulated_enter
    addq    $8, %rsp
    popq    %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret
    .popsection
    .pushsection .bss
    .balign 16
    .skip   16384
small_stack_end:
    .popsection
)");
extern "C" const std::uint8_t small_enclave[];
extern "C" const std::uint8_t small_enclave_end[];
extern "C" int call_small_enclave(std::uint64_t word,
                                  std::uint64_t* results,
                                  std::uint32_t function,
                                  authex::tee::sgx::EnclaveRun* run);

namespace authex::tee::sgx {
namespace {

constexpr std::uint64_t base = 0x2000'0000;
constexpr std::uint64_t code_at = base;
constexpr std::uint64_t state_at = base + page_bytes;
constexpr std::uint64_t data_at = base + 2 * page_bytes;
constexpr std::uint64_t tcs_at = base + 3 * page_bytes;
constexpr std::uint64_t size = 4 * page_bytes;
constexpr std::uint64_t word = 0x4242'4242'4242;

std::uint8_t* at(std::uint64_t address) {
    return reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(address));
}

[[noreturn]] void expect(bool good, int line) {
    ::_exit(good ? 0 : line);
}
#define REQUIRE(condition)                                                                         \
    if (!(condition)) {                                                                            \
        expect(false, __LINE__);                                                                   \
    }

class SmallEnclave {
  public:
    explicit SmallEnclave(std::uint64_t xfrm = enclave_xfrm) {
        REQUIRE(::mmap(at(base),
                       size,
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                       -1,
                       0) == at(base));
        std::memcpy(at(code_at),
                    small_enclave,
                    static_cast<std::size_t>(small_enclave_end - small_enclave));
        REQUIRE(::mprotect(at(code_at), page_bytes, PROT_READ | PROT_EXEC) == 0);
        hide(true);
        EnclaveState state{.base = base,
                           .size = size,
                           .tcs = tcs_at,
                           .entry = code_at,
                           .state_area = state_at,
                           .identity = {}};
        state.identity.attributes.xfrm = xfrm;
        REQUIRE(simulate(state, CpuKey{}, {}));
    }

    /// Whether the word is out of reach.
    void hide(bool hidden) {
        REQUIRE(::mprotect(at(data_at), page_bytes, hidden ? PROT_NONE : PROT_READ | PROT_WRITE) ==
                0);
        if (!hidden) {
            std::memcpy(at(data_at), &word, sizeof word);
        }
    }

    /// @param function leaf::enter or leaf::resume
    void run(std::uint32_t function) {
        answer = {.tcs = tcs_at};
        REQUIRE(call_small_enclave(data_at, results.data(), function, &answer) == 0);
    }
    [[nodiscard]] bool faulted(std::uint32_t which, std::uint16_t vector) const {
        return answer.function == which && answer.exception_vector == vector;
    }

    EnclaveRun answer;
    std::array<std::uint64_t, 5> results{};
};

void interrupt(SmallEnclave& enclave) {
    enclave.run(leaf::enter);
    REQUIRE(enclave.faulted(leaf::resume, exception::page_fault));
    REQUIRE(enclave.answer.exception_address == data_at);
    REQUIRE(simulated_enclave().used_state_areas == 1);
    REQUIRE(!simulated_enclave().entered);
}

[[noreturn]] void resume_goes_on() {
    SmallEnclave enclave;
    interrupt(enclave);
    enclave.run(leaf::enter);
    REQUIRE(enclave.faulted(leaf::enter, exception::general_protection)); // no frame is left
    enclave.run(leaf::resume);
    REQUIRE(enclave.faulted(leaf::resume, exception::page_fault)); // the same instruction again
    enclave.hide(false);
    enclave.run(leaf::resume);
    REQUIRE(enclave.answer.function == leaf::exit);
    REQUIRE(enclave.results[0] == word);
    REQUIRE(enclave.results[1] == 1);      // carry
    REQUIRE(enclave.results[2] == 0x1234); // general
    REQUIRE(enclave.results[3] == 0x1234); // SSE
    REQUIRE(enclave.results[4] == 0x77);   // x87
    REQUIRE(simulated_enclave().used_state_areas == 0);
    enclave.run(leaf::enter);
    expect(enclave.answer.function == leaf::exit, __LINE__);
}

[[noreturn]] void resume_needs_a_frame() {
    SmallEnclave enclave;
    enclave.run(leaf::resume);
    REQUIRE(enclave.faulted(leaf::resume, exception::general_protection));
    enclave.hide(false);
    enclave.run(leaf::enter);
    REQUIRE(enclave.answer.function == leaf::exit);
    enclave.run(leaf::resume);
    expect(enclave.faulted(leaf::resume, exception::general_protection), __LINE__);
}

[[noreturn]] void resume_needs_a_valid_frame() {
    SmallEnclave enclave;
    interrupt(enclave);
    enclave.hide(false);
    constexpr std::size_t xstate_bv = 512;
    constexpr std::size_t mxcsr_reserved = 24 + 3;
    constexpr std::size_t rip_top = page_bytes - 184 + 17 * 8 + 7;
    for (const std::size_t spoiled :
         {xstate_bv, xstate_bv + 7, std::size_t{520}, std::size_t{535}, mxcsr_reserved, rip_top}) {
        std::uint8_t& byte = *at(state_at + spoiled);
        const std::uint8_t before = byte;
        byte |= 0x04;
        enclave.run(leaf::resume);
        REQUIRE(enclave.faulted(leaf::resume, exception::general_protection));
        REQUIRE(!simulated_enclave().entered);
        byte = before;
    }
    enclave.run(leaf::resume);
    expect(enclave.answer.function == leaf::exit && enclave.results[4] == 0x77, __LINE__);
}

[[noreturn]] void unused_components_are_initial() {
    SmallEnclave enclave;
    interrupt(enclave);
    enclave.hide(false);
    *at(state_at + 512) = 1; // SSE is not in use
    enclave.run(leaf::resume);
    REQUIRE(enclave.answer.function == leaf::exit);
    expect(enclave.results[3] == 0 && enclave.results[4] == 0x77, __LINE__);
}

[[noreturn]] void state_must_be_enabled() {
    constexpr std::uint64_t of_no_processor = std::uint64_t{1} << 62U;
    SmallEnclave enclave(enclave_xfrm | of_no_processor);
    enclave.run(leaf::enter);
    expect(enclave.faulted(leaf::enter, exception::general_protection), __LINE__);
}

[[noreturn]] void the_door_must_be_its_own() {
    SmallEnclave enclave;
    enclave.answer = {.tcs = tcs_at + 8};
    REQUIRE(call_small_enclave(0, nullptr, leaf::enter, &enclave.answer) == 0);
    expect(enclave.faulted(leaf::enter, exception::general_protection), __LINE__);
}

TEST(Resume, GoesOnWhereAnExceptionHasInterruptedWithAllRegisters) {
    EXPECT_EXIT(resume_goes_on(), testing::ExitedWithCode(0), "");
}
TEST(Resume, WithoutAnInterruptedThreadIsRefused) {
    EXPECT_EXIT(resume_needs_a_frame(), testing::ExitedWithCode(0), "");
}
TEST(Resume, OfAFrameThatXrstorWouldRefuseIsRefused) {
    EXPECT_EXIT(resume_needs_a_valid_frame(), testing::ExitedWithCode(0), "");
}
TEST(Resume, GivesComponentsThatAreNotInUseTheirInitialValue) {
    EXPECT_EXIT(unused_components_are_initial(), testing::ExitedWithCode(0), "");
}
TEST(Enter, WithStateThatTheKernelHasNotEnabledIsRefused) {
    EXPECT_EXIT(state_must_be_enabled(), testing::ExitedWithCode(0), "");
}
TEST(Enter, ThroughAnotherDoorIsRefused) {
    EXPECT_EXIT(the_door_must_be_its_own(), testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace authex::tee::sgx
