#include "sancus_emulator/gdb/server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sancus_emulator/devices/file_io.hpp"
#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::gdb {
namespace {

using test::Guest;
using test::Program;

constexpr auto counts = R"(
    mov #0x5a80, &0x0120
    mov #0x2800, r1
    mov #0x1234, r5
again:
    add #1, r5
store:
    mov r5, &0x0200
stored:
    mov.b &0x0201, r6
loaded:
    cmp #0x1244, r5
    jne again
finish:
    bis #0x10, r2
    .short 0x3fff
)";

/// A debugger, and the machine that it debugs.
class Bench {
  public:
    explicit Bench(const std::string& text = counts)
        : program(text), guest(program), symbols({{"start", 0x4000, 0}}),
          server(guest.machine, symbols, &guest.witness) {
        server.attach();
    }

    /// The payload of each packet that comes back.
    std::vector<std::string> raw(std::string_view bytes) {
        server.take(bytes);
        std::vector<std::string> payloads;
        PacketReader reader;
        for (const char byte : server.output()) {
            if (auto item = reader.take(byte); item && item->kind == Item::Kind::packet) {
                payloads.push_back(item->payload);
            }
        }
        return payloads;
    }
    std::string ask(std::string_view packet) {
        const auto payloads = raw(frame(packet));
        return payloads.empty() ? "nothing" : payloads.back();
    }
    /// What is said when the machine stands again.
    std::string resume(std::string_view packet) {
        server.take(frame(packet));
        for (unsigned slice = 0; slice < 100 && !stop; ++slice) {
            const auto why = server.run(guest.machine.core().cycle + 7);
            stop = why && *why != Stop::limit ? why : std::nullopt;
            if (!why) {
                break;
            }
        }
        return ask_nothing();
    }
    std::string ask_nothing() {
        const auto payloads = raw("");
        return payloads.empty() ? "nothing" : payloads.back();
    }
    std::string label(const char* name) const { return fmt::format("{:x}", program.label(name)); }
    std::uint16_t pc() const { return guest.machine.core().r[reg::pc]; }

    Program program;
    Guest guest;
    Symbols symbols;
    Server server;
    std::optional<Stop> stop;
};

TEST(GdbServer, WaitsAtTheFirstInstruction) {
    Bench bench;
    EXPECT_EQ(bench.server.run(1000), std::nullopt);
    EXPECT_EQ(bench.ask("?"), "T05");
    EXPECT_EQ(bench.pc(), 0x4000);
    EXPECT_EQ(bench.guest.machine.core().cycle, 0U);
}

TEST(GdbServer, SaysWhatItCan) {
    Bench bench;
    EXPECT_EQ(bench.ask("qSupported:swbreak+"),
              "PacketSize=2000;QStartNoAckMode+;qXfer:features:read+;vContSupported+");
    EXPECT_EQ(bench.ask("vCont?"), "vCont;c;C;s;S");
    EXPECT_EQ(bench.ask("qAttached"), "1");
    EXPECT_EQ(bench.ask("Hg0"), "OK");
    for (const char* packet :
         {"vMustReplyEmpty", "", "!", "qTStatus", "QUnknown", "Z5,0,1", "\xff"}) {
        EXPECT_EQ(bench.ask(packet), "") << packet;
    }
}

TEST(GdbServer, AcknowledgesUntilItIsToldNotTo) {
    Bench bench;
    bench.server.take("$?#3f");
    EXPECT_EQ(bench.server.output(), "+$T05#b9");
    bench.server.take("-");
    EXPECT_EQ(bench.server.output(), "$T05#b9");
    bench.server.take("$?#00");
    EXPECT_EQ(bench.server.output(), "-");
    EXPECT_EQ(bench.ask("QStartNoAckMode"), "OK");
    bench.server.take("$?#3f");
    EXPECT_EQ(bench.server.output(), "$T05#b9");
    bench.server.take("-$?#00");
    EXPECT_EQ(bench.server.output(), "");
}

