// A driver that the node strikes with its non-maskable interrupt, which no enclave can hold back:
// hardware clears the registers, saves nothing, and the driver is not gone back to.
#include <gmock/gmock.h>

#include "tee/sancus/driven.hpp"

namespace authex::test {
namespace {

constexpr std::uint64_t strikes = 30;

/// The LED's driver, which is told to light it.
class StruckDriver {
  public:
    StruckDriver() {
        driver_.connect("set");
        event_ = driver_.event("set", {1});
    }
    [[nodiscard]] std::uint64_t cycles_of_event() {
        (void)give();
        return driver_.node.cycles_of_call;
    }
    /// @return whether it struck while the event was taken
    bool strike(std::uint64_t cycles) { return driver_.node.strike(Driven::entry, event_, cycles); }
    /// Gives the same event. @return the Error that the module answers; empty: it does not come
    /// back
    std::optional<Error> give() {
        ModuleCall call;
        call.in_bytes = static_cast<std::uint16_t>(event_.size());
        driver_.node.machine->load(call.in, event_);
        const bool back = driver_.node.call(Driven::entry, call);
        return back ? std::optional(static_cast<Error>(driver_.node.reg(14))) : std::nullopt;
    }
    [[nodiscard]] std::size_t times_lit() const {
        return static_cast<std::size_t>(std::count_if(
            driver_.node.physical.begin(), driver_.node.physical.end(), [](const auto& event) {
                return event.value == "on";
            }));
    }
    SancusNode& node() { return driver_.node; }

  private:
    static const Built& image() {
        static const Built led = built({.driver = "led", .devices = {"led0"}});
        return led;
    }
    Driven driver_{image()};
    Octets event_;
};

TEST(StruckDriver, DoesNothingTwiceAndLeavesNothingInRegisters) {
    const std::uint64_t cycles = StruckDriver().cycles_of_event();
    unsigned ended = 0;
    for (std::uint64_t i = 0; i != strikes; ++i) {
        SCOPED_TRACE(i);
        StruckDriver driver;
        ASSERT_TRUE(driver.strike(1 + i * (cycles - 1) / strikes));
        for (unsigned number = 4; number != 15; ++number) {
            ASSERT_EQ(driver.node().reg(number), 0) << number;
        }
        const std::size_t before = driver.times_lit();
        const std::optional<Error> again = driver.give();
        ASSERT_TRUE(again);
        // Where it had begun, it does nothing any more; where it had not, it does all of it now.
        ended += *again == Error::malformed ? 1U : 0U;
        EXPECT_LE(driver.times_lit(), 1U);
        EXPECT_EQ(driver.times_lit(), *again == Error::malformed ? before : 1U);
        EXPECT_TRUE(driver.node().witness.violations.empty());
    }
    EXPECT_GT(ended, strikes / 2);
}

// The vector of that interrupt points to the driver itself.
TEST(StruckDriver, IsNotEnteredASecondTimeButEnds) {
    const std::uint64_t cycles = StruckDriver().cycles_of_event();
    unsigned ended = 0;
    for (std::uint64_t i = 0; i != strikes; ++i) {
        SCOPED_TRACE(i);
        StruckDriver driver;
        driver.node().bind(14, Driven::entry);
        ASSERT_TRUE(driver.strike(1 + i * (cycles - 1) / strikes));
        ended += driver.node().witness.resets - 1;
        EXPECT_LE(driver.times_lit(), 1U);
        EXPECT_TRUE(driver.node().witness.violations.empty());
    }
    EXPECT_GT(ended, strikes / 2);
}

} // namespace
} // namespace authex::test
