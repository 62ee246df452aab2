#include "sancus_emulator/module_keys.hpp"

#include <gmock/gmock.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

const std::string bounds = "__sm_a_public_start = a_start\n __sm_a_public_end = a_end\n"
                           "__sm_a_secret_start = 0x300\n __sm_a_secret_end = 0x340\n";

Program with_module(const std::string& symbols) {
    return Program(prologue + protect("a", 0x300, 0x340, 0xBEEF) + end +
                   "a_start: mov r4, r5\n br #0x4000\n .byte 1, 2, 3, 4\n a_end:\n" + symbols +
                   ".org 0xbffe\n .short 0x4000\n");
}

Expected<std::vector<ModuleKeys>> keys_of(const Program& program,
                                          Security security = Security::bits128) {
    const std::string elf = program.elf();
    const auto firmware =
        read_firmware({reinterpret_cast<const std::uint8_t*>(elf.data()), elf.size()}, "f.elf");
    if (!firmware) {
        return tl::unexpected(firmware.error());
    }
    return module_keys(*firmware, security, reference_configuration().node_key, 0xBEEF);
}

class KeysAtLevel : public testing::TestWithParam<Security> {};

TEST_P(KeysAtLevel, AreThoseThatANodeMakes) {
    const Program program = with_module(bounds);
    Configuration configuration = reference_configuration();
    configuration.security = GetParam();
    Guest guest(program, configuration);
    guest.run_to_end();
    const auto keys = keys_of(program, GetParam());
    ASSERT_TRUE(keys) << to_text(keys.error());
    ASSERT_EQ(keys->size(), 1U);
    EXPECT_EQ(keys->front().name, "a");
    EXPECT_EQ(keys->front().layout.text_start, program.label("a_start"));
    EXPECT_EQ(keys->front().layout.text_end, program.label("a_end"));
    EXPECT_EQ(keys->front().layout.data_start, 0x300U);
    EXPECT_EQ(keys->front().layout.data_end, 0x340U);
    const Enclave& enclave = guest.machine.core().enclaves.at(1);
    ASSERT_TRUE(enclave.enabled);
    EXPECT_EQ(keys->front().key, enclave.key);
    EXPECT_NE(keys->front().measurement, enclave.key);
}

INSTANTIATE_TEST_SUITE_P(ModuleKeys,
                         KeysAtLevel,
                         testing::Values(Security::bits128, Security::bits64));

TEST(ModuleKeys, NeedSymbolsOfAllBounds) {
    EXPECT_EQ(keys_of(with_module("")).error().code, "no-modules");
    for (const char* missing : {"__sm_a_public_end", "__sm_a_secret_start", "__sm_a_secret_end"}) {
        std::string some = bounds;
        some.replace(some.find(missing), std::string(missing).size(), "other");
        const auto keys = keys_of(with_module(some));
        ASSERT_FALSE(keys) << missing;
        EXPECT_EQ(keys.error().code, "module-symbols");
        EXPECT_THAT(keys.error().summary, testing::HasSubstr(missing));
    }
}

TEST(ModuleKeys, RefuseBoundsThatNoNodeProtects) {
    for (const char* wrong : {"__sm_a_public_end = a_start\n", "__sm_a_public_end = 0x4000\n"}) {
        std::string symbols = bounds;
        symbols.replace(symbols.find("__sm_a_public_end = a_end\n"), 26, wrong);
        EXPECT_EQ(keys_of(with_module(symbols)).error().code, "module-symbols") << wrong;
    }
}

TEST(ModuleKeys, RefuseTextThatTheFileHasNot) {
    Firmware firmware;
    firmware.segments.push_back({0x4000, std::vector<std::uint8_t>(16)});
    firmware.symbols = Symbols({{"__sm_a_public_start", 0x4000, 0},
                                {"__sm_a_public_end", 0x4012, 0},
                                {"__sm_a_secret_start", 0x200, 0},
                                {"__sm_a_secret_end", 0x200, 0}});
    EXPECT_EQ(module_keys(firmware, Security::bits128, Key{}, 1).error().code, "module-text");
}

} // namespace
} // namespace authex::sancus_emulator::test
