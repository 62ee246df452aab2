#pragma once
// What was done to a board and seen on it: presses of its buttons, how many of them the lamp has
// counted, and its light, which shines while that is odd (`lamp.cpp`).

#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace authex::test {

class BoardBooks {
  public:
    void pressed() { ++pressed_; }
    /// A press of the second button: since presses come in their order, all of the first that were
    /// before it have come, or never will, when it is counted.
    void marked() { ++marked_; }
    /// The second one was counted, after a reset of the board.
    void settle() { lost_ = pressed_ - counted_; }

    void counts(std::uint32_t presses, std::uint32_t marks) {
        EXPECT_GE(presses, counted_) << "the count went back";
        EXPECT_LE(presses, pressed_ - lost_) << "counted more often than pressed";
        EXPECT_GE(marks, marks_counted_) << "the count went back";
        EXPECT_LE(marks, marked_) << "counted more often than pressed";
        counted_ = presses;
        marks_counted_ = marks;
    }
    /// @param seen as of PoweredBoard::seen
    static void expect_light_explained(const std::vector<nlohmann::json>& seen) {
        std::size_t presses = 0;
        std::size_t changes = 0;
        bool put_out = false; // by a reset
        for (const auto& event : seen) {
            const std::string device = event.at("device");
            const std::string value = event.at("value");
            if (device == "led0") {
                changes += put_out && value == "off" ? 0U : 1U;
                put_out = false;
                EXPECT_LE(changes, presses) << "the light changed, and nobody had pressed";
            } else if (value == "pressed") {
                presses += device == "reset" ? 0U : 1U;
                put_out = put_out || device == "reset";
            }
        }
    }

    [[nodiscard]] bool is_complete() const { return counted_ + lost_ == pressed_ && is_marked(); }
    [[nodiscard]] bool is_marked() const { return marks_counted_ == marked_; }
    [[nodiscard]] bool light_shines() const { return (counted_ + marks_counted_) % 2 == 1; }
    [[nodiscard]] std::uint32_t presses() const { return pressed_ + marked_; }
    [[nodiscard]] std::uint32_t counted() const { return counted_ + marks_counted_; }

  private:
    std::uint32_t pressed_ = 0;
    std::uint32_t marked_ = 0;
    std::uint32_t lost_ = 0;
    std::uint32_t counted_ = 0;
    std::uint32_t marks_counted_ = 0;
};

} // namespace authex::test
