// One instance of a module takes the place of another.        (docs/protocol.md "Handing over")
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::operator+;
using wire::ControlType;

wire::ControlMessage simple(ControlType type) {
    wire::ControlMessage message;
    message.type = type;
    return message;
}

Octets
piece(std::uint16_t from, std::uint16_t bytes, std::uint32_t to, const std::string& name = "") {
    Octets out(9 + name.size());
    Writer(out)
        .u16(from)
        .u16(bytes)
        .u32(to)
        .u8(static_cast<std::uint8_t>(name.size()))
        .bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    return out;
}

/// Which old variables reached the module's own function, and what it answers.
struct Migrated {
    std::vector<std::tuple<std::uint64_t, std::string, Octets>> seen;
    std::uint8_t status = AUTHEX_OK;
};
Migrated migrated;

void migrate(authex_message* old) {
    migrated.seen.emplace_back(
        old->id, std::string(old->name, old->name_size), Octets(old->data, old->data + old->size));
    old->status = migrated.status;
}

const std::vector<authex_endpoint> with_migration = [] {
    std::vector<authex_endpoint> records(std::begin(test::endpoints), std::end(test::endpoints));
    records.push_back({"state 2", migrate, AUTHEX_KIND_STATE});
    return records;
}();

class HandoverTest : public testing::Test {
  protected:
    void SetUp() override {
        migrated = {};
        before.runtime().keep(state, false);
        next.runtime().keep(next_state, false);
        before.attest();
        next.attest();
    }

    static void pause(Enclave& enclave) {
        ASSERT_EQ(enclave.do_it(simple(ControlType::pause)), Error::none);
    }
    static Octets key_of(Enclave& enclave) {
        return enclave.say(simple(ControlType::accept_state)).data;
    }
    test::Owner::Answer leave(const Octets& recipient, std::uint32_t offset = 0) {
        wire::ControlMessage message = simple(ControlType::export_state);
        message.recipient = recipient;
        message.offset = offset;
        return before.say(message);
    }
    Error
    enter(Enclave& enclave, ByteView sealed, const Octets& pieces, std::uint32_t version = 0) {
        wire::ControlMessage message = simple(ControlType::import_state);
        message.version = version;
        message.sealed = sealed;
        message.pieces = pieces;
        return enclave.do_it(message);
    }
    static ByteView sealed_in(const Octets& exported) { return ByteView(exported).subspan(4); }

    Octets state = Octets(100, 0x11);
    Octets next_state = Octets(200, 0x22);
    Enclave before;
    Enclave next{with_migration, 0x43};
};

// P69
TEST_F(HandoverTest, APausedModuleIsGivenNothingAndLosesNothing) {
    const wire::ControlMessage terms = Enclave::terms(1, test::in);
    ASSERT_EQ(before.do_it(terms), Error::none);
    test::Peer peer(terms);
    pause(before);
    before.heard().clear();
    const auto refused = before.give(peer.event(0, {1}));
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_EQ(refused[0].header.kind, wire::Kind::refusal);
    EXPECT_EQ(refused[0].body.at(1), static_cast<std::uint8_t>(Error::paused));
    EXPECT_TRUE(before.heard().empty());
    EXPECT_EQ(before.audit().at(0).expected, 0U);
    EXPECT_EQ(before.audit().at(0).refused, 0U);

    ASSERT_EQ(before.do_it(simple(ControlType::resume)), Error::none);
    const auto asks =
        std::find_if(before.beside.begin(), before.beside.end(), [](const Frame& frame) {
            return frame.header.kind == wire::Kind::ack && frame.header.negative();
        });
    ASSERT_NE(asks, before.beside.end()) << "what it refused is asked for at once";
    EXPECT_EQ(asks->header.counter, 0U);
    (void)before.give(peer.event(0, {1}));
    EXPECT_EQ(before.heard().size(), 1U);
}

TEST_F(HandoverTest, APausedModuleAnswersHelloCallsAndItsOwner) {
    pause(before);
    const auto hello = before.give(test::plain({.kind = wire::Kind::hello}, {}));
    ASSERT_EQ(hello.size(), 1U);
    EXPECT_EQ(hello[0].header.kind, wire::Kind::hello);
    const auto called = before.give(
        test::plain({.kind = wire::Kind::call, .channel = test::enter, .counter = 7}, {}));
    ASSERT_EQ(called.size(), 1U);
    EXPECT_EQ(called[0].header.kind, wire::Kind::result);
    EXPECT_TRUE(called[0].header.negative());
    EXPECT_EQ(called[0].header.counter, 7U);
    EXPECT_EQ(called[0].body, Octets{static_cast<std::uint8_t>(Error::paused)});
    EXPECT_TRUE(before.heard().empty());
    before.attest();
    pause(before);
}

