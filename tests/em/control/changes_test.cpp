#include "em/control/changes.hpp"

#include <gtest/gtest.h>

namespace authex::em {
namespace {

TEST(Changes, AreCountedForEachDeployment) {
    Changes changes;
    EXPECT_EQ(changes.count(1), 0U);
    changes.note(1);
    changes.note(1);
    changes.note(2);
    EXPECT_EQ(changes.count(1), 2U);
    EXPECT_EQ(changes.count(2), 1U);
}

TEST(Changes, WakeThoseWhoFollowTheirDeploymentUntilTheyLetGo) {
    Changes changes;
    int woken = 0;
    Changes::Follower follower = changes.follow(1, [&] { ++woken; });
    changes.note(1);
    EXPECT_EQ(woken, 1);
    changes.note(2);
    EXPECT_EQ(woken, 1) << "of another deployment";
    follower.reset();
    changes.note(1);
    EXPECT_EQ(woken, 1);
}

} // namespace
} // namespace authex::em
