#include "tee/sgx/simulator/processor.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <optional>
#include <ucontext.h>
#include <unistd.h>
#include <utility>

#include <sys/mman.h>

#include "tee/sgx/simulator/key_request.hpp"
#include "tee/sgx/simulator/segments.hpp"
#include "tee/sgx/simulator/state_area.hpp"

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

constexpr std::uint32_t exit_info_valid = 1U << 31U;
constexpr std::uint32_t exit_type_hardware = 3U << 8U;
constexpr std::uint32_t exit_type_software = 6U << 8U;

/// Everything that a processor knows. There is one thread.
struct Simulation {
    EnclaveState enclave;
    CpuKey key{};
    OutsideStack outside;
    std::uint64_t exit_pointer = 0;  ///< AEP
    std::uint64_t enabled_state = 0; ///< XCR0
    bool switches_segments = false;
    Segments outside_segments;
    std::array<PageRange, page_ranges_max> pages{};
    std::size_t page_ranges = 0;
    Curtain curtain = Curtain::open;

    [[nodiscard]] std::span<const PageRange> ranges() const {
        return std::span(pages).first(page_ranges);
    }
};
Simulation simulation;

/// What an instruction raises in place of what it would have done.
struct Fault {
    std::uint16_t vector = exception::general_protection;
    std::uint64_t address = 0; ///< of the page, where it is about one
};
using Raised = std::optional<Fault>;
constexpr Fault general_protection{};

template <typename T>
T* memory(std::uint64_t address) {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

bool inside(std::uint64_t address, std::uint64_t bytes = 1) {
    const EnclaveState& enclave = simulation.enclave;
    return address >= enclave.base && address - enclave.base < enclave.size &&
           bytes <= enclave.size - (address - enclave.base);
}

/// What an instruction may not do with an operand that lies in one page: #PF. (SDM, EREPORT and
/// EGETKEY: "page faults")
Raised refuse_operand(std::uint64_t address, int right) {
    for (const PageRange& range : simulation.ranges()) {
        if (address >= range.begin && address - range.begin < range.bytes &&
            (range.rights & right) != 0) {
            return std::nullopt;
        }
    }
    return Fault{.vector = exception::page_fault, .address = address & ~(page_bytes - 1)};
}

Bytes state_frame(std::uint32_t number) {
    return {memory<std::uint8_t>(simulation.enclave.state_area +
                                 std::uint64_t{number} * ssa_frame_pages * page_bytes),
            ssa_frame_pages * page_bytes};
}

/// What EENTER and ERESUME check of the thread and of the state that the enclave may use.
bool may_enter(const Registers& registers) {
    const EnclaveState& enclave = simulation.enclave;
    return registers.get(REG_RBX) == enclave.tcs && !enclave.entered &&
           (enclave.identity.attributes.xfrm & ~simulation.enabled_state) == 0;
}

void note_outside(const Registers& registers) {
    simulation.outside = {.stack = registers.get(REG_RSP), .frame = registers.get(REG_RBP)};
    simulation.exit_pointer = registers.get(REG_RCX);
    simulation.enclave.entered = true;
}

/// EENTER.
Raised enter(Registers& registers) {
    const EnclaveState& enclave = simulation.enclave;
    if (!may_enter(registers) || enclave.used_state_areas >= ssa_frames) {
        return general_protection;
    }
    note_outside(registers);
    registers.set(REG_RAX, enclave.used_state_areas);
    registers.set(REG_RCX, registers.get(REG_RIP) + sizeof enclu);
    registers.set(REG_RIP, enclave.entry);
    return std::nullopt;
}

/// ERESUME.
Raised resume(Registers& registers) {
    EnclaveState& enclave = simulation.enclave;
    if (!may_enter(registers) || enclave.used_state_areas == 0) {
        return general_protection;
    }
    note_outside(registers);
    if (!restore_state(state_frame(enclave.used_state_areas - 1),
                       enclave.identity.attributes.xfrm,
                       registers)) {
        enclave.entered = false;
        return general_protection;
    }
    --enclave.used_state_areas;
    return std::nullopt;
}

/// EEXIT.
Raised leave(Registers& registers) {
    if (inside(registers.get(REG_RBX))) {
        return general_protection; // the next fetch would be of the enclave, from outside
    }
    simulation.enclave.entered = false;
    registers.set(REG_RIP, registers.get(REG_RBX));
    registers.set(REG_RCX, simulation.exit_pointer);
    return std::nullopt;
}

/// EREPORT.
Raised report(Registers& registers) {
    const std::uint64_t target = registers.get(REG_RBX);
    const std::uint64_t data = registers.get(REG_RCX);
    const std::uint64_t out = registers.get(REG_RDX);
    if (target % 512 != 0 || data % 128 != 0 || out % 512 != 0 ||
        !inside(target, sgx_target_bytes) || !inside(data, sgx_report_data_bytes) ||
        !inside(out, sgx_report_bytes)) {
        return general_protection;
    }
    for (const auto& [operand, right] :
         {std::pair(target, PROT_READ), {data, PROT_READ}, {out, PROT_WRITE}}) {
        if (const Raised refused = refuse_operand(operand, right)) {
            return refused;
        }
    }
    ReportBody body = simulation.enclave.identity;
    copy({memory<const std::uint8_t>(data), sgx_report_data_bytes}, body.report_data);
    write_report(simulation.key,
                 parse_target({memory<const std::uint8_t>(target), sgx_target_bytes}),
                 body,
                 {memory<std::uint8_t>(out), sgx_report_bytes});
    registers.next_instruction();
    return std::nullopt;
}

/// EGETKEY.
Raised get_key(Registers& registers) {
    const std::uint64_t request_at = registers.get(REG_RBX);
    const std::uint64_t out = registers.get(REG_RCX);
    KeyRequest request;
    if (request_at % key_request_bytes != 0 || out % key_bytes != 0 ||
        !inside(request_at, key_request_bytes) || !inside(out, key_bytes)) {
        return general_protection;
    }
    for (const auto& [operand, right] : {std::pair(request_at, PROT_READ), {out, PROT_WRITE}}) {
        if (const Raised refused = refuse_operand(operand, right)) {
            return refused;
        }
    }
    if (!parse_key_request({memory<const std::uint8_t>(request_at), key_request_bytes}, request)) {
        return general_protection;
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
    return std::nullopt;
}

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
    const std::uint32_t type =
        vector == exception::breakpoint ? exit_type_software : exit_type_hardware;
    save_state(state_frame(enclave.used_state_areas),
               registers,
               simulation.outside,
               reported(vector) ? exit_info_valid | type | vector : 0);
    ++enclave.used_state_areas;
    enclave.entered = false;
    for (const int which : general_registers) {
        if (which != REG_EFL) {
            registers.set(which, 0);
        }
    }
    registers.set(REG_EFL, registers.get(REG_EFL) & ~arithmetic_flags);
    registers.set(REG_RAX, leaf::resume);
    registers.set(REG_RBX, enclave.tcs);
    registers.set(REG_RCX, simulation.exit_pointer);
    registers.set(REG_RIP, simulation.exit_pointer);
    registers.set(REG_RSP, simulation.outside.stack);
    registers.set(REG_RBP, simulation.outside.frame);
    registers.initialise_vectors();
}

/// As the vDSO's fix-up: the caller is told, and the instruction at the AEP is not run.
void tell_caller(Registers& registers, std::uint32_t which, const Fault& fault) {
    auto* run = *memory<EnclaveRun*>(registers.get(REG_RBP) + run_argument);
    run->function = which;
    run->exception_vector = fault.vector;
    run->exception_error_code = 0;
    run->exception_address = fault.address;
    registers.set(REG_RIP, reinterpret_cast<std::uintptr_t>(authex_simulated_exception));
}

/// Of an instruction that the processor itself has refused.
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

Fault fault_of(int signal, const siginfo_t& info) {
    const std::uint16_t vector = vector_of(signal, info);
    const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr) & ~(page_bytes - 1);
    return {.vector = vector, .address = vector == exception::page_fault ? address : 0};
}