TEST_F(HandoverTest, ATimerThatFiresMeanwhileIsArmedStill) {
    test::module_state.act = [](test::Id id, authex_message&) {
        if (id == test::enter) {
            authex_timer_start(&test::endpoints[test::tick], 5000);
        }
    };
    (void)before.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}, {}));
    pause(before);
    before.heard().clear();
    const Octets fired =
        test::plain({.kind = wire::Kind::timer, .channel = test::tick, .counter = 1}, Octets(8));
    EXPECT_TRUE(before.give(fired).empty());
    EXPECT_TRUE(before.heard().empty());
    ASSERT_EQ(before.do_it(simple(ControlType::resume)), Error::none);
    ASSERT_EQ(before.beside.size(), 1U) << "the manager is told anew";
    EXPECT_EQ(before.beside[0].header.kind, wire::Kind::timer);
    (void)before.give(fired);
    ASSERT_EQ(before.heard().size(), 1U);
    EXPECT_EQ(before.heard()[0].endpoint, test::tick);
}

// P70
TEST_F(HandoverTest, StateGoesToWhoeverHasTheKeyAndToNobodyElse) {
    for (std::size_t i = 0; i < state.size(); ++i) {
        state[i] = static_cast<std::uint8_t>(i);
    }
    const Octets key = key_of(next);
    pause(before);
    const auto left = leave(key);
    ASSERT_EQ(left.fixed.error, Error::none);
    EXPECT_EQ(Reader(left.data).u32(), state.size());
    const ByteView plain = ByteView(state);
    EXPECT_EQ(std::search(left.data.begin(), left.data.end(), plain.begin(), plain.begin() + 8),
              left.data.end());

    Enclave other({std::begin(test::endpoints), std::end(test::endpoints)}, 0x44);
    Octets others(200);
    other.runtime().keep(others, false);
    other.attest();
    (void)key_of(other);
    EXPECT_EQ(enter(other, sealed_in(left.data), piece(0, 100, 0)), Error::forged);
    EXPECT_EQ(others, Octets(200)) << "nothing of it is taken";

    ASSERT_EQ(enter(next, sealed_in(left.data), piece(10, 20, 100) + piece(0, 4, 0)), Error::none);
    Octets wanted(200, 0x22);
    std::copy_n(state.begin() + 10, 20, wanted.begin() + 100);
    std::copy_n(state.begin(), 4, wanted.begin());
    EXPECT_EQ(next_state, wanted);
}

TEST_F(HandoverTest, AChangedChunkIsRefusedAndNothingOfItTaken) {
    const Octets key = key_of(next);
    pause(before);
    const Octets left = leave(key).data;
    for (std::size_t byte = 4; byte < left.size(); ++byte) {
        Octets changed = left;
        changed[byte] ^= 1U;
        EXPECT_EQ(enter(next, sealed_in(changed), piece(0, 100, 0)), Error::forged) << byte;
    }
    EXPECT_EQ(next_state, Octets(200, 0x22));
}

TEST_F(HandoverTest, PiecesOutsideTheChunkOrTheStateChangeNothing) {
    const Octets key = key_of(next);
    pause(before);
    const Octets left = leave(key).data;
    const Octets good = piece(0, 100, 0);
    for (const Octets& bad : {piece(0, 101, 0),
                              piece(101, 0, 0),
                              piece(50, 51, 0),
                              piece(0, 100, 101),
                              piece(0, 1, 200),
                              piece(0, 0, 201),
                              piece(0, 100, 0x7FFFFFFF),
                              piece(0, 101, wire::state_migrates, "x")}) {
        EXPECT_EQ(enter(next, sealed_in(left), good + bad), Error::malformed);
    }
    EXPECT_EQ(enter(next, sealed_in(left), good + Octets{1, 2, 3}), Error::truncated);
    EXPECT_EQ(next_state, Octets(200, 0x22)) << "all are looked at before any is taken";
    EXPECT_EQ(enter(next, sealed_in(left), piece(100, 0, 200)), Error::none);
}

TEST_F(HandoverTest, WhatIsLargerThanAChunkGoesInSeveral) {
    Octets large(wire::state_chunk_max_bytes + 10, 0x33);
    large[wire::state_chunk_max_bytes] = 0x44;
    before.runtime().keep(large, false);
    Octets larger(large.size());
    next.runtime().keep(larger, false);
    const Octets key = key_of(next);
    pause(before);
    const Octets first = leave(key).data;
    const Octets second = leave(key, wire::state_chunk_max_bytes).data;
    const auto chunk = static_cast<std::uint16_t>(wire::state_chunk_max_bytes);
    ASSERT_EQ(enter(next, sealed_in(first), piece(0, chunk, 0)), Error::none);
    ASSERT_EQ(enter(next, sealed_in(second), piece(0, 10, chunk)), Error::none);
    EXPECT_EQ(larger, large);
    EXPECT_EQ(leave(key, chunk + 10).fixed.error, Error::none) << "nothing is left there";
    EXPECT_EQ(leave(key, chunk + 11).fixed.error, Error::malformed);
}

