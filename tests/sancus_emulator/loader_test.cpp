#include "sancus_emulator/loader.hpp"

#include <gtest/gtest.h>

#include "sancus_emulator/elf_file.hpp"

namespace authex::sancus_emulator::test {
namespace {

Expected<Firmware> read(const std::string& text) {
    return read_firmware({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, "f");
}

std::string code_of(const Expected<Firmware>& firmware) {
    return firmware ? "none" : firmware.error().code;
}

TEST(ReadElf, LoadsSectionsAndNotTheHeadersBeforeThem) {
    const auto firmware = read_firmware(ElfFile().bytes(), "f");
    ASSERT_TRUE(firmware) << to_text(firmware.error());
    ASSERT_EQ(firmware->segments.size(), 1U);
    EXPECT_EQ(firmware->segments[0].address, 0x5C00U);
    EXPECT_EQ(firmware->segments[0].bytes, ElfFile().code);
    EXPECT_EQ(firmware->entry, 0x5C00U);
}

TEST(ReadElf, LoadsWholeSegmentsWhereThereAreNoSections) {
    const auto firmware = read_firmware(ElfFile().bytes(/*with_sections=*/false), "f");
    ASSERT_TRUE(firmware) << to_text(firmware.error());
    EXPECT_EQ(firmware->segments[0].address, 0x5C00U - ElfFile::code_at);
    EXPECT_EQ(firmware->segments[0].bytes.size(), ElfFile::code_at + ElfFile().code.size());
}

TEST(ReadElf, LoadsToTheLoadAddressAndNotWhereStartUpCodeMovesIt) {
    ElfFile elf;
    elf.segment.p_vaddr = 0x0200;
    const auto firmware = read_firmware(elf.bytes(), "f");
    ASSERT_TRUE(firmware);
    EXPECT_EQ(firmware->segments[0].address, 0x5C00U);
}

TEST(ReadElf, KnowsFunctionsObjectsAndLabelsByName) {
    ElfFile elf;
    elf.add_symbol("main", 0x5C00, 4);
    elf.add_symbol("buffer", 0x0200, 8, STT_OBJECT);
    elf.add_symbol("label", 0x5C04, 0, STT_NOTYPE);
    elf.add_symbol("file.c", 0x5C00, 0, STT_FILE, SHN_ABS);
    elf.add_symbol("number", 0x5C02, 0, STT_NOTYPE, SHN_ABS);
    elf.add_symbol("elsewhere", 0x5C02, 0, STT_FUNC, SHN_UNDEF);
    const auto firmware = read_firmware(elf.bytes(), "f");
    ASSERT_TRUE(firmware);
    EXPECT_EQ(firmware->symbols.size(), 3U);
    EXPECT_EQ(firmware->symbols.at(0x5C02), "main+0x2");
    EXPECT_EQ(firmware->symbols.at(0x0207), "buffer+0x7");
    EXPECT_EQ(firmware->symbols.at(0x5C04), "label");
}

TEST(ReadElf, RefusesOtherMachinesAndWhatIsNotLinked) {
    ElfFile other;
    other.header.e_machine = EM_ARM;
    EXPECT_EQ(code_of(read_firmware(other.bytes(), "f")), "elf-machine");
    ElfFile wide;
    wide.header.e_ident[EI_CLASS] = ELFCLASS64;
    EXPECT_NE(code_of(read_firmware(wide.bytes(), "f")), "none");
    ElfFile relocatable;
    relocatable.header.e_type = ET_REL;
    EXPECT_EQ(code_of(read_firmware(relocatable.bytes(), "f")), "elf-relocatable");
}

TEST(ReadElf, RefusesWhatReachesOutOfTheFileOrOfMemory) {
    ElfFile truncated;
    truncated.segment.p_filesz = 0x10000;
    truncated.sections[1].sh_size = 0x8000;
    EXPECT_EQ(code_of(read_firmware(truncated.bytes(), "f")), "elf-malformed");
    ElfFile above;
    above.segment.p_paddr = 0x10000 - ElfFile::code_at;
    EXPECT_EQ(code_of(read_firmware(above.bytes(), "f")), "elf-malformed");
    ElfFile wraps;
    wraps.segment.p_paddr = 0xFFFFFFF0;
    EXPECT_EQ(code_of(read_firmware(wraps.bytes(), "f")), "elf-malformed");
}

TEST(ReadElf, HasAnAnswerForEachLengthThatIsCutShort) {
    ElfFile elf;
    elf.add_symbol("main", 0x5C00, 4);
    const std::vector<std::uint8_t> whole = elf.bytes();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto firmware = read_firmware(ByteView(whole).first(size), "f");
        EXPECT_TRUE(!firmware || firmware->segments[0].bytes.size() <= whole.size()) << size;
    }
}

TEST(ReadElf, RefusesAProgramWithoutAnythingToLoad) {
    ElfFile elf;
    elf.segment.p_type = PT_NOTE;
    EXPECT_EQ(code_of(read_firmware(elf.bytes(), "f")), "firmware-empty");
}

TEST(ReadIntelHex, JoinsRecordsThatFollowEachOther) {
    const auto firmware =
        read(":045C00000102030496\r\n:025C0400050693\n:02FFFE00005CA5\n\n:00000001FF\n");
    ASSERT_TRUE(firmware) << to_text(firmware.error());
    ASSERT_EQ(firmware->segments.size(), 2U);
    EXPECT_EQ(firmware->segments[0].address, 0x5C00U);
    EXPECT_EQ(firmware->segments[0].bytes, std::vector<std::uint8_t>({1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(firmware->segments[1].address, 0xFFFEU);
}

TEST(ReadIntelHex, KnowsBaseAndStart) {
    const auto segment = read(":020000020500F7\n:020C0000 0102EF\n:00000001FF\n");
    EXPECT_EQ(code_of(segment), "hex-malformed") << "a blank within a record";
    const auto firmware =
        read(":020000020500F7\n:020C00000102EF\n:0400000500005C009B\n:00000001FF\n");
    ASSERT_TRUE(firmware) << to_text(firmware.error());
    EXPECT_EQ(firmware->segments[0].address, 0x5C00U);
    EXPECT_EQ(firmware->entry, 0x5C00U);
}

struct WrongHex {
    const char* text;
    unsigned line;
};

class WrongIntelHex : public testing::TestWithParam<WrongHex> {};

TEST_P(WrongIntelHex, IsRefusedWithItsLine) {
    const auto firmware = read(GetParam().text);
    ASSERT_FALSE(firmware);
    EXPECT_EQ(firmware.error().code, "hex-malformed");
    EXPECT_EQ(firmware.error().where.line, GetParam().line) << to_text(firmware.error());
}

INSTANTIATE_TEST_SUITE_P(Each,
                         WrongIntelHex,
                         testing::Values(WrongHex{":", 1},
                                         WrongHex{":00", 1},
                                         WrongHex{":0000000", 1},
                                         WrongHex{":00000001FE\n", 1},
                                         WrongHex{":025C0000010200\n", 1},
                                         WrongHex{":035C000001029F\n", 1},
                                         WrongHex{":025C00000102ZZ\n", 1},
                                         WrongHex{":025C000001029F\n", 1},
                                         WrongHex{":025C000001029F\n:0000000", 2},
                                         WrongHex{":00000001FF\n:00000001FF\n", 2},
                                         WrongHex{":00000006FA\n", 1},
                                         WrongHex{":0100000400FB\n", 1},
                                         WrongHex{":020000040001F9\n:0100000000FF\n", 2},
                                         WrongHex{":02FFFF000102FD\n", 1},
                                         WrongHex{":025C000001029F\nhello\n", 2}));

TEST(ReadFirmware, RefusesWhatIsNeitherKind) {
    for (const char* text : {"", "\n\n", "MZ", "\x7F", "\x7F\x45\x4C", "@5c00\n00\nq\n"}) {
        EXPECT_EQ(code_of(read(text)), "firmware-unknown") << text;
    }
    EXPECT_EQ(code_of(read(":00000001FF\n")), "firmware-empty");
}

class LoadFirmware : public testing::Test {
  protected:
    Machine machine{Configuration{}, {}};
};

TEST_F(LoadFirmware, BeginsAtTheEntryWhereThereIsNoResetVector) {
    Firmware firmware;
    firmware.segments = {{0x6000, {1, 2}}};
    firmware.entry = 0x6000;
    ASSERT_TRUE(load_firmware(machine, firmware));
    EXPECT_EQ(machine.core().r[reg::pc], 0x6000U);
    EXPECT_EQ(machine.core().memory.bytes[0x6001], 2U);
}

TEST_F(LoadFirmware, BeginsAtItsResetVector) {
    Firmware firmware;
    firmware.segments = {{0xFFFE, {0x34, 0x12}}};
    firmware.entry = 0x6000;
    ASSERT_TRUE(load_firmware(machine, firmware));
    EXPECT_EQ(machine.core().r[reg::pc], 0x1234U);
}

TEST_F(LoadFirmware, RefusesWhatHasNoMemoryAndThenLoadsNothing) {
    for (const Segment& segment : {Segment{0x01FE, {1, 2, 3, 4}},
                                   Segment{0x0100, {1}},
                                   Segment{0x41FF, {1, 2}},
                                   Segment{0x5BFF, {1, 2}}}) {
        Firmware firmware;
        firmware.segments = {{0x6000, {9}}, segment};
        const auto loaded = load_firmware(machine, firmware);
        ASSERT_FALSE(loaded) << segment.address;
        EXPECT_EQ(loaded.error().code, "firmware-outside");
        EXPECT_EQ(machine.core().memory.bytes[0x6000], 0U);
    }
    Firmware data;
    data.segments = {{0x0200, {1}}, {0x41FF, {1}}};
    EXPECT_TRUE(load_firmware(machine, data));
}

} // namespace
} // namespace authex::sancus_emulator::test
