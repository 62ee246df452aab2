// authex-sancus from outside: what a person sees who runs a firmware.
#include "sancus_emulator/program/program.hpp"

#include <csignal>
#include <filesystem>

#include <nlohmann/json.hpp>

namespace authex::sancus_emulator::test {
namespace {

TEST_F(ProgramTest, PrintsAndEnds) {
    const Result result = run({"--board", "sim", firmware(prints)});
    EXPECT_EQ(result.out, "hi\n");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_NE(result.err.find("the program has ended (CPUOFF) in cycle"), std::string::npos);
}

TEST_F(ProgramTest, RunsIntelHexToo) {
    const std::string elf = firmware(prints);
    ASSERT_EQ(authex::test::run(
                  {{"/usr/bin/env", "llvm-objcopy-14", "-O", "ihex", elf, path("f.hex")}, {}, {}})
                  .status,
              0);
    const Result result = run({"--board", "sim", path("f.hex"), "-q"});
    EXPECT_EQ(result.out, "hi\n");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
}

TEST_F(ProgramTest, EndsAtTheLimit) {
    const std::string loop = firmware(std::string(prologue) + "again: jmp again", fpga);
    const Result cycles = run({loop, "--cycles", "1000"});
    EXPECT_EQ(cycles.status, 4) << cycles.err;
    EXPECT_NE(cycles.err.find("(again)"), std::string::npos) << cycles.err;
    const Result seconds = run({loop, "--seconds", "0.01", "--json"});
    EXPECT_EQ(seconds.status, 4);
    const auto json = nlohmann::json::parse(seconds.err);
    EXPECT_EQ(json["reason"], "limit");
    EXPECT_GE(json["cycle"], 80'000U);
    EXPECT_LT(json["cycle"], 80'010U);
}

TEST_F(ProgramTest, SaysThatTheProgramHasLeftProgramMemory) {
    const Result result = run({firmware(std::string(prologue) + "br #0x300", fpga)});
    EXPECT_EQ(result.status, 5);
    EXPECT_NE(result.err.find("it fetches at 0x0300"), std::string::npos) << result.err;
}

TEST_F(ProgramTest, EndsWhenNothingWillWakeTheProgram) {
    const std::string sleeps = firmware(std::string(prologue) + "bis #0x18, r2\n" + end, fpga);
    const Result result = run({sleeps});
    EXPECT_EQ(result.status, 0);
    EXPECT_NE(result.err.find("nothing will wake it"), std::string::npos) << result.err;
    EXPECT_EQ(run({sleeps, "--cycles", "5000"}).status, 4);
    EXPECT_NE(run({sleeps, "--until-cpuoff"}).err.find("(CPUOFF)"), std::string::npos);
}

TEST_F(ProgramTest, NamesBothModulesOfAViolation) {
    const std::string elf = firmware(violates);
    const std::string expected = "module 2 `led` at 0x";
    const Result goes_on = run({"--board", "sim", elf});
    EXPECT_EQ(goes_on.status, 0) << goes_on.err;
    EXPECT_NE(goes_on.err.find("(led_set) wrote 0x0202, protected by module 1 `button`"),
              std::string::npos)
        << goes_on.err;
    EXPECT_NE(goes_on.err.find(expected), std::string::npos);
    const Result stops = run({"--board", "sim", elf, "--stop-on-violation", "--json"});
    EXPECT_EQ(stops.status, 3) << stops.err;
    const auto json = nlohmann::json::parse(stops.err.substr(0, stops.err.find('\n')));
    EXPECT_EQ(json["event"], "violation");
    EXPECT_EQ(json["address"], 0x202);
    EXPECT_EQ(json["by"], 2);
    EXPECT_EQ(json["of"], 1);
}

TEST_F(ProgramTest, WritesATraceWithSymbols) {
    const Result result = run({"--board", "sim", firmware(violates), "--trace", path("trace")});
    ASSERT_EQ(result.status, 0) << result.err;
    const std::string trace = read("trace");
    EXPECT_EQ(trace.substr(0, trace.find('\n')), "0 4000 40b2 5a80 0120 mov #0x5a80, &0x0120     ");
    EXPECT_NE(trace.find(" 1381           sancus.protect "), std::string::npos);
    EXPECT_NE(trace.find("led_set\n"), std::string::npos);
    EXPECT_NE(trace.find(" violation module 2 `led`"), std::string::npos);
    EXPECT_NE(trace.find(" irq 13\n"), std::string::npos);
}

TEST_F(ProgramTest, TakesTheInputOfAFile) {
    const std::string elf = firmware(echoes, fpga);
    const Result stdio =
        run({elf, "--serial", "uart1=stdio", "--serial", "uart2=none", "-q", "--deterministic"},
            "from a file!");
    EXPECT_EQ(stdio.status, 0) << stdio.err;
    EXPECT_EQ(stdio.out, "from a file!");
    const std::string in = write("in", std::string(10'000, 'x') + "!");
    const Result files = run({elf, "--serial", "uart1=file:" + in + "," + path("out")});
    EXPECT_EQ(files.status, 0) << files.err;
    EXPECT_EQ(read("out"), "!") << "more than the line holds at a time";
}

TEST_F(ProgramTest, RepeatsARunFromItsInputs) {
    const std::string elf = firmware(toggles, fpga);
    const std::string inputs =
        write("inputs",
              R"({"cycle":1000,"direction":"input","device":"button0","value":"pressed"}
{"cycle":2000,"direction":"output","device":"led0","value":"ignored"}
{"cycle":30000,"direction":"input","device":"button0","value":"released"}
{"cycle":500000,"direction":"input","device":"button0","value":"pressed"}
)");
    const Result first =
        run({elf, "--inputs", inputs, "--physical", path("first"), "--trace", path("t1")});
    ASSERT_EQ(first.status, 0) << first.err;
    const std::string events = read("first");
    EXPECT_NE(events.find(R"("device":"led0","value":"on")"), std::string::npos) << events;
    EXPECT_NE(events.find(R"("device":"led0","value":"off")"), std::string::npos) << events;
    const Result second =
        run({elf, "--inputs", path("first"), "--physical", path("second"), "--trace", path("t2")});
    EXPECT_EQ(read("second"), events);
    EXPECT_EQ(read("t2"), read("t1"));
    EXPECT_FALSE(read("t1").empty());
}

TEST_F(ProgramTest, RepeatsNmiAndResetFromOutside) {
    // An NMI turns the LED on, a reset turns it off.
    const std::string elf = firmware(std::string(prologue) + R"(
    mov #handler, &0xfffc
    mov.b #1, &0x2a
    mov.b #0x10, &0
    bis #0x10, r2
handler:
    mov.b #1, &0x29
    mov.b #0, &2
    mov.b #0x10, &0
    reti
)",
                                     fpga);
    const std::string board =
        write("board.yaml", "devices:\n  panic: { kind: nmi }\n  led: { kind: led, pin: P2.0 }\n");
    Process process(
        command({elf, "--board", board, "--control", path("c"), "--physical", path("first")}));
    (void)said(process, "control is on ");
    const auto control = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"control", path("c")});
        return run(words).status;
    };
    EXPECT_EQ(control({"wait", "led", "off"}), 0);
    EXPECT_EQ(control({"press", "panic"}), 0);
    EXPECT_EQ(control({"wait", "led", "on"}), 0);
    EXPECT_EQ(control({"release", "panic"}), 0);
    EXPECT_EQ(control({"reset"}), 0);
    EXPECT_EQ(control({"wait", "led", "off"}), 0);
    EXPECT_EQ(control({"stop"}), 0);
    EXPECT_EQ(process.wait(), 0);
    const std::string events = read("first");
    EXPECT_NE(events.find(R"("direction":"input","device":"panic","value":"pressed")"),
              std::string::npos)
        << events;
    EXPECT_NE(events.find(R"("direction":"input","device":"reset","value":"pressed")"),
              std::string::npos)
        << events;
    const Result again =
        run({elf, "--board", board, "--inputs", path("first"), "--physical", path("second")});
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_EQ(read("second"), events);
}

TEST_F(ProgramTest, GoesOnFromASnapshotAsIfNothingHadBeen) {
    const std::string counts = firmware(std::string(prologue) + R"(
again:
    add #1, r10
    mov r10, &0x0200
    mov &0x01a0, r11
    mov.b r10, &0x90
    cmp #20000, r10
    jne again
)" + end,
                                        fpga);
    const Result whole = run({counts, "--physical", path("whole"), "--snapshot", path("end1")});
    ASSERT_EQ(whole.status, 0) << whole.err;
    const Result part =
        run({counts, "--cycles", "54321", "--physical", path("part1"), "--snapshot", path("snap")});
    ASSERT_EQ(part.status, 4) << part.err;
    const Result rest =
        run({"--restore", path("snap"), "--physical", path("part2"), "--snapshot", path("end2")});
    ASSERT_EQ(rest.status, 0) << rest.err;
    EXPECT_EQ(read("part1") + read("part2"), read("whole"));
    EXPECT_EQ(read("end1"), read("end2"));
    EXPECT_EQ(run({"--board", "sim", "--restore", path("snap")}).status, 2);
    write("snap", read("snap").substr(0, 1000));
    EXPECT_EQ(run({"--restore", path("snap")}).status, 2);
}

TEST_F(ProgramTest, DerivesRandomNumbersFromTheSeed) {
    const std::string elf = firmware(std::string(prologue) + "mov.b &0x01a0, &0x90\n" + end, fpga);
    const auto shown = [&](const std::string& seed) {
        EXPECT_EQ(run({elf, "--seed", seed, "--physical", path("p")}).status, 0);
        return read("p");
    };
    const std::string one = shown("1");
    EXPECT_NE(one, "");
    EXPECT_EQ(shown("1"), one);
    EXPECT_NE(shown("2"), one);
}

TEST_F(ProgramTest, KeepsThePaceThatIsAskedFor) {
    const std::string loop = firmware(std::string(prologue) + "again: jmp again", fpga);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(run({loop, "--hz", "1000000", "--cycles", "300000"}).status, 4);
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(290));
}

