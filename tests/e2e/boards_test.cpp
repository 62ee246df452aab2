// The examples with microcontrollers do what their READMEs say, through what a person does to the
// boards and sees on them.
#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

class Boards : public testing::TestWithParam<const char*> {
  protected:
    void begin(const std::string& example, const std::string& descriptor) {
        world_ = std::make_unique<World>(example, descriptor);
        world_->start_managers();
        world_->must({"up"});
    }
    Result board(const std::string& node, std::vector<std::string> words) {
        words.insert(words.begin(),
                     {program("authex-sancus"), "control", world_->state(node) / "board.control"});
        return run({.words = words, .folder = {}, .input = {}});
    }
    void press(const std::string& node, const std::string& what = "press") {
        EXPECT_EQ(board(node, {what, "button0"}).status, 0);
    }
    bool becomes(const std::string& node, const std::string& device, const std::string& value) {
        return board(node, {"wait", device, value, "--timeout", "20"}).status == 0;
    }
    void moisture(const std::string& percent) {
        EXPECT_EQ(board("bed", {"set", "soil", percent}).status, 0);
        world_->must({"output", "ask"});
    }
    std::unique_ptr<World> world_;
};

TEST_P(Boards, IrrigationOpensTheTapWhenTheSoilIsDryAndClosesItWhenItIsWet) {
    begin("irrigation", GetParam());
    const std::string tap = std::string(GetParam()) == "wide.yaml" ? "well" : "bed";
    moisture("30");
    EXPECT_TRUE(eventually([&] { return world_->request_u32("read", 5) >= 1; }));
    EXPECT_THAT(board(tap, {"show", "led0"}).out, HasSubstr("off"));
    moisture("20");
    EXPECT_TRUE(becomes(tap, "led0", "on"));
    EXPECT_TRUE(eventually([&] { return world_->request_u32("read", 1) == 1; }));
    // Between dry and wet it stays open.
    const std::uint32_t reports = world_->request_u32("read", 5);
    moisture("30");
    EXPECT_TRUE(eventually([&] { return world_->request_u32("read", 5) > reports; }));
    EXPECT_THAT(board(tap, {"show", "led0"}).out, HasSubstr("on"));
    moisture("45");
    EXPECT_TRUE(becomes(tap, "led0", "off"));
    EXPECT_TRUE(eventually([&] {
        return world_->authex({"logs", "dashboard"}).out.find("not watering") != std::string::npos;
    }));
    EXPECT_EQ(world_->request_u32("read", 1), 1U) << "opened once";
}
INSTANTIATE_TEST_SUITE_P(Irrigation,
                         Boards,
                         testing::Values("wide.yaml", "narrow.yaml", "local.yaml"),
                         [](const auto& test) {
                             const std::string name = test.param;
                             return name.substr(0, name.find('.'));
                         });

using Parking = Boards;

TEST_F(Parking, OnThreeBoardsShowsHowManySpacesAreFree) {
    begin("parking", "boards.yaml");
    press("gate");
    EXPECT_TRUE(becomes("hall", "lcd", "1 free"));
    press("yard");
    EXPECT_TRUE(becomes("hall", "lcd", "full"));
    EXPECT_EQ(world_->authex({"request", "read"}).out, "00  = 0\n");
    press("gate", "release");
    EXPECT_TRUE(becomes("hall", "lcd", "1 free"));
    press("yard", "release");
    EXPECT_TRUE(becomes("hall", "lcd", "2 free"));
}

} // namespace
} // namespace authex::test
