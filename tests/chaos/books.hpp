#pragma once
// What went in and what came out, as somebody sees it who stands beside the machines: the checker
// of chaos. It knows the application's sources (each input makes one number, numbers come in their
// order) and nothing of what is between.

#include <cstdint>
#include <optional>

#include "counted.hpp"

namespace authex::test {

/// Of one stream of numbers.
class Books {
  public:
    /// Inputs that were certainly made.
    void made(std::uint32_t inputs) {
        at_least_ += inputs;
        at_most_ += inputs;
    }
    /// One of which nobody said that it was: the module was not there, or waited, or died with it.
    void attempted() { ++at_most_; }
    /// What is on its way now may be lost: one gap, and what comes after it comes again.
    void may_lose() { ++gaps_max_; }
    /// What may have been lost then has been, or has come.
    void settle() { gaps_max_ = seen_.gaps; }

    /// What the display shows now. What it has shown it has shown: it never goes back, and what it
    /// counts was put in, once and in order.
    void shows(const Taken& taken) {
        EXPECT_GE(taken.events, seen_.events) << "the display went back";
        EXPECT_LE(taken.expected, at_most_) << "doubled";
        EXPECT_EQ(taken.behind, 0U) << "doubled or reordered";
        EXPECT_LE(taken.gaps, gaps_max_) << "lost";
        if (taken.gaps == seen_.gaps) {
            EXPECT_EQ(taken.expected - taken.events, missing()) << "lost, doubled or reordered";
        }
        seen_ = taken;
    }

    [[nodiscard]] std::uint32_t at_least() const { return at_least_; }
    [[nodiscard]] std::uint32_t shown() const { return seen_.events; }
    /// Numbers that were left out, where that may be.
    [[nodiscard]] std::uint32_t missing() const { return seen_.expected - seen_.events; }
    [[nodiscard]] std::uint32_t gaps() const { return seen_.gaps; }
    /// The last number has come that was certainly put in.
    [[nodiscard]] bool is_complete() const { return seen_.expected >= at_least_; }

  private:
    std::uint32_t at_least_ = 0;
    std::uint32_t at_most_ = 0;
    std::uint32_t gaps_max_ = 0;
    Taken seen_;
};

} // namespace authex::test