bool is_enclu(const Registers& registers, int signal) {
    // With hardware that firmware has switched off, ENCLU is #GP in place of #UD.
    return (signal == SIGILL || signal == SIGSEGV) &&
           std::memcmp(memory<const void>(registers.get(REG_RIP)), enclu, sizeof enclu) == 0;
}

Raised execute(Registers& registers, bool within) {
    switch (registers.leaf()) {
    case leaf::enter:
        return within ? general_protection : enter(registers);
    case leaf::resume:
        return within ? general_protection : resume(registers);
    case leaf::exit:
        return within ? leave(registers) : general_protection;
    case leaf::report:
        return within ? report(registers) : general_protection;
    case leaf::get_key:
        return within ? get_key(registers) : general_protection;
    default:
        return general_protection;
    }
}

void handle(int signal, const siginfo_t* info, ucontext_t& context) {
    Registers registers(context);
    const std::uint64_t at = registers.get(REG_RIP);
    const bool within = inside(at) && simulation.enclave.entered;
    // A fetch that failed has nothing to be compared at RIP.
    const bool fetched = reinterpret_cast<std::uintptr_t>(info->si_addr) != at || signal == SIGILL;
    const bool instruction = fetched && is_enclu(registers, signal);
    const Raised raised = instruction ? execute(registers, within) : fault_of(signal, *info);
    if (!raised) {
        return;
    }
    if (within) {
        exit_asynchronously(registers, raised->vector);
        tell_caller(registers, leaf::resume, *raised);
    } else if (instruction && at == reinterpret_cast<std::uintptr_t>(authex_simulated_aep)) {
        tell_caller(registers, registers.leaf(), *raised);
    } else {
        // Not about an enclave: once more, with nobody to catch it.
        (void)::signal(signal, SIG_DFL);
    }
}

/// Draws or opens the curtain, where there is one.
void show_pages(bool visible) {
    if (simulation.curtain == Curtain::open) {
        return;
    }
    for (const PageRange& range : simulation.ranges()) {
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

bool simulate(const EnclaveState& enclave,
              const CpuKey& key,
              std::span<const PageRange> pages,
              Curtain curtain) {
    if (pages.size() > page_ranges_max) {
        return false;
    }
    std::copy(pages.begin(), pages.end(), simulation.pages.begin());
    simulation.page_ranges = pages.size();
    simulation.curtain = curtain;
    simulation.enclave = enclave;
    simulation.key = key;
    simulation.switches_segments = segments_can_be_switched();
    simulation.enabled_state = enabled_state();
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