TEST(GdbServer, ReadsAndWritesRegisters) {
    Bench bench;
    EXPECT_EQ(bench.ask("g").substr(0, 8), "00400000");
    EXPECT_EQ(bench.ask("P5=34120000"), "OK");
    EXPECT_EQ(bench.ask("p5"), "34120000");
    std::string all = bench.ask("g");
    EXPECT_EQ(all.size(), 128U);
    all.replace(15 * 8, 8, "cdab0000");
    EXPECT_EQ(bench.ask("G" + all), "OK");
    EXPECT_EQ(bench.ask("pf"), "cdab0000");
    EXPECT_EQ(bench.ask("g"), all);
}

TEST(GdbServer, KeepsWhatNoProgramCanWrite) {
    Bench bench;
    EXPECT_EQ(bench.ask("P0=03500000"), "OK");
    EXPECT_EQ(bench.ask("p0"), "02500000");
    EXPECT_EQ(bench.ask("P1=01280000"), "OK");
    EXPECT_EQ(bench.ask("p1"), "00280000");
    EXPECT_EQ(bench.ask("P2=ffff0000"), "OK");
    EXPECT_EQ(bench.ask("p2"), "bf010000");
}

TEST(GdbServer, ReadsAndWritesMemory) {
    Bench bench;
    EXPECT_EQ(bench.ask("m4000,2"), "b240");
    EXPECT_EQ(bench.ask("M0200,3:010203"), "OK");
    EXPECT_EQ(bench.ask("m200,4"), "01020300");
    EXPECT_EQ(bench.ask("X200,2:" + std::string("}#", 2)), "OK");
    EXPECT_EQ(bench.ask("m200,2"), "7d23");
    EXPECT_EQ(bench.ask("X200,0:"), "OK");
    EXPECT_EQ(bench.ask("mffff,10"), bench.ask("mffff,1")) << "as far as there is memory";
    EXPECT_EQ(bench.ask("m0,ffffffffffffffff").size(), packet_bytes_max);
}

TEST(GdbServer, ExecutesWhatItHasWritten) {
    Bench bench;
    EXPECT_EQ(bench.resume("Z0," + bench.label("again") + ",2"), "OK");
    EXPECT_EQ(bench.resume("c"), "T05");
    EXPECT_EQ(bench.ask("M" + bench.label("again") + ",2:0343"), "OK"); // nop
    EXPECT_EQ(bench.resume("s"), "T05");
    EXPECT_EQ(bench.ask("p5"), "34120000");
}

TEST(GdbServer, RefusesWhatIsMalformed) {
    Bench bench;
    for (const std::string packet : {"m",
                                     "m0",
                                     "m0,",
                                     "m,4",
                                     "mg,4",
                                     "m0,4x",
                                     "m-1,4",
                                     "M0,4",
                                     "M200,2:01",
                                     "M200,1:0102",
                                     "M200,1:0g",
                                     "M200,1:0",
                                     "X200,3:ab",
                                     "p",
                                     "p10",
                                     "p0x",
                                     "P5",
                                     "P5=",
                                     "P5=3412",
                                     "P5=34120100",
                                     "P10=00000000",
                                     "G00",
                                     "G",
                                     "Z0",
                                     "Z0,4000",
                                     "Z0,4000,2;x",
                                     "Z2,200,0",
                                     "Z2,fff0,11",
                                     "Z",
                                     "Zx,0,1",
                                     "cxyz",
                                     "s4000,",
                                     "C",
                                     "Cx",
                                     "C05;",
                                     "vCont",
                                     "vCont;",
                                     "vCont;t",
                                     "vCont;Cxx",
                                     "qRcmd,0",
                                     "qRcmd,zz",
                                     "qXfer:features:read:target.xml:0",
                                     "qXfer:features:read:target.xml:,1"}) {
        EXPECT_EQ(bench.ask(packet), "E16") << packet;
        EXPECT_EQ(bench.server.run(1000), std::nullopt) << packet;
    }
    EXPECT_EQ(bench.raw(frame(std::string(packet_bytes_max + 1, 'm'))).back(), "E16");
    EXPECT_EQ(bench.ask("G" + std::string(136, '0')), "E16");
    EXPECT_EQ(bench.ask("qXfer:features:read:other.xml:0,10"), "E00");
}

