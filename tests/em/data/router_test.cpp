// The router's rules one by one; router_simulation_test.cpp has them all at once.
#include "em/router.hpp"

#include <gtest/gtest.h>

#include "support/router_world.hpp"

namespace authex::em {
namespace {

using test::MemoryModule;
using test::RouterWorld;
using Bytestring = std::vector<std::uint8_t>;

std::shared_ptr<MemoryModule> attested(std::uint16_t deployment = 1) {
    auto module = std::make_shared<MemoryModule>(deployment);
    module->attest();
    return module;
}

Bytestring frame(const wire::FrameHeader& header, ByteView body = {}) {
    wire::FrameHeader complete = header;
    complete.length = static_cast<std::uint32_t>(body.size());
    Bytestring bytes(complete.frame_bytes());
    wire::write_header(complete, bytes);
    copy(body, Bytes(bytes).subspan(wire::header_bytes));
    return bytes;
}

ConnectionCounters counters(RouterWorld& world, std::size_t node, std::uint16_t channel) {
    Snapshot snapshot;
    world.node(node).router().fill(snapshot);
    for (const ConnectionCounters& connection : snapshot.connections) {
        if (connection.channel == channel) {
            return connection;
        }
    }
    return {};
}

/// a on node 0 with one output, joined to b and c on node 1.
struct Fan {
    Fan() {
        ids[0] = world.node(0).add("a", a);
        ids[1] = world.node(1).add("b", b);
        ids[2] = world.node(1).add("c", c);
        join(1, "b", 1);
        join(2, "c", 1);
        b->connect(1, test::endpoint_in, false, 1);
        c->connect(2, test::endpoint_in, false, 1);
        a->connect(1, test::endpoint_out, true, 1);
        a->connect(2, test::endpoint_out, true, 1);
    }
    void join(std::uint16_t channel, const std::string& to, std::uint32_t epoch) {
        world.node(1).route({.deployment = 1,
                             .channel = channel,
                             .epoch = epoch,
                             .destination_module = to,
                             .source_address = RouterWorld::address(0)});
        world.node(0).route({.deployment = 1,
                             .channel = channel,
                             .epoch = epoch,
                             .source_module = "a",
                             .destination_address = RouterWorld::address(1)});
    }
    RouterWorld world{1, 2, 4 << 20};
    std::shared_ptr<MemoryModule> a = attested();
    std::shared_ptr<MemoryModule> b = attested();
    std::shared_ptr<MemoryModule> c = attested();
    ModuleId ids[3] = {};
};

TEST(Router, JoinsOneOutputToManyInputs) {
    Fan fan;
    fan.a->ledger.owed = 5000;
    EXPECT_TRUE(fan.world.settle());
    EXPECT_EQ(fan.b->ledger.taken[test::endpoint_in], 5000U);
    EXPECT_EQ(fan.c->ledger.taken[test::endpoint_in], 5000U);
    EXPECT_EQ(fan.b->ledger.out_of_order + fan.c->ledger.out_of_order, 0U);
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 0U);
    EXPECT_EQ(counters(fan.world, 0, 1).acknowledged, 5000U);
    EXPECT_EQ(counters(fan.world, 0, 1).retransmitted, 0U);
}

// P30
TEST(Router, BoundsWhatWaitsForAModuleThatSleepsAndPushesBackToTheSource) {
    Fan fan;
    fan.a->ledger.owed = 1'000'000;
    fan.a->ledger.payload_bytes = 1000;
    const test::Faults b_and_c_sleep{.module_sleeps = 100};
    for (int i = 0; i < 400; ++i) {
        fan.world.step(b_and_c_sleep);
        // Only the receivers sleep.
        fan.a->set_asleep(false);
        fan.world.node(0).round(fan.world.now_us());
    }
    const std::uint64_t emitted = fan.a->ledger.emitted;
    EXPECT_LT(emitted, 5'000U);
    EXPECT_GT(fan.a->ledger.owed, 900'000U);
    Snapshot snapshot;
    fan.world.node(0).router().fill(snapshot);
    EXPECT_LE(snapshot.spill_bytes, snapshot.spill_limit_bytes);
    fan.a->ledger.owed = 0;
    EXPECT_TRUE(fan.world.settle(20'000));
    EXPECT_EQ(fan.b->ledger.taken[test::endpoint_in], fan.a->ledger.emitted);
    EXPECT_EQ(fan.c->ledger.taken[test::endpoint_in], fan.a->ledger.emitted);
}

TEST(Router, KeepsTheMemoryOfABurstForAWhileAndThenGivesItBack) {
    Fan fan;
    fan.a->ledger.owed = 1000;
    fan.a->ledger.payload_bytes = 1000;
    const auto spilled = [&fan] {
        Snapshot snapshot;
        fan.world.node(0).router().fill(snapshot);
        return snapshot.spill_bytes;
    };
    const std::uint64_t small = spilled();
    for (int i = 0; i < 100; ++i) {
        fan.world.step({.module_sleeps = 100});
        fan.a->set_asleep(false);
        fan.world.node(0).round(fan.world.now_us());
    }
    const std::uint64_t grown = spilled();
    ASSERT_GT(grown, small);
    fan.a->ledger.owed = 0;
    const std::uint64_t begin = fan.world.now_us();
    while (fan.world.now_us() < begin + 3'000'000) {
        fan.world.step({});
    }
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 0U);
    EXPECT_EQ(spilled(), grown) << "the next burst may need it";
    EXPECT_TRUE(fan.world.settle());
    EXPECT_EQ(spilled(), small);
}

TEST(Router, LetsOtherConnectionsPassOneThatIsStuck) {
    RouterWorld world(1, 1);
    const auto slow_source = attested();
    const auto source = attested();
    const auto sink = attested();
    world.node(0).add("slow", slow_source);
    world.node(0).add("source", source);
    world.node(0).add("sink", sink);
    // Nobody is at the end of connection 1.
    world.node(0).route({.deployment = 1,
                         .channel = 1,
                         .epoch = 1,
                         .source_module = "source",
                         .destination_module = "absent"});
    world.node(0).route({.deployment = 1,
                         .channel = 2,
                         .epoch = 1,
                         .source_module = "source",
                         .destination_module = "sink"});
    sink->connect(2, test::endpoint_answer, false, 1);
    source->connect(1, test::endpoint_out, true, 1);
    source->connect(2, test::endpoint_ask, true, 1);
    source->ledger.payload_bytes = 200;
    source->ledger.owed = 2600; // more than the outbox of connection 1 takes
    source->ledger.owed_requests = 10;
    for (int i = 0; i < 10; ++i) {
        world.node(0).round(world.now_us()); // no time goes by: nothing spills
    }
    EXPECT_EQ(sink->ledger.taken[test::endpoint_answer], 10U);
    EXPECT_GT(counters(world, 0, 1).waiting_frames, 1500U);
}

TEST(Router, DoesNotDeadlockOnACycleOfModulesWithFullQueues) {
    RouterWorld world(1, 1);
    const auto left = attested();
    const auto right = attested();
    world.node(0).add("left", left);
    world.node(0).add("right", right);
    for (const std::uint16_t channel : std::array<std::uint16_t, 2>{1, 2}) {
        world.node(0).route({.deployment = 1,
                             .channel = channel,
                             .epoch = 1,
                             .source_module = channel == 1 ? "left" : "right",
                             .destination_module = channel == 1 ? "right" : "left"});
    }
    left->connect(2, test::endpoint_in, false, 1);
    right->connect(1, test::endpoint_relay, false, 1);
    left->connect(1, test::endpoint_out, true, 1);
    right->connect(2, test::endpoint_out, true, 1);
    left->ledger.payload_bytes = 8000;
    left->ledger.owed = 2000;
    EXPECT_TRUE(world.settle(20'000));
    EXPECT_EQ(left->ledger.taken[test::endpoint_in], 2000U);
    EXPECT_EQ(left->ledger.out_of_order, 0U);
}

// P29, P31
TEST(Router, DropsWhatWaitsUnderAnOldEpochAndIgnoresItsAcknowledgements) {
    Fan fan;
    fan.world.set_partitioned(true);
    fan.a->ledger.owed = 100;
    (void)fan.world.settle();
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 100U);
    fan.world.set_partitioned(false);
    fan.join(1, "b", 2);
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 0U);
    fan.b->connect(1, test::endpoint_in, false, 2);
    fan.a->connect(1, test::endpoint_out, true, 2);
    fan.a->ledger.emitted = 0;
    fan.a->ledger.owed = 50;
    fan.a->run();
    auto& router = fan.world.node(0).router();
    fan.a->consume(router.from_module(fan.ids[0], fan.a->output()));
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 50U);
    Bytestring epoch(4);
    Writer(epoch).u32(1);
    EXPECT_TRUE(router.from_peer(
        0, frame({.kind = wire::Kind::ack, .deployment = 1, .channel = 1, .counter = 50}, epoch)));
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 50U);
    EXPECT_TRUE(fan.world.settle());
    EXPECT_EQ(fan.b->ledger.taken[test::endpoint_in], 50U);
}

// P27, P28, P31: a module that starts anew knows no key; what waits for it is kept until its owner
// has given it a new one.
TEST(Router, KeepsWhatWaitsForAModuleThatRestartsUntilItsOwnerTurnsTheEpoch) {
    Fan fan;
    fan.a->ledger.owed = 10;
    EXPECT_TRUE(fan.world.settle());
    fan.world.node(1).router().remove_module(fan.ids[1]);
    fan.a->ledger.owed = 5;
    (void)fan.world.settle(100);
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 5U);
    EXPECT_EQ(fan.c->ledger.taken[test::endpoint_in], 15U) << "others go on";

    const auto next = attested();
    (void)fan.world.node(1).add("b", next);
    (void)fan.world.settle(100);
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 5U) << "refused, not lost";
    EXPECT_EQ(next->ledger.taken[test::endpoint_in], 0U);
    EXPECT_EQ(fan.world.node(1).misbehaviour.size(), 0U);