TEST_F(HandoverTest, AVariableThatMigratesReachesTheModulesOwnFunction) {
    state[3] = 0x77;
    const Octets key = key_of(next);
    pause(before);
    const Octets left = leave(key).data;
    ASSERT_EQ(enter(next, sealed_in(left), piece(2, 3, wire::state_migrates, "total"), 1),
              Error::none);
    ASSERT_EQ(migrated.seen.size(), 1U);
    EXPECT_EQ(migrated.seen[0], std::tuple(1U, std::string("total"), Octets({0x11, 0x77, 0x11})));
    migrated.status = AUTHEX_FAILED;
    EXPECT_EQ(enter(next, sealed_in(left), piece(2, 3, wire::state_migrates, "total"), 1),
              Error::failed);
}

TEST_F(HandoverTest, AModuleWithoutAFunctionForItTakesNoOtherState) {
    const Octets key = key_of(before);
    wire::ControlMessage message = simple(ControlType::export_state);
    message.recipient = key;
    pause(next);
    const Octets left = next.say(message).data;
    EXPECT_EQ(enter(before, sealed_in(left), piece(0, 1, wire::state_migrates, "x")),
              Error::unsupported);
}

// P71
TEST_F(HandoverTest, AConnectionGoesOnWhereItWas) {
    wire::ControlMessage terms = Enclave::terms(1, test::in);
    ASSERT_EQ(before.do_it(terms), Error::none);
    test::Peer peer(terms);
    (void)before.give(peer.event(0, {1}) + peer.event(1, {2}));
    pause(before);
    const wire::AuditEntry entry = before.audit().at(0);

    (void)key_of(next);
    terms.type = ControlType::continue_connection;
    terms.counters = {entry.sent, entry.accepted, entry.refused, entry.expected};
    ASSERT_EQ(next.do_it(terms), Error::none);
    EXPECT_EQ(next.audit().at(0), entry);
    test::module_state.heard.clear();
    (void)next.give(peer.event(2, {3}));
    EXPECT_TRUE(next.heard().empty()) << "not before the owner says so";
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    (void)next.give(peer.event(1, {2}) + peer.event(2, {3}));
    ASSERT_EQ(next.heard().size(), 1U) << "what the one has taken the other does not take";
    EXPECT_EQ(next.heard()[0].data, Octets{3});
}

TEST_F(HandoverTest, CountersOfAConnectionAreNeverSetBack) {
    wire::ControlMessage terms = Enclave::terms(1, test::out);
    (void)key_of(next);
    terms.type = ControlType::continue_connection;
    terms.counters = {9, 0, 0, 0};
    ASSERT_EQ(next.do_it(terms), Error::none);
    terms.counters = {2, 0, 0, 0};
    EXPECT_EQ(next.do_it(terms), Error::none) << "said again, it is done";
    EXPECT_EQ(next.audit().at(0).sent, 9U);
}

TEST_F(HandoverTest, RequestsThatAreOpenAreAnsweredToTheNextInstance) {
    wire::ControlMessage terms = Enclave::terms(1, test::ask);
    ASSERT_EQ(before.do_it(terms), Error::none);
    test::Peer peer(terms);
    test::module_state.act = [](test::Id id, authex_message&) {
        if (id == test::enter) {
            std::uint64_t number = 0;
            const std::uint8_t data = 5;
            ASSERT_EQ(authex_request(&test::endpoints[test::ask], &data, 1, &number), AUTHEX_OK);
        }
    };
    (void)before.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}, {}));
    pause(before);
    const wire::AuditEntry entry = before.audit().at(0);
    (void)key_of(next);
    terms.type = ControlType::continue_connection;
    terms.counters = {entry.sent, entry.accepted, entry.refused, entry.expected};
    ASSERT_EQ(next.do_it(terms), Error::none);
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    test::module_state = {};
    (void)next.give(peer.reply(0, {6}));
    ASSERT_EQ(next.heard().size(), 1U);
    EXPECT_EQ(next.heard()[0].data, Octets{6});
    EXPECT_EQ(next.heard()[0].status, AUTHEX_OK);
}

