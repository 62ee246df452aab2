// Events, requests, replies, entries: what is asked, what is answered, and what fits.
#include <algorithm>

#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Heard;
using test::Octets;
using test::Peer;
using test::operator+;
using wire::Kind;

std::vector<Frame> of_kind(const std::vector<Frame>& frames, Kind kind) {
    std::vector<Frame> found;
    for (const Frame& frame : frames) {
        if (frame.header.kind == kind) {
            found.push_back(frame);
        }
    }
    return found;
}

Octets call(const Octets& body = {}, std::uint64_t number = 0) {
    return test::plain({.kind = Kind::call, .channel = test::enter, .counter = number}, body);
}

class DispatchTest : public testing::Test {
  protected:
    void SetUp() override {
        enclave_.attest();
        for (const auto& terms : {in_, out_, ask_, answer_}) {
            ASSERT_EQ(enclave_.do_it(terms), Error::none);
        }
    }
    /// Lets the module ask `count` times from its entry.
    void ask(unsigned count = 1) {
        test::module_state.act = [count](test::Id id, authex_message&) {
            for (unsigned i = 0; id == test::enter && i < count; ++i) {
                std::uint64_t number = 999;
                const std::uint8_t body = 7;
                EXPECT_EQ(authex_request(&test::endpoints[test::ask], &body, 1, &number),
                          AUTHEX_OK);
            }
        };
        (void)enclave_.give(call());
        test::module_state.act = {};
        enclave_.heard().clear();
    }

    Enclave enclave_;
    wire::ControlMessage in_ = Enclave::terms(1, test::in);
    wire::ControlMessage out_ = Enclave::terms(2, test::out);
    wire::ControlMessage ask_ = Enclave::terms(3, test::ask);
    wire::ControlMessage answer_ = Enclave::terms(4, test::answer);
    Peer to_in_{in_};
    Peer from_out_{out_};
    Peer handler_{ask_};
    Peer asker_{answer_};
};

TEST_F(DispatchTest, EventReachesItsInputAndIsAcknowledged) {
    const auto frames = enclave_.give(to_in_.event(0, {1, 2, 3}));
    ASSERT_EQ(enclave_.heard().size(), 1U);
    EXPECT_EQ(enclave_.heard()[0], (Heard{test::in, {1, 2, 3}, 0, 0, AUTHEX_OK, 0}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::ack);
    EXPECT_EQ(frames[0].header.counter, 1U);
    EXPECT_FALSE(frames[0].header.negative());
}

TEST_F(DispatchTest, EmptyAndLargestEventsAreTaken) {
    (void)enclave_.give(to_in_.event(0, {}) + to_in_.event(1, Octets(wire::max_body_bytes, 9)));
    ASSERT_EQ(enclave_.heard().size(), 2U);
    EXPECT_EQ(enclave_.heard()[1].data.size(), wire::max_body_bytes);
}

TEST_F(DispatchTest, OutputGoesOutOnEveryConnectionOfItAndOnNoOther) {
    const auto second = Enclave::terms(20, test::out);
    ASSERT_EQ(enclave_.do_it(second), Error::none);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(21, test::out_too)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) {
        EXPECT_EQ(test::send(test::out, {7, 8}), AUTHEX_OK);
    };
    const auto events = of_kind(enclave_.give(to_in_.event(0, {})), Kind::event);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(from_out_.open(events[0]), (Octets{7, 8}));
    EXPECT_EQ(Peer(second).open(events[1]), (Octets{7, 8}));
}

TEST_F(DispatchTest, SendingSaysWhyItDidNot) {
    test::module_state.act = [](test::Id, authex_message&) {
        EXPECT_EQ(test::send(test::out_too, {1}), AUTHEX_NO_CONNECTION);
        EXPECT_EQ(test::send(test::ask, {1}), AUTHEX_WRONG_ROLE);
        EXPECT_EQ(test::send(test::in, {1}), AUTHEX_WRONG_ROLE);
        EXPECT_EQ(authex_request(&test::endpoints[test::out], nullptr, 0, nullptr),
                  AUTHEX_WRONG_ROLE);
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes + 1)), AUTHEX_TOO_LARGE);
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes)), AUTHEX_OK);
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes)), AUTHEX_OK);
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes)), AUTHEX_NO_SPACE);
        EXPECT_EQ(test::send(test::out, {1}), AUTHEX_NO_SPACE);
    };
    const auto frames = enclave_.give(to_in_.event(0, {}));
    EXPECT_EQ(of_kind(frames, Kind::event).size(), 2U);
    EXPECT_EQ(enclave_.audit().at(1).sent, 2U); // what was not sent took no counter
}

