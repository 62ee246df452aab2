// Connections between two modules of one board.
#include <gmock/gmock.h>

#include "firmware_fixture.hpp"

namespace authex::tee::sancus {
namespace {

using link::Code;
using link::Failure;
using link::Refusal;

/// Slot 0 sends each event that it is given, slot 1 acknowledges what it is given.
class FirmwareRoutes : public FirmwareTest {
  protected:
    static constexpr std::uint8_t source = 0;
    static constexpr std::uint8_t destination = 1;
    static constexpr std::uint16_t channel = 3;

    void SetUp() override {
        load(source);
        load(destination);
    }
    void acknowledge() {
        send(destination, 77, {wish::acks});
        board.run(100);
    }
    Refusal route(std::uint8_t from, std::uint16_t on, std::uint8_t to) {
        return refusal(Code::route, ByteString{from} + words({on}) + ByteString{to});
    }
    void emit(std::uint64_t counter, std::size_t bytes = 20, std::uint8_t first = 0) {
        ByteString body(bytes, static_cast<std::uint8_t>(counter));
        body[0] = first;
        board.send_frame(
            source, {.kind = wire::Kind::event, .channel = channel, .counter = counter}, body);
    }
    std::vector<std::uint64_t> came_up() {
        std::vector<std::uint64_t> counters;
        for (const Given& given : board.frames) {
            if (given.header.kind == wire::Kind::event) {
                EXPECT_EQ(given.slot, source);
                counters.push_back(given.header.counter);
            }
        }
        return counters;
    }
    Kept kept() {
        board.run(600); // the manager asks now and then whether the board is there
        return board.kept[{source, channel}];
    }
};

TEST_F(FirmwareRoutes, EventsBetweenItsModulesDoNotLeaveTheBoard) {
    acknowledge();
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    for (std::uint64_t counter = 0; counter != 30; ++counter) {
        emit(counter, 20 + 7 * counter);
    }
    EXPECT_TRUE(board.run_until([&] { return board.kept[{source, channel}].events == 30; }, 5000));
    EXPECT_EQ(kept().next, 30U);
    EXPECT_TRUE(board.frames.empty()) << "neither events nor their acknowledgements";
    emit(1000);
    EXPECT_EQ(kept().events, 31U);
    EXPECT_EQ(kept().next, 1001U);
    EXPECT_EQ(board.violations, 0U);
}

TEST_F(FirmwareRoutes, TheLineCarriesNothingOfThem) {
    acknowledge();
    const auto bytes_for = [&](std::uint64_t first) {
        const std::uint64_t before = board.line_bytes;
        for (std::uint64_t counter = first; counter != first + 20; ++counter) {
            emit(counter, 200);
            board.run(200);
        }
        return board.line_bytes - before;
    };
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    const std::uint64_t here = bytes_for(0);
    ASSERT_EQ(route(source, channel, link::slots_max), Refusal::none);
    const std::uint64_t through_manager = bytes_for(20);
    EXPECT_EQ(came_up().size(), 20U);
    EXPECT_GT(through_manager, 20 * 200U);
    // What the test sends is acknowledged, and the manager is told what was carried.
    EXPECT_LT(here, 20 * 40U);
}

TEST_F(FirmwareRoutes, OtherConnectionsAreTheManagers) {
    acknowledge();
    ASSERT_EQ(route(source, 4, destination), Refusal::none);
    emit(0);
    board.run(300);
    EXPECT_EQ(came_up(), (std::vector<std::uint64_t>{0}));
}

TEST_F(FirmwareRoutes, WhatAModuleDoesNotTakeIsTheManagersAndAllAfterItUntilItSaysOtherwise) {
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    for (std::uint64_t counter = 0; counter != 5; ++counter) {
        emit(counter);
    }
    EXPECT_TRUE(board.run_until([&] { return board.frames.size() >= 6; }, 3000));
    std::vector<std::uint64_t> from_source;
    for (const Given& given : board.frames) {
        if (given.slot == source) {
            from_source.push_back(given.header.counter);
        }
    }
    EXPECT_EQ(from_source, (std::vector<std::uint64_t>{0, 1, 2, 3, 4})) << "each once, in order";
    EXPECT_EQ(kept().events, 0U);
    board.frames.clear();
    acknowledge();
    emit(5);
    board.run(300);
    EXPECT_EQ(came_up(), (std::vector<std::uint64_t>{5})) << "one before it may still wait";
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    emit(6);
    EXPECT_EQ(kept().next, 7U);
}

TEST_F(FirmwareRoutes, AnswersToTheManagerAreTheManagers) {
    acknowledge();
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    board.send_frame(destination,
                     {.kind = wire::Kind::event, .channel = channel, .counter = 9},
                     ByteString(20, 1));
    ASSERT_TRUE(echoed(1));
    EXPECT_EQ(board.frames[0].header.kind, wire::Kind::ack);
    EXPECT_EQ(board.frames[0].header.counter, 10U);
}

TEST_F(FirmwareRoutes, MoreThanTheBoardHoldsGoesThroughTheManagerInOrder) {
    acknowledge();
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    emit(1, 20, wish::many);
    EXPECT_EQ(kept().events, 12U) << "twelve small ones fit";
    emit(2, 80, wish::many);
    emit(3);
    EXPECT_TRUE(board.run_until([&] { return came_up().size() >= 13; }, 3000));
    std::vector<std::uint64_t> expected(12, 2);
    expected.push_back(3);
    EXPECT_EQ(came_up(), expected);
    EXPECT_EQ(kept().events, 12U);
}

TEST_F(FirmwareRoutes, NothingIsLostWhenTheReceiverFailsOrLeaves) {
    acknowledge();
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    emit(0);
    send(destination, 1, {wish::violate});
    expect_failure(destination, Failure::violation);
    emit(1);
    emit(2);
    board.run(300);
    EXPECT_EQ(came_up(), (std::vector<std::uint64_t>{1, 2}));
    must(Code::leave, {destination});
    emit(3);
    board.run(300);
    EXPECT_EQ(came_up(), (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(kept().events, 1U);
}

TEST_F(FirmwareRoutes, EndsWhereItIsSaidAndWithItsSource) {
    acknowledge();
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    ASSERT_EQ(route(source, channel, link::slots_max), Refusal::none);
    emit(0);
    board.run(300);
    EXPECT_EQ(came_up(), (std::vector<std::uint64_t>{0}));
    ASSERT_EQ(route(source, channel, destination), Refusal::none);
    must(Code::leave, {source});
    load(source);
    emit(1);
    board.run(300);
    EXPECT_EQ(came_up(), (std::vector<std::uint64_t>{0, 1}));
}

TEST_F(FirmwareRoutes, RefusesWhatCannotBe) {
    EXPECT_EQ(refusal(Code::route, {source, 3}), Refusal::malformed);
    EXPECT_EQ(route(source, channel, 8), Refusal::malformed);
    EXPECT_EQ(route(5, channel, destination), Refusal::slot);
    EXPECT_EQ(route(source, channel, 5), Refusal::slot);
    EXPECT_EQ(route(200, channel, destination), Refusal::slot);
    for (std::uint16_t on = 0; on != link::local_routes_max; ++on) {
        EXPECT_EQ(route(source, on, destination), Refusal::none);
    }
    EXPECT_EQ(route(source, 99, destination), Refusal::memory);
    EXPECT_EQ(route(source, 3, destination), Refusal::none) << "it is there already";
}

} // namespace
} // namespace authex::tee::sancus
