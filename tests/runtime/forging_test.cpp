// What an attacker between two modules can try: all refused, counted, reported; nothing else
// changes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Peer;
using test::operator+;
using wire::Kind;

class Forging : public testing::TestWithParam<crypto::Algorithm> {
  protected:
    wire::ControlMessage with(wire::ControlMessage message) const {
        message.connection.algorithm = GetParam();
        return message;
    }
    void SetUp() override {
        enclave_.attest();
        for (const auto& terms : {in_, out_, answer_, other_}) {
            ASSERT_EQ(enclave_.do_it(terms), Error::none);
        }
        (void)enclave_.give(to_in_.event(0, {1, 2, 3, 4}) + to_other_.event(0, {1, 2, 3, 4}));
        ASSERT_EQ(enclave_.heard().size(), 2U);
        enclave_.heard().clear();
    }

    /// Gives it and checks that it is reported, counted on `channel` alone, and changes nothing.
    Error refusal_of(const Octets& frames, std::uint16_t channel) {
        const auto before = enclave_.audit();
        Error cause = Error::none;
        unsigned refusals = 0;
        for (const Frame& frame : enclave_.give(frames)) {
            if (frame.header.kind == Kind::refusal) {
                ++refusals;
                cause = static_cast<Error>(frame.body.at(1));
                EXPECT_EQ(frame.header.channel, channel);
            } else {
                EXPECT_EQ(frame.header.kind, Kind::ack);
            }
        }
        EXPECT_EQ(refusals, 1U);
        EXPECT_EQ(enclave_.progress.consumed, frames.size());
        auto expected = before;
        for (wire::AuditEntry& entry : expected) {
            entry.refused += entry.channel == channel ? 1 : 0;
        }
        EXPECT_EQ(enclave_.audit(), expected);
        EXPECT_TRUE(enclave_.heard().empty());
        return cause;
    }
    static Octets flipped(Octets bytes, std::size_t bit) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        return bytes;
    }

    Enclave enclave_;
    wire::ControlMessage in_ = with(Enclave::terms(1, test::in));
    wire::ControlMessage out_ = with(Enclave::terms(2, test::out));
    wire::ControlMessage answer_ = with(Enclave::terms(4, test::answer));
    wire::ControlMessage other_ = with(Enclave::terms(5, test::in_too));
    Peer to_in_{in_};
    Peer to_answer_{answer_};
    Peer to_other_{other_};
};

// P10, P13
TEST_P(Forging, EveryFlippedBitOfBodyAndTag) {
    const Octets good = to_in_.event(1, {1, 2, 3, 4});
    for (std::size_t bit = wire::header_bytes * 8; bit < good.size() * 8; ++bit) {
        EXPECT_EQ(refusal_of(flipped(good, bit), 1), Error::forged) << "bit " << bit;
    }
    (void)enclave_.give(good);
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

// P6
TEST_P(Forging, EveryFlippedBitOfTheHeader) {
    const Octets good = to_in_.event(1, {1, 2, 3, 4});
    for (std::size_t bit = 0; bit < wire::header_bytes * 8; ++bit) {
        if (bit / 8 == 2 || bit / 8 == 3) {
            continue; // the deployment is the managers' routing; the key fixes it
        }
        const auto before = enclave_.audit();
        for (const Frame& frame : enclave_.give(flipped(good, bit))) {
            EXPECT_TRUE(frame.header.kind == Kind::refusal || frame.header.kind == Kind::ack ||
                        frame.header.kind == Kind::result)
                << "bit " << bit;
        }
        EXPECT_TRUE(enclave_.heard().empty()) << "bit " << bit;
        auto after = enclave_.audit();
        for (std::size_t i = 0; i < after.size(); ++i) {
            after[i].refused = before[i].refused;
        }
        EXPECT_EQ(after, before) << "bit " << bit;
    }
}

// P2
TEST_P(Forging, TruncatedWithALengthThatSaysSo) {
    const Octets good = to_in_.event(1, Octets(8, 9));
    for (std::size_t cut = 1; cut + wire::header_bytes + wire::tag_bytes <= good.size(); ++cut) {
        wire::FrameHeader header{.kind = Kind::event, .channel = 1, .counter = 1};
        const Octets body(good.begin() + wire::header_bytes, good.end() - static_cast<long>(cut));
        EXPECT_EQ(refusal_of(test::plain(header, body), 1), Error::forged) << cut;
    }
}

TEST_P(Forging, SplicingOfTwoFrames) {
    const Octets a = to_in_.event(1, Octets(8, 1));
    const Octets b = to_in_.event(2, Octets(8, 2));
    for (std::size_t at = wire::header_bytes; at < a.size(); ++at) {
        const auto where = static_cast<long>(at);
        const Octets spliced =
            Octets(a.begin(), a.begin() + where) + Octets(b.begin() + where, b.end());
        EXPECT_EQ(refusal_of(spliced, 1), Error::forged) << at;
    }
}

// P12
TEST_P(Forging, Replay) {
    const Octets good = to_in_.event(1, {7});
    (void)enclave_.give(good);
    enclave_.heard().clear();
    EXPECT_EQ(refusal_of(good, 1), Error::replayed);
    EXPECT_EQ(refusal_of(to_in_.event(0, {1, 2, 3, 4}), 1), Error::replayed);
}

// P12
TEST_P(Forging, ReorderingAndGaps) {
    const auto frames = enclave_.give(to_in_.event(2, {7}));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::too_early));
    EXPECT_EQ(frames[1].header.kind, Kind::ack); // which says where to go on
    EXPECT_TRUE(frames[1].header.negative());
    EXPECT_EQ(frames[1].header.counter, 1U);
    EXPECT_EQ(refusal_of(to_in_.event(wire::counter_limit - 1, {7}), 1), Error::too_early);
    (void)enclave_.give(to_in_.event(1, {6}) + to_in_.event(2, {7}));
    EXPECT_EQ(enclave_.heard().size(), 2U);
}