    fan.join(1, "b", 2);
    next->connect(1, test::endpoint_in, false, 2);
    fan.a->connect(1, test::endpoint_out, true, 2);
    fan.a->ledger.emitted = 0;
    fan.a->ledger.owed = 20;
    EXPECT_TRUE(fan.world.settle());
    EXPECT_EQ(next->ledger.taken[test::endpoint_in], 20U);
    EXPECT_EQ(next->ledger.out_of_order, 0U);
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 0U);
}

// A module that starts anew as the source numbers its frames from 0 under the new epoch.
TEST(Router, TakesTheFramesOfASourceThatRestartedUnderItsNewEpoch) {
    Fan fan;
    fan.a->ledger.owed = 10;
    EXPECT_TRUE(fan.world.settle());
    fan.world.node(0).router().remove_module(fan.ids[0]);
    const auto next = attested();
    (void)fan.world.node(0).add("a", next);
    fan.join(1, "b", 2);
    fan.b->connect(1, test::endpoint_in, false, 2);
    next->connect(1, test::endpoint_out, true, 2);
    next->ledger.emitted = 10; // so that b sees the next number
    next->ledger.owed = 7;
    EXPECT_TRUE(fan.world.settle());
    EXPECT_EQ(fan.b->ledger.taken[test::endpoint_in], 17U);
    EXPECT_EQ(fan.b->ledger.out_of_order, 0U);
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 0U);
}

