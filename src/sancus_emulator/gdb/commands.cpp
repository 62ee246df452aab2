// What a debugger asks, packet by packet.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sancus_emulator/gdb/server.hpp"
#include "sancus_emulator/gdb/target.hpp"
#include "sancus_emulator/text.hpp"

namespace authex::sancus_emulator::gdb {
namespace {

constexpr auto done = "OK";
constexpr auto unknown = "";
/// Numbers of errno, as is usual.
constexpr auto bad_address = "E0e";
constexpr auto malformed = "E16";
constexpr auto too_many = "E1c";

constexpr std::size_t register_digits = 2 * register_bytes;
/// An answer with so much memory is a packet of the size that both sides take.
constexpr std::size_t memory_bytes_max = packet_bytes_max / 2;

std::string register_text(std::uint16_t value) {
    return fmt::format("{:02x}{:02x}0000", value & 0xFFU, value >> 8U);
}

/// Little-endian. nullopt: no register, or a value that none can have.
std::optional<std::uint16_t> register_of(std::string_view text) {
    const auto bytes = bytes_of_hex(text);
    if (!bytes || bytes->size() != register_bytes || bytes->at(2) != 0 || bytes->at(3) != 0) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(bytes->at(0) | bytes->at(1) << 8U);
}

struct Range {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
};

/// ADDRESS,SIZE
std::optional<Range> range_of(Fields& fields) {
    const auto address = fields.number();
    if (!address || !fields.skip(",")) {
        return std::nullopt;
    }
    const auto size = fields.number();
    return size ? std::optional(Range{*address, *size}) : std::nullopt;
}

std::optional<std::vector<std::uint8_t>> bytes_of(std::string_view text, bool binary) {
    return binary ? std::vector<std::uint8_t>(text.begin(), text.end()) : bytes_of_hex(text);
}

} // namespace

Server::Answer Server::answer(std::string_view packet) {
    const char command = packet.empty() ? '\0' : packet.front();
    const std::string_view rest = packet.substr(packet.empty() ? 0 : 1);
    switch (command) {
    case '?':
        state_ = State::halted;
        return last_stop_;
    case 'g':
        return registers_text();
    case 'G':
        return set_registers(rest);
    case 'p':
        return read_one(Fields(rest));
    case 'P':
        return write_one(Fields(rest));
    case 'm':
        return read_range(Fields(rest));
    case 'M':
    case 'X':
        return write_range(Fields(rest), command == 'X');
    case 'c':
    case 's':
    case 'C':
    case 'S':
        return resume(packet);
    case 'v':
        return resume_threads(packet);
    case 'Z':
    case 'z':
        return set_point(packet);
    case 'D':
        detach();
        return done;
    case 'H':
    case 'T':
        return done; // there is one thread
    case 'k':
        kill_asked_ = true;
        return std::nullopt;
    case 'q':
    case 'Q':
        return query(packet);
    default:
        return unknown;
    }
}

Server::Answer Server::go(State state) {
    state_ = state;
    fresh_ = true;
    stepped_ = false;
    return std::nullopt;
}

/// c[ADDRESS] s[ADDRESS] Csignal[;ADDRESS] Ssignal[;ADDRESS]: signals mean nothing to the machine.
Server::Answer Server::resume(std::string_view packet) {
    Fields fields(packet.substr(1));
    const bool with_signal = packet.front() == 'C' || packet.front() == 'S';
    if (with_signal && !fields.number()) {
        return malformed;
    }
    if (!fields.done() && (!with_signal || fields.skip(";"))) {
        const auto address = fields.number();
        if (!address || !fields.done()) {
            return malformed;
        }
        if (*address >= address_space) {
            return bad_address;
        }
        put(reg::pc, static_cast<std::uint16_t>(*address));
    }
    if (!fields.done()) {
        return malformed;
    }
    return go(packet.front() == 'c' || packet.front() == 'C' ? State::running : State::stepping);
}

/// vCont? and vCont;ACTION[:THREAD]…: the first action is that of the one thread.
Server::Answer Server::resume_threads(std::string_view packet) {
    Fields fields(packet);
    if (!fields.skip("vCont")) {
        return unknown;
    }
    if (fields.skip("?")) {
        return "vCont;c;C;s;S";
    }
    if (!fields.skip(";")) {
        return malformed;
    }
    const std::string_view actions = fields.rest();
    const std::string_view action = actions.substr(0, actions.find_first_of(":;"));
    const bool with_signal = action.size() == 3 && (action[0] == 'C' || action[0] == 'S');
    if (action != "c" && action != "s" && !with_signal) {
        return malformed;
    }
    return resume(action);
}

void Server::put(unsigned number, std::uint16_t value) {
    write_register(machine_.core(), number, value);
    end_told_ = false;
}

std::string Server::registers_text() const {
    std::string text;
    for (unsigned number = 0; number < registers; ++number) {
        text += register_text(read_register(machine_.core(), number));
    }
    return text;
}

std::string Server::set_registers(std::string_view text) {
    std::vector<std::uint16_t> values;
    for (; text.size() >= register_digits; text.remove_prefix(register_digits)) {
        const auto value = register_of(text.substr(0, register_digits));
        if (!value) {
            return malformed;
        }
        values.push_back(*value);
    }
    if (values.size() != registers || !text.empty()) {
        return malformed;
    }
    for (unsigned number = 0; number < registers; ++number) {
        put(number, values[number]);
    }
    return done;
}

std::string Server::read_one(Fields fields) const {
    const auto number = fields.number();
    if (!number || *number >= registers || !fields.done()) {
        return malformed;
    }
    return register_text(read_register(machine_.core(), static_cast<unsigned>(*number)));
}

std::string Server::write_one(Fields fields) {
    const auto number = fields.number();
    if (!number || *number >= registers || !fields.skip("=")) {
        return malformed;
    }
    const auto value = register_of(fields.rest());
    if (!value) {
        return malformed;
    }
    put(static_cast<unsigned>(*number), *value);
    return done;
}

std::string Server::read_range(Fields fields) {
    const auto range = range_of(fields);
    if (!range || !fields.done()) {
        return malformed;
    }
    if (range->address >= address_space) {
        return bad_address;
    }
    const auto size = std::min<std::uint64_t>(range->size, memory_bytes_max);
    return hex(read_memory(machine_, static_cast<std::uint16_t>(range->address), size));
}

std::string Server::write_range(Fields fields, bool binary) {
    const auto range = range_of(fields);
    if (!range || !fields.skip(":")) {
        return malformed;
    }
    const auto bytes = bytes_of(fields.rest(), binary);
    if (!bytes || bytes->size() != range->size) {
        return malformed;
    }
    if (range->address >= address_space ||
        !write_memory(machine_, static_cast<std::uint16_t>(range->address), *bytes)) {
        return bad_address;
    }
    return done;
}

/// Z or z, TYPE,ADDRESS,KIND; the kind of a watchpoint is its size.
std::string Server::set_point(std::string_view packet) {
    const bool wanted = packet.front() == 'Z';
    Fields fields(packet.substr(1));
    const auto type = fields.number();
    if (!type || !fields.skip(",")) {
        return malformed;
    }
    if (*type > 4) {
        return unknown;
    }
    const auto range = range_of(fields);
    if (!range || !fields.done()) { // conditions and commands are not promised
        return malformed;
    }
    if (range->address >= address_space) {
        return bad_address;
    }
    const auto address = static_cast<std::uint16_t>(range->address);
    constexpr std::uint64_t last_breakpoint_type = 1; // by software, by hardware
    if (*type <= last_breakpoint_type) {
        return set_breakpoint(address, wanted);
    }
    if (range->size == 0 || range->size > address_space - address) {
        return malformed;
    }
    const bool reads = *type != 2;
    const bool writes = *type != 3;
    return set_watch({address, static_cast<std::uint32_t>(range->size), reads, writes}, wanted);
}

std::string Server::set_breakpoint(std::uint16_t address, bool wanted) {
    if (!wanted) {
        breakpoints_.erase(address);
        machine_.clear_breakpoint(address);
        return done;
    }
    if (breakpoints_.contains(address)) {
        return done;
    }
    if (breakpoints_.size() == breakpoints_max) {
        return too_many;
    }
    breakpoints_.insert(address);
    machine_.set_breakpoint(address);
    return done;
}

std::string Server::set_watch(const Watch& watch, bool wanted) {
    std::vector<Watch> watches = machine_.core().watches;
    const auto found = std::find(watches.begin(), watches.end(), watch);
    if ((found != watches.end()) == wanted) {
        return done;
    }
    if (!wanted) {
        watches.erase(found);
    } else if (watches.size() == watches_max) {
        return too_many;
    } else {
        watches.push_back(watch);
    }
    machine_.core().set_watches(std::move(watches));
    return done;
}

std::string Server::query(std::string_view packet) {
    Fields fields(packet);
    if (fields.skip("qSupported")) {
        return fmt::format("PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;vContSupported+",
                           packet_bytes_max);
    }
    if (packet == "QStartNoAckMode") {
        acknowledges_ = false;
        return done;
    }
    if (packet == "qAttached") {
        return "1"; // who leaves does not kill
    }
    if (fields.skip("qXfer:features:read:")) {
        return features(fields);
    }
    if (fields.skip("qRcmd,")) {
        const auto command = bytes_of_hex(fields.rest());
        return command ? hex(monitor(std::string(command->begin(), command->end()))) : malformed;
    }
    return unknown;
}

/// target.xml:OFFSET,SIZE
std::string Server::features(Fields fields) {
    if (!fields.skip("target.xml:")) {
        return "E00"; // no such annex
    }
    const auto range = range_of(fields);
    if (!range || !fields.done()) {
        return malformed;
    }
    const std::string& text = description();
    const auto from = std::min<std::uint64_t>(range->address, text.size());
    // A byte that is escaped takes two.
    const auto size = std::min<std::uint64_t>(range->size, packet_bytes_max / 2 - 1);
    return (text.size() - from > size ? "m" : "l") + text.substr(from, size);
}

std::string Server::monitor(std::string_view command) {
    if (command == "reset") {
        machine_.reset();
        end_told_ = false;
        return fmt::format("the machine is at {}; the debugger looks again after "
                           "«maintenance flush register-cache»\n",
                           place(symbols_, machine_.core().r[reg::pc]));
    }
    if (command == "enclaves") {
        return enclaves();
    }
    if (command == "cycles") {
        return fmt::format("{}\n", machine_.core().cycle);
    }
    if (command == "violations stop" || command == "violations pass") {
        stops_at_violations_ = command == "violations stop";
        return stops_at_violations_ ? "the machine stands at violations\n"
                                    : "the program handles violations\n";
    }
    return "commands: reset | enclaves | cycles | violations stop | violations pass\n";
}

std::string Server::enclaves() const {
    std::string text;
    const Core& core = machine_.core();
    for (const Enclave& enclave : core.enclaves.all()) {
        if (enclave.enabled) {
            text += fmt::format("{}: text {:#06x}–{:#06x}, data {:#06x}–{:#06x}{}\n",
                                module_name(symbols_, core.enclaves, enclave.id),
                                enclave.layout.text_start,
                                enclave.layout.text_end,
                                enclave.layout.data_start,
                                enclave.layout.data_end,
                                enclave.id == core.current_id ? ", executes" : "");
        }
    }
    return text.empty() ? "no module is protected\n" : text;
}

} // namespace authex::sancus_emulator::gdb
