#include <algorithm>

#include <gtest/gtest.h>

#include "line.hpp"

namespace authex::tee::sancus::link {
namespace {

using Message = std::vector<std::uint8_t>;

/// Messages say who they are: a stream and a place in it.
struct Stamp {
    std::uint32_t stream = 0;
    std::uint32_t place = 0;
};

class World {
  public:
    World(std::uint64_t seed, const Weather& weather)
        : random_(seed), weather_(weather), board_(std::make_unique<BoardEnd>()) {
        restart_host();
    }

    /// One millisecond.
    void step() {
        ++now_;
        host_->tick(now_);
        if (host_->state() == HostLink::State::lost) {
            begin();
        }
        host_speaks();
        deliver(to_board_, [&](std::uint8_t byte) {
            if (deaf_ != 0) {
                missed_ = true;
                return;
            }
            board_->link.receive(byte);
        });
        deaf_ -= deaf_ != 0 ? 1U : 0U;
        board_acts();
        if (host_is_deaf) {
            to_host_.bytes().clear();
        }
        deliver(to_host_, [&](std::uint8_t byte) { host_->receive(byte, now_); });
        host_listens();
    }
    bool run_until(const std::function<bool()>& done, unsigned ms) {
        for (unsigned i = 0; i != ms && !testing::Test::HasFailure(); ++i) {
            if (done()) {
                return true;
            }
            step();
        }
        return done();
    }

    void restart_host() {
        host_ = std::make_unique<HostLink>(Timing{.bytes_per_second = 6000});
        begin();
    }
    void restart_board() {
        board_ = std::make_unique<BoardEnd>();
        ++board_life_;
        board_expects_ = 0;
        board_says_ = 0;
        deaf_ = 0;
    }
    void begin() {
        host_->begin(++session_, now_);
        board_got = 0;
        host_says_ = 0;
        first_of_session_ = true;
    }
    void calm() { weather_ = {}; }
    Wire& to_board() { return to_board_; }
    Wire& to_host() { return to_host_; }

    HostLink& host() { return *host_; }
    BoardEnd& board() { return *board_; }
    std::uint32_t session() const { return session_; }
    std::uint64_t now() const { return now_; }

    std::uint32_t host_wants = 0;  ///< messages of a session
    std::uint32_t board_wants = 0; ///< messages of a life
    std::uint32_t board_got = 0;   ///< in this session
    std::uint32_t host_got = 0;    ///< the place after the last one
    std::size_t bytes_carried = 0;
    bool host_is_deaf = false; ///< all is lost that the board says

