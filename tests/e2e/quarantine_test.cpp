// A module whose evidence is refused is cut off, and its owner hears of it.
#include <gmock/gmock.h>

#include "support/http_receiver.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class Quarantine : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.write("led.cpp",
                     world_.read("led.cpp") + "AUTHEX_SAFE_STATE() {\n    lit = false;\n}\n");
        world_.start_managers();
        world_.must({"up"});
        world_.must({"output", "trigger-btn"});
        ASSERT_TRUE(eventually([&] { return lit(); }));
    }
    bool lit() {
        const Result led = world_.authex({"request", "get-led"});
        return led.out.find("01") != std::string::npos;
    }
    World world_{"button-led", "sgx.yaml"};
};

TEST_F(Quarantine, TheModuleIsCutOffItsDriverGoesToItsSafeStateAndTheOwnerIsTold) {
    HttpReceiver alarm({"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"});
    // Intel has published what its owner wants to be taken into account, and the machine does not.
    world_.replace(
        "sgx.yaml", "simulation: allowed", "simulation: allowed\npolicy: { evaluation: 60000 }");
    const Result attest = world_.authex({"attest", "controller", "--webhook", alarm.url("/alarm")});
    EXPECT_EQ(attest.status, 1);
    EXPECT_THAT(attest.err, HasSubstr("is cut off from all others"));
    alarm.join();
    EXPECT_THAT(alarm.requests, Contains(HasSubstr("\"subject\":\"module controller\"")));
    EXPECT_THAT(world_.authex({"journal"}).out, HasSubstr("quarantine"));
    EXPECT_EQ(world_.module("controller").at("state"), "quarantined");
    EXPECT_EQ(world_.connection("controller.set_led->led.set").at("window_open_since"), nullptr);
    EXPECT_FALSE(lit()) << "its safe state";

    world_.must({"output", "trigger-btn"});
    EXPECT_EQ(world_.request_u32("get-presses"), 1U) << "the button speaks to nobody";
    EXPECT_FALSE(lit());
}

} // namespace
} // namespace authex::test