/// Sleeps so many times until Timer A rings, each 65.5 ms on the board, then ends.
std::string sleeps(unsigned times) {
    return std::string(prologue) + "mov #handler, &0xfff2\n mov #" + std::to_string(times) +
           R"(, r10
    mov #0xffff, &0x0172
    mov #0x0010, &0x0162
    mov #0x02d4, &0x0160
again:
    bis #0x18, r2
    nop
    dec r10
    jnz again
    dint
)" + end + R"(
handler:
    bic #0x10, 0(r1)
    reti
)";
}

TEST_F(ProgramTest, SleepsInTimeOnlyWhereThatIsAskedFor) {
    // More than an hour, which would outlast the test.
    EXPECT_EQ(run({firmware(sleeps(60'000), fpga)}).status, 0);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(run({firmware(sleeps(5), fpga), "--sleep-in-time"}).status, 0);
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(320));
}

TEST_F(ProgramTest, RefusesWhatWouldMakeTwoRunsDiffer) {
    const std::string elf = firmware(prints, fpga);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"--control", path("c")},
          std::vector<std::string>{"--serial", "uart1=pty"},
          std::vector<std::string>{"--serial", "uart1=tcp:0"}}) {
        std::vector<std::string> all = {elf, "--deterministic"};
        all.insert(all.end(), words.begin(), words.end());
        EXPECT_EQ(run(all).status, 2) << words.back();
    }
}

TEST_F(ProgramTest, SaysWhatIsWrongWithTheCommandLine) {
    const std::string elf = firmware(prints);
    const std::string hole = write("hole.elf", Program(prints, 0x4400).elf());
    const std::string text = write("text", "hello");
    const std::string board = write("board.yaml", "devices:\n  u: { kind: urt, address: 0x80 }\n");
    const std::string inputs =
        write("i", R"({"cycle":1,"direction":"input","device":"no","value":"x"})");
    struct Case {
        std::vector<std::string> words;
        std::string says;
    };
    for (const Case& each :
         {Case{{}, "Usage"},
          Case{{"--board", "sim"}, "no firmware"},
          Case{{"absent.elf"}, "absent.elf cannot be read"},
          Case{{text}, "neither an ELF file nor Intel HEX"},
          Case{{elf, "--board", "sm"}, "did you mean «sim»"},
          Case{{elf, "--board", board}, "board.yaml:2:14: error: «kind» cannot be «urt»"},
          Case{{hole}, "where the board has no memory"},
          Case{{"--board", "sim", elf, "--node-key", "00"}, "32 hexadecimal digits"},
          Case{{"--board", "sim", elf, "--hz", "0"}, "--hz"},
          Case{{"--board", "sim", elf, "--hz", "fast"}, "--hz"},
          Case{{"--board", "sim", elf, "--core", "new"}, "--core"},
          Case{{"--board", "sim", elf, "--cycles", "1", "--seconds", "1"}, "excludes"},
          Case{{"--board", "sim", elf, "--serial", "uart9=none"}, "no line of the board"},
          Case{{"--board", "sim", elf, "--serial", "uart1"}, "no line of the board"},
          Case{{"--board", "sim", elf, "--serial", "uart1=modem"}, "cannot be connected"},
          Case{{"--board", "sim", elf, "--inputs", inputs}, "no device «no»"},
          Case{{"--board", "sim", elf, "--inputs", text}, "this is no event"},
          Case{{"--board", "sim", elf, "--restore", text}, "no snapshot"},
          Case{{"--board", "sim", elf, "--trace", "/nonexistent/t"}, "cannot be written"},
          Case{{"control", path("nobody")}, "command"}}) {
        const Result result = run(each.words);
        EXPECT_EQ(result.status, 2) << each.says << "\n" << result.err;
        EXPECT_NE((result.err + result.out).find(each.says), std::string::npos) << each.says << "\n"
                                                                                << result.err;
    }
}

TEST_F(ProgramTest, FailsWhereTheSystemRefuses) {
    const std::string elf = firmware(prints);
    EXPECT_EQ(run({"--board", "sim", elf, "--control", "/nonexistent/c"}).status, 1);
    EXPECT_EQ(run({"--board", "sim", elf, "--control", write("file", "x")}).status, 1)
        << "a file is not overwritten";
    EXPECT_EQ(
        run({"--board", "sim", elf, "--serial", "uart1=unix:" + std::string(200, 'x')}).status, 1);
    EXPECT_EQ(run({"--board", "sim", elf, "--serial", "uart1=file:,/dev/full"}).status, 1);
    EXPECT_EQ(run({"--board", "sim", elf, "--snapshot", "/dev/full"}).status, 1);
    EXPECT_EQ(run({"control", path("nobody"), "list"}).status, 1);
}

const std::string golden = R"(name tiny
about a constant, and the end
config base
image 4000 b240805a20013540341232d01000ff3f
image fffe 0040
0 4000 R1=0000 R2=0000 R5=0000
5 4006
7 400a R5=1234
9 400e R2=0010
end cpuoff 20
mem 0200 0000
)";