// P29
TEST(Router, TakesAcknowledgementsOnlyFromTheLinkThatTheFramesGoOutOn) {
    Fan fan;
    fan.world.set_partitioned(true);
    fan.a->ledger.owed = 10;
    (void)fan.world.settle();
    auto& router = fan.world.node(0).router();
    Bytestring epoch(4);
    Writer(epoch).u32(1);
    const Bytestring ack =
        frame({.kind = wire::Kind::ack, .deployment = 1, .channel = 1, .counter = 10}, epoch);
    EXPECT_TRUE(router.from_peer(99, ack));
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 10U);
    EXPECT_TRUE(router.from_peer(0, ack));
    EXPECT_EQ(counters(fan.world, 0, 1).waiting_frames, 0U);
}

TEST(Router, KeepsDeploymentsWithTheSameChannelsApart) {
    RouterWorld world(1, 1);
    auto& router = world.node(0).router();
    const auto one = attested(1);
    const auto sink = attested(1);
    world.node(0).add("source", one);
    world.node(0).add("sink", sink);
    router.add_module(7, {2, "sink"});
    router.module_ready(7);
    for (const std::uint16_t deployment : std::array<std::uint16_t, 2>{1, 2}) {
        world.node(0).route({.deployment = deployment,
                             .channel = 1,
                             .epoch = 1,
                             .source_module = "source",
                             .destination_module = "sink"});
    }
    one->connect(1, test::endpoint_out, true, 1);
    one->ledger.owed = 3;
    one->run();
    one->consume(router.from_module(0, one->output()));
    Snapshot snapshot;
    router.fill(snapshot);
    for (const ConnectionCounters& connection : snapshot.connections) {
        EXPECT_EQ(connection.waiting_frames, connection.deployment == 1 ? 3U : 0U);
    }
    router.clear(2);
    EXPECT_EQ(counters(world, 0, 1).waiting_frames, 3U);
    EXPECT_EQ(counters(world, 0, 1).deployment, 1U);
}