TEST_F(DispatchTest, OutputThatDoesNotFitOnAllConnectionsGoesOutOnNone) {
    ASSERT_EQ(enclave_.do_it(Enclave::terms(20, test::out)), Error::none);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(21, test::out)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) {
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes)), AUTHEX_NO_SPACE);
        EXPECT_EQ(test::send(test::out, Octets(100)), AUTHEX_OK);
    };
    const auto events = of_kind(enclave_.give(to_in_.event(0, {})), Kind::event);
    ASSERT_EQ(events.size(), 3U);
    for (const Frame& event : events) {
        EXPECT_EQ(event.header.counter, 0U);
        EXPECT_EQ(event.body.size(), 100U);
    }
}

TEST_F(DispatchTest, WhatFitsDoesNotDependOnTheHostsRoom) {
    std::vector<unsigned> sent;
    test::module_state.act = [&sent](test::Id, authex_message&) {
        unsigned count = 0;
        while (test::send(test::out, Octets(999)) == AUTHEX_OK) {
            ++count;
        }
        sent.push_back(count);
    };
    (void)enclave_.give(to_in_.event(0, {}), output_min_bytes);
    (void)enclave_.give(to_in_.event(1, {}), output_min_bytes + 1);
    (void)enclave_.give(to_in_.event(2, {}), 10 * output_min_bytes);
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_GT(sent[0], 100U);
    EXPECT_EQ(sent[0], sent[1]);
    EXPECT_EQ(sent[0], sent[2]);
}

// P26
TEST_F(DispatchTest, FramesWaitWhereTheOutputIsTooSmall) {
    const Octets event = to_in_.event(0, {1});
    EXPECT_TRUE(enclave_.give(event, output_min_bytes - 1).empty());
    EXPECT_EQ(enclave_.progress.consumed, 0U);
    EXPECT_TRUE(enclave_.give(event, 0).empty());
    EXPECT_EQ(enclave_.give(event, output_min_bytes).size(), 1U);
    EXPECT_EQ(enclave_.progress.consumed, event.size());
}

TEST_F(DispatchTest, CutLastFrameIsLeftForLater) {
    const Octets first = to_in_.event(0, {1});
    const Octets second = to_in_.event(1, {2});
    for (std::size_t cut = 0; cut < second.size(); ++cut) {
        if (cut == 0) {
            (void)enclave_.give(first);
            continue;
        }
        (void)enclave_.give(Octets(second.begin(), second.begin() + static_cast<long>(cut)));
        EXPECT_EQ(enclave_.progress.consumed, 0U) << cut;
    }
    EXPECT_EQ(enclave_.heard().size(), 1U);
    (void)enclave_.give(second);
    EXPECT_EQ(enclave_.heard().size(), 2U);
}

// P14
TEST_F(DispatchTest, HandlersReplyHasTheRequestsCounter) {
    test::module_state.act = [](test::Id, authex_message& message) {
        test::write_result(message, {9, 9});
    };
    const auto replies =
        of_kind(enclave_.give(asker_.request(0, {1}) + asker_.request(1, {2})), Kind::reply);
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[1].header.counter, 1U);
    EXPECT_EQ(replies[1].header.direction(), wire::Direction::back);
    EXPECT_FALSE(replies[1].header.negative());
    EXPECT_EQ(asker_.open(replies[1]), (Octets{9, 9}));
    EXPECT_EQ(enclave_.heard()[1].id, 1U);
}

// P14
TEST_F(DispatchTest, FailedHandlerRepliesNegativelyAndEmpty) {
    test::module_state.act = [](test::Id, authex_message& message) {
        test::write_result(message, {9, 9});
        message.status = AUTHEX_FAILED;
    };
    const auto replies = of_kind(enclave_.give(asker_.request(0, {1})), Kind::reply);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_TRUE(replies[0].header.negative());
    EXPECT_EQ(asker_.open(replies[0]), Octets());
}

TEST_F(DispatchTest, AnswerLargerThanItsRoomIsAFailure) {
    test::module_state.act = [](test::Id, authex_message& message) {
        message.result_size = message.result_room + 1;
    };
    EXPECT_TRUE(
        of_kind(enclave_.give(asker_.request(0, {1})), Kind::reply).at(0).header.negative());
    EXPECT_TRUE(of_kind(enclave_.give(call()), Kind::result).at(0).header.negative());
}

TEST_F(DispatchTest, ReplyFitsWhateverTheHandlerSent) {
    test::module_state.act = [](test::Id, authex_message& message) {
        while (test::send(test::out, Octets(3000)) == AUTHEX_OK) {
        }
        test::write_result(message, Octets(message.result_room, 5));
    };
    const auto replies =
        of_kind(enclave_.give(asker_.request(0, {1}), output_min_bytes), Kind::reply);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(asker_.open(replies[0])->size(), wire::max_body_bytes);
}