TEST_F(ProgramTest, AgreesWithARecordedRun) {
    const Result result = run({"--check-golden", write("a", golden), write("b", golden)});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_NE(result.err.find("4 instructions agree"), std::string::npos) << result.err;
}

TEST_F(ProgramTest, ShowsTheFirstDifferenceToARecordedRun) {
    struct Case {
        std::string from;
        std::string to;
        std::string place;
    };
    for (const Case& each : {Case{"R5=1234", "R5=1235", ":8:1: error: r5 is 1234"},
                             Case{"5 4006", "6 4006", ":7:1: error: this is cycle 5"},
                             Case{"7 400a", "7 400c", ":8:1: error: the program counter is 400a"},
                             Case{"mem 0200 0000", "mem 0200 0001", ":11:1: error: at 0201"}}) {
        std::string text = golden;
        text.replace(text.find(each.from), each.from.size(), each.to);
        const Result result = run({"--check-golden", write("g", text)});
        EXPECT_EQ(result.status, 1) << each.to;
        EXPECT_NE(result.err.find(each.place), std::string::npos) << result.err;
    }
    EXPECT_EQ(run({"--check-golden", write("g", "nonsense\n")}).status, 2);
    EXPECT_EQ(run({"--check-golden", path("absent")}).status, 2);
}

