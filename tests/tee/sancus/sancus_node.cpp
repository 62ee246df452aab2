#include "tee/sancus/sancus_node.hpp"

#include <stdexcept>

#include "base/diagnostic.hpp"

namespace authex::test {
namespace {

using namespace sancus_emulator;

/// What a node does outside of modules; `back` is where all of it ends.
constexpr const char* unprotected = R"(
    .global go, back, protect, wait, violated
start:  mov #0x5a80, &0x0120
        mov #0x4200, r1
back:   jmp back
go:     br r5
protect: .short 0x1381
        jmp back
wait:   bis #0x18, r2
        jmp wait
violated: mov #0x4200, r1
        jmp back
)";
constexpr std::uint64_t call_limit = 20'000'000;
constexpr std::uint64_t handler_limit = 100'000;

/// Assembled once, for all nodes.
const sancus_emulator::test::Program& unprotected_program() {
    static const sancus_emulator::test::Program program(unprotected, 0x5c00);
    return program;
}

} // namespace

SancusNode::SancusNode() : program_(unprotected_program()) {
    auto board = open_board("default");
    if (!board) {
        throw std::runtime_error(to_text(board.error().front()));
    }
    board->devices.push_back({.name = "nmi", .kind = DeviceKind::nmi});
    auto devices = make_devices(*board, this, {});
    if (!devices) {
        throw std::runtime_error(to_text(devices.error()));
    }
    machine = std::make_unique<Machine>(board->configuration, std::move(devices->devices));
    machine->load(program_.origin(), program_.bytes());
    bind(15, program_.origin());
    bind(14, program_.label("violated"));
    bind(13, program_.label("violated"));
    machine->observe(&witness);
    reset();
}

void SancusNode::bind(unsigned vector, std::uint16_t address) {
    const std::array<std::uint8_t, 2> word = {static_cast<std::uint8_t>(address),
                                              static_cast<std::uint8_t>(address >> 8U)};
    machine->load(static_cast<std::uint16_t>(0xffe0 + 2 * vector), word);
}

void SancusNode::reset() {
    machine->reset();
    next_id_ = 1;
    run_from(program_.origin(), program_.label("back"));
}

bool SancusNode::run_from(std::uint16_t address, std::uint16_t until) {
    machine->core().r[reg::pc] = address;
    machine->set_breakpoint(until);
    const std::uint64_t begin = machine->core().cycle;
    const Stop stop = machine->run(begin + call_limit);
    cycles_of_call = machine->core().cycle - begin;
    machine->clear_breakpoint(until);
    return stop == Stop::breakpoint;
}

std::uint16_t SancusNode::protect(std::uint16_t text,
                                  std::uint16_t text_bytes,
                                  std::uint16_t data,
                                  std::uint16_t data_end) {
    auto& r = machine->core().r;
    r[9] = 0;
    r[10] = 0;
    r[11] = vendor_id;
    r[12] = text;
    r[13] = static_cast<std::uint16_t>(text + text_bytes);
    r[14] = data;
    r[15] = data_end;
    run_from(program_.label("protect"), program_.label("back"));
    next_id_ = static_cast<std::uint16_t>(next_id_ + (r[15] != 0 ? 1 : 0));
    return r[15];
}

std::uint16_t SancusNode::load(const tee::sancus::SancusImage& image,
                               const tee::sancus::Placement& placement,
                               const Octets& data) {
    machine->load(placement.text, placed_text(image, placement));
    machine->load(placement.data, data.empty() ? Octets(image.data_bytes) : data);
    if (image.gate_bytes != 0) {
        Octets gate = placed_gate(image, placement);
        gate.at(spoiled_at) ^= spoiled_bits;
        machine->load(placement.gate, gate);
        protect(placement.gate, image.gate_bytes, image.device_begin, image.device_end);
    }
    return protect(placement.text,
                   image.text_bytes,
                   placement.data,
                   static_cast<std::uint16_t>(placement.data + image.data_bytes));
}

bool SancusNode::call(std::uint16_t entry, const ModuleCall& call) {
    set_registers(entry, call);
    return run_from(program_.label("go"), program_.label("back"));
}

bool SancusNode::strike(std::uint16_t entry, const Octets& frames, std::uint64_t cycles) {
    ModuleCall call;
    call.in_bytes = static_cast<std::uint16_t>(frames.size());
    machine->load(call.in, frames);
    set_registers(entry, call);
    machine->devices().write(0, 0x0010, 0x00ff, machine->core().cycle); // IE1: NMIIE
    machine->core().r[reg::pc] = program_.label("go");
    machine->set_breakpoint(program_.label("back"));
    const Stop stop = machine->run(machine->core().cycle + cycles);
    input("nmi", "pressed");
    if (stop == Stop::limit) {
        (void)machine->run(machine->core().cycle + call_limit);
    }
    machine->clear_breakpoint(program_.label("back"));
    input("nmi", "released");
    return stop == Stop::limit;
}

void SancusNode::set_registers(std::uint16_t entry, const ModuleCall& call) {
    auto& r = machine->core().r;
    r[1] = 0x4200;
    r[2] = 0;
    r[5] = entry;
    r[6] = call.operation;
    r[7] = call.go_on != 0 ? call.go_on : program_.label("back");
    r[12] = call.in;
    r[13] = call.in_bytes;
    r[14] = call.out;
    r[15] = call.out_bytes;
}

std::vector<Frame> SancusNode::give(std::uint16_t entry, const Octets& frames) {
    ModuleCall with_frames;
    with_frames.in_bytes = static_cast<std::uint16_t>(frames.size());
    machine->load(with_frames.in, frames);
    if (!call(entry, with_frames) || reg(14) != 0) {
        throw std::runtime_error("the module has not answered the call");
    }
    Octets out;
    for (unsigned i = 0; i < reg(13); ++i) {
        const auto address = static_cast<std::uint16_t>(with_frames.out + i);
        const std::uint16_t pair = word(static_cast<std::uint16_t>(address & 0xfffeU));
        out.push_back(static_cast<std::uint8_t>(address % 2 == 0 ? pair : pair >> 8U));
    }
    return split(out);
}

void SancusNode::idle(std::uint64_t cycles) {
    const std::uint16_t wait = program_.label("wait");
    machine->core().r[reg::pc] = wait;
    (void)machine->run(machine->core().cycle + cycles);
    machine->set_breakpoint(wait);
    (void)machine->run(machine->core().cycle + handler_limit);
    machine->clear_breakpoint(wait);
}

void SancusNode::ring_timer_every(std::uint16_t period) {
    device_write(0x0172, period); // compare register and interrupt of channel 0
    device_write(0x0162, 0x0010);
    device_write(timer_control, 0x0214); // SMCLK, up, cleared
}

void SancusNode::device_write(std::uint16_t address, std::uint16_t value) {
    machine->devices().write(address, value, 0xffff, machine->core().cycle);
}

void SancusNode::input(const std::string& device, const std::string& value) {
    const auto done = machine->devices().find(device)->input(value, machine->core().cycle);
    if (!done) {
        throw std::runtime_error(to_text(done.error()));
    }
}

std::string SancusNode::shown(const std::string& device) {
    return machine->devices().find(device)->shown();
}

} // namespace authex::test