TEST_F(DispatchTest, ReplyReachesTheAskerWithItsId) {
    ask(2);
    (void)enclave_.give(handler_.reply(0, {5}) + handler_.reply(1, {}, true));
    ASSERT_EQ(enclave_.heard().size(), 2U);
    EXPECT_EQ(enclave_.heard()[0], (Heard{test::ask, {5}, 0, 0, AUTHEX_OK, 0}));
    EXPECT_EQ(enclave_.heard()[1], (Heard{test::ask, {}, 1, 0, AUTHEX_FAILED, 0}));
}

TEST_F(DispatchTest, ReplyToWhatWasNeverAskedIsRefused) {
    const auto unasked = enclave_.give(handler_.reply(0, {5}));
    ASSERT_EQ(unasked.size(), 1U);
    EXPECT_EQ(unasked[0].body[1], static_cast<std::uint8_t>(Error::malformed));
    ask();
    (void)enclave_.give(handler_.reply(0, {5}) + handler_.reply(1, {5}));
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

// P14
TEST_F(DispatchTest, SecondReplyIsRefused) {
    ask(2);
    (void)enclave_.give(handler_.reply(0, {5}) + handler_.reply(0, {6}));
    EXPECT_EQ(enclave_.heard().size(), 1U);
    EXPECT_EQ(enclave_.audit().at(2).refused, 1U);
}

TEST_F(DispatchTest, OpenRequestsAreUnansweredWhenTheEpochTurns) {
    ask(3);
    (void)enclave_.give(handler_.reply(0, {5}));
    enclave_.heard().clear();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(3, test::ask, 2)), Error::none);
    ASSERT_EQ(enclave_.heard().size(), 2U);
    EXPECT_EQ(enclave_.heard()[0], (Heard{test::ask, {}, 1, 0, AUTHEX_UNANSWERED, 0}));
    EXPECT_EQ(enclave_.heard()[1], (Heard{test::ask, {}, 2, 0, AUTHEX_UNANSWERED, 0}));
    (void)enclave_.give(handler_.reply(1, {5}));
    EXPECT_EQ(enclave_.heard().size(), 2U);
}