TEST_F(HandoverTest, TimersAndPortsAreToldAndArmedAnew) {
    test::module_state.act = [](test::Id id, authex_message&) {
        if (id == test::enter) {
            authex_timer_start(&test::endpoints[test::tick], 5000);
            (void)authex_stream_listen_pulled(&test::endpoints[test::tcp], 8080);
        }
    };
    (void)before.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}, {}));
    const Octets waiting = before.say(simple(ControlType::pause)).data;
    Octets wanted(2 * wire::waiting_bytes);
    Writer(wanted).u16(test::tick).u64(5000).u16(test::tcp).u64(8080 + wire::listening_pulled);
    ASSERT_EQ(waiting, wanted);

    (void)key_of(next);
    Reader reader(waiting);
    while (reader.remaining() > 0) {
        wire::ControlMessage arm = simple(ControlType::arm);
        arm.waiting.endpoint = reader.u16();
        arm.waiting.value = reader.u64();
        ASSERT_EQ(next.do_it(arm), Error::none);
        EXPECT_TRUE(next.beside.empty()) << "the port is the other's still";
    }
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    ASSERT_EQ(next.beside.size(), 2U);
    std::map<wire::Kind, Octets> told;
    for (const Frame& frame : next.beside) {
        told[frame.header.kind] = frame.body;
    }
    EXPECT_EQ(told.at(wire::Kind::listen), (Octets{0x90, 0x1F, 1}));
    EXPECT_EQ(Reader(told.at(wire::Kind::timer)).u64(), 5000U);
    wire::ControlMessage arm = simple(ControlType::arm);
    arm.waiting.endpoint = test::in;
    pause(next);
    EXPECT_EQ(next.do_it(arm), Error::wrong_role);
}

TEST_F(HandoverTest, OrdersForPausedModulesAreRefusedByOthers) {
    wire::ControlMessage leave = simple(ControlType::export_state);
    leave.recipient = state;
    leave.recipient = leave.recipient.first(32);
    EXPECT_EQ(before.do_it(leave), Error::wrong_role);
    wire::ControlMessage terms = Enclave::terms(1, test::in);
    terms.type = ControlType::continue_connection;
    EXPECT_EQ(before.do_it(terms), Error::wrong_role);
    EXPECT_EQ(before.do_it(simple(ControlType::arm)), Error::wrong_role);
    pause(before);
    EXPECT_EQ(enter(before, Octets(60), {}), Error::wrong_role) << "it gave nobody a key";
    EXPECT_EQ(before.do_it(simple(ControlType::resume)), Error::none);
    EXPECT_EQ(before.do_it(simple(ControlType::resume)), Error::none) << "said again, it is done";
}

TEST_F(HandoverTest, AKeyForStateIsGoodForOneHandover) {
    const Octets key = key_of(next);
    pause(before);
    const Octets left = leave(key).data;
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    pause(next);
    EXPECT_EQ(enter(next, sealed_in(left), piece(0, 1, 0)), Error::wrong_role);
    EXPECT_NE(key_of(next), key);
    EXPECT_EQ(enter(next, sealed_in(left), piece(0, 1, 0)), Error::forged);
}

TEST_F(HandoverTest, ADisabledModuleHandsOverNothing) {
    pause(before);
    ASSERT_EQ(before.do_it(simple(ControlType::disable)), Error::none);
    EXPECT_EQ(leave(key_of(next)).fixed.error, Error::disabled);
    EXPECT_EQ(before.do_it(simple(ControlType::accept_state)), Error::disabled);
}

RC_GTEST_PROP(HandoverProperty, AnyPiecesEitherAllFitOrChangeNothing, ()) {
    Enclave from;
    Enclave to(with_migration, 0x43);
    Octets state(64, 0x11);
    Octets next_state(48, 0x22);
    from.runtime().keep(state, false);
    to.runtime().keep(next_state, false);
    from.attest();
    to.attest();
    const Octets key = to.say(simple(ControlType::accept_state)).data;
    RC_ASSERT(from.do_it(simple(ControlType::pause)) == Error::none);
    wire::ControlMessage leave = simple(ControlType::export_state);
    leave.recipient = key;
    const Octets left = from.say(leave).data;
    Octets pieces;
    Octets wanted = next_state;
    bool fits = true;
    const int count = *rc::gen::inRange(0, 6);
    for (int i = 0; i < count; ++i) {
        const auto begin = *rc::gen::inRange<std::uint16_t>(0, 70);
        const auto bytes = *rc::gen::inRange<std::uint16_t>(0, 70);
        const auto at = *rc::gen::inRange<std::uint32_t>(0, 60);
        pieces = pieces + piece(begin, bytes, at);
        fits = fits && begin + bytes <= 64 && at + bytes <= 48;
        if (fits) {
            std::fill_n(wanted.begin() + at, bytes, std::uint8_t{0x11});
        }
    }
    wire::ControlMessage enter = simple(ControlType::import_state);
    enter.sealed = ByteView(left).subspan(4);
    enter.pieces = pieces;
    RC_ASSERT((to.do_it(enter) == Error::none) == fits);
    RC_ASSERT(next_state == (fits ? wanted : Octets(48, 0x22)));
}

} // namespace
} // namespace authex::runtime