// P32
TEST(Router, EndsAModuleThatSendsWhatIsNotIts) {
    const std::uint8_t sealed[16] = {};
    const std::uint8_t epoch[4] = {1};
    const std::vector<Bytestring> bad = {
        Bytestring(20, 0xFF),
        frame({.kind = wire::Kind::call, .deployment = 1}),
        frame({.kind = wire::Kind::ping, .deployment = 1}),
        frame({.kind = wire::Kind::event, .deployment = 1, .channel = 2}, sealed),
        frame({.kind = wire::Kind::reply, .deployment = 1, .channel = 1, .flags = 4}, sealed),
        frame({.kind = wire::Kind::event, .deployment = 1, .channel = 1, .flags = 4}, sealed),
        frame({.kind = wire::Kind::event, .deployment = 2, .channel = 1}, sealed),
        frame({.kind = wire::Kind::ack, .deployment = 1, .channel = 1, .counter = 5}, epoch),
        frame({.kind = wire::Kind::ack, .deployment = 1, .channel = 2, .counter = 5}),
    };
    for (std::size_t i = 0; i < bad.size(); ++i) {
        RouterWorld world(1, 1);
        auto& node = world.node(0);
        const ModuleId id = node.add("m", attested());
        node.add("other", attested());
        node.route({.deployment = 1,
                    .channel = 1,
                    .epoch = 1,
                    .source_module = "m",
                    .destination_module = "other",
                    .request = true});
        node.route({.deployment = 1,
                    .channel = 2,
                    .epoch = 1,
                    .source_module = "other",
                    .destination_module = "m"});
        (void)node.router().from_module(id, bad[i]);
        EXPECT_EQ(node.misbehaviour.size(), 1U) << i;
        EXPECT_EQ(counters(world, 0, 1).waiting_frames, 0U) << i;
        EXPECT_EQ(counters(world, 0, 2).waiting_frames, 0U) << i;
    }
}

TEST(Router, ClosesLinksThatCarryNoFramesAndIgnoresUnknownConnections) {
    Fan fan;
    auto& router = fan.world.node(1).router();
    const std::uint8_t sealed[16] = {};
    EXPECT_FALSE(router.from_peer(5, Bytestring(20, 0xFF)));
    EXPECT_FALSE(router.from_peer(5, frame({.kind = wire::Kind::call, .deployment = 1})));
    EXPECT_FALSE(router.from_peer(5, frame({.kind = wire::Kind::log, .deployment = 1})));
    EXPECT_FALSE(router.from_peer(
        5, frame({.kind = wire::Kind::event, .deployment = 1, .channel = 1, .flags = 4}, sealed)));
    Bytestring cut = frame({.kind = wire::Kind::event, .deployment = 1, .channel = 1}, sealed);
    cut.pop_back();
    EXPECT_FALSE(router.from_peer(5, cut));
    EXPECT_TRUE(router.from_peer(
        5, frame({.kind = wire::Kind::event, .deployment = 1, .channel = 9}, sealed)));
    EXPECT_TRUE(router.from_peer(
        5, frame({.kind = wire::Kind::event, .deployment = 9, .channel = 1}, sealed)));
    Snapshot snapshot;
    router.fill(snapshot);
    EXPECT_EQ(snapshot.dropped_garbage, 7U);
    // A forged frame reaches the module, which refuses it; the real ones still come.
    EXPECT_TRUE(router.from_peer(
        5, frame({.kind = wire::Kind::event, .deployment = 1, .channel = 1}, sealed)));
    fan.a->ledger.owed = 10;
    EXPECT_TRUE(fan.world.settle());
    EXPECT_EQ(fan.b->ledger.taken[test::endpoint_in], 10U);
    EXPECT_EQ(fan.b->refusals[static_cast<std::uint64_t>(Error::forged)], 1U);
}

TEST(Router, AsksForWhatWasSentBeforeItsRouteWasThere) {
    RouterWorld world(1);
    const auto a = attested();
    const auto b = attested();
    world.node(0).add("a", a);
    world.node(1).add("b", b);
    world.node(0).route({.deployment = 1,
                         .channel = 1,
                         .epoch = 1,
                         .source_module = "a",
                         .destination_address = RouterWorld::address(1)});
    b->connect(1, test::endpoint_in, false, 1);
    a->connect(1, test::endpoint_out, true, 1);
    a->ledger.owed = 20;
    (void)world.settle(20);
    EXPECT_EQ(b->ledger.taken[test::endpoint_in], 0U);
    world.node(1).route({.deployment = 1,
                         .channel = 1,
                         .epoch = 1,
                         .destination_module = "b",
                         .source_address = RouterWorld::address(0)});
    for (int i = 0; i < 10; ++i) {
        world.step({}); // far less than the sender's next retry
    }
    EXPECT_EQ(b->ledger.taken[test::endpoint_in], 20U);
}

