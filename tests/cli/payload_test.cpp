#include "cli/payload.hpp"

#include <gmock/gmock.h>

#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint8_t> payload(const PayloadSource& source) {
    const auto read = read_payload(source);
    EXPECT_TRUE(read);
    return read.value_or(std::vector<std::uint8_t>());
}
std::string code(const PayloadSource& source) {
    const auto read = read_payload(source);
    return read ? "" : read.error().code;
}

TEST(ReadPayload, NoneIsEmpty) {
    EXPECT_THAT(payload({}), IsEmpty());
}

TEST(ReadPayload, HexMayHavePrefixBlanksAndColons) {
    EXPECT_THAT(payload({.hex = "0x00 fF:1a"}), ElementsAre(0x00, 0xFF, 0x1A));
    EXPECT_THAT(payload({.hex = ""}), IsEmpty());
}

TEST(ReadPayload, HexThatIsNoneIsRefused) {
    for (const char* text : {"0", "0g", "zz", "0x0", "1 234 5"}) {
        EXPECT_EQ(code({.hex = text}), "payload-hex") << text;
    }
}

TEST(ReadPayload, IntegersAreLittleEndian) {
    EXPECT_THAT(payload({.u8 = 7}), ElementsAre(7));
    EXPECT_THAT(payload({.u16 = 0x0102}), ElementsAre(2, 1));
    EXPECT_THAT(payload({.u32 = 0x01020304}), ElementsAre(4, 3, 2, 1));
    EXPECT_EQ(payload({.u64 = 1}).size(), 8U);
}

TEST(ReadPayload, FilesAreReadAsTheyAre) {
    const test::TemporaryFolder folder;
    const auto file = folder.write("p", std::string("a\0b", 3));
    EXPECT_THAT(payload({.file = file}), ElementsAre('a', 0, 'b'));
    EXPECT_EQ(code({.file = folder.path() / "absent"}), "payload-file");
    EXPECT_EQ(code({.file = folder.path()}), "payload-file");
}

TEST(DescribeBytes, SaysWhatTheyMayMean) {
    const auto describe = [](std::vector<std::uint8_t> bytes) { return describe_bytes(bytes); };
    EXPECT_EQ(describe({}), "(empty)");
    EXPECT_EQ(describe({3, 0, 0, 0}), "03000000  = 3");
    EXPECT_EQ(describe({'h', 'i'}), "6869  \"hi\"");
    EXPECT_EQ(describe({1, 2, 3}), "010203");
    EXPECT_EQ(describe({0x41}), "41  = 65");
}

} // namespace
} // namespace authex::cli
