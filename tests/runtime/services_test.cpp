// Timers, streams, logs, acknowledgements and hello: the plain frames between a module and its
// node.
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Heard;
using test::Octets;
using test::operator+;
using wire::Kind;

const authex_endpoint* const timer = &test::endpoints[test::tick];
const authex_endpoint* const stream = &test::endpoints[test::tcp];

class ServicesTest : public testing::Test {
  protected:
    std::vector<Frame> run(std::function<void()> body, std::size_t room = std::size_t{1} << 20U) {
        test::module_state.act = [body](test::Id id, authex_message&) {
            if (id == test::enter) {
                body();
            }
        };
        auto frames =
            enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}), room);
        EXPECT_FALSE(frames.empty());
        std::erase_if(frames, [](const Frame& f) { return f.header.kind == Kind::result; });
        enclave_.heard().clear();
        return frames;
    }
    static Octets fired(std::uint64_t arming, const Octets& body = Octets(8, 1)) {
        return test::plain({.kind = Kind::timer, .channel = test::tick, .counter = arming}, body);
    }
    Enclave enclave_;
};

TEST_F(ServicesTest, ArmedTimerIsToldToTheNodeAndFiresOnce) {
    const auto frames = run([] { EXPECT_EQ(authex_timer_start(timer, 0x0102030405), AUTHEX_OK); });
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::timer);
    EXPECT_EQ(frames[0].header.channel, test::tick);
    EXPECT_EQ(frames[0].body, (Octets{5, 4, 3, 2, 1, 0, 0, 0}));
    const std::uint64_t arming = frames[0].header.counter;
    (void)enclave_.give(fired(arming));
    ASSERT_EQ(enclave_.heard().size(), 1U);
    EXPECT_EQ(enclave_.heard()[0].time_us, 0x0101010101010101U);
    (void)enclave_.give(fired(arming));
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

TEST_F(ServicesTest, ArmingAgainReplacesAndIsToldOnce) {
    const auto frames = run([] {
        for (unsigned i = 1; i <= 1000; ++i) {
            EXPECT_EQ(authex_timer_start(timer, i), AUTHEX_OK);
        }
    });
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].body[0], 1000 % 256);
    const auto again = run([] { (void)authex_timer_start(timer, 5); });
    ASSERT_EQ(again.size(), 1U);
    (void)enclave_.give(fired(frames[0].header.counter));
    EXPECT_TRUE(enclave_.heard().empty());
    (void)enclave_.give(fired(again[0].header.counter));
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

TEST_F(ServicesTest, StoppedTimerDoesNotFire) {
    const auto frames = run([] { (void)authex_timer_start(timer, 5); });
    EXPECT_TRUE(run([] { authex_timer_stop(timer); }).empty());
    (void)enclave_.give(fired(frames.at(0).header.counter));
    EXPECT_TRUE(enclave_.heard().empty());
    EXPECT_TRUE(run([] {
                    (void)authex_timer_start(timer, 5);
                    authex_timer_stop(timer);
                }).empty());
}

TEST_F(ServicesTest, TimersThatTheNodeMadeUpAreIgnored) {
    EXPECT_TRUE(enclave_.give(fired(0) + fired(1) + fired(2)).empty());
    EXPECT_TRUE(enclave_.give(test::plain({.kind = Kind::timer, .channel = test::enter})).empty());
    EXPECT_TRUE(enclave_.give(test::plain({.kind = Kind::timer, .channel = 0xFFFF})).empty());
    EXPECT_TRUE(enclave_.heard().empty());
}

TEST_F(ServicesTest, TimerFrameWithoutTimeHasTimeZero) {
    const auto frames = run([] { (void)authex_timer_start(timer, 5); });
    (void)enclave_.give(fired(frames.at(0).header.counter, Octets(7, 1)));
    EXPECT_EQ(enclave_.heard().at(0).time_us, 0U);
}

TEST_F(ServicesTest, TimerIsNeverOutOfRoom) {
    const auto frames = run(
        [] {
            const Octets data(3000);
            while (authex_stream_write(stream, 1, data.data(), data.size()) == AUTHEX_OK) {
            }
            EXPECT_EQ(authex_timer_start(timer, 5), AUTHEX_OK);
        },
        output_min_bytes);
    EXPECT_EQ(frames.back().header.kind, Kind::timer);
}