// P11
TEST_P(Forging, ReflectionToTheSender) {
    test::module_state.act = [](test::Id, authex_message&) { (void)test::send(test::out, {9}); };
    const auto frames = enclave_.give(to_in_.event(1, {7}));
    test::module_state.act = {};
    enclave_.heard().clear();
    ASSERT_EQ(frames.at(0).header.kind, Kind::event);
    EXPECT_EQ(refusal_of(frames[0].bytes, 2), Error::wrong_role);
}

TEST_P(Forging, ReflectionOfAReply) {
    const auto frames = enclave_.give(to_answer_.request(0, {7}));
    enclave_.heard().clear();
    ASSERT_EQ(frames.at(0).header.kind, Kind::reply);
    EXPECT_EQ(refusal_of(frames[0].bytes, 4), Error::wrong_role);
}

// P6, P11
TEST_P(Forging, SwappingChannels) {
    Octets moved = to_in_.event(1, {7, 7});
    moved[4] = 5;
    EXPECT_EQ(refusal_of(moved, 5), Error::forged);
    moved[4] = 9;
    const auto before = enclave_.audit();
    EXPECT_EQ(enclave_.give(moved).at(0).body.at(1),
              static_cast<std::uint8_t>(Error::unknown_channel));
    EXPECT_EQ(enclave_.audit(), before);
}

// P11
TEST_P(Forging, AnotherKind) {
    // Sealed right, under the right key, but not what this end takes.
    EXPECT_EQ(refusal_of(to_in_.request(1, {7}), 1), Error::wrong_role);
    EXPECT_EQ(refusal_of(to_in_.reply(1, {7}), 1), Error::wrong_role);
    EXPECT_EQ(refusal_of(to_answer_.event(0, {7}), 4), Error::wrong_role);
    const Octets back =
        to_in_.frame({.kind = Kind::event, .flags = wire::flag_direction, .counter = 1}, {7});
    EXPECT_EQ(refusal_of(back, 1), Error::wrong_role);
}

// P15
TEST_P(Forging, AnOldEpoch) {
    const Octets old = to_in_.event(0, {7});
    ASSERT_EQ(enclave_.do_it(with(Enclave::terms(1, test::in, 2))), Error::none);
    EXPECT_EQ(refusal_of(old, 1), Error::forged);
    EXPECT_EQ(refusal_of(to_in_.event(1, {7}), 1), Error::too_early);
}

// P8
TEST_P(Forging, CounterAtItsLimit) {
    wire::FrameHeader header{.kind = Kind::event, .channel = 1, .counter = wire::counter_limit};
    EXPECT_EQ(refusal_of(test::plain(header, Octets(18)), 1), Error::exhausted);
    header.counter = ~std::uint64_t{0};
    EXPECT_EQ(refusal_of(test::plain(header, Octets(18)), 1), Error::exhausted);
}

