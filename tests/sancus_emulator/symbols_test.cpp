#include "sancus_emulator/symbols.hpp"

#include <gtest/gtest.h>

namespace authex::sancus_emulator::test {
namespace {

const Symbols& program() {
    static const Symbols symbols({{"main", 0x5C00, 0x10},
                                  {"helper", 0x5C20, 0},
                                  {"__sm_button_public_start", 0x6000, 0},
                                  {"button_entry", 0x6000, 0x20},
                                  {"__sm_led_public_start", 0x6A00, 0},
                                  {"led_set", 0x6A0C, 0x20},
                                  {"buffer", 0x0200, 4},
                                  {"__sm__public_start", 0x7000, 0}});
    return symbols;
}

EnclaveTable table() {
    EnclaveTable enclaves(4);
    enclaves.reset();
    enclaves.enable(1, {0x6000, 0x6100, 0x0200, 0x0300});
    enclaves.enable(2, {0x6A00, 0x6B00, 0x0300, 0x0400});
    enclaves.enable(3, {0x7000, 0x7100, 0x0400, 0x0500});
    return enclaves;
}

TEST(Symbols, NameAddressesWithinTheirSize) {
    EXPECT_EQ(program().at(0x5C00), "main");
    EXPECT_EQ(program().at(0x5C0F), "main+0xf");
    EXPECT_EQ(program().at(0x5C10), "");
    EXPECT_EQ(program().at(0x0100), "");
}

TEST(Symbols, WithoutSizeReachToTheNext) {
    EXPECT_EQ(program().at(0x5FFE), "helper+0x3de");
}

TEST(Symbols, PreferTheFunctionToTheMarkThatStandsThere) {
    EXPECT_EQ(program().at(0x6000), "button_entry");
    EXPECT_EQ(program().at(0x6004), "button_entry+0x4");
}

TEST(Symbols, NameEnclavesByTheirTextStart) {
    EXPECT_EQ(program().enclave_at(0x6000), "button");
    EXPECT_EQ(program().enclave_at(0x6002), "");
    EXPECT_EQ(program().enclave_at(0x7000), "") << "a mark without a name";
    EXPECT_EQ(program().address_of("led_set"), 0x6A0C);
    EXPECT_EQ(program().address_of("absent"), std::nullopt);
}

TEST(Symbols, OfNothingNameNothing) {
    EXPECT_EQ(Symbols().at(0x5C00), "");
    EXPECT_EQ(place(Symbols(), 0x5C00), "0x5c00");
}

TEST(Describe, SaysWhoDidWhatToWhom) {
    const EnclaveTable enclaves = table();
    using Kind = Violation::Kind;
    const auto text = [&](const Violation& violation) {
        return describe(program(), enclaves, violation);
    };
    EXPECT_EQ(text({Kind::write, 0x6A10, 0x0200, 2, 1, 7}),
              "module 2 `led` at 0x6a10 (led_set+0x4) wrote 0x0200 (buffer), protected by module 1 "
              "`button`");
    EXPECT_EQ(text({Kind::read, 0x5C02, 0x0302, 0, 2, 7}),
              "unprotected code at 0x5c02 (main+0x2) read 0x0302, protected by module 2 `led`");
    EXPECT_EQ(text({Kind::write, 0x6A10, 0x6A20, 2, 2, 7}),
              "module 2 `led` at 0x6a10 (led_set+0x4) wrote 0x6a20 (led_set+0x14), its own text");
    EXPECT_EQ(
        text({Kind::execute, 0x6010, 0x6010, 2, 1, 7}),
        "module 2 `led` entered module 1 `button` at 0x6010 (button_entry+0x10), which is not "
        "its entry point");
    EXPECT_EQ(
        text({Kind::create, 0x5C02, 0x6000, 0, 3, 7}),
        "unprotected code at 0x5c02 (main+0x2) asked for a module whose text overlaps module 3");
    EXPECT_EQ(text({Kind::stack, 0x5C02, 0x01FE, 0, 0, 7}),
              "unprotected code at 0x5c02 (main+0x2) moved its stack pointer to 0x01fe, below the "
              "stack guard");
    EXPECT_EQ(text({Kind::atomicity, 0x5C02, 20'000, 0, 0, 7}),
              "unprotected code at 0x5c02 (main+0x2) began a section of 20000 cycles, too long or "
              "within another");
    EXPECT_EQ(text({Kind::atomicity, 0x6000, 0x6000, 1, 1, 7}),
              "module 1 `button` at 0x6000 (button_entry) was entered where interrupts were still "
              "held back");
    EXPECT_EQ(module_name(program(), enclaves, 9), "module 9") << "it is gone";
}

} // namespace
} // namespace authex::sancus_emulator::test
