// Reading board files (board.hpp).
#include <gtest/gtest.h>

#include "sancus_emulator/board.hpp"
#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator::test {
namespace {

Expected<Board> parse(const std::string& text, const std::filesystem::path& folder = ".") {
    auto board = parse_board(text, "b.yaml", folder);
    if (!board) {
        return tl::unexpected(board.error().front());
    }
    return std::move(*board);
}

struct Wrong {
    const char* text;
    const char* code;
    unsigned line;
    unsigned column;
};

class WrongBoard : public testing::TestWithParam<Wrong> {};

TEST_P(WrongBoard, IsRefusedWithItsPlace) {
    const auto board = parse(GetParam().text);
    ASSERT_FALSE(board);
    EXPECT_EQ(board.error().code, GetParam().code) << to_text(board.error());
    EXPECT_EQ(board.error().where.line, GetParam().line) << to_text(board.error());
    EXPECT_EQ(board.error().where.column, GetParam().column) << to_text(board.error());
    EXPECT_EQ(board.error().where.file, "b.yaml");
}

INSTANTIATE_TEST_SUITE_P(
    Each,
    WrongBoard,
    testing::Values(
        Wrong{"[1]", "wrong-type", 1, 1},
        Wrong{"cloc: 1", "unknown-key", 1, 1},
        Wrong{"clock: fast", "invalid-value", 1, 8},
        Wrong{"clock: 9999", "out-of-range", 1, 8},
        Wrong{"core: { variant: new }", "unknown-value", 1, 18},
        Wrong{"core: { atomic-limit: 0 }", "out-of-range", 1, 23},
        Wrong{"core: { atomic-limit: 32768 }", "out-of-range", 1, 23},
        Wrong{"core: { rules: some }", "unknown-value", 1, 16},
        Wrong{"core: { security: 256 }", "unknown-value", 1, 19},
        Wrong{"core: { slots: 0 }", "out-of-range", 1, 16},
        Wrong{"core: { slots: 17 }", "out-of-range", 1, 16},
        Wrong{"core: { cpu-off-ends: maybe }", "invalid-value", 1, 23},
        Wrong{"node-key: abcd", "invalid-hex", 1, 11},
        Wrong{"node-key-file: absent.key", "file-unreadable", 1, 16},
        Wrong{"node-key-file: /etc/hostname", "absolute-path", 1, 16},
        Wrong{"memory: { data: 40KiB, program: 40KiB }", "memory-overlap", 1, 9},
        Wrong{"memory: { data: 64KiB }", "out-of-range", 1, 17},
        Wrong{"memory: { data: 1001 }", "odd-size", 1, 17},
        Wrong{"devices: { Uart: { kind: uart, address: 0x80 } }", "invalid-name", 1, 12},
        Wrong{"devices: { gpio: { kind: digits, address: 0x90 } }", "name-taken", 1, 12},
        Wrong{"devices:\n  u: { address: 0x80 }", "missing-key", 2, 3},
        Wrong{"devices:\n  u: { kind: usart, address: 0x80 }", "unknown-value", 2, 14},
        Wrong{"devices:\n  u: { kind: uart }", "missing-key", 2, 3},
        Wrong{"devices:\n  u: { kind: uart, address: 0x80, pin: P1.0 }", "unknown-key", 2, 35},
        Wrong{"devices:\n  u: { kind: uart, address: 0x81 }", "misaligned", 2, 29},
        Wrong{"devices:\n  u: { kind: uart, address: 0x1fa }", "out-of-range", 2, 29},
        Wrong{"devices:\n  t: { kind: timestamp, address: 0x194 }", "misaligned", 2, 34},
        Wrong{"devices:\n  u: { kind: uart, address: 0x80, receive-vector: 13 }",
              "out-of-range",
              2,
              51},
        Wrong{"devices:\n  b: { kind: button }", "missing-key", 2, 3},
        Wrong{"devices:\n  b: { kind: button, pin: P7.0 }", "invalid-pin", 2, 27},
        Wrong{"devices:\n  b: { kind: button, pin: P1.8 }", "invalid-pin", 2, 27},
        Wrong{"devices:\n  b: { kind: button, pin: P1 }", "invalid-pin", 2, 27},
        Wrong{"devices:\n  b: { kind: led, pin: P1.0, active: up }", "unknown-value", 2, 38},
        Wrong{"devices:\n  a: { kind: led, pin: P1.0 }\n  b: { kind: led, pin: P1.0 }",
              "pin-clash",
              3,
              24},
        Wrong{
            "devices:\n  s: { kind: sensor, address: 0x1a8, scale: big }", "invalid-number", 2, 45},
        Wrong{"devices:\n  a: { kind: nmi }\n  b: { kind: nmi }", "pin-clash", 3, 3},
        Wrong{"devices:\n  a: { kind: nmi, pin: P1.0 }", "unknown-key", 2, 19},
        Wrong{"devices:\n  reset: { kind: nmi }", "name-taken", 2, 3},
        Wrong{"devices:\n  s: { kind: sensor, address: 0x1a8, trace: absent.csv }",
              "file-unreadable",
              2,
              45}));

TEST(BoardFile, WithoutAnythingIsTheUsualCore) {
    const auto board = parse("{}");
    ASSERT_TRUE(board) << to_text(board.error());
    EXPECT_EQ(board->configuration.map.program_start, 0x5C00U);
    EXPECT_EQ(board->configuration.slots, 4U);
    EXPECT_TRUE(board->devices.empty());
}

TEST(BoardFile, BoundedAtomicityHasItsBound) {
    const auto published = parse("core: { variant: aion }");
    ASSERT_TRUE(published) << to_text(published.error());
    EXPECT_EQ(published->configuration.variant, Variant::aion);
    EXPECT_EQ(published->configuration.atomic_limit, 10'000U);
    const auto own = parse("core: { variant: aion, atomic-limit: 1000 }");
    ASSERT_TRUE(own) << to_text(own.error());
    EXPECT_EQ(own->configuration.atomic_limit, 1'000U);
}

TEST(BoardFile, SetsEachProperty) {
    const auto board = parse(R"(
core: { variant: legacy, rules: rtl, security: 64, slots: 8, reset-on-violation: true,
        cpu-off-ends: true }
node-key: "0123456789abcdef"
memory: { data: 10KiB, program: 48KiB }
clock: 20000000
aclk: 1000
devices:
  log: { kind: uart, address: 0x88, receive-vector: 5, transmit-vector: 4, serial: "tcp:0",
         physical: true }
  b: { kind: button, pin: P2.7, active: low }
  s: { kind: sensor, address: 0x1a8, scale: 10, initial: -3.5, unit: K }
)");
    ASSERT_TRUE(board) << to_text(board.error());
    const Configuration& core = board->configuration;
    EXPECT_EQ(core.variant, Variant::legacy);
    EXPECT_EQ(core.rules, Rules::rtl);
    EXPECT_EQ(core.security, Security::bits64);
    EXPECT_EQ(core.slots, 8U);
    EXPECT_TRUE(core.reset_on_violation);
    EXPECT_TRUE(core.cpu_off_ends);
    EXPECT_EQ(core.node_key[0], 0x01);
    EXPECT_EQ(core.node_key[7], 0xEF);
    EXPECT_EQ(core.map.data_bytes, 0x2800U);
    EXPECT_EQ(core.map.program_start, 0x4000U);
    EXPECT_EQ(board->clock_hz, 20'000'000U);
    EXPECT_EQ(board->aclk_hz, 1000U);
    ASSERT_EQ(board->devices.size(), 3U);
    EXPECT_EQ(board->devices[0].serial, "tcp:0");
    EXPECT_EQ(board->devices[0].receive_vector, 5U);
    EXPECT_EQ(board->devices[0].transmit_vector, 4U);
    EXPECT_TRUE(board->devices[0].physical);
    EXPECT_EQ(board->devices[1].pin, (Pin{2, 7}));
    EXPECT_FALSE(board->devices[1].active_high);
    EXPECT_EQ(board->devices[2].scale, 10);
    EXPECT_EQ(board->devices[2].initial, -3.5);
}

TEST(BoardFile, TakesKeysAndTracesFromFilesBesideIt) {
    const authex::test::TemporaryFolder folder;
    folder.write("node.key", "00112233445566778899aabbccddeeff\n");
    folder.write("t.csv", "seconds,value\n2,7\n");
    const auto board = parse("node-key-file: node.key\nclock: 10000\ndevices: { s: { kind: "
                             "sensor, address: 0x1a8, trace: t.csv } }",
                             folder.path());
    ASSERT_TRUE(board) << to_text(board.error());
    EXPECT_EQ(board->configuration.node_key[15], 0xFF);
    EXPECT_EQ(board->devices.front().trace.front().cycle, 20'000U);
    folder.write("node.key", "0011");
    const auto shorter = parse("node-key-file: node.key", folder.path());
    ASSERT_FALSE(shorter);
    EXPECT_EQ(shorter.error().code, "invalid-key");
    EXPECT_EQ(to_text(shorter.error()).find("0011"), std::string::npos) << "it may be a key";
}

TEST(BoardFile, TellsAllFindingsAtOnce) {
    const auto board = parse_board("clock: 1\nmemory: { data: 1 }\nx: 1\n", "b.yaml", ".");
    ASSERT_FALSE(board);
    EXPECT_EQ(board.error().size(), 3U);
}

TEST(OpenBoard, KnowsTheBoardsThatAreBuiltIn) {
    ASSERT_EQ(built_in_boards().size(), 2U);
    for (const BuiltInBoard& each : built_in_boards()) {
        const auto board = open_board(std::string(each.name));
        ASSERT_TRUE(board) << to_text(board.error().front());
        const auto devices = make_devices(*board, nullptr, RandomSeed{});
        ASSERT_TRUE(devices) << to_text(devices.error());
        EXPECT_EQ(devices->devices.size(), board->devices.size() + 5);
    }
}

TEST(OpenBoard, RefusesANameThatIsNeitherBoardNorFile) {
    const auto board = open_board("defualt");
    ASSERT_FALSE(board);
    EXPECT_EQ(board.error().front().code, "board-unknown");
    EXPECT_NE(board.error().front().fix.find("default"), std::string::npos);
}

TEST(MakeDevices, RefusesTwoDevicesAtOneAddress) {
    for (const char* second : {"{ kind: digits, address: 0x86 }",
                               "{ kind: uart, address: 0x20 }",
                               "{ kind: sensor, address: 0x120 }",
                               "{ kind: random, address: 0x138 }"}) {
        const auto board =
            parse(std::string("devices:\n  a: { kind: uart, address: 0x80 }\n  b: ") + second);
        ASSERT_TRUE(board);
        const auto devices = make_devices(*board, nullptr, RandomSeed{});
        ASSERT_FALSE(devices) << second;
        EXPECT_EQ(devices.error().code, "address-clash");
        EXPECT_EQ(devices.error().where.line, 3U);
    }
}

TEST(MakeDevices, NamesTheLinesWithTheirEnds) {
    const auto board = parse("devices: { a: { kind: uart, address: 0x80 }, f: { kind: file-io, "
                             "address: 0xc0, serial: stdout } }");
    ASSERT_TRUE(board);
    const auto devices = make_devices(*board, nullptr, RandomSeed{});
    ASSERT_TRUE(devices);
    ASSERT_EQ(devices->ports.size(), 2U);
    EXPECT_EQ(devices->ports[0].end, "none");
    EXPECT_EQ(devices->ports[1].name, "f");
    EXPECT_EQ(devices->ports[1].end, "stdout");
}

} // namespace
} // namespace authex::sancus_emulator::test
