#pragma once
// The processor's state, and what an instruction becomes once it has been decoded.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sancus_emulator/atomicity_monitor.hpp"
#include "sancus_emulator/crypto_unit.hpp"
#include "sancus_emulator/enclaves.hpp"
#include "sancus_emulator/memory.hpp"
#include "sancus_emulator/registers.hpp"

namespace authex::sancus_emulator {

struct Core;
struct Instruction;
using Handler = void (*)(Core&, const Instruction&);

/// One decoded instruction. `run` finds the program counter at `next` and the cycles counted.
struct Instruction {
    Handler run = nullptr;
    std::uint16_t source = 0;      ///< constant, or offset from the source register
    std::uint16_t destination = 0; ///< offset from the destination register; target of a jump
    std::uint16_t next = 0;
    std::uint8_t source_register = 0;
    std::uint8_t destination_register = 0;
    std::uint8_t cycles = 0;
    std::uint8_t step = 0;        ///< of an auto-increment
    std::uint8_t source_wait = 0; ///< cycles before the source is read
    Domain domain = undecoded;    ///< whose text it lies in

    /// Equal to no domain that executes.
    static constexpr Domain undecoded = 0xFF;
};

/// What a program did that the rules forbid.
struct Violation {
    enum class Kind : std::uint8_t { read, write, execute, create, stack, atomicity };
    Kind kind = Kind::read;
    std::uint16_t pc = 0;
    std::uint16_t address = 0;
    std::uint16_t by = 0; ///< id of the enclave that did it, 0: unprotected code
    std::uint16_t of = 0; ///< id of the enclave that it was done to, 0: none
    std::uint64_t cycle = 0;
};

/// Registers of devices, as words with a mask of the bits that are written.
class Peripherals {
  public:
    virtual ~Peripherals() = default;
    /// @param address even, below 0x0200. @param cycle in which the bus is read
    virtual std::uint16_t read(std::uint16_t address, std::uint64_t cycle) = 0;
    /// @param cycle from which on what is written is seen
    virtual void
    write(std::uint16_t address, std::uint16_t value, std::uint16_t mask, std::uint64_t cycle) = 0;
    /// The first cycle from `from` on and before `end` in which one of these interrupts is
    /// requested, if nobody touches a device until then. Time passes up to there.
    /// @param vectors a bit for each
    virtual std::optional<std::uint64_t>
    first_request(std::uint64_t from, std::uint64_t end, std::uint16_t vectors) = 0;
};

/// Bytes that a debugger watches: whose instruction touches them is the last one for now.
struct Watch {
    std::uint16_t address = 0;
    std::uint32_t size = 0; ///< bytes, up to the end of the address space at most
    bool reads = false;
    bool writes = false;
    friend bool operator==(const Watch&, const Watch&) = default;
};

/// The hardware description before and after its change of interrupt frames in 2020, and with its
/// option ATOMICITY_MONITOR.
enum class Variant : std::uint8_t {
    base,   ///< an enclave's registers are saved below the address in its last data word
    legacy, ///< they are saved on its own stack
    aion,   ///< base, with a bound on how long interrupts can be held back (atomicity_monitor.hpp)
};

/// How the core departs from the documented rules where the hardware description does.
enum class Rules : std::uint8_t { documented, rtl };

/// What instructions read and write. Not thread-safe.
struct Core {
    std::array<std::uint16_t, 16> r{}; ///< r[reg::cg] stays 0
    std::uint64_t cycle = 0;           ///< cycles up to the end of the instruction that executes
    /// Instructions run while `cycle` is below it.
    std::uint64_t deadline = 0;
    const std::uint8_t* read_class = nullptr;
    const std::uint8_t* write_class = nullptr;
    std::uint16_t stack_guard = 0;
    std::uint16_t generator = 0; ///< what was last written to the constant generator
    /// Whose code executes.
    Domain domain = nobody;
    /// While that is nobody: whose code executed last.
    Domain came_from = unprotected;
    bool masked = false; ///< a violation: until the instruction ends, loads give 0, stores nothing
    /// GIE as the interrupt logic sees it at the end of this instruction.
    bool interrupts_seen = false;
    std::uint16_t current_id = 0;
    std::uint16_t previous_id = 0;

    AtomicityMonitor monitor;    ///< of `aion`
    std::uint64_t monitored = 0; ///< the cycle that the monitor has come to
    std::uint16_t atomic_limit = AtomicityMonitor::published_limit;
    bool entering = false; ///< the monitor's present cycle is the first of an enclave
    bool dozing = false;   ///< CPUOFF was written by who may not: the core falters

    Memory memory;
    MemoryMap map;
    EnclaveTable enclaves;
    Rules rules = Rules::documented;
    Variant variant = Variant::base;
    Security security = Security::bits128;
    Key node_key{};
    Peripherals* peripherals = nullptr;
    std::optional<Violation> violation;
    /// Where an instruction was to be fetched that no memory holds.
    std::optional<std::uint16_t> bad_fetch;
    /// Changed with set_watches() alone.
    std::vector<Watch> watches;
    /// The watched byte that an instruction has touched first since this was cleared.
    std::optional<std::uint16_t> watched;
    std::array<Instruction, address_space / 2> code;

    Core(const MemoryMap& memory_map, std::size_t slots) : map(memory_map), enclaves(slots) {
        unmask();
    }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;
    ~Core() = default;

    void unmask();
    void mask();
    /// The loop that runs instructions looks up after the present one.
    void attend() { deadline = 0; }

    [[nodiscard]] std::uint16_t id_of(Domain who) const {
        return who == unprotected || who == nobody ? std::uint16_t{0} : enclaves.at(who).id;
    }
    void become(std::uint16_t id) {
        if (id != current_id) {
            previous_id = current_id;
            current_id = id;
        }
    }
    /// The next instruction is the first of its domain.
    void come_from(Domain who) {
        came_from = who;
        domain = nobody;
    }
    void
    violate(Violation::Kind kind, const Instruction& instruction, std::uint16_t address, Domain of);
    [[nodiscard]] std::uint16_t address_of(const Instruction& instruction) const {
        return static_cast<std::uint16_t>(2 * (&instruction - code.data()));
    }
    /// Bytes there have changed: what was decoded from them is forgotten.
    void forget(std::uint16_t address);
    void forget_all();
    /// After a change of the table of enclaves.
    void reclassify();
    void set_watches(std::vector<Watch> wanted);
    /// Instructions tell what they load and store where access is slow.
    void look_at(std::uint16_t address, bool byte, bool write);
};

/// Decodes what lies at the address, for the domain that owns it.
/// @pre the address is even
Instruction decode(const Core& core, std::uint16_t address);

/// Runs instructions until `core.cycle` has reached `core.deadline`.
void run(Core& core);

} // namespace authex::sancus_emulator
