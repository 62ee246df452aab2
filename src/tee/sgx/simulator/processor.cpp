#include "tee/sgx/simulator/processor.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ucontext.h>
#include <unistd.h>

#include <sys/mman.h>

#include "tee/sgx/simulator/key_request.hpp"
#include "tee/sgx/simulator/segments.hpp"

extern "C" {
extern const char authex_simulated_aep[];
extern const char authex_simulated_exception[];
}

namespace authex::tee::sgx {
namespace {

constexpr std::uint8_t enclu[] = {0x0F, 0x01, 0xD7};
constexpr std::size_t signal_stack_bytes = std::size_t{64} << 10U;
/// Of a process whose pages cannot be hidden or shown.
constexpr int exit_pages = 73;
constexpr std::uint64_t zero_flag = 0x40;
constexpr std::uint64_t arithmetic_flags = 0x8D5; ///< CF PF AF ZF SF OF
/// Of the caller's frame in enter.S.
constexpr std::uint64_t run_argument = 16;

/// At the end of a state save area. (table 34-9, GPRSGX)
namespace gprsgx {
constexpr std::size_t bytes = 184;
constexpr std::size_t exit_info = 160;
} // namespace gprsgx
constexpr std::uint32_t exit_info_valid = 1U << 31U;
constexpr std::uint32_t exit_type_hardware = 3U << 8U;
constexpr std::uint32_t exit_type_software = 6U << 8U;

/// Everything that a processor knows. There is one thread.
struct Simulation {
    EnclaveState enclave;
    CpuKey key{};
    std::uint64_t outside_stack = 0; ///< RSP and RBP as they were at EENTER (URSP, URBP)
    std::uint64_t outside_frame = 0;
    bool switches_segments = false;
    Segments outside_segments;
    std::array<PageRange, page_ranges_max> hidden{};
    std::size_t hidden_count = 0;
};
Simulation simulation;

template <typename T>
T* memory(std::uint64_t address) {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

class Registers {
  public:
    explicit Registers(ucontext_t& context) : all_(context.uc_mcontext.gregs), context_(context) {}

    [[nodiscard]] std::uint64_t get(int which) const {
        return static_cast<std::uint64_t>(all_[which]);
    }
    void set(int which, std::uint64_t value) { all_[which] = static_cast<greg_t>(value); }
    [[nodiscard]] std::uint32_t leaf() const { return static_cast<std::uint32_t>(get(REG_RAX)); }
    void next_instruction() { set(REG_RIP, get(REG_RIP) + sizeof enclu); }
    /// x87 and SSE as after XRSTOR with no component in use.
    void initialise_vectors() {
        auto* state = context_.uc_mcontext.fpregs;
        std::memset(state->_st, 0, sizeof state->_st);
        std::memset(state->_xmm, 0, sizeof state->_xmm);
        state->cwd = 0x37F;
        state->swd = 0;
        state->ftw = 0;
        state->mxcsr = 0x1F80;
    }
    [[nodiscard]] const void* vectors() const { return context_.uc_mcontext.fpregs; }

  private:
    gregset_t& all_;
    ucontext_t& context_;
};

bool inside(std::uint64_t address, std::uint64_t bytes = 1) {
    const EnclaveState& enclave = simulation.enclave;
    return address >= enclave.base && address - enclave.base < enclave.size &&
           bytes <= enclave.size - (address - enclave.base);
}

/// EENTER. @return false: #GP
bool enter(Registers& registers) {
    EnclaveState& enclave = simulation.enclave;
    if (registers.get(REG_RBX) != enclave.tcs || enclave.entered ||
        enclave.used_state_areas >= ssa_frames) {
        return false;
    }
    enclave.entered = true;
    simulation.outside_stack = registers.get(REG_RSP);
    simulation.outside_frame = registers.get(REG_RBP);
    registers.set(REG_RAX, enclave.used_state_areas);
    registers.set(REG_RCX, registers.get(REG_RIP) + sizeof enclu);
    registers.set(REG_RIP, enclave.entry);
    return true;
}

/// EEXIT.
bool leave(Registers& registers) {
    if (inside(registers.get(REG_RBX))) {
        return false; // the next fetch would be of the enclave, from outside
    }
    simulation.enclave.entered = false;
    registers.set(REG_RIP, registers.get(REG_RBX));
    registers.set(REG_RCX, reinterpret_cast<std::uintptr_t>(authex_simulated_aep));
    return true;
}

/// EREPORT. @return false: #GP
bool report(Registers& registers) {
    const std::uint64_t target = registers.get(REG_RBX);
    const std::uint64_t data = registers.get(REG_RCX);
    const std::uint64_t out = registers.get(REG_RDX);
    if (target % 512 != 0 || data % 128 != 0 || out % 512 != 0 ||
        !inside(target, sgx_target_bytes) || !inside(data, sgx_report_data_bytes) ||
        !inside(out, sgx_report_bytes)) {
        return false;
    }
    ReportBody body = simulation.enclave.identity;
    copy({memory<const std::uint8_t>(data), sgx_report_data_bytes}, body.report_data);
    write_report(simulation.key,
                 parse_target({memory<const std::uint8_t>(target), sgx_target_bytes}),
                 body,
                 {memory<std::uint8_t>(out), sgx_report_bytes});
    registers.next_instruction();
    return true;
}

/// EGETKEY. @return false: #GP
bool get_key(Registers& registers) {
    const std::uint64_t request_at = registers.get(REG_RBX);
    const std::uint64_t out = registers.get(REG_RCX);
    KeyRequest request;
    if (request_at % key_request_bytes != 0 || out % key_bytes != 0 ||
        !inside(request_at, key_request_bytes) || !inside(out, key_bytes) ||
        !parse_key_request({memory<const std::uint8_t>(request_at), key_request_bytes}, request)) {
        return false;
    }
    DerivedKey key{};
    const std::uint32_t error =
        derive_key(simulation.key, simulation.enclave.identity, request, key);
    if (error == key_error::none) {
        copy(key, {memory<std::uint8_t>(out), key_bytes});
    }
    wipe(key);
    const std::uint64_t flags = registers.get(REG_EFL) & ~arithmetic_flags;
    registers.set(REG_EFL, error == key_error::none ? flags : flags | zero_flag);
    registers.set(REG_RAX, error);
    registers.next_instruction();
    return true;
}

/// The general-purpose registers in the order of GPRSGX.
constexpr int saved_registers[] = {REG_RAX,
                                   REG_RCX,
                                   REG_RDX,
                                   REG_RBX,
                                   REG_RSP,
                                   REG_RBP,
                                   REG_RSI,
                                   REG_RDI,
                                   REG_R8,
                                   REG_R9,
                                   REG_R10,
                                   REG_R11,
                                   REG_R12,
                                   REG_R13,
                                   REG_R14,
                                   REG_R15,
                                   REG_EFL,
                                   REG_RIP};

/// Which exceptions the enclave is told of where MISCSELECT asks for nothing more. (table 34-10)
bool reported(std::uint16_t vector) {
    return vector == exception::divide_error || vector == exception::debug ||
           vector == exception::breakpoint || vector == exception::invalid_opcode ||
           vector == exception::alignment_check || vector == exception::simd;
}

/// An asynchronous exit: what the enclave had goes into its state save area, and what is outside
/// sees nothing of it. (§36.2, "synthetic state")
void exit_asynchronously(Registers& registers, std::uint16_t vector) {
    EnclaveState& enclave = simulation.enclave;
    const std::uint64_t frame =
        enclave.state_area + std::uint64_t{enclave.used_state_areas} * ssa_frame_pages * page_bytes;
    const Bytes area(memory<std::uint8_t>(frame), ssa_frame_pages * page_bytes);
    std::memcpy(area.data(), registers.vectors(), sizeof(_libc_fpstate));
    Writer general(area.last(gprsgx::bytes));
    for (const int which : saved_registers) {
        general.u64(registers.get(which));
    }
    general.u64(simulation.outside_stack).u64(simulation.outside_frame);
    const std::uint32_t type =
        vector == exception::breakpoint ? exit_type_software : exit_type_hardware;
    Writer(area.last(gprsgx::bytes - gprsgx::exit_info))
        .u32(reported(vector) ? exit_info_valid | type | vector : 0);
    ++enclave.used_state_areas;
    enclave.entered = false;
    for (const int which : saved_registers) {
        if (which != REG_EFL) {
            registers.set(which, 0);
        }
    }
    registers.set(REG_EFL, registers.get(REG_EFL) & ~arithmetic_flags);
    registers.set(REG_RAX, leaf::resume);
    registers.set(REG_RBX, enclave.tcs);
    registers.set(REG_RCX, reinterpret_cast<std::uintptr_t>(authex_simulated_aep));
    registers.set(REG_RSP, simulation.outside_stack);
    registers.set(REG_RBP, simulation.outside_frame);
    registers.initialise_vectors();
}

/// As the vDSO's fix-up: the caller is told, and the instruction at the AEP is not run.
void tell_caller(Registers& registers,
                 const siginfo_t& info,
                 std::uint32_t which,
                 std::uint16_t vector) {
    auto* run = *memory<EnclaveRun*>(registers.get(REG_RBP) + run_argument);
    run->function = which;
    run->exception_vector = vector;
    run->exception_error_code = 0;
    run->exception_address =
        vector == exception::page_fault
            ? reinterpret_cast<std::uintptr_t>(info.si_addr) & ~(page_bytes - 1)
            : 0;
    registers.set(REG_RIP, reinterpret_cast<std::uintptr_t>(authex_simulated_exception));
}

std::uint16_t vector_of(int signal, const siginfo_t& info) {
    switch (signal) {
    case SIGSEGV:
        // The kernel's own code says that no page was asked for.
        return info.si_code == SI_KERNEL ? exception::general_protection : exception::page_fault;
    case SIGBUS:
        return exception::alignment_check;
    case SIGFPE:
        return info.si_code == FPE_INTDIV || info.si_code == FPE_INTOVF ? exception::divide_error
                                                                        : exception::simd;
    case SIGTRAP:
        return info.si_code == SI_KERNEL ? exception::breakpoint : exception::debug;
    default:
        return exception::invalid_opcode;
    }
}

bool is_enclu(const Registers& registers, int signal) {
    // With hardware that firmware has switched off, ENCLU is #GP in place of #UD.
    return (signal == SIGILL || signal == SIGSEGV) &&
           std::memcmp(memory<const void>(registers.get(REG_RIP)), enclu, sizeof enclu) == 0;
}

/// @return false: what was executed is an error
bool execute(Registers& registers, bool within) {
    if (!within) {
        return registers.leaf() == leaf::enter && enter(registers);
    }
    switch (registers.leaf()) {
    case leaf::exit:
        return leave(registers);
    case leaf::report:
        return report(registers);
    case leaf::get_key:
        return get_key(registers);
    default:
        return false;
    }
}

void handle(int signal, const siginfo_t* info, ucontext_t& context) {
    Registers registers(context);
    const std::uint64_t at = registers.get(REG_RIP);
    const bool within = inside(at) && simulation.enclave.entered;
    // A fetch that failed has nothing to be compared at RIP.
    const bool fetched = reinterpret_cast<std::uintptr_t>(info->si_addr) != at || signal == SIGILL;
    const bool instruction = fetched && is_enclu(registers, signal);
    if (instruction && execute(registers, within)) {
        return;
    }
    const std::uint16_t vector =
        instruction ? exception::general_protection : vector_of(signal, *info);
    if (within) {
        exit_asynchronously(registers, vector);
        tell_caller(registers, *info, leaf::resume, vector);
    } else if (instruction && at == reinterpret_cast<std::uintptr_t>(authex_simulated_aep)) {
        tell_caller(registers, *info, registers.leaf(), vector);
    } else {
        // Not about an enclave: once more, with nobody to catch it.
        (void)::signal(signal, SIG_DFL);
    }
}

/// Draws or opens the curtain before an enclave that is hidden while nobody is in it.
void show_pages(bool visible) {
    for (const PageRange& range : std::span(simulation.hidden).first(simulation.hidden_count)) {
        if (::mprotect(
                memory<void>(range.begin), range.bytes, visible ? range.rights : PROT_NONE) != 0) {
            ::_exit(exit_pages);
        }
    }
}

/// A signal comes with the segments of whom it has interrupted, and leaves those of whom it returns
/// to.
void on_signal(int signal, siginfo_t* info, void* context) {
    const bool switches = simulation.switches_segments;
    const bool was_entered = simulation.enclave.entered;
    if (switches && was_entered) {
        write_segments(simulation.outside_segments);
    } else if (switches) {
        simulation.outside_segments = read_segments();
    }
    handle(signal, info, *static_cast<ucontext_t*>(context));
    if (was_entered != simulation.enclave.entered) {
        show_pages(simulation.enclave.entered);
    }
    if (switches && simulation.enclave.entered) {
        // Of the TCS: both begin where the enclave does (image/enclave.cpp).
        write_segments({.fs = simulation.enclave.base, .gs = simulation.enclave.base});
    }
}

} // namespace

bool simulate(const EnclaveState& enclave, const CpuKey& key, std::span<const PageRange> hidden) {
    if (hidden.size() > page_ranges_max) {
        return false;
    }
    std::copy(hidden.begin(), hidden.end(), simulation.hidden.begin());
    simulation.hidden_count = hidden.size();
    simulation.enclave = enclave;
    simulation.key = key;
    simulation.switches_segments = segments_can_be_switched();
    // The enclave's own stack must not get signal frames, with the registers in them.
    void* const stack = ::mmap(
        nullptr, signal_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const stack_t alternative = {.ss_sp = stack, .ss_flags = 0, .ss_size = signal_stack_bytes};
    if (stack == MAP_FAILED || ::sigaltstack(&alternative, nullptr) != 0) {
        return false;
    }
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (const int signal : {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP}) {
        if (::sigaction(signal, &action, nullptr) != 0) {
            return false;
        }
    }
    show_pages(false);
    return true;
}

const EnclaveState& simulated_enclave() {
    return simulation.enclave;
}

} // namespace authex::tee::sgx
