#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/native/host/serve.hpp"
#include "tee/native/native_modules.hpp"
#include "tee/process/link.hpp"

namespace authex::tee::native {
namespace {

using test::frame;
using wire::Kind;

class HostTest : public testing::Test {
  protected:
    static const Image& echo_image() {
        static const Image image = test::build_module(test::echo_source);
        return image;
    }
    std::unique_ptr<ModuleLink> start(const std::string& name = "echo") {
        const auto directory = test::module_folder(folder_, name, echo_image().path);
        return test::require(loader_->start(test::spec_of(echo_image(), name), directory));
    }
    Exit end_of_call(std::uint16_t entry, std::vector<std::uint8_t> body = {}) {
        const auto link = start();
        EXPECT_TRUE(test::send(*link, frame(Kind::call, entry, 1, body)));
        const std::optional<Exit> exit = test::wait_exit(*link);
        EXPECT_TRUE(exit);
        return exit.value_or(Exit{});
    }
    test::TemporaryFolder folder_;
    std::unique_ptr<NativeLoader> loader_ = test::open_loader(folder_);
};

TEST_F(HostTest, AnswersHello) {
    const auto link = start();
    ASSERT_TRUE(test::send(*link, frame(Kind::hello, 0, 0)));
    wire::FrameHeader header;
    ASSERT_EQ(wire::parse_header(test::receive(*link), header), Error::none);
    EXPECT_EQ(header.kind, Kind::hello);
    link->kill();
    ASSERT_TRUE(test::wait_exit(*link));
}

TEST_F(HostTest, TellsHowAModuleEnded) {
    EXPECT_EQ(to_text(end_of_call(test::crash)), "killed by signal 11 (SIGSEGV)");
    EXPECT_EQ(to_text(end_of_call(test::trap)), "killed by signal 4 (SIGILL)");
}

} // namespace
} // namespace authex::tee::native
