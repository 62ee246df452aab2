// Whatever a debugger sends, the machine stays a machine: every answer is a packet of bounded size,
// and what it is left with runs on when the debugger is gone.
#include <cstdlib>

#include "sancus_emulator/devices/file_io.hpp"
#include "sancus_emulator/devices/multiplier.hpp"
#include "sancus_emulator/devices/timer_a.hpp"
#include "sancus_emulator/devices/watchdog.hpp"
#include "sancus_emulator/gdb/server.hpp"

namespace {

using namespace authex;
using namespace authex::sancus_emulator;

constexpr std::uint64_t slice = 100;
/// A byte of the input that stands for time that passes; it means nothing between packets.
constexpr char time_passes = '\n';

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

std::vector<NamedDevice> devices() {
    std::vector<NamedDevice> result;
    result.push_back({"watchdog", std::make_unique<Watchdog>(0, 30)});
    result.push_back({"multiplier", std::make_unique<Multiplier>()});
    result.push_back({"timer", std::make_unique<TimerA>(30)});
    result.push_back({"file", std::make_unique<FileIo>(0x00C0)});
    return result;
}

void load_program(Machine& machine) {
    const std::uint8_t program[] = {
        0xB2,
        0x40,
        0x80,
        0x5A,
        0x20,
        0x01, // mov #0x5a80, &0x0120: no watchdog
        0x31,
        0x40,
        0x00,
        0x28, // mov #0x2800, sp
        0x15,
        0x53, // add #1, r5
        0x82,
        0x45,
        0x00,
        0x02, // mov r5, &0x0200
        0xFB,
        0x3F, // jmp to the addition
    };
    const std::uint8_t start[] = {0x00, 0x40};
    machine.load(0x4000, program);
    machine.load(0xFFFE, start);
    machine.reset();
}

void check(const Core& core) {
    require(core.r[reg::cg] == 0 && core.r[reg::pc] % 2 == 0 && core.r[reg::sp] % 2 == 0);
    require((core.r[reg::sr] &
             ~(status::writable | status::violation | status::enclave_interrupted)) == 0);
    require(core.watches.size() <= gdb::Server::watches_max);
}

/// Each byte of an answer belongs to a packet, or acknowledges one.
void check(const std::string& output) {
    gdb::PacketReader reader;
    for (const char byte : output) {
        if (const auto item = reader.take(byte)) {
            require(item->kind != gdb::Item::Kind::damaged &&
                    item->kind != gdb::Item::Kind::oversized);
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Configuration configuration;
    configuration.map = {0x0200, 0x2800, 0x4000};
    Machine machine(configuration, devices());
    load_program(machine);
    const Symbols symbols({{"start", 0x4000, 0}});
    gdb::Server server(machine, symbols, nullptr);
    server.attach();
    for (std::size_t index = 0; index < size; ++index) {
        const char byte = static_cast<char>(data[index]);
        server.take({&byte, 1});
        check(server.output());
        if (byte == time_passes) {
            (void)server.run(machine.core().cycle + slice);
            check(server.output());
        }
        check(machine.core());
    }
    server.detach();
    require(machine.core().watches.empty());
    require(server.run(machine.core().cycle + slice).has_value());
    check(machine.core());
    return 0;
}