TEST(GdbServer, RefusesAddressesThatAreNotThere) {
    Bench bench;
    for (const char* packet : {"m10000,1",
                               "mffffffffffffffff,1",
                               "M10000,1:00",
                               "M3000,1:00",
                               "Mffff,2:0000",
                               "Z0,10000,2",
                               "Z2,10000,2",
                               "c10000"}) {
        EXPECT_EQ(bench.ask(packet), "E0e") << packet;
    }
    EXPECT_EQ(bench.ask("m3000,2"), "0000") << "a program reads 0 there too";
}

TEST(GdbServer, StepsOneInstruction) {
    Bench bench;
    EXPECT_EQ(bench.resume("s"), "T05");
    EXPECT_EQ(bench.pc(), 0x4006);
    EXPECT_EQ(bench.resume("vCont;s:1;c"), "T05");
    EXPECT_EQ(bench.pc(), 0x400A);
    EXPECT_EQ(bench.resume("S05;" + bench.label("store")), "T05");
    EXPECT_EQ(bench.pc(), bench.program.label("stored"));
}

TEST(GdbServer, StopsAtBreakpointsEachTimeAndGoesOn) {
    Bench bench;
    EXPECT_EQ(bench.ask("Z0," + bench.label("store") + ",2"), "OK");
    EXPECT_EQ(bench.ask("Z1," + bench.label("store") + ",2"), "OK");
    for (unsigned round = 1; round <= 3; ++round) {
        EXPECT_EQ(bench.resume(round == 2 ? "vCont;c" : "c"), "T05");
        EXPECT_EQ(bench.pc(), bench.program.label("store"));
        EXPECT_EQ(bench.ask("p5"), fmt::format("{:02x}120000", 0x34 + round));
    }
    EXPECT_EQ(bench.ask("z0," + bench.label("store") + ",2"), "OK");
    EXPECT_EQ(bench.ask("z0," + bench.label("store") + ",2"), "OK");
    EXPECT_EQ(bench.resume("c"), "T0f");
}

TEST(GdbServer, StopsAtWatchpoints) {
    Bench bench;
    EXPECT_EQ(bench.ask("Z2,200,2"), "OK");
    EXPECT_EQ(bench.resume("c"), "T05watch:200;");
    EXPECT_EQ(bench.pc(), bench.program.label("stored"));
    EXPECT_EQ(bench.ask("z2,200,2"), "OK");
    EXPECT_EQ(bench.ask("Z3,201,1"), "OK");
    EXPECT_EQ(bench.resume("c"), "T05rwatch:201;");
    EXPECT_EQ(bench.pc(), bench.program.label("loaded"));
    EXPECT_EQ(bench.ask("z3,201,1"), "OK");
    EXPECT_EQ(bench.ask("Z4,201,1"), "OK");
    EXPECT_EQ(bench.resume("c"), "T05awatch:201;") << "the odd half of a word";
    EXPECT_EQ(bench.pc(), bench.program.label("stored"));
    EXPECT_EQ(bench.ask("z4,201,1"), "OK");
    EXPECT_EQ(bench.ask("Z3,200,1"), "OK") << "of which only the other byte is read";
    EXPECT_EQ(bench.resume("c"), "T0f");
}

TEST(GdbServer, WatchpointsDoNotChangeTimes) {
    Bench watched;
    EXPECT_EQ(watched.ask("Z4,300,100"), "OK");
    EXPECT_EQ(watched.ask("Z3,4000,c000"), "OK");
    EXPECT_EQ(watched.resume("c"), "T0f");
    Guest alone(watched.program);
    alone.run_to_end();
    EXPECT_EQ(watched.guest.machine.core().cycle, alone.machine.core().cycle);
    EXPECT_EQ(watched.guest.machine.core().memory.bytes, alone.machine.core().memory.bytes);
}

TEST(GdbServer, BoundsWhatItRemembers) {
    Bench bench;
    for (std::size_t i = 0; i < Server::breakpoints_max; ++i) {
        ASSERT_EQ(bench.ask(fmt::format("Z0,{:x},2", 0x4000 + 2 * i)), "OK");
    }
    EXPECT_EQ(bench.ask("Z0,8000,2"), "E1c");
    for (std::size_t i = 0; i < Server::watches_max; ++i) {
        ASSERT_EQ(bench.ask(fmt::format("Z2,{:x},2", 0x0200 + 2 * i)), "OK");
    }
    EXPECT_EQ(bench.ask("Z2,2000,2"), "E1c");
}