TEST_F(ProgramTest, PrintsAndChecksBoards) {
    EXPECT_EQ(run({"board"}).out, "default\nsim\n");
    const Result text = run({"board", "default"});
    EXPECT_EQ(text.status, 0);
    EXPECT_EQ(run({"board", write("b.yaml", text.out)}).status, 0) << "it is a board file itself";
    const Result clash = run({"board",
                              write("b.yaml",
                                    "devices:\n  a: { kind: uart, address: 0x80 }\n"
                                    "  b: { kind: lcd, address: 0x84 }\n")});
    EXPECT_EQ(clash.status, 2);
    EXPECT_NE(clash.err.find("b.yaml:3:3: error: device `b`"), std::string::npos) << clash.err;
}

TEST_F(ProgramTest, PrintsKeys) {
    // Of the node key of the boards and the vendor of the Sancus examples.
    const Result vendor = run({"keys", "--vendor", "0x1234"});
    EXPECT_EQ(vendor.status, 0) << vendor.err;
    EXPECT_EQ(vendor.out, "vendor 0x1234\n  key          0b7bf3ae40880a8be430d0da34fb76f0\n");
    EXPECT_EQ(run({"keys", "--vendor", "4660"}).out, vendor.out);
    const std::string zeros(32, '0');
    const Result other = run({"keys", "--vendor", "0x1234", "--node-key", zeros, "--json"});
    EXPECT_EQ(other.status, 0) << other.err;
    const auto json = nlohmann::json::parse(other.out);
    EXPECT_NE(json["vendor-key"], "0b7bf3ae40880a8be430d0da34fb76f0");
    EXPECT_TRUE(json["modules"].empty());
    EXPECT_EQ(nlohmann::json::parse(run({"keys",
                                         "--vendor",
                                         "0x1234",
                                         "--node-key-file",
                                         write("key", zeros + "\n"),
                                         "--json"})
                                        .out),
              json);
    const std::string elf = firmware(std::string(prologue) + end +
                                     "s:\n nop\n e:\n __sm_led_public_start = s\n"
                                     " __sm_led_public_end = e\n __sm_led_secret_start = 0x200\n"
                                     " __sm_led_secret_end = 0x210\n");
    EXPECT_NE(run({"keys", "--vendor", "1", elf}).out.find("module led: text 0x4"),
              std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(
                  run({"keys", "--vendor", "1", elf, "--json"}).out)["modules"][0]["data"],
              nlohmann::json({0x200, 0x210}));
}

