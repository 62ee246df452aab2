// Firmware made by clang and lld with a linker script of our own: enclaves that are protected,
// attested, called, and refuse who may not call them.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "sancus_emulator/loader.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<std::uint8_t> read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    const std::string text = content.str();
    return {text.begin(), text.end()};
}

void must(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/env");
    const auto result = authex::test::run({words, {}, {}});
    ASSERT_EQ(result.status, 0) << words[1] << ": " << result.err << result.out;
}

class Witness : public Observer {
  public:
    void violated(const Core& core, const Violation& violation) override {
        (void)core;
        violations.push_back(violation);
    }
    std::vector<Violation> violations;
};

Configuration board() {
    Configuration configuration;
    configuration.map = {0x0200, 0x2800, 0x4000};
    configuration.node_key = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    return configuration;
}

class FirmwareTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const fs::path sources = fs::path(AUTHEX_TEST_DIR) / "firmware";
        std::vector<std::string> link = {"ld.lld-14", "-T", sources / "link.ld", "-o", elf()};
        for (const char* name : {"startup.S", "main.c", "counter.S", "counter.c", "gate.S"}) {
            const std::string object = folder_.path() / (std::string(name) + ".o");
            must({"clang-14",
                  "--target=msp430-none-elf",
                  "-Os",
                  "-ffreestanding",
                  "-Wall",
                  "-Werror",
                  "-c",
                  sources / name,
                  "-o",
                  object});
            link.push_back(object);
        }
        must(link);
        const auto firmware = read_firmware(read(elf()), "firmware.elf");
        ASSERT_TRUE(firmware) << to_text(firmware.error());
        firmware_ = *firmware;
        machine_ = std::make_unique<Machine>(board(), std::vector<NamedDevice>{});
        ASSERT_TRUE(load_firmware(*machine_, firmware_));
        machine_->observe(&witness_);
    }

    [[nodiscard]] std::string elf() const { return folder_.path() / "firmware.elf"; }
    [[nodiscard]] std::uint16_t symbol(const std::string& name) const {
        return firmware_.symbols.address_of(name).value();
    }
    [[nodiscard]] std::uint16_t result(unsigned index) const {
        return machine_->core().memory.word(
            static_cast<std::uint16_t>(symbol("results") + 2 * index));
    }
    /// Writes the measurement of `counter` into `gate`, as a vendor does after linking.
    void fill_in_tag() {
        const Layout layout{symbol("__sm_counter_public_start"),
                            symbol("__sm_counter_public_end"),
                            symbol("__sm_counter_secret_start"),
                            symbol("__sm_counter_secret_end")};
        const WordBus bus{
            [&](std::uint16_t address) { return machine_->core().memory.word(address); },
            [](std::uint16_t, std::uint16_t) {}};
        const Key tag = text_mac(Security::bits128, Key{}, layout, bus);
        machine_->load(symbol("gate_tag"), tag);
    }

    authex::test::TemporaryFolder folder_;
    Firmware firmware_;
    Witness witness_;
    std::unique_ptr<Machine> machine_;
};

TEST_F(FirmwareTest, EnclavesAreProtectedAttestedCalledAndRefuseForeignCallers) {
    fill_in_tag();
    ASSERT_EQ(machine_->run(10'000'000), Stop::off);
    EXPECT_EQ(result(0), 1);
    EXPECT_EQ(result(1), 2);
    EXPECT_EQ(result(2), 0xFFFF) << "unprotected code is nobody that it counts for";
    EXPECT_EQ(result(3), 1);
    EXPECT_EQ(result(4), 2);
    EXPECT_EQ(result(5), 0xFFFF);
    EXPECT_EQ(result(6), 0x7777) << "it stops where it looks at the enclave's data";
    ASSERT_EQ(witness_.violations.size(), 1U);
    EXPECT_THAT(
        describe(firmware_.symbols, machine_->core().enclaves, witness_.violations[0]),
        ::testing::AllOf(HasSubstr("main"), HasSubstr("counter_count"), HasSubstr("`counter`")));
}

TEST_F(FirmwareTest, AModuleThatIsNotTheMeasuredOneIsNotCalled) {
    fill_in_tag();
    // The vendor of `counter` ships other code: the constant 0xFFF0 in it is another.
    const std::uint16_t end = symbol("__sm_counter_public_end");
    const std::array<std::uint8_t, 2> other = {0x03, 0x43};
    machine_->load(static_cast<std::uint16_t>(end - 2), other);
    ASSERT_EQ(machine_->run(10'000'000), Stop::off);
    EXPECT_EQ(result(3), 0xEEEE);
    EXPECT_EQ(result(4), 0xEEEE);
}

TEST_F(FirmwareTest, RunsTheSameFromIntelHex) {
    const std::string hex = folder_.path() / "firmware.hex";
    must({"llvm-objcopy-14", "-O", "ihex", elf(), hex});
    const auto firmware = read_firmware(read(hex), "firmware.hex");
    ASSERT_TRUE(firmware) << to_text(firmware.error());
    Machine other(board(), {});
    ASSERT_TRUE(load_firmware(other, *firmware));
    ASSERT_EQ(machine_->run(10'000'000), Stop::off);
    ASSERT_EQ(other.run(10'000'000), Stop::off);
    EXPECT_EQ(other.snapshot(), machine_->snapshot());
}

} // namespace
} // namespace authex::sancus_emulator