TEST(GdbServer, StopsAtCtrlC) {
    Bench bench("again: jmp again");
    bench.server.take(frame("c"));
    EXPECT_EQ(bench.server.run(100), Stop::limit);
    EXPECT_EQ(bench.raw("\x03").back(), "T02");
    EXPECT_EQ(bench.server.run(200), std::nullopt);
    EXPECT_TRUE(bench.raw("\x03").empty()) << "it stands already";
}

TEST(GdbServer, TellsTheEndBeforeItIsOne) {
    Bench bench;
    EXPECT_EQ(bench.resume("c"), "T0f");
    EXPECT_EQ(bench.stop, std::nullopt);
    EXPECT_EQ(bench.resume("c"), "nothing");
    EXPECT_EQ(bench.stop, Stop::off);
    bench.server.ended(0);
    EXPECT_EQ(bench.ask_nothing(), "W00");
}

TEST(GdbServer, TellsThatTheProgramLeftItsMemory) {
    Bench bench("br #0x300");
    EXPECT_EQ(bench.resume("c"), "T0b");
    EXPECT_EQ(bench.ask("P0=00400000"), "OK");
    EXPECT_EQ(bench.resume("c"), "T0b") << "it went on from where it was set";
}

TEST(GdbServer, StepsOutOfASleep) {
    Bench bench(std::string(test::prologue) + R"(
    mov #handler, &0xfff2
    mov #100, &0x0172
    mov #0x10, &0x0162
    mov #0x0210, &0x0160
    bis #0x18, r2
    nop
handler:
    mov #7, r5
    .short 0x3fff
)");
    for (unsigned i = 0; i < 7; ++i) {
        ASSERT_EQ(bench.resume("s"), "T05");
    }
    EXPECT_EQ(bench.resume("s"), "T05");
    EXPECT_EQ(bench.pc(), bench.program.label("handler")) << "what woke it is the step";
    EXPECT_EQ(bench.resume("s"), "T05");
    EXPECT_EQ(bench.ask("p5"), "07000000");
}

TEST(GdbServer, StopsAtViolationsUntilToldNotTo) {
    const std::string violates = std::string(test::prologue) + "mov #handler, &0xfffa\n" +
                                 test::protect("m", 0x0210, 0x0220) +
                                 "again: mov #1, &0x0210\nhandler: mov #2, r9\n" + test::end +
                                 "m_start: nop\n m_end:\n";
    Bench bench(violates);
    bench.server.take(frame("c"));
    for (unsigned slice = 0; slice < 1000 && bench.server.run(200'000); ++slice) {
    }
    const auto told = bench.raw("");
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].front(), 'O');
    EXPECT_EQ(told[1], "T0b");
    EXPECT_EQ(bench.pc(), bench.program.label("handler"));
    EXPECT_EQ(bench.guest.witness.violations.size(), 1U) << "the other observer is told too";
    const std::string enclaves = bench.ask("qRcmd," + hex(std::string_view("enclaves")));
    EXPECT_NE(enclaves.find(hex(std::string_view("data 0x0210"))), std::string::npos);
    EXPECT_EQ(bench.ask("M210,2:aa55"), "OK") << "protection does not bind a debugger";
    EXPECT_EQ(bench.ask("m210,2"), "aa55");
    EXPECT_NE(bench.ask("qRcmd," + hex(std::string_view("violations pass"))), "E16");
    EXPECT_EQ(bench.ask(fmt::format("P0={:02x}{:02x}0000",
                                    bench.program.label("again") & 0xFFU,
                                    bench.program.label("again") >> 8U)),
              "OK");
    EXPECT_EQ(bench.resume("c"), "T0f");
    EXPECT_EQ(bench.guest.witness.violations.size(), 2U);
}

