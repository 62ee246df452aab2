#include "deployer/instances.hpp"

#include <gtest/gtest.h>

namespace authex::deployer {
namespace {

TEST(Instances, AreNumberedFromOne) {
    EXPECT_EQ(next_instance("web", "web"), "web.2");
    EXPECT_EQ(next_instance("web", "web.2"), "web.3");
    EXPECT_EQ(next_instance("web", "web.999"), "web.1000");
    EXPECT_EQ(instance_record("web", "web"), "web.1");
    EXPECT_EQ(instance_record("web", "web.7"), "web.7");
}

TEST(Instances, NamesOfNodesAndRecordsAreFoundFromEachOther) {
    InstanceNames names;
    EXPECT_EQ(names.on_node("web"), "web");
    EXPECT_EQ(names.record("web"), "web");
    names.follow({{"web", {.name = "web", .on_node = "web.2"}}, {"db", {.name = "db"}}});
    EXPECT_EQ(names.on_node("web"), "web.2");
    EXPECT_EQ(names.record("web.2"), "web");
    EXPECT_EQ(names.record("web"), "web.1") << "the one before is not the module";
    EXPECT_EQ(names.on_node("web.1"), "web");
    EXPECT_EQ(names.on_node("db"), "db");
    names.follow({{"web", {.name = "web", .on_node = "web.3"}},
                  {"web.2", {.name = "web.2", .on_node = "web.2", .instance_of = "web"}}});
    EXPECT_EQ(names.on_node("web"), "web.3");
    EXPECT_EQ(names.record("web.2"), "web.2");
    EXPECT_EQ(names.on_node("web.2"), "web.2");
}

} // namespace
} // namespace authex::deployer