TEST_F(DispatchTest, OpenRequestsAreUnansweredWhenTheConnectionGoes) {
    ask(1);
    wire::ControlMessage remove;
    remove.type = wire::ControlType::remove_connection;
    remove.connection.channel = 3;
    ASSERT_EQ(enclave_.do_it(remove), Error::none);
    ASSERT_EQ(enclave_.do_it(remove), Error::none);
    ASSERT_EQ(enclave_.heard().size(), 1U);
    EXPECT_EQ(enclave_.heard()[0].status, AUTHEX_UNANSWERED);
    remove.connection.channel = 2; // an output has no requests
    ASSERT_EQ(enclave_.do_it(remove), Error::none);
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

TEST_F(DispatchTest, SameTermsAgainLeaveRequestsOpen) {
    ask(1);
    ASSERT_EQ(enclave_.do_it(ask_), Error::none);
    EXPECT_TRUE(enclave_.heard().empty());
    (void)enclave_.give(handler_.reply(0, {5}));
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

TEST_F(DispatchTest, LostReplyOfALossyConnectionIsUnanswered) {
    auto lossy = Enclave::terms(3, test::ask, 2);
    lossy.connection.delivery = wire::Delivery::lossy;
    ASSERT_EQ(enclave_.do_it(lossy), Error::none);
    ask(3);
    Peer handler(lossy);
    (void)enclave_.give(handler.reply(2, {5}) + handler.reply(1, {6}));
    ASSERT_EQ(enclave_.heard().size(), 3U);
    EXPECT_EQ(enclave_.heard()[0].status, AUTHEX_UNANSWERED);
    EXPECT_EQ(enclave_.heard()[1].status, AUTHEX_UNANSWERED);
    EXPECT_EQ(enclave_.heard()[1].id, 1U);
    EXPECT_EQ(enclave_.heard()[2].data, Octets{5});
}

TEST_F(DispatchTest, ModuleMaySendWhileItsConnectionsChange) {
    ask(1);
    test::module_state.act = [](test::Id, authex_message&) {
        (void)test::send(test::out, Octets(wire::max_body_bytes));
        (void)test::send(test::out, Octets(wire::max_body_bytes));
        (void)test::send(test::out, {1});
    };
    ASSERT_EQ(enclave_.do_it(Enclave::terms(3, test::ask, 2)), Error::none);
    EXPECT_EQ(of_kind(enclave_.beside, Kind::event).size(), 2U);
}

TEST_F(DispatchTest, CallIsAnsweredWithItsNumber) {
    test::module_state.act = [](test::Id, authex_message& message) {
        test::write_result(message, {3, 4});
    };
    const auto frames = enclave_.give(call({1}, 77));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::result);
    EXPECT_EQ(frames[0].header.channel, test::enter);
    EXPECT_EQ(frames[0].header.counter, 77U);
    EXPECT_EQ(frames[0].body, (Octets{3, 4}));
}

TEST_F(DispatchTest, FailedCallSaysSo) {
    test::module_state.act = [](test::Id, authex_message& message) {
        test::write_result(message, {3, 4});
        message.status = AUTHEX_FAILED;
    };
    const auto frames = enclave_.give(call());
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_TRUE(frames[0].header.negative());
    EXPECT_EQ(frames[0].body, Octets{static_cast<std::uint8_t>(Error::failed)});
}

TEST_F(DispatchTest, CallOfWhatIsNoEntryIsRefused) {
    for (const unsigned id : {0U, 1U, 2U, 3U, 5U, 6U, unsigned{test::ids}, 63U, 64U, 65535U}) {
        const auto frames = enclave_.give(
            test::plain({.kind = Kind::call, .channel = static_cast<std::uint16_t>(id)}));
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_TRUE(frames[0].header.negative()) << id;
        EXPECT_EQ(frames[0].body, Octets{static_cast<std::uint8_t>(Error::unknown_channel)});
    }
    EXPECT_TRUE(enclave_.heard().empty());
}

TEST_F(DispatchTest, EntryMaySendLikeAnyOther) {
    test::module_state.act = [](test::Id, authex_message& message) {
        while (test::send(test::out, Octets(3000)) == AUTHEX_OK) {
        }
        test::write_result(message, Octets(message.result_room));
    };
    const auto frames = enclave_.give(call(), output_min_bytes);
    EXPECT_EQ(of_kind(frames, Kind::result).size(), 1U);
    EXPECT_GT(of_kind(frames, Kind::event).size(), 40U);
}

TEST(EndpointTable, RecordsBeyondTheTableAreNotReachable) {
    std::vector<authex_endpoint> many(max_endpoints + 1, test::endpoints[test::enter]);
    Enclave enclave(many);
    const auto last = enclave.give(test::plain(
        {.kind = Kind::call, .channel = static_cast<std::uint16_t>(max_endpoints - 1)}));
    EXPECT_FALSE(last.at(0).header.negative());
    const auto beyond = enclave.give(
        test::plain({.kind = Kind::call, .channel = static_cast<std::uint16_t>(max_endpoints)}));
    EXPECT_TRUE(beyond.at(0).header.negative());
}

TEST_F(DispatchTest, AConnectionThatWasRemovedIsNotTakenForThatOfChannelZero) {
    const auto terms = Enclave::terms(5, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    (void)enclave_.give(Peer(terms).event(0, {1}));
    wire::ControlMessage removal;
    removal.type = wire::ControlType::remove_connection;
    removal.connection.channel = 5;
    ASSERT_EQ(enclave_.do_it(removal), Error::none);
    const auto frames = enclave_.give(Peer(Enclave::terms(0, test::in)).event(0, {1}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::refusal);
    EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::unknown_channel));
}

TEST_F(DispatchTest, WhatCameEarlyIsNotAskedForAnewOnceTheNextFrameIsThere) {
    const auto terms = Enclave::terms(1, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    Peer peer(terms);
    const Octets early = peer.event(1, {1});
    const auto asked = enclave_.give(early);
    ASSERT_EQ(asked.size(), 2U); // the refusal, and the acknowledgement
    EXPECT_TRUE(asked[1].header.negative());
    const auto frames = enclave_.give(early + peer.event(0, {0}) + early);
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[1].header.kind, Kind::ack);
    EXPECT_EQ(frames[1].header.counter, 2U);
    EXPECT_FALSE(frames[1].header.negative());
}

TEST_F(DispatchTest, OutputThatIsOneByteTooLongForTheRoomTakesNoCounter) {
    ASSERT_EQ(enclave_.do_it(Enclave::terms(40, test::out_too)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) {
        const Octets body(9);
        const std::size_t fits = wire::header_bytes + body.size() + wire::tag_bytes;
        std::size_t filler = send_allowance_bytes - fits;
        while (filler > 0) {
            const std::size_t part = std::min(filler, wire::max_frame_bytes - 100);
            const Octets data(part - wire::header_bytes);
            ASSERT_EQ(authex_stream_write(&test::endpoints[test::tcp], 1, data.data(), data.size()),
                      AUTHEX_OK);
            filler -= part;
        }
        EXPECT_EQ(test::send(test::out_too, body + Octets(1)), AUTHEX_NO_SPACE);
        EXPECT_EQ(test::send(test::out_too, body), AUTHEX_OK);
    };
    const auto frames = enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}));
    std::vector<std::uint64_t> counters;
    for (const Frame& frame : frames) {
        if (frame.header.kind == Kind::event) {
            counters.push_back(frame.header.counter);
        }
    }
    EXPECT_EQ(counters, std::vector<std::uint64_t>{0});
}

} // namespace
} // namespace authex::runtime