// P12
TEST_P(Forging, LossyTakesGapsAndNoReplays) {
    auto lossy = with(Enclave::terms(1, test::in, 2));
    lossy.connection.delivery = wire::Delivery::lossy;
    ASSERT_EQ(enclave_.do_it(lossy), Error::none);
    Peer peer(lossy);
    (void)enclave_.give(peer.event(5, {5}) + peer.event(wire::counter_limit - 1, {6}));
    ASSERT_EQ(enclave_.heard().size(), 2U);
    enclave_.heard().clear();
    EXPECT_EQ(refusal_of(peer.event(5, {5}), 1), Error::replayed);
    EXPECT_EQ(refusal_of(peer.event(4, {4}), 1), Error::replayed);
    // The counter is used up: nothing is taken any more.
    wire::FrameHeader header{.kind = Kind::event, .channel = 1, .counter = wire::counter_limit};
    EXPECT_EQ(refusal_of(test::plain(header, Octets(18)), 1), Error::exhausted);
}

// P3
TEST_P(Forging, FrameOfAnotherVersionEndsTheBatch) {
    Octets bad = to_in_.event(1, {7, 7});
    bad[0] = 2;
    const auto before = enclave_.audit();
    const auto frames = enclave_.give(bad + to_in_.event(1, {7, 7}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::refusal);
    EXPECT_EQ(frames[0].header.channel, 1);
    EXPECT_EQ(frames[0].body,
              (Octets{static_cast<std::uint8_t>(Kind::event),
                      static_cast<std::uint8_t>(Error::unknown_version)}));
    EXPECT_EQ(enclave_.audit(), before);
    EXPECT_TRUE(enclave_.heard().empty());
}

TEST_P(Forging, BadHeadersAreSkippedByTheirLength) {
    Octets unknown = to_in_.event(1, {7, 7});
    unknown[1] = 77;
    Octets reserved = to_in_.event(1, {7, 7});
    reserved[7] = 1;
    const Octets large =
        test::plain({.kind = Kind::call, .channel = test::enter}, Octets(wire::max_body_bytes + 1));
    const auto frames = enclave_.give(unknown + reserved + large + to_in_.event(1, {7, 7}));
    ASSERT_EQ(frames.size(), 4U);
    EXPECT_EQ(frames[0].body, (Octets{77, static_cast<std::uint8_t>(Error::unknown_kind)}));
    EXPECT_EQ(frames[1].body.at(1), static_cast<std::uint8_t>(Error::malformed));
    EXPECT_EQ(frames[2].body.at(1), static_cast<std::uint8_t>(Error::too_large));
    EXPECT_EQ(frames[3].header.kind, Kind::ack);
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

// P3
TEST_P(Forging, LengthBeyondTheLargestFrameEndsTheBatch) {
    Octets bad = to_in_.event(1, {7, 7});
    bad[10] = 0xFF;
    const auto frames = enclave_.give(bad + to_in_.event(1, {7, 7}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::too_large));
    EXPECT_EQ(enclave_.progress.consumed, bad.size() + to_in_.event(1, {7, 7}).size());
}

TEST_P(Forging, KindsThatModulesDoNotTakeAreRefused) {
    for (const Kind kind : {Kind::result, Kind::log, Kind::refusal, Kind::ping}) {
        const auto frames = enclave_.give(test::plain({.kind = kind, .channel = 1}));
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::unknown_kind));
    }
}

const auto algorithms =
    crypto::with_aes ? std::vector{crypto::Algorithm::aes_128_gcm, crypto::Algorithm::spongent_128}
                     : std::vector{crypto::Algorithm::spongent_128};
INSTANTIATE_TEST_SUITE_P(Both, Forging, testing::ValuesIn(algorithms));

/// Any schedule of what was sealed, dropped, doubled, turned round and changed: the module hears a
/// prefix of what was sent, in order, each once.
RC_GTEST_PROP(ForgingSchedule, ModuleHearsAPrefixOfWhatWasSent, ()) {
    Enclave enclave;
    enclave.attest();
    const auto terms = Enclave::terms(1, test::in);
    RC_ASSERT(enclave.do_it(terms) == Error::none);
    Peer peer(terms);
    constexpr std::uint8_t sent = 6;
    std::vector<Octets> frames;
    for (std::uint8_t i = 0; i < sent; ++i) {
        frames.push_back(peer.event(i, {i}));
    }
    for (const unsigned step :
         *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0U, sent * 40U))) {
        Octets frame = frames[step % sent];
        const unsigned change = step / sent;
        if (change >= 20) {
            frame[change % frame.size()] ^= static_cast<std::uint8_t>(1U << (change % 8));
        }
        (void)enclave.give(frame);
    }
    for (std::size_t i = 0; i < enclave.heard().size(); ++i) {
        RC_ASSERT(enclave.heard()[i].data == Octets{static_cast<std::uint8_t>(i)});
    }
    RC_ASSERT(enclave.heard().size() <= sent);
}

} // namespace
} // namespace authex::runtime
