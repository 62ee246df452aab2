// The event manager of a microcontroller, on the emulated hardware.
#include <gmock/gmock.h>

#include "firmware_fixture.hpp"

namespace authex::tee::sancus {
namespace {

using link::Code;
using link::Failure;
using link::Refusal;
using link::SlotState;

TEST_F(FirmwareTest, SaysWhatItIsAndHas) {
    const Answer hello = must(Code::hello);
    ASSERT_EQ(hello.results.size(), 14U);
    EXPECT_EQ(hello.word(0), link::firmware_version);
    EXPECT_GT(hello.word(1), 0x5C00);
    EXPECT_EQ(hello.word(2), 0xFFE0);
    EXPECT_EQ(hello.word(4), 0x4200);
    EXPECT_EQ(hello.word(5), 0);
    EXPECT_EQ(hello.word(6), link::slots_max);
}

TEST_F(FirmwareTest, FitsAndLeavesMostOfTheMemoryToModules) {
    const Answer hello = must(Code::hello);
    const unsigned program = hello.word(1) - 0x5C00U;
    const unsigned data = hello.word(3) - 0x0200U;
    RecordProperty("program_bytes", static_cast<int>(program));
    RecordProperty("data_bytes", static_cast<int>(data));
    EXPECT_LE(program + data, 16U << 10U) << "the budget of all of it";
    EXPECT_LE(program, 8U << 10U);
    EXPECT_LE(data, 5376U);
}

TEST_F(FirmwareTest, LoadsAModuleAndCarriesFramesThroughIt) {
    EXPECT_EQ(load(0), 1);
    const ByteString body = {1, 2, 3, 0, 0, 4};
    send(0, 77, body);
    ASSERT_TRUE(echoed(1));
    EXPECT_EQ(board.frames[0].slot, 0);
    EXPECT_EQ(board.frames[0].header.kind, wire::Kind::call);
    EXPECT_EQ(board.frames[0].header.channel, 3);
    EXPECT_EQ(board.frames[0].header.counter, 77U);
    EXPECT_EQ(board.frames[0].header.deployment, 9) << "the manager's own knowledge";
    EXPECT_EQ(board.frames[0].body, body);
    EXPECT_EQ(board.violations, 0U);
}

TEST_F(FirmwareTest, CarriesFramesOfEveryLengthInOrder) {
    load(0);
    std::size_t count = 0;
    for (std::size_t size = 0; size <= 274; size += 1 + size / 8) {
        ++count;
        send(0, count, ByteString(size, static_cast<std::uint8_t>(count & 0x7FU)));
    }
    ASSERT_TRUE(echoed(count, 60'000));
    for (std::size_t i = 0; i != count; ++i) {
        EXPECT_EQ(board.frames[i].header.counter, i + 1);
        EXPECT_EQ(
            board.frames[i].body,
            ByteString(board.frames[i].body.size(), static_cast<std::uint8_t>((i + 1) & 0x7FU)));
    }
    EXPECT_EQ(board.host().counters().timeouts, 0U) << "nothing was said to deaf ears";
}

TEST_F(FirmwareTest, OneFrameMayComeToManyThatExceedTheWindow) {
    load(0);
    send(0, 1, ByteString(60, wish::many));
    ASSERT_TRUE(echoed(12));
    send(0, 2, {1});
    ASSERT_TRUE(echoed(13));
    EXPECT_EQ(board.frames[12].header.counter, 2U);
}

TEST_F(FirmwareTest, ModulesSideBySideDoNotDisturbEachOther) {
    const std::uint16_t ids[] = {load(0), load(1), load(5)};
    EXPECT_THAT(ids, testing::ElementsAre(1, 2, 3));
    for (std::uint64_t i = 0; i != 30; ++i) {
        const std::uint8_t slot[] = {0, 1, 5};
        send(slot[i % 3], i, {static_cast<std::uint8_t>(i)});
    }
    ASSERT_TRUE(echoed(30));
    for (std::size_t i = 0; i != 30; ++i) {
        EXPECT_EQ(board.frames[i].header.counter, i);
    }
}

TEST_F(FirmwareTest, AModuleThatBreaksTheRulesIsMarkedAndTheOthersGoOn) {
    load(0);
    load(1);
    send(0, 1, {wish::violate});
    expect_failure(0, Failure::violation);
    EXPECT_EQ(board.violations, 1U);
    send(0, 2, {1});
    send(1, 3, {1});
    ASSERT_TRUE(echoed(1));
    EXPECT_EQ(board.frames[0].slot, 1);
    EXPECT_EQ(state_of(0), SlotState::failed);
    EXPECT_EQ(state_of(1), SlotState::module);
}

class Misbehaviour : public FirmwareTest,
                     public testing::WithParamInterface<std::pair<std::uint8_t, Failure>> {};

TEST_P(Misbehaviour, IsSurvivedAndTold) {
    load(0);
    load(1);
    send(0, 1, ByteString(10, GetParam().first));
    if (GetParam().first == wish::interruptible) {
        board.run(50);
        board.disturb({0}); // what interrupts it
    }
    expect_failure(0, GetParam().second);
    send(1, 3, {1});
    ASSERT_TRUE(echoed(1));
    EXPECT_EQ(must(Code::leave, {0}).refusal, Refusal::none);
    EXPECT_EQ(state_of(0), SlotState::free);
    EXPECT_EQ(load(0), 3) << "its memory and its place are free again";
}

INSTANTIATE_TEST_SUITE_P(Firmware,
                         Misbehaviour,
                         testing::Values(std::pair(wish::violate, Failure::violation),
                                         std::pair(wish::interruptible, Failure::violation),
                                         std::pair(wish::no_frames, Failure::output),
                                         std::pair(wish::too_much, Failure::output),
                                         std::pair(wish::nothing, Failure::consumption),
                                         std::pair(wish::fails, Failure::error)));

TEST_F(FirmwareTest, AModuleThatDoesNotLeaveKeepsItsMemory) {
    load(0);
    send(0, 1, {wish::stays});
    ASSERT_TRUE(echoed(1));
    EXPECT_EQ(refusal(Code::leave, {0}), Refusal::stays);
    EXPECT_EQ(state_of(0), SlotState::failed);
    EXPECT_EQ(refusal(Code::reserve, ByteString{0} + words({100, 10})), Refusal::slot);
}

TEST_F(FirmwareTest, MemoryIsGivenBackAndFoundAgain) {
    const Place first = reserve_and_write(0);
    const Place second = reserve_and_write(1);
    EXPECT_GE(second.text, first.text + first.text_bytes);
    EXPECT_GE(second.data, first.data + test_module_data_bytes);
    EXPECT_EQ(first.text % link::alignment, 0);
    EXPECT_EQ(second.data % link::alignment, 0);
    must(Code::leave, {0});
    const Place again = reserve_and_write(2);
    EXPECT_EQ(again.text, first.text) << "the lowest place that fits";
    EXPECT_EQ(again.data, first.data);
}

TEST_F(FirmwareTest, WhatDoesNotFitIsRefusedAndNothingIsLost) {
    const Answer hello = must(Code::hello);
    const unsigned text = hello.word(2) - hello.word(1);
    const unsigned data = hello.word(4) - hello.word(3);
    EXPECT_EQ(refusal(Code::reserve, ByteString{0} + words({text + 1, 8})), Refusal::memory);
    EXPECT_EQ(refusal(Code::reserve, ByteString{0} + words({8, data + 1})), Refusal::memory);
    EXPECT_EQ(refusal(Code::reserve, ByteString{0} + words({0xFFFF, 0xFFFF})), Refusal::malformed);
    must(Code::reserve, ByteString{0} + words({text, data}));
    EXPECT_EQ(refusal(Code::reserve, ByteString{1} + words({8, 0})), Refusal::memory);
    must(Code::leave, {0});
    EXPECT_EQ(load(1), 1);
}

TEST_F(FirmwareTest, TheHardwareHasRoomForFewerEnclavesThanThereAreSlots) {
    for (std::uint8_t slot = 0; slot != 4; ++slot) {
        EXPECT_EQ(load(slot), slot + 1);
    }
    const Place place = reserve_and_write(4);
    EXPECT_EQ(refusal(Code::protect,
                      ByteString{4, 0} + words({0x1234,
                                                place.text_bytes,
                                                place.data,
                                                place.data + unsigned{test_module_data_bytes}})),
              Refusal::hardware);
    must(Code::leave, {4});
    must(Code::leave, {0});
    EXPECT_EQ(load(0), 5);
    EXPECT_EQ(must(Code::hello).word(5), 5) << "what was refused took no number";
}

TEST_F(FirmwareTest, OrdersThatCannotBeAreRefused) {
    const Place place = reserve_and_write(0);
    const ByteString layout = words(
        {0x1234, place.text_bytes, place.data, place.data + unsigned{test_module_data_bytes}});
    EXPECT_EQ(refusal(static_cast<Code>(15)), Refusal::unknown);
    EXPECT_EQ(refusal(Code::failed), Refusal::unknown);
    EXPECT_EQ(refusal(Code::hello, {1}), Refusal::malformed);
    EXPECT_EQ(refusal(Code::reserve, {}), Refusal::malformed);
    EXPECT_EQ(refusal(Code::reserve, ByteString{1} + words({0, 8})), Refusal::malformed);
    EXPECT_EQ(refusal(Code::reserve, ByteString{7} + words({8, 8})), Refusal::slot);
    EXPECT_EQ(refusal(Code::reserve, ByteString{0} + words({8, 8})), Refusal::slot)
        << "it is taken";
    EXPECT_EQ(refusal(Code::write, words({0x5C00}) + ByteString{1}), Refusal::address)
        << "the event manager's own";
    EXPECT_EQ(refusal(Code::write, words({place.text - 1U}) + ByteString{1}), Refusal::address);
    EXPECT_EQ(refusal(Code::write, words({place.text + 1000U}) + ByteString(200, 1)),
              Refusal::address);
    EXPECT_EQ(refusal(Code::write, words({place.text}) + ByteString(257, 1)), Refusal::malformed);
    EXPECT_EQ(refusal(Code::bind, {0, 2}), Refusal::slot) << "it is not protected";
    EXPECT_EQ(refusal(Code::protect, ByteString{1, 0} + layout), Refusal::slot);
    EXPECT_EQ(refusal(Code::protect, ByteString{0, 2} + layout), Refusal::malformed);
    EXPECT_EQ(refusal(Code::protect, ByteString{0, 0} + words({0x1234, 0x4000, 0x1000, 0x1006})),
              Refusal::slot)
        << "more text than it has";
    must(Code::protect, ByteString{0, 0} + layout);
    EXPECT_EQ(refusal(Code::write, words({place.text}) + ByteString{1}), Refusal::address);
    EXPECT_EQ(refusal(Code::protect, ByteString{0, 0} + layout), Refusal::slot);
    EXPECT_EQ(refusal(Code::leave, {6}), Refusal::slot);
    EXPECT_EQ(refusal(Code::leave, {200}), Refusal::slot);
    for (const std::uint8_t vector : ByteString{6, 7, 8, 9, 10, 13, 14, 15, 16, 200}) {
        EXPECT_EQ(refusal(Code::bind, {0, vector}), Refusal::vector) << int{vector};
    }
    EXPECT_EQ(board.violations, 0U);
}

TEST_F(FirmwareTest, AnInterruptReachesTheModuleThatIsBoundToIt) {
    load(0);
    load(1);
    must(Code::bind, {1, 2});
    EXPECT_EQ(refusal(Code::bind, {0, 2}), Refusal::vector) << "it is taken";
    sancus_emulator::Core& core = board.machine().core();
    sancus_emulator::PeripheralBus& devices = board.machine().devices();
    devices.write(0x24, 0x0100, 0xFF00, core.cycle); // P1IE: the first pin
    for (std::uint16_t presses = 1; presses != 5; ++presses) {
        ASSERT_TRUE(devices.find("button0")->input("pressed", core.cycle));
        ASSERT_TRUE(echoed(presses, 20)) << "at once, and not at the next look";
        EXPECT_EQ(board.frames[presses - 1U].slot, 1);
        EXPECT_EQ(board.frames[presses - 1U].header.kind, wire::Kind::log);
        EXPECT_EQ(board.frames[presses - 1U].header.channel, 1);
        ASSERT_TRUE(devices.find("button0")->input("released", core.cycle));
        board.run(100);
    }
    must(Code::leave, {1});
    EXPECT_EQ(board.machine().core().memory.word(0xFFE4),
              board.firmware().symbols.address_of("unexpected").value());
    ASSERT_TRUE(devices.find("button0")->input("pressed", core.cycle));
    board.run(100);
    send(0, 1, {1});
    EXPECT_TRUE(echoed(5)) << "an interrupt that nobody wants any more does not keep it busy";
    EXPECT_EQ(board.violations, 0U);
}

class FirmwareInterrupts : public FirmwareTest {
  protected:
    void SetUp() override {
        load(0);
        must(Code::bind, {0, 2});
        board.machine().devices().write(0x24, 0x0100, 0xFF00, board.machine().core().cycle);
    }
    /// Presses while messages go to and fro, and expects that each of both arrives.
    void press_under_traffic(std::uint8_t wish) {
        sancus_emulator::Device& button = *board.machine().devices().find("button0");
        constexpr unsigned presses = 60;
        for (unsigned i = 0; i != presses; ++i) {
            send(0, 1000 + i, ByteString(1 + i % 40, wish));
            board.run(7);
            ASSERT_TRUE(button.input("pressed", board.machine().core().cycle));
            board.run(9);
            ASSERT_TRUE(button.input("released", board.machine().core().cycle));
        }
        const auto counted = [&] {
            unsigned count = 0;
            for (const Given& given : board.frames) {
                count += given.header.kind == wire::Kind::log ? given.header.channel : 0U;
            }
            return count;
        };
        EXPECT_TRUE(board.run_until([&] { return counted() == presses; }, 5000)) << counted();
        EXPECT_TRUE(echoed(presses));
    }
};

TEST_F(FirmwareInterrupts, WhileItIsBusyAreNotMissed) {
    press_under_traffic(wish::slow);
}

// Hardware counts the return from a module's handler as the module's.
TEST_F(FirmwareInterrupts, ThatWaitAtTheEndOfAModulesHandlerHarmNothing) {
    press_under_traffic(wish::lingers);
    EXPECT_EQ(board.machine().core().memory.word(0xFFFE),
              board.firmware().symbols.address_of("start").value());
    EXPECT_EQ(board.violations, 0U);
}

class FirmwareClock : public FirmwareTest {
  protected:
    void SetUp() override { load(0); }
    static ByteString
    every(std::uint8_t slot, std::uint8_t index, std::uint16_t entry, unsigned ms) {
        return ByteString{slot, index} + words({entry, ms & 0xFFFFU, ms >> 16U});
    }
    /// Calls of the entry; the test module gives each back.
    std::size_t calls(std::uint16_t entry) {
        return static_cast<std::size_t>(
            std::count_if(board.frames.begin(), board.frames.end(), [&](const Given& given) {
                return given.header.kind == wire::Kind::call && given.header.channel == entry;
            }));
    }
};

TEST_F(FirmwareClock, CallsAnEntryInItsPeriodWithoutDrift) {
    const std::uint64_t begin = board.now_ms();
    must(Code::every, every(0, 0, 5, 70));
    for (unsigned number = 1; number <= 100; ++number) {
        ASSERT_TRUE(board.run_until([&] { return calls(5) == number; }, 100));
        EXPECT_NEAR(static_cast<double>(board.now_ms() - begin), 70.0 * number, 40.0);
    }
    EXPECT_TRUE(board.frames.back().body.empty());
}

TEST_F(FirmwareClock, KeepsEntriesApartAndTellsOnceASecondWhatItCounted) {
    must(Code::every, every(0, 0, 5, 50));
    must(Code::every, every(0, 3, 6, 125));
    board.run(3100);
    EXPECT_NEAR(static_cast<double>(calls(5)), 62, 2);
    EXPECT_NEAR(static_cast<double>(calls(6)), 25, 2);
    ASSERT_EQ(board.called.size(), 2U);
    const auto first = board.called.at({0, 0});
    const auto second = board.called.at({0, 3});
    EXPECT_NEAR(static_cast<double>(first.calls), 60, 2);
    EXPECT_NEAR(static_cast<double>(second.calls), 24, 2);
    EXPECT_EQ(first.missed + second.missed, 0U);
}

TEST_F(FirmwareClock, TheSameOrderAgainChangesNothingAndAnotherBeginsAnew) {
    must(Code::every, every(0, 0, 5, 1000));
    board.run(600);
    must(Code::every, every(0, 0, 5, 1000));
    EXPECT_TRUE(board.run_until([&] { return calls(5) == 1; }, 500));
    must(Code::every, every(0, 0, 5, 2000));
    board.run(1900);
    EXPECT_EQ(calls(5), 1U);
    EXPECT_TRUE(board.run_until([&] { return calls(5) == 2; }, 300));
}

TEST_F(FirmwareClock, StopsWithTheLastEntryAndSleepsThen) {
    load(1);
    must(Code::every, every(0, 0, 5, 10));
    must(Code::every, every(1, 0, 6, 10));
    board.run(200);
    must(Code::every, every(0, 0, 5, 0));
    must(Code::leave, {1});
    board.run(50);
    const std::size_t before = board.frames.size();
    board.run(500);
    EXPECT_EQ(board.frames.size(), before);
    EXPECT_EQ(board.machine().devices().read(0x0160, board.machine().core().cycle), 0);
}

TEST_F(FirmwareClock, AModuleThatFailedIsNotCalled) {
    must(Code::every, every(0, 0, 5, 10));
    send(0, 1, {wish::violate});
    expect_failure(0, Failure::violation);
    board.run(50);
    const std::size_t before = calls(5);
    board.run(300);
    EXPECT_EQ(calls(5), before);
    EXPECT_EQ(board.violations, 1U);
}

TEST_F(FirmwareClock, RefusesPeriodsThatItCannotKeep) {
    EXPECT_EQ(refusal(Code::every, every(0, 0, 5, 9)), Refusal::malformed);
    EXPECT_EQ(refusal(Code::every, {0, 0, 5}), Refusal::malformed);
    EXPECT_EQ(refusal(Code::every, every(1, 0, 5, 100)), Refusal::slot);
    EXPECT_EQ(refusal(Code::every, every(7, 0, 5, 100)), Refusal::slot);
    for (std::uint8_t index = 0; index != link::periodic_max; ++index) {
        must(Code::every, every(0, index, 5, 60'000));
    }
    EXPECT_EQ(refusal(Code::every, every(0, 8, 5, 60'000)), Refusal::memory);
    must(Code::every, every(0, 2, 5, 0));
    must(Code::every, every(0, 8, 5, 60'000));
}

// Eight entries that are due faster than the line carries what they say.
TEST_F(FirmwareClock, WhatCannotBeCalledInTimeIsCountedAndMessagesGoOn) {
    for (std::uint8_t index = 0; index != link::periodic_max; ++index) {
        must(Code::every, every(0, index, index, 10));
    }
    for (std::uint64_t number = 1; number <= 20; ++number) {
        send(0, number, {wish::slow});
        ASSERT_TRUE(board.run_until(
            [&] { return !board.frames.empty() && board.frames.back().header.counter == number; },
            500));
    }
    board.run(2000);
    const Called last = board.called.at({0, 7});
    EXPECT_GT(last.missed, last.calls);
    EXPECT_GT(last.calls, 20U);
    EXPECT_EQ(board.violations, 0U);
}

TEST_F(FirmwareTest, GarbageOnTheLineIsSurvived) {
    load(0);
    std::uint32_t random = 1;
    for (std::uint64_t i = 0; i != 40; ++i) {
        ByteString noise;
        for (unsigned n = 0; n != i % 11; ++n) {
            random = random * 1664525U + 1013904223U;
            noise.push_back(static_cast<std::uint8_t>(random >> 24U));
        }
        board.disturb(noise);
        send(0, i, ByteString(i, static_cast<std::uint8_t>(i)));
        ASSERT_TRUE(echoed(i + 1));
        EXPECT_EQ(board.frames[i].header.counter, i);
    }
    EXPECT_EQ(board.violations, 0U);
}

TEST_F(FirmwareTest, AResetInTheMiddleIsNoticedAndEverythingIsNew) {
    load(0);
    const std::uint32_t boot = board.host().boot();
    board.recover = false;
    for (std::uint64_t i = 0; i != 5; ++i) {
        send(0, i, ByteString(200, wish::slow));
    }
    board.run(120);
    board.machine().reset();
    ASSERT_TRUE(
        board.run_until([&] { return board.host().state() == link::HostLink::State::lost; }, 1000));
    board.begin_session();
    board.recover = true;
    const Answer hello = must(Code::hello);
    EXPECT_NE(board.host().boot(), boot);
    EXPECT_EQ(hello.word(5), 0);
    EXPECT_EQ(state_of(0), SlotState::free);
    EXPECT_EQ(load(0), 1);
}

TEST_F(FirmwareTest, AManagerThatStartsAgainFindsTheModules) {
    load(0);
    const std::uint32_t boot = board.host().boot();
    board.begin_session();
    EXPECT_EQ(state_of(0), SlotState::module);
    EXPECT_EQ(board.host().boot(), boot);
    send(0, 1, {1});
    EXPECT_TRUE(echoed(1));
}

TEST_F(FirmwareTest, IsResetWhenAskedTo) {
    load(0);
    const std::uint32_t boot = board.host().boot();
    EXPECT_FALSE(board.command(Code::reset));
    EXPECT_EQ(state_of(0), SlotState::free);
    EXPECT_NE(board.host().boot(), boot);
}

TEST_F(FirmwareTest, SleepsWhileThereIsNothingToDo) {
    load(0);
    board.run(400);
    const std::uint64_t from = board.machine().core().cycle;
    const std::uint64_t until = from + 8000;
    unsigned awake = 0;
    while (board.machine().core().cycle < until &&
           board.machine().step() == sancus_emulator::Stop::limit) {
        ++awake;
    }
    EXPECT_LT(awake, 50U);
}

TEST_F(FirmwareTest, UsesLessThanHalfOfItsStack) {
    load(0);
    must(Code::bind, {0, 2});
    send(0, 1, ByteString(80, wish::many));
    board.run(500);
    must(Code::status);
    must(Code::leave, {0});
    std::uint16_t lowest = 0x0200;
    while (board.machine().core().memory.word(lowest) == 0) {
        lowest = static_cast<std::uint16_t>(lowest + 2);
    }
    RecordProperty("stack_bytes", 0x0380 - lowest);
    EXPECT_GT(lowest, 0x0200 + 0x00C0);
}

} // namespace
} // namespace authex::tee::sancus