TEST_F(ServicesTest, TimerCallsNeedATimer) {
    (void)run([] {
        EXPECT_EQ(authex_timer_start(stream, 5), AUTHEX_WRONG_ROLE);
        authex_timer_stop(stream);
    });
}

// P68
TEST_F(ServicesTest, StreamCallsAreFrames) {
    const auto frames = run([] {
        const std::uint8_t data[] = {1, 2};
        EXPECT_EQ(authex_stream_listen(stream, 0x1F90), AUTHEX_OK);
        EXPECT_EQ(authex_stream_write(stream, 7, data, 2), AUTHEX_OK);
        EXPECT_EQ(authex_stream_close(stream, 7), AUTHEX_OK);
        EXPECT_EQ(authex_stream_listen_pulled(stream, 443), AUTHEX_OK);
        EXPECT_EQ(authex_stream_pull(stream, 9), AUTHEX_OK);
        EXPECT_EQ(authex_stream_listen(timer, 80), AUTHEX_WRONG_ROLE);
        const Octets large(wire::max_body_bytes + 1);
        EXPECT_EQ(authex_stream_write(stream, 7, large.data(), large.size()), AUTHEX_TOO_LARGE);
    });
    ASSERT_EQ(frames.size(), 5U);
    EXPECT_EQ(frames[0].header.kind, Kind::listen);
    EXPECT_EQ(frames[0].body, (Octets{0x90, 0x1F, 0}));
    EXPECT_EQ(frames[1].header.kind, Kind::stream_data);
    EXPECT_EQ(frames[1].header.counter, 7U);
    EXPECT_EQ(frames[1].body, (Octets{1, 2}));
    EXPECT_EQ(frames[2].header.kind, Kind::stream_close);
    EXPECT_EQ(frames[3].header.kind, Kind::listen);
    EXPECT_EQ(frames[3].body, (Octets{0xBB, 0x01, 1}));
    EXPECT_EQ(frames[4].header.kind, Kind::stream_open);
    EXPECT_EQ(frames[4].header.counter, 9U);
}

TEST_F(ServicesTest, AListenerThatTheNodeWasNeverToldOfIsNotToldOfLater) {
    const auto frames = run([] {
        const Octets large(wire::max_body_bytes);
        while (authex_stream_write(stream, 7, large.data(), large.size()) == AUTHEX_OK) {
        }
        for (std::uint8_t byte = 0; authex_stream_write(stream, 7, &byte, 1) == AUTHEX_OK;) {
        }
        EXPECT_EQ(authex_stream_listen(stream, 8080), AUTHEX_NO_SPACE);
    });
    EXPECT_FALSE(frames.empty());
    EXPECT_EQ(enclave_.give(test::plain({.kind = Kind::hello})).size(), 1U);
}

TEST_F(ServicesTest, StreamFramesReachTheStream) {
    const auto give = [this](Kind kind, const Octets& body = {}, std::uint16_t flags = 0) {
        (void)enclave_.give(
            test::plain({.kind = kind, .channel = test::tcp, .flags = flags, .counter = 7}, body));
        return enclave_.heard().back();
    };
    EXPECT_EQ(give(Kind::stream_open), (Heard{test::tcp, {}, 7, 0, 0, AUTHEX_STREAM_OPENED}));
    EXPECT_EQ(give(Kind::stream_data, {1, 2}),
              (Heard{test::tcp, {1, 2}, 7, 0, 0, AUTHEX_STREAM_DATA}));
    EXPECT_EQ(give(Kind::stream_close), (Heard{test::tcp, {}, 7, 0, 0, AUTHEX_STREAM_CLOSED}));
    EXPECT_EQ(give(Kind::listen, {0x90, 0x1F}).id, 0x1F90U);
    EXPECT_EQ(give(Kind::listen, {0x90, 0x1F}).what, AUTHEX_STREAM_LISTENING);
    EXPECT_EQ(give(Kind::listen, {1}).id, 0U);
    EXPECT_EQ(give(Kind::listen, {}, wire::flag_negative).what, AUTHEX_STREAM_REFUSED);
}

TEST_F(ServicesTest, StreamFramesForWhatIsNoStreamAreRefused) {
    for (const unsigned id : {unsigned{test::enter}, unsigned{test::ids}, 0xFFFFU}) {
        const auto frames = enclave_.give(
            test::plain({.kind = Kind::stream_data, .channel = static_cast<std::uint16_t>(id)}));
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::unknown_channel));
    }
    EXPECT_TRUE(enclave_.heard().empty());
}

