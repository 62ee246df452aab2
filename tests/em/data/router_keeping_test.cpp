// What a process has left that was not handed over any more goes on in the name of the next one.
#include <gtest/gtest.h>

#include "em/router.hpp"
#include "support/router_world.hpp"

namespace authex::em {
namespace {

using test::MemoryModule;
using test::RouterWorld;
using Bytestring = std::vector<std::uint8_t>;

/// a on node 0, joined to b on node 1.
class RouterKeeping : public testing::Test {
  protected:
    void SetUp() override {
        for (const auto& module : {a, b}) {
            module->attest();
        }
        id = world.node(0).add("a", a);
        other = world.node(1).add("b", b);
        world.node(1).route({.deployment = 1,
                             .channel = 1,
                             .epoch = 1,
                             .destination_module = "b",
                             .source_address = RouterWorld::address(0)});
        world.node(0).route({.deployment = 1,
                             .channel = 1,
                             .epoch = 1,
                             .source_module = "a",
                             .destination_address = RouterWorld::address(1)});
        b->connect(1, test::endpoint_in, false, 1);
        a->connect(1, test::endpoint_out, true, 1);
        ASSERT_TRUE(world.settle());
    }
    /// What a has sent and its manager has not seen.
    Bytestring left(std::uint64_t events) {
        a->ledger.owed = events;
        while (a->ledger.owed != 0 && a->run()) {
        }
        const Bytestring frames(a->output().begin(), a->output().end());
        a->consume(frames.size());
        return frames;
    }
    Router& router() { return world.node(0).router(); }
    std::uint64_t taken() { return b->ledger.taken[test::endpoint_in]; }

    RouterWorld world{1, 2, 4 << 20};
    std::shared_ptr<MemoryModule> a = std::make_shared<MemoryModule>(1);
    std::shared_ptr<MemoryModule> b = std::make_shared<MemoryModule>(1);
    ModuleId id = no_id;
    ModuleId other = no_id;
};

TEST_F(RouterKeeping, WhatWasLeftArrivesOnceHoweverOftenItIsSaid) {
    const Bytestring frames = left(3);
    EXPECT_TRUE(router().go_on_with(id, frames));
    EXPECT_TRUE(router().go_on_with(id, frames)) << "it waits already";
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(taken(), 3U);
    EXPECT_TRUE(router().go_on_with(id, frames)) << "it was taken";
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(taken(), 3U);
    EXPECT_EQ(b->ledger.out_of_order, 0U);
}

TEST_F(RouterKeeping, WhatWasHandedOverBeforeTheEndChangesNothing) {
    a->ledger.owed = 2;
    (void)a->run();
    const Bytestring frames(a->output().begin(), a->output().end());
    EXPECT_TRUE(world.settle());
    ASSERT_EQ(taken(), 2U);
    EXPECT_TRUE(router().go_on_with(id, frames));
    a->ledger.owed = 1;
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(taken(), 3U);
    EXPECT_EQ(b->ledger.out_of_order, 0U);
}

TEST_F(RouterKeeping, WhatIsNoEventRequestOrReplyIsDropped) {
    const std::size_t before = world.node(0).service_frames.size();
    Bytestring frames;
    for (const wire::Kind kind : {wire::Kind::log,
                                  wire::Kind::timer,
                                  wire::Kind::ack,
                                  wire::Kind::result,
                                  wire::Kind::stream_data}) {
        Bytestring frame(wire::header_bytes);
        wire::write_header({.kind = kind, .deployment = 1, .channel = 1}, frame);
        frames.insert(frames.end(), frame.begin(), frame.end());
    }
    const Bytestring events = left(1);
    frames.insert(frames.end(), events.begin(), events.end());
    EXPECT_TRUE(router().go_on_with(id, frames));
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(world.node(0).service_frames.size(), before);
    EXPECT_EQ(taken(), 1U);
}

TEST_F(RouterKeeping, OfAModuleThatIsNotThereOrInPiecesIsNotTaken) {
    const Bytestring frames = left(2);
    EXPECT_FALSE(router().go_on_with(id + 1, frames));
    const ByteView cut = ByteView(frames).first(frames.size() - 1);
    EXPECT_FALSE(router().go_on_with(id, cut)) << "the first of them is";
    EXPECT_TRUE(router().go_on_with(id, frames));
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(taken(), 2U);
}

TEST_F(RouterKeeping, WhatIsKeptAlreadyFindsRoomBeyondAllLimits) {
    a->ledger.payload_bytes = 30'000;
    world.node(1).router().remove_module(other);
    std::uint64_t sent = 0;
    for (; sent < 400; ++sent) {
        ASSERT_TRUE(router().go_on_with(id, left(1))) << sent;
    }
    EXPECT_GT(sent * a->ledger.payload_bytes, 4U << 20U) << "more than the budget";
}

} // namespace
} // namespace authex::em
