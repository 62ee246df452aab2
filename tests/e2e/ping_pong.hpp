#pragma once
// A game of the example, whose modules count.

#include "world.hpp"

namespace authex::test {

/// A hundred balls of 64 bytes; none is missed.
inline void play(World& world) {
    world.must({"output", "start", "--hex", "64000000 4000"});
    EXPECT_TRUE(eventually([&] { return world.request_u32("score") == 100U; }));
    EXPECT_EQ(world.request_u32("score", 4), 0U);
}

} // namespace authex::test