TEST_F(ServicesTest, LogIsAFrameWithItsLevelCutToALine) {
    const auto frames = run([] {
        authex_log(AUTHEX_LOG_WARNING, "hot", 3);
        const std::string text(5000, 'x');
        authex_log(250, text.data(), text.size());
    });
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].header.kind, Kind::log);
    EXPECT_EQ(frames[0].header.channel, AUTHEX_LOG_WARNING);
    EXPECT_EQ(frames[0].body, (Octets{'h', 'o', 't'}));
    EXPECT_EQ(frames[1].header.channel, AUTHEX_LOG_DEBUG);
    EXPECT_EQ(frames[1].body.size(), 1024U);
}

TEST_F(ServicesTest, HelloSetsTheDeploymentOfAllThatFollows) {
    const auto frames = enclave_.give(test::plain({.kind = Kind::hello, .deployment = 0x77}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::hello);
    EXPECT_EQ(frames[0].header.direction(), wire::Direction::back);
    EXPECT_EQ(frames[0].header.deployment, 0x77);
    EXPECT_EQ(frames[0].body.at(0), wire::protocol_version);
    EXPECT_EQ(run([] { authex_log(0, "x", 1); }).at(0).header.deployment, 0x77);
}

// P37
TEST_F(ServicesTest, HelloOfALaterManagerIsAnsweredWithTheTimersAndListenersThatItDoesNotKnow) {
    const Octets hello = test::plain({.kind = Kind::hello, .deployment = 1});
    EXPECT_EQ(enclave_.give(hello).size(), 1U) << "there are none yet";
    const auto told = run([] {
        (void)authex_timer_start(timer, 500);
        (void)authex_stream_listen_pulled(stream, 8080);
    });
    ASSERT_EQ(told.size(), 2U);
    for (int manager = 0; manager < 2; ++manager) {
        const auto frames = enclave_.give(hello);
        ASSERT_EQ(frames.size(), 3U);
        EXPECT_EQ(frames[0].header.kind, Kind::hello);
        EXPECT_EQ(frames[1].header.kind, Kind::listen);
        EXPECT_EQ(frames[1].header.channel, test::tcp);
        EXPECT_EQ(frames[1].body, (Octets{0x90, 0x1F, 1}));
        EXPECT_EQ(frames[2].header.kind, Kind::timer);
        EXPECT_EQ(frames[2].header.channel, test::tick);
        EXPECT_EQ(frames[2].header.counter, told.back().header.counter);
        EXPECT_EQ(frames[2].body, told.back().body);
    }
    (void)enclave_.give(fired(told.back().header.counter));
    EXPECT_EQ(enclave_.give(hello).size(), 2U) << "a timer that has fired is not armed";
}

TEST_F(ServicesTest, AskedForItsCounterTheModuleSaysIt) {
    enclave_.attest();
    const auto terms = Enclave::terms(1, test::in, 3);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(3, test::ask)), Error::none);
    test::Peer peer(terms);
    (void)enclave_.give(peer.event(0, {}) + peer.event(1, {}));
    const auto frames = enclave_.give(
        test::plain({.kind = Kind::ack, .channel = 1}) +
        test::plain({.kind = Kind::ack, .channel = 3, .flags = wire::flag_direction}));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].header.counter, 2U);
    EXPECT_EQ(frames[0].header.direction(), wire::Direction::forward);
    EXPECT_EQ(frames[0].body, (Octets{3, 0, 0, 0}));
    EXPECT_EQ(frames[1].header.counter, 0U);
    EXPECT_EQ(frames[1].header.direction(), wire::Direction::back);
}

TEST_F(ServicesTest, QuestionsAboutOtherChannelsAreRefused) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(1, test::in)), Error::none);
    const auto frames = enclave_.give(
        test::plain({.kind = Kind::ack, .channel = 2}) +
        test::plain({.kind = Kind::ack, .channel = 1, .flags = wire::flag_direction}));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::unknown_channel));
    EXPECT_EQ(frames[1].body.at(1), static_cast<std::uint8_t>(Error::wrong_role));
}

} // namespace
} // namespace authex::runtime
