#pragma once
// A trusted application that makes any system call of OP-TEE that it is told to, as libutee would,
// from memory of its own.

#include <algorithm>
#include <array>
#include <cstring>

#include "tee/trustzone/trustzone_modules.hpp"

namespace authex::test {

/// One of the numbers of `tee_syscall_numbers.h`, and up to 8 arguments in X0 to X7 (on x86-64 as
/// simulator/gate.hpp says).
inline const char* const caller_source = R"cpp(
#include <authex/module.hpp>
#if defined(__aarch64__)
asm(".text\n.globl make_call\n.hidden make_call\nmake_call:\n"
    "mov x9, x0\n mov x8, x1\n ldp x0, x1, [x9]\n ldp x2, x3, [x9, #16]\n"
    "ldp x4, x5, [x9, #32]\n ldp x6, x7, [x9, #48]\n svc #0\n ret\n");
#else
asm(".text\n.globl make_call\n.hidden make_call\nmake_call:\n"
    "pushq %rbp\n movq %rsp, %rbp\n movq %rdi, %r10\n movq %rsi, %r9\n subq $8, %rsp\n"
    "pushq 56(%r10)\n pushq 48(%r10)\n pushq 40(%r10)\n movq (%r10), %rdi\n movq 8(%r10), %rsi\n"
    "movq 16(%r10), %rdx\n movq 24(%r10), %rcx\n movq 32(%r10), %r8\n"
    "movl $0x50000000, %eax\n callq *%rax\n leave\n retq\n");
#endif
extern "C" std::uint64_t make_call(const std::uint64_t* arguments, std::uint64_t number)
    __attribute__((visibility("hidden")));
namespace {
constexpr std::size_t memory_bytes = 1024;
alignas(16) std::uint8_t memory[memory_bytes];
std::uint64_t word(const std::uint8_t* from) {
    std::uint64_t value = 0;
    for (unsigned i = 8; i-- > 0;) { value = value << 8U | from[i]; }
    return value;
}
}
// Number, 8 arguments, content of the memory; an argument of 2^63 + n is the address of byte n of it.
AUTHEX_ENTRY(make, call) {
    std::uint64_t arguments[8];
    const std::uint64_t base = reinterpret_cast<std::uintptr_t>(memory);
    for (std::size_t i = 0; i < memory_bytes; ++i) { memory[i] = call.data[9 * 8 + i]; }
    for (unsigned i = 0; i < 8; ++i) {
        arguments[i] = word(&call.data[8 + 8 * i]);
        if (arguments[i] >> 62U == 2) { arguments[i] = base + (arguments[i] & 0xFFFF); }
    }
    // The last 16 bytes are the places of words that become addresses of the bytes that they name.
    for (std::size_t at = memory_bytes - 16; at < memory_bytes; at += 2) {
        const std::size_t place = memory[at] | memory[at + 1] << 8U;
        if (place != 0) {
            const std::uint64_t value = base + word(memory + place);
            for (unsigned i = 0; i < 8; ++i) {
                memory[place + i] = static_cast<std::uint8_t>(value >> (8 * i));
            }
        }
    }
    call.result.u32(static_cast<std::uint32_t>(make_call(arguments, word(&call.data[0]))));
    call.result.bytes({memory, memory_bytes});
}
// Lets itself be cancelled, and waits for an hour. Gives what the waiting says.
AUTHEX_ENTRY(wait, call) {
    const std::uint64_t old[8] = {reinterpret_cast<std::uintptr_t>(memory)};
    const std::uint64_t hour[8] = {3'600'000};
    (void)make_call(old, 10);
    call.result.u32(static_cast<std::uint32_t>(make_call(hour, 12)));
}
)cpp";

/// What the TA has for a call, and what is there after it.
struct CallerMemory {
    std::array<std::uint8_t, 1024> bytes{};

    template <typename T>
    void put(std::size_t at, const T& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    void put_text(std::size_t at, std::string_view text) {
        std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
    /// The word at `at` becomes the address of what is at `offset`.
    void put_address(std::size_t at, std::uint64_t offset) {
        put(at, offset);
        put(bytes.size() - 16 + 2 * addresses_++, static_cast<std::uint16_t>(at));
    }
    template <typename T>
    [[nodiscard]] T take(std::size_t at) const {
        T value;
        std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
    [[nodiscard]] std::vector<std::uint8_t> part(std::size_t at, std::size_t count) const {
        return {bytes.begin() + static_cast<std::ptrdiff_t>(at),
                bytes.begin() + static_cast<std::ptrdiff_t>(at + count)};
    }

  private:
    std::size_t addresses_ = 0;
};

/// As an argument: the address of a place in the TA's memory.
constexpr std::uint64_t place(std::uint64_t offset) {
    return std::uint64_t{1} << 63U | offset;
}

class Caller {
  public:
    explicit Caller(std::unique_ptr<tee::ModuleLink> link) : link_(std::move(link)) {}
    ~Caller() {
        link_->kill();
        EXPECT_TRUE(wait_exit(*link_));
    }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    /// @param memory what the TA has; becomes what it has after the call
    std::uint32_t operator()(tee::trustzone::optee::Call number,
                             std::array<std::uint64_t, 8> arguments,
                             CallerMemory& memory) {
        std::vector<std::uint8_t> data(9 * 8 + memory.bytes.size());
        std::memcpy(data.data(), &number, sizeof number);
        std::memcpy(data.data() + 8, arguments.data(), sizeof arguments);
        std::memcpy(data.data() + 9 * 8, memory.bytes.data(), memory.bytes.size());
        EXPECT_TRUE(send(*link_, frame(wire::Kind::call, 0, 7, data)));
        const std::vector<std::uint8_t> answer = receive(*link_);
        const std::size_t size = 4 + memory.bytes.size();
        if (answer.size() < size) {
            ADD_FAILURE() << "the TA has ended";
            return 0xDEAD;
        }
        const std::uint8_t* const result = answer.data() + answer.size() - size;
        std::uint32_t value = 0;
        std::memcpy(&value, result, sizeof value);
        std::memcpy(memory.bytes.data(), result + 4, memory.bytes.size());
        return value;
    }
    std::uint32_t operator()(tee::trustzone::optee::Call number,
                             std::array<std::uint64_t, 8> arguments) {
        CallerMemory memory;
        return (*this)(number, arguments, memory);
    }

  private:
    std::unique_ptr<tee::ModuleLink> link_;
};

} // namespace authex::test