  private:
    template <typename Take>
    void deliver(Wire& wire, Take take) {
        for (unsigned i = 0; i != Wire::bytes_per_ms && wire.size() != 0; ++i) {
            const std::uint8_t byte = wire.bytes().front();
            wire.bytes().pop_front();
            ++bytes_carried;
            take(byte);
        }
    }
    Message compose(Stamp stamp) {
        Message message(8 + random_() % (random_() % 8 == 0 ? message_bytes_max - 8 : 90));
        for (std::uint8_t& byte : message) {
            byte = static_cast<std::uint8_t>(random_() % 3 == 0 ? 0 : random_());
        }
        __builtin_memcpy(message.data(), &stamp, sizeof stamp);
        return message;
    }
    bool give(Link& link, Stamp stamp) {
        const Bytes room = link.room();
        if (room.empty()) {
            return false;
        }
        const Message message = compose(stamp);
        std::copy(message.begin(), message.end(), room.begin());
        link.send(message.size());
        return true;
    }
    static Stamp stamp_of(ByteView message) {
        Stamp stamp;
        EXPECT_GE(message.size(), sizeof stamp);
        if (message.size() >= sizeof stamp) {
            __builtin_memcpy(&stamp, message.data(), sizeof stamp);
        }
        return stamp;
    }
    void host_speaks() {
        while (host_->state() == HostLink::State::up && host_says_ < host_wants &&
               give(*host_, {session_, host_says_})) {
            ++host_says_;
        }
        std::uint8_t byte = 0;
        while (to_board_.size() < Wire::bytes_per_ms && host_->next(byte, now_)) {
            to_board_.send(byte, weather_, random_);
        }
    }
    void board_acts() {
        BoardLink& link = board_->link;
        if (deaf_ != 0) {
            return;
        }
        if (std::exchange(missed_, false)) {
            link.lost();
        }
        if (!link.must_listen() && to_host_.size() == 0) {
            // As the firmware: nothing is taken while what it causes has no room.
            while (!link.message().empty() && !link.room().empty()) {
                const Stamp stamp = stamp_of(link.message());
                if (stamp.place == 0) {
                    board_expects_ = 0;
                    EXPECT_GE(stamp.stream, board_session_);
                    board_session_ = stamp.stream;
                }
                EXPECT_EQ(stamp.stream, board_session_);
                EXPECT_EQ(stamp.place, board_expects_) << "of session " << stamp.stream;
                ++board_expects_;
                board_got = stamp.stream == session_ ? board_expects_ : 0;
                link.take();
                if (weather_.deaf != 0) {
                    deaf_ = random_() % weather_.deaf;
                }
            }
            while (board_says_ < board_wants && give(link, {board_life_, board_says_})) {
                ++board_says_;
            }
        }
        std::uint8_t byte = 0;
        while (deaf_ == 0 && to_host_.size() < Wire::bytes_per_ms && link.next(byte)) {
            to_host_.send(byte, weather_, random_);
        }
    }
    /// Within a session in order and once; a new one may bring again what was not acknowledged.
    void host_listens() {
        while (!host_->message().empty()) {
            const Stamp stamp = stamp_of(host_->message());
            host_->take();
            if (stamp.stream != host_life_) {
                EXPECT_GT(stamp.stream, host_life_);
                EXPECT_EQ(stamp.place, 0U);
                host_life_ = stamp.stream;
                host_got = 0;
            } else if (first_of_session_) {
                EXPECT_LE(stamp.place, host_got);
                EXPECT_GE(stamp.place + window_to_host, host_got);
                host_got = stamp.place;
            }
            first_of_session_ = false;
            EXPECT_EQ(stamp.place, host_got) << "of life " << stamp.stream;
            host_got = stamp.place + 1;
        }
    }