TEST(GdbServer, JumpsIntoAnEnclaveWithoutViolation) {
    Bench bench(std::string(test::prologue) + "mov #handler, &0xfffa\n" +
                test::protect("m", 0x0210, 0x0220) + "ready: nop\nhandler: " + test::end +
                "m_start: nop\n inside: mov #3, &0x0210\n m_end:\n");
    EXPECT_EQ(bench.ask("Z0," + bench.label("ready") + ",2"), "OK");
    bench.server.take(frame("c"));
    while (bench.server.run(200'000)) {
    }
    EXPECT_EQ(bench.ask_nothing(), "T05");
    EXPECT_EQ(bench.resume("s" + bench.label("inside")), "T05");
    EXPECT_EQ(bench.ask("m210,2"), "0300");
}

TEST(GdbServer, ReadsDevicesWithoutDisturbingThem) {
    std::vector<NamedDevice> devices;
    auto own = std::make_unique<FileIo>(0x00C0);
    FileIo& file = *own;
    devices.push_back({"file", std::move(own)});
    Machine machine(reference_configuration(), std::move(devices));
    file.give(std::vector<std::uint8_t>{0x11, 0x22}, 0);
    const Symbols symbols;
    Server server(machine, symbols, nullptr);
    server.attach();
    for (unsigned i = 0; i < 3; ++i) {
        server.take(frame("mc0,4"));
        EXPECT_EQ(server.output(), "+" + frame("01001100"));
    }
    EXPECT_EQ(machine.devices().read(0x00C2, 0), 0x11);
    EXPECT_EQ(machine.devices().read(0x00C2, 0), 0x22);
}

TEST(GdbServer, WritesDevicesAsAProgramDoes) {
    Bench bench;
    EXPECT_EQ(bench.ask("M130,2:0300"), "OK"); // multiplier: MPY
    EXPECT_EQ(bench.ask("M138,2:0700"), "OK"); // OP2
    EXPECT_EQ(bench.resume("s"), "T05");
    EXPECT_EQ(bench.ask("m13a,2"), "1500");
}

TEST(GdbServer, DescribesTheRegisters) {
    Bench bench;
    std::string text;
    for (;;) {
        const std::string part =
            bench.ask(fmt::format("qXfer:features:read:target.xml:{:x},40", text.size()));
        ASSERT_FALSE(part.empty());
        text += part.substr(1);
        if (part.front() == 'l') {
            break;
        }
    }
    EXPECT_NE(text.find("<architecture>msp430</architecture>"), std::string::npos);
    EXPECT_NE(text.find("<reg name=\"r15\" bitsize=\"32\" type=\"uint32\" regnum=\"15\"/>"),
              std::string::npos);
    EXPECT_EQ(bench.ask("qXfer:features:read:target.xml:ffffffff,40"), "l");
}

TEST(GdbServer, ObeysTheMonitor) {
    Bench bench;
    EXPECT_EQ(bench.resume("s"), "T05");
    const auto monitor = [&](std::string_view command) {
        return bench.ask("qRcmd," + hex(command));
    };
    EXPECT_EQ(monitor("cycles"), hex(fmt::format("{}\n", bench.guest.machine.core().cycle)));
    EXPECT_EQ(monitor("enclaves"), hex(std::string_view("no module is protected\n")));
    EXPECT_EQ(monitor("dance"), monitor("help"));
    monitor("reset");
    EXPECT_EQ(bench.pc(), 0x4000);
    EXPECT_EQ(bench.guest.witness.resets, 1U);
}

TEST(GdbServer, LetsTheMachineGoOnWhenTheDebuggerLeaves) {
    for (const bool politely : {true, false}) {
        Bench bench;
        bench.ask("Z0," + bench.label("store") + ",2");
        bench.ask("Z2,200,2");
        if (politely) {
            EXPECT_EQ(bench.ask("D"), "OK");
        }
        bench.server.detach();
        EXPECT_EQ(bench.server.run(100'000), Stop::off);
        EXPECT_EQ(bench.ask("g"), "nothing");
        bench.server.attach();
        EXPECT_EQ(bench.server.run(100'000), std::nullopt) << "the next one finds it standing";
    }
}

TEST(GdbServer, EndsWhenItIsToldTo) {
    Bench bench;
    EXPECT_FALSE(bench.server.kill_asked());
    EXPECT_EQ(bench.ask("k"), "nothing");
    EXPECT_TRUE(bench.server.kill_asked());
}

} // namespace
} // namespace authex::sancus_emulator::gdb
