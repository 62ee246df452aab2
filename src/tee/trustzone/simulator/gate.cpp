#include "tee/trustzone/simulator/gate.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ucontext.h>

#include <sys/mman.h>

extern "C" {
/// gate_<processor>.S
std::uint64_t authex_ta_call(std::uint64_t entry,
                             std::uint64_t stack_top,
                             std::uint64_t what,
                             std::uint64_t session,
                             authex::tee::trustzone::optee::Params* params,
                             std::uint64_t command);
void authex_ta_gate();
extern std::uint64_t authex_host_stack;
extern const void* authex_ta_stack; ///< at its last system call
std::uint64_t authex_answer(std::uint64_t a0,
                            std::uint64_t a1,
                            std::uint64_t a2,
                            std::uint64_t a3,
                            std::uint64_t a4,
                            std::uint64_t number);
}

namespace authex::tee::trustzone {
namespace {

SystemCall answer_call = nullptr;

#if defined(__x86_64__)
/// movabs $authex_ta_gate, %rax; jmp *%rax
bool make_gate() {
    void* const place = reinterpret_cast<void*>(static_cast<std::uintptr_t>(gate_address));
    constexpr std::size_t bytes = 4096;
    if (::mmap(place,
               bytes,
               PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
               -1,
               0) != place) {
        return false;
    }
    std::array<std::uint8_t, 12> code = {0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xE0};
    const auto target = reinterpret_cast<std::uint64_t>(&authex_ta_gate);
    std::memcpy(code.data() + 2, &target, sizeof target);
    std::memcpy(place, code.data(), code.size());
    return ::mprotect(place, bytes, PROT_READ | PROT_EXEC) == 0;
}
#elif defined(__aarch64__)
constexpr std::size_t signal_stack_bytes = std::size_t{256} << 10U; ///< signing takes some
alignas(16) std::uint8_t signal_stack[signal_stack_bytes];

/// A trap that is no system call is a fault: the process ends by it when it comes back there.
bool is_system_call(std::uint64_t pc) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): where the processor was
    const void* const at = reinterpret_cast<const void*>(static_cast<std::uintptr_t>(pc));
    return std::memcmp(at, &system_call_trap, sizeof system_call_trap) == 0;
}

void on_trap(int /*signal*/, siginfo_t* /*info*/, void* raw) {
    auto& context = static_cast<ucontext_t*>(raw)->uc_mcontext;
    if (!is_system_call(context.pc)) {
        std::signal(SIGTRAP, SIG_DFL);
        return;
    }
    const std::uint64_t number = context.regs[8];
    if (number == static_cast<std::uint64_t>(optee::Call::leave)) {
        context.pc = reinterpret_cast<std::uint64_t>(&authex_ta_gate); // back to who called
        context.sp = authex_host_stack;
        return;
    }
    std::array<std::uint64_t, 8> arguments{};
    std::copy_n(std::begin(context.regs), arguments.size(), arguments.begin());
    context.regs[0] = answer_call(number, arguments);
    context.pc += 4;
}

bool make_gate() {
    const stack_t stack{.ss_sp = signal_stack, .ss_flags = 0, .ss_size = sizeof signal_stack};
    struct sigaction action {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    return ::sigaltstack(&stack, nullptr) == 0 && ::sigaction(SIGTRAP, &action, nullptr) == 0;
}
#endif

} // namespace

bool open_gate(SystemCall answer) {
    answer_call = answer;
    return make_gate();
}

std::uint64_t enter_ta(std::uint64_t entry,
                       std::uint64_t stack_top,
                       optee::Entry what,
                       std::uint64_t session,
                       optee::Params* params,
                       std::uint64_t command) {
    return authex_ta_call(
        entry, stack_top, static_cast<std::uint64_t>(what), session, params, command);
}

} // namespace authex::tee::trustzone

#if defined(__x86_64__)
std::uint64_t authex_answer(std::uint64_t a0,
                            std::uint64_t a1,
                            std::uint64_t a2,
                            std::uint64_t a3,
                            std::uint64_t a4,
                            std::uint64_t number) {
    // Behind the return address; also where there are none, for the TA's stack does not end there.
    const auto* const more = static_cast<const std::uint64_t*>(authex_ta_stack) + 1;
    return authex::tee::trustzone::answer_call(number,
                                               {a0, a1, a2, a3, a4, more[0], more[1], more[2]});
}
#endif