    Random random_;
    Weather weather_;
    std::unique_ptr<HostLink> host_;
    std::unique_ptr<BoardEnd> board_;
    Wire to_board_;
    Wire to_host_;
    std::uint64_t now_ = 1000;
    std::uint32_t session_ = 0;
    std::uint32_t board_session_ = 0; ///< whose messages it takes
    std::uint32_t board_life_ = 1;
    std::uint32_t host_life_ = 1; ///< whose messages the host takes
    std::uint32_t host_says_ = 0;
    std::uint32_t board_says_ = 0;
    std::uint32_t board_expects_ = 0;
    std::uint64_t deaf_ = 0;
    bool missed_ = false;
    bool first_of_session_ = true;
};

TEST(SerialLink, CarriesMessagesBothWaysInOrder) {
    World world(1, {});
    world.host_wants = world.board_wants = 200;
    EXPECT_TRUE(
        world.run_until([&] { return world.board_got == 200 && world.host_got == 200; }, 20'000));
    EXPECT_EQ(world.host().counters().bad, 0U);
    EXPECT_EQ(world.host().counters().timeouts, 0U);
    EXPECT_EQ(world.host().boot(), 1U);
}

TEST(SerialLink, AnIdleLineCarriesNextToNothing) {
    World world(1, {});
    ASSERT_TRUE(world.run_until([&] { return world.host().state() == HostLink::State::up; }, 500));
    world.bytes_carried = 0;
    (void)world.run_until([] { return false; }, 10'000);
    EXPECT_LE(world.bytes_carried, 700U);
    EXPECT_GE(world.now() - world.host().heard_ms(), 0U);
    EXPECT_LE(world.now() - world.host().heard_ms(), 400U) << "the board is heard of";
}

/// Every seed is another run, the same each time.
class BadWeather : public testing::TestWithParam<std::pair<const char*, Weather>> {};

TEST_P(BadWeather, DelaysAndNeverLosesRepeatsOrChangesAMessage) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, GetParam().second);
        world.host_wants = world.board_wants = 100;
        ASSERT_TRUE(world.run_until([&] { return world.board_got == 100 && world.host_got == 100; },
                                    400'000))
            << world.board_got << ' ' << world.host_got;
    }
}

INSTANTIATE_TEST_SUITE_P(
    SerialLink,
    BadWeather,
    testing::Values(
        std::pair("Damage", Weather{.damage = 50}),
        std::pair("Loss", Weather{.loss = 50}),
        std::pair("LongLoss", Weather{.loss = 10, .loss_run = 400}),
        std::pair("Repeats", Weather{.repeat = 50}),
        std::pair("ADeafBoard", Weather{.deaf = 30}),
        std::pair("All",
                  Weather{.damage = 20, .loss = 20, .loss_run = 50, .repeat = 20, .deaf = 20})),
    [](const auto& info) { return info.param.first; });

TEST(SerialLink, RestartsOfEitherSideBeginASessionAndNothingOldComesThrough) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        World world(seed, {.damage = 20, .loss = 20, .loss_run = 20, .repeat = 10, .deaf = 10});
        world.host_wants = world.board_wants = 1000;
        for (int restarts = 0; restarts != 8; ++restarts) {
            (void)world.run_until([] { return false; }, random() % 3000);
            (random() % 2 == 0) ? world.restart_host() : world.restart_board();
        }
        world.host_wants = world.board_wants = 30;
        world.restart_board();
        world.restart_host();
        ASSERT_TRUE(world.run_until([&] { return world.board_got == 30 && world.host_got == 30; },
                                    200'000));
    }
}

/// All that either may have on its way is lost, while what the board has taken in waits for room.
TEST(SerialLink, WhatBothEndsHaveLostAtOnceComesAgain) {
    for (unsigned after = 0; after != 300; ++after) {
        SCOPED_TRACE(after);
        World world(1, {});
        world.host_wants = world.board_wants = 40;
        (void)world.run_until([] { return false; }, 10 + after);
        world.host_is_deaf = true;
        (void)world.run_until([] { return false; }, 150);
        world.host_is_deaf = false;
        ASSERT_TRUE(
            world.run_until([&] { return world.board_got == 40 && world.host_got == 40; }, 10'000))
            << world.board_got << ' ' << world.host_got;
    }
}

TEST(SerialLink, ABoardThatWasResetIsNoticedWithoutBeingSpokenTo) {
    World world(1, {});
    ASSERT_TRUE(world.run_until([&] { return world.host().state() == HostLink::State::up; }, 500));
    const std::uint32_t boot = world.host().boot();
    world.restart_board();
    EXPECT_TRUE(world.run_until(
        [&] { return world.host().state() == HostLink::State::up && world.host().boot() != boot; },
        100));
}

TEST(SerialLink, AHostThatRestartsFindsTheBoardsFirstSession) {
    World world(1, {});
    ASSERT_TRUE(world.run_until([&] { return world.host().state() == HostLink::State::up; }, 500));
    world.restart_host();
    ASSERT_TRUE(world.run_until([&] { return world.host().state() == HostLink::State::up; }, 500));
    EXPECT_EQ(world.host().boot(), 1U);
    EXPECT_EQ(world.session(), 2U);
}

TEST(SerialLink, GarbageOnTheLineIsSurvived) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        World world(seed, {});
        Random random(seed);
        for (int i = 0; i != 3000; ++i) {
            const std::uint64_t noise = random();
            world.to_board().bytes().push_back(static_cast<std::uint8_t>(noise));
            world.to_host().bytes().push_back(static_cast<std::uint8_t>(noise >> 8U));
        }
        world.host_wants = world.board_wants = 20;
        ASSERT_TRUE(
            world.run_until([&] { return world.board_got == 20 && world.host_got == 20; }, 30'000));
    }
}

TEST(SerialLink, ABoardThatIsSilentIsAskedLessAndLessOften) {
    HostLink host({});
    host.begin(7, 0);
    std::size_t bytes = 0;
    std::uint8_t byte = 0;
    for (std::uint64_t now = 0; now <= 60'000; ++now) {
        host.tick(now);
        while (host.next(byte, now)) {
            ++bytes;
        }
    }
    EXPECT_GT(host.counters().timeouts, 20U);
    EXPECT_LT(bytes, 60U * 20U);
    EXPECT_EQ(host.state(), HostLink::State::connecting);
}

TEST(SerialLink, NoMoreMessagesAreTakenInThanMayBeOnTheirWay) {
    HostLink host({});
    EXPECT_EQ(host.room().size(), message_bytes_max);
    host.send(1);
    host.send(1);
    EXPECT_TRUE(host.room().empty());
    EXPECT_FALSE(host.all_acknowledged());
    host.begin(1, 0);
    EXPECT_TRUE(host.all_acknowledged()) << "a new session drops what waited";
}

} // namespace
} // namespace authex::tee::sancus::link