TEST_F(ProgramTest, PrintsNoKeysOfWhatItDoesNotKnow) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{},
          std::vector<std::string>{"--vendor", "0x10000"},
          std::vector<std::string>{"--vendor", "-1"},
          std::vector<std::string>{"--vendor", "0x"},
          std::vector<std::string>{"--vendor", ""},
          std::vector<std::string>{"--vendor", "1", "absent.elf"},
          std::vector<std::string>{"--vendor", "1", firmware(prints)},
          std::vector<std::string>{"--vendor", "1", "--board", "sm"},
          std::vector<std::string>{"--vendor", "1", "--node-key", "00"},
          std::vector<std::string>{"--vendor", "1", "--node-key-file", "absent"}}) {
        std::vector<std::string> all = {"keys"};
        all.insert(all.end(), words.begin(), words.end());
        const Result result = run(all);
        EXPECT_EQ(result.status, 2) << testing::PrintToString(words);
        EXPECT_EQ(result.out, "");
        EXPECT_NE(result.err, "");
    }
}

TEST_F(ProgramTest, HelpsANewcomer) {
    const Result help = run({"--help"});
    EXPECT_EQ(help.status, 0);
    for (const char* word : {"FIRMWARE", "--board", "--control", "Exit status"}) {
        EXPECT_NE(help.out.find(word), std::string::npos) << word;
    }
    EXPECT_EQ(run({"control", "--help"}).status, 0);
    EXPECT_EQ(run({"keys", "--help"}).status, 0);
    EXPECT_EQ(run({"--version"}).status, 0);
}

} // namespace
} // namespace authex::sancus_emulator::test
