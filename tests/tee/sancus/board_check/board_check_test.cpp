// The board check on boards that keep the rules, and on boards that do as the published hardware
// description.
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "sancus_emulator/board.hpp"
#include "sancus_emulator/loader.hpp"

namespace authex::sancus_emulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint64_t limit = 3'000'000;

/// The board `default` with the board check, and what it has said.
class CheckedBoard : private SerialEnd {
  public:
    CheckedBoard(Variant variant, Rules rules, bool reset_on_violation = false) {
        auto board = open_board("default").value();
        board.configuration.reset_on_violation = reset_on_violation;
        board.configuration.variant = variant;
        board.configuration.rules = rules;
        auto devices = make_devices(board, nullptr, {}).value();
        machine_ = std::make_unique<Machine>(board.configuration, std::move(devices.devices));
        for (const NamedPort& port : devices.ports) {
            if (port.name == "uart1") {
                port.port->attach(this);
            }
        }
        const std::string path = AUTHEX_BINARY_DIR "/lib/authex/sancus/board-check.elf";
        std::ifstream file(path, std::ios::binary);
        const std::vector<std::uint8_t> elf(std::istreambuf_iterator<char>(file), {});
        EXPECT_TRUE(load_firmware(*machine_, read_firmware(elf, path).value()));
    }
    /// From a reset to the end.
    const std::string& run() {
        said_.clear();
        EXPECT_EQ(machine_->run(machine_->core().cycle + limit), Stop::off) << said_;
        return said_;
    }
    Machine& machine() { return *machine_; }
    /// The rules that it has seen broken.
    [[nodiscard]] std::set<std::string> broken() const {
        std::set<std::string> rules;
        std::istringstream lines(said_);
        for (std::string line; std::getline(lines, line);) {
            if (const auto at = line.find(": NO\r"); at != std::string::npos) {
                rules.insert(line.substr(0, at));
            }
        }
        return rules;
    }

  private:
    void sent(std::uint8_t byte, std::uint64_t) override { said_ += static_cast<char>(byte); }

    std::unique_ptr<Machine> machine_;
    std::string said_;
};

constexpr Variant variants[] = {Variant::base, Variant::legacy, Variant::aion};

TEST(BoardCheck, SeesNothingBrokenByTheDocumentedRules) {
    for (const Variant variant : variants) {
        CheckedBoard board(variant, Rules::documented);
        EXPECT_THAT(board.run(),
                    AllOf(HasSubstr("No rule was seen broken."), Not(HasSubstr("not tried"))));
        EXPECT_THAT(board.broken(), IsEmpty());
    }
}

// Of `base` and `aion` it was run on the published hardware description itself, with the same
// outcome in each line.
TEST(BoardCheck, SeesWhatThePublishedHardwareDescriptionBreaks) {
    for (const Variant variant : variants) {
        CheckedBoard board(variant, Rules::rtl);
        EXPECT_THAT(board.run(), HasSubstr("NOTHING IS PROTECTED on this board."));
        std::set<std::string> broken = {"A jump to its unprotect does not end it",
                                        "A protect without text, encrypted, does not end it",
                                        "A protect of its text, encrypted, does not end it",
                                        "A register that it owns is not written from outside",
                                        "Nor by a jump to where it writes it"};
        if (variant != Variant::base) {
            broken.insert("A protect of its text does not end it");
        }
        EXPECT_EQ(board.broken(), broken);
    }
}

/// Takes all data from enclaves as soon as they are made.
class OpensData : public Observer {
  public:
    explicit OpensData(Machine& machine) : core_(machine.core()) {}
    void instruction(const Core&) override {
        bool any = false;
        for (Domain slot = 1; slot <= core_.enclaves.all().size(); ++slot) {
            Layout& layout = core_.enclaves.at(slot).layout;
            any = any || layout.data_end != layout.data_start;
            layout.data_end = layout.data_start;
        }
        if (any) {
            core_.reclassify();
        }
    }
    [[nodiscard]] bool wants_instructions() const override { return true; }

  private:
    Core& core_;
};

TEST(BoardCheck, SeesDataThatAreOpen) {
    CheckedBoard board(Variant::base, Rules::documented);
    OpensData opens(board.machine());
    board.machine().observe(&opens);
    board.run();
    EXPECT_THAT(board.broken(),
                ::testing::IsSupersetOf({"An enclave's data are not read from outside",
                                         "They are not written from outside",
                                         "Its unprotect clears text and data",
                                         "A register that it owns is not written from outside",
                                         "Data of two enclaves are not read by the second one"}));
}

TEST(BoardCheck, SaysWhetherAResetClearsMemory) {
    CheckedBoard board(Variant::base, Rules::documented);
    EXPECT_THAT(board.run(), HasSubstr("Nothing of an earlier run"));
    board.machine().reset();
    EXPECT_THAT(board.run(),
                AllOf(HasSubstr("IT IS NOT CLEARED at a reset"),
                      Not(HasSubstr("No rule was seen broken"))));
    board.machine().load(0x0200, std::vector<std::uint8_t>(0x4000));
    board.machine().reset();
    EXPECT_THAT(board.run(), HasSubstr("Nothing of an earlier run"));
}

TEST(BoardCheck, EndsWhereAViolationResetsTheBoard) {
    CheckedBoard board(Variant::base, Rules::documented, true);
    EXPECT_THAT(board.run(), HasSubstr("An attempt has reset the board, and memory is kept"));
}

TEST(BoardCheck, SaysWhatItCouldNotTry) {
    CheckedBoard board(Variant::base, Rules::documented);
    Core& core = board.machine().core();
    for (Domain slot = 1; slot <= core.enclaves.all().size(); ++slot) {
        const auto text = static_cast<std::uint16_t>(0xF000 + 16 * slot);
        core.enclaves.enable(slot, {text, static_cast<std::uint16_t>(text + 8), 0, 0});
    }
    core.reclassify();
    EXPECT_THAT(board.run(),
                HasSubstr("not read from outside: not tried, hardware made no enclave"));
}

} // namespace
} // namespace authex::sancus_emulator
