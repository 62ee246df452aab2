#pragma once
// What went in and what came out, as somebody sees it who stands beside the machines: the checker
// of chaos. It knows the application's sources (each input makes one number, numbers come in their
// order) and nothing of what is between.

#include <cstdint>
#include <optional>

#include "counted.hpp"

namespace authex::test {

class Books {
  public:
    /// Inputs that were certainly made.
    void made(std::uint32_t inputs) {
        at_least_ += inputs;
        at_most_ += inputs;
    }
    /// One of which nobody said that it was: the module was not there, or waited, or died with it.
    void attempted() { ++at_most_; }

    /// What the display shows now. What it has shown it has shown: it never goes back, and what it
    /// counts was put in, once and in order.
    void shows(const Taken& taken) {
        EXPECT_GE(taken.events, shown_) << "the display went back";
        EXPECT_LE(taken.events, at_most_) << "doubled";
        EXPECT_EQ(taken.expected, taken.events) << "lost, doubled or reordered";
        EXPECT_EQ(taken.gaps, 0U) << "lost";
        EXPECT_EQ(taken.behind, 0U) << "doubled or reordered";
        shown_ = taken.events;
    }

    [[nodiscard]] std::uint32_t at_least() const { return at_least_; }
    [[nodiscard]] std::uint32_t shown() const { return shown_; }

  private:
    std::uint32_t at_least_ = 0;
    std::uint32_t at_most_ = 0;
    std::uint32_t shown_ = 0;
};

} // namespace authex::test
