#pragma once
// The event manager on an emulated board, with test modules in its slots.

#include <gtest/gtest.h>

#include "emulated_board.hpp"
#include "test_module.hpp"

namespace authex::tee::sancus {

inline ByteString words(std::initializer_list<unsigned> values) {
    ByteString bytes;
    for (const unsigned value : values) {
        bytes.push_back(static_cast<std::uint8_t>(value));
        bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
    }
    return bytes;
}

inline ByteString operator+(ByteString left, const ByteString& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

class FirmwareTest : public testing::Test {
  protected:
    Answer must(link::Code code, const ByteString& arguments = {}) {
        const auto answer = board.command(code, arguments);
        EXPECT_TRUE(answer) << "no answer to command " << static_cast<int>(code);
        if (!answer) {
            return {};
        }
        EXPECT_EQ(answer->refusal, link::Refusal::none) << "command " << static_cast<int>(code);
        return *answer;
    }
    link::Refusal refusal(link::Code code, const ByteString& arguments = {}) {
        const auto answer = board.command(code, arguments);
        EXPECT_TRUE(answer);
        return answer ? answer->refusal : link::Refusal::none;
    }
    struct Place {
        std::uint16_t text = 0;
        std::uint16_t data = 0;
        std::uint16_t text_bytes = 0;
    };
    Place reserve_and_write(std::uint8_t slot) {
        Place place;
        place.text_bytes = module.text_bytes;
        const Answer reserved =
            must(link::Code::reserve,
                 ByteString{slot} + words({place.text_bytes, test_module_data_bytes}));
        if (reserved.results.size() != 4) {
            return place;
        }
        place.text = reserved.word(0);
        place.data = reserved.word(1);
        const ByteString text = placed_text(module, {.text = place.text, .data = place.data});
        for (std::size_t at = 0; at < text.size(); at += 128) {
            const std::size_t count = std::min<std::size_t>(128, text.size() - at);
            must(link::Code::write,
                 words({static_cast<unsigned>(place.text + at)}) +
                     ByteString(text.begin() + static_cast<long>(at),
                                text.begin() + static_cast<long>(at + count)));
        }
        return place;
    }
    /// @return its number
    std::uint16_t load(std::uint8_t slot) {
        const Place place = reserve_and_write(slot);
        const Answer answer =
            must(link::Code::protect,
                 ByteString{slot, 0} + words({0x1234,
                                              place.text_bytes,
                                              place.data,
                                              place.data + unsigned{test_module_data_bytes}}));
        return answer.results.size() == 2 ? answer.word(0) : std::uint16_t{0};
    }
    void send(std::uint8_t slot, std::uint64_t counter, const ByteString& body) {
        board.send_frame(slot, {.kind = wire::Kind::call, .channel = 3, .counter = counter}, body);
    }
    bool echoed(std::size_t count, unsigned ms = 5000) {
        return board.run_until([&] { return board.frames.size() >= count; }, ms);
    }
    void expect_failure(std::uint8_t slot, link::Failure failure) {
        ASSERT_TRUE(board.run_until([&] { return !board.failures.empty(); }, 3000));
        EXPECT_EQ(board.failures.front().slot, slot);
        EXPECT_EQ(board.failures.front().failure, failure);
        board.failures.clear();
    }
    link::SlotState state_of(std::uint8_t slot) {
        return static_cast<link::SlotState>(must(link::Code::status).results.at(4 + 5U * slot));
    }

    EmulatedBoard board;
    SancusImage module = test_module();
};

} // namespace authex::tee::sancus