/// Orders and their answers pass what finds no room, so a module may be told to hand over before
/// all is taken that it has said.
// P89
TEST(Router, LeadsAConnectionFromAnotherModuleWhenTheOneBeforeHasSaidAll) {
    Fan fan;
    const auto next = attested();
    fan.world.node(0).add("a.2", next);
    fan.a->ledger.owed = 20'000;
    fan.a->ledger.payload_bytes = 1000;
    const test::Faults receivers_sleep{.module_sleeps = 100};
    for (int i = 0; i < 400; ++i) {
        fan.world.step(receivers_sleep);
        fan.a->set_asleep(false);
        fan.world.node(0).round(fan.world.now_us());
    }
    fan.a->ledger.owed = 0;
    const Route route{.deployment = 1,
                      .channel = 1,
                      .epoch = 1,
                      .source_module = "a.2",
                      .destination_address = RouterWorld::address(1)};
    const auto early = fan.world.node(0).router().set_route(route);
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, "frames-wait");
    EXPECT_TRUE(fan.world.settle(20'000));
    EXPECT_EQ(fan.b->ledger.taken[test::endpoint_in], fan.a->ledger.emitted);
    EXPECT_TRUE(fan.world.node(0).router().set_route(route));
}

/// What waits at the deployer may be more than an outbox takes at once.
TEST(RouterDirect, WhatDoesNotFitAtOnceGoesOnWhereItStopped) {
    RouterWorld world(1, 1, std::uint64_t{1} << 20U);
    const auto module = attested();
    world.node(0).add("a", module);
    world.node(0).route(
        {.deployment = 1, .channel = 1, .epoch = 1, .destination_module = "a", .direct = true});
    module->connect(1, test::endpoint_in, false, 1);
    constexpr std::uint64_t count = 30;
    Bytestring all;
    for (std::uint64_t number = 0; number < count; ++number) {
        Bytestring body(60'000);
        Writer(body).u64(number);
        const Bytestring sealed = module->seal_direct(
            1, 1, {.kind = wire::Kind::event, .channel = 1, .counter = number}, body);
        all.insert(all.end(), sealed.begin(), sealed.end());
    }
    Expected<std::uint64_t> after = world.node(0).router().deliver(1, 1, all);
    EXPECT_EQ(after.error().code, "outbox-full");
    for (std::uint64_t tries = 0; !after && tries < count; ++tries) {
        EXPECT_TRUE(world.settle());
        after = world.node(0).router().deliver(1, 1, all);
    }
    ASSERT_TRUE(after) << after.error().summary;
    EXPECT_EQ(*after, count);
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(module->ledger.taken[test::endpoint_in], count);
    EXPECT_EQ(module->ledger.out_of_order, 0U);
}

/// A refusal bears the number of an endpoint where it is of a stream or a timer: that is no
/// connection's.
TEST(RouterDirect, ARefusalOfSomethingElseDropsNothing) {
    RouterWorld world(1, 1);
    const auto module = attested();
    const ModuleId id = world.node(0).add("a", module);
    world.node(0).route(
        {.deployment = 1, .channel = 1, .epoch = 1, .destination_module = "a", .direct = true});
    const Bytestring sealed =
        module->seal_direct(1, 1, {.kind = wire::Kind::event, .channel = 1}, Bytestring(8));
    ASSERT_TRUE(world.node(0).router().deliver(1, 1, sealed));
    const auto refuse = [&](wire::Kind kind, Error error) {
        const std::uint8_t body[2] = {static_cast<std::uint8_t>(kind),
                                      static_cast<std::uint8_t>(error)};
        const Bytestring refusal =
            frame({.kind = wire::Kind::refusal, .deployment = 1, .channel = 1}, body);
        (void)world.node(0).router().from_module(id, refusal);
    };
    refuse(wire::Kind::stream_data, Error::paused);
    refuse(wire::Kind::listen, Error::paused);
    refuse(wire::Kind::event, Error::replayed);
    refuse(wire::Kind::event, Error::late); // it was taken
    EXPECT_EQ(world.node(0).router().direct_state(1, 1).refused, Error::none);
    EXPECT_EQ(counters(world, 0, 1).waiting_frames, 1U);
    refuse(wire::Kind::event, Error::forged);
    EXPECT_EQ(world.node(0).router().direct_state(1, 1).refused, Error::forged);
    EXPECT_EQ(counters(world, 0, 1).waiting_frames, 0U);
}

} // namespace
} // namespace authex::em
