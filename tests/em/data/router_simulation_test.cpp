// Random schedules: whatever the network and the kill of managers do, every event is taken exactly
// once and in order, or still waits; and when the faults stop, nothing waits.
#include <cstdlib>

#include <gtest/gtest.h>

#include "support/router_world.hpp"

namespace authex::em {
namespace {

using test::MemoryModule;
using test::RouterWorld;

/// Attested once; each seed keys them anew, as an owner that turns the epoch.
struct Modules {
    std::shared_ptr<MemoryModule> a = made();
    std::shared_ptr<MemoryModule> b = made();
    std::shared_ptr<MemoryModule> c = made();
    std::shared_ptr<MemoryModule> d = made();
    std::uint32_t epoch = 0;

    static std::shared_ptr<MemoryModule> made() {
        auto module = std::make_shared<MemoryModule>(1, 192 * 1024);
        module->attest();
        return module;
    }
    void renew() {
        ++epoch;
        for (const auto& module : {a, b, c, d}) {
            module->forget();
        }
    }
};

void join(RouterWorld& world,
          std::uint16_t channel,
          std::uint32_t epoch,
          std::pair<std::size_t, std::string> from,
          std::pair<std::size_t, std::string> to,
          bool request = false) {
    Route both{.deployment = 1, .channel = channel, .epoch = epoch, .request = request};
    Route source = both;
    Route destination = both;
    source.source_module = from.second;
    destination.destination_module = to.second;
    if (from.first == to.first) {
        source.destination_module = to.second;
        world.node(from.first).route(source);
        return;
    }
    source.destination_address = RouterWorld::address(to.first);
    destination.source_address = RouterWorld::address(from.first);
    world.node(from.first).route(source);
    world.node(to.first).route(destination);
}

/// a.out → b.in and c.in; b.ask → c.answer; d.out → c.relay, c.out → d.in. a and c are on node 0.
void build(RouterWorld& world, Modules& m) {
    world.node(0).add("a", m.a);
    world.node(1).add("b", m.b);
    world.node(0).add("c", m.c);
    world.node(1).add("d", m.d);
    join(world, 1, m.epoch, {0, "a"}, {1, "b"});
    join(world, 2, m.epoch, {0, "a"}, {0, "c"});
    join(world, 3, m.epoch, {1, "b"}, {0, "c"}, true);
    join(world, 4, m.epoch, {1, "d"}, {0, "c"});
    join(world, 5, m.epoch, {0, "c"}, {1, "d"});
}

void key(Modules& m) {
    m.b->connect(1, test::endpoint_in, false, m.epoch);
    m.c->connect(2, test::endpoint_in, false, m.epoch);
    m.c->connect(3, test::endpoint_answer, false, m.epoch);
    m.c->connect(4, test::endpoint_relay, false, m.epoch);
    m.d->connect(5, test::endpoint_in, false, m.epoch);
    m.a->connect(1, test::endpoint_out, true, m.epoch);
    m.a->connect(2, test::endpoint_out, true, m.epoch);
    m.b->connect(3, test::endpoint_ask, true, m.epoch);
    m.d->connect(4, test::endpoint_out, true, m.epoch);
    m.c->connect(5, test::endpoint_out, true, m.epoch);
}

void expect_in_order(const Modules& m) {
    for (const auto& module : {m.a, m.b, m.c, m.d}) {
        EXPECT_EQ(module->ledger.out_of_order, 0U);
    }
    EXPECT_LE(m.b->ledger.taken[test::endpoint_in], m.a->ledger.emitted);
    EXPECT_LE(m.c->ledger.taken[test::endpoint_answer], m.b->ledger.asked);
    EXPECT_LE(m.d->ledger.taken[test::endpoint_in], m.d->ledger.emitted);
}

void expect_all_arrived(RouterWorld& world, const Modules& m) {
    EXPECT_EQ(m.b->ledger.taken[test::endpoint_in], m.a->ledger.emitted);
    EXPECT_EQ(m.c->ledger.taken[test::endpoint_in], m.a->ledger.emitted);
    EXPECT_EQ(m.c->ledger.taken[test::endpoint_answer], m.b->ledger.asked);
    EXPECT_EQ(m.b->ledger.taken[test::endpoint_ask], m.b->ledger.asked);
    EXPECT_EQ(m.c->ledger.taken[test::endpoint_relay], m.d->ledger.emitted);
    EXPECT_EQ(m.d->ledger.taken[test::endpoint_in], m.d->ledger.emitted);
    for (std::size_t node = 0; node < 2; ++node) {
        Snapshot snapshot;
        world.node(node).router().fill(snapshot);
        for (const ConnectionCounters& connection : snapshot.connections) {
            EXPECT_EQ(connection.waiting_frames, 0U) << connection.channel;
        }
        EXPECT_TRUE(world.node(node).misbehaviour.empty());
    }
}

test::Faults faults_of(RouterWorld& world) {
    const auto some = [&world](unsigned most) {
        return world.chance(50) ? static_cast<unsigned>(world.random(most)) : 0U;
    };
    return {.drop = some(30),
            .delay = some(50),
            .duplicate = some(20),
            .reorder = some(30),
            .corrupt = some(5),
            .cut = some(10),
            .kill_manager = some(3),
            .module_sleeps = some(60)};
}

void run_seed(std::uint64_t seed, Modules& modules) {
    modules.renew();
    RouterWorld world(seed);
    build(world, modules);
    key(modules);
    const test::Faults faults = faults_of(world);
    modules.a->ledger.payload_bytes = world.chance(5) ? 60'000 : 8 + world.random(200);
    for (std::size_t i = 0; i < 40; ++i) {
        modules.a->ledger.owed += world.chance(30) ? world.random(20) : 0;
        modules.b->ledger.owed_requests += world.chance(30) ? world.random(10) : 0;
        modules.d->ledger.owed += world.chance(30) ? world.random(20) : 0;
        world.step(faults);
        expect_in_order(modules);
    }
    EXPECT_TRUE(world.settle());
    expect_in_order(modules);
    expect_all_arrived(world, modules);
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RouterSimulation, TakesEachEventOnceAndInOrderUnderAnySchedule) {
    Modules modules;
    const std::uint64_t first = number_from("AUTHEX_SEED", 1);
    const std::uint64_t count = number_from("AUTHEX_SEEDS", 500);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("AUTHEX_SEEDS=1 AUTHEX_SEED=" + std::to_string(seed));
        run_seed(seed, modules);
        if (testing::Test::HasFailure()) {
            return;
        }
    }
}

} // namespace
} // namespace authex::em
