// What passes a module's link is recorded in its order, as long as somebody reads it.
#include "em/control/recorder.hpp"

#include <gtest/gtest.h>

namespace authex::em {
namespace {

using Octets = std::vector<std::uint8_t>;

/// A link over two plain buffers.
class BufferLink final : public tee::ModuleLink {
  public:
    explicit BufferLink(Octets written) : out(std::move(written)) {}
    std::optional<ByteView> readable() override { return ByteView(out); }
    void consume(std::size_t count) override {
        out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
    }
    std::optional<Bytes> writable() override { return Bytes(room); }
    void commit(std::size_t count) override { committed += count; }
    void notify() override {}
    bool prepare_sleep(bool) override { return true; }
    [[nodiscard]] int doorbell_fd() const override { return -1; }
    void drain_doorbell() override {}
    [[nodiscard]] int exit_fd() const override { return -1; }
    std::optional<tee::Exit> exit() override { return ended; }
    void kill() override {}

    Octets out;
    Octets room = Octets(8);
    std::size_t committed = 0;
    std::optional<tee::Exit> ended;
};

class RecorderTest : public testing::Test {
  protected:
    std::unique_ptr<tee::ModuleLink> link(Octets written, std::optional<tee::Exit> exit = {}) {
        auto made = std::make_unique<BufferLink>(std::move(written));
        made->ended = exit;
        return recorded(std::move(made), recorder);
    }
    Octets next(bool out) {
        const auto entry = recorder->take();
        return entry && entry->out == out ? entry->frames : Octets{};
    }
    int wakes = 0;
    std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>(
        Recorder::Entropy{1},
        Recorder::Outside{.unix_time_us = [] { return 5; }, .wake = [this] { ++wakes; }});
};

TEST_F(RecorderTest, HasWhatWentToTheModuleAndWhatCame) {
    const auto watched = link({7, 8, 9});
    const Bytes room = *watched->writable();
    room[0] = 1;
    room[1] = 2;
    watched->commit(1);
    watched->commit(1);
    (void)watched->readable();
    watched->consume(2);
    watched->consume(1);
    EXPECT_EQ(next(false), Octets{1});
    EXPECT_EQ(next(false), Octets{2});
    EXPECT_EQ(next(true), (Octets{7, 8}));
    EXPECT_EQ(next(true), Octets{9});
    EXPECT_FALSE(recorder->take());
    EXPECT_EQ(wakes, 4);
}

TEST_F(RecorderTest, TellsTheEndAfterAllBeforeIt) {
    {
        const auto watched = link({7}, tee::Exit{.signalled = false, .code = 3});
        (void)watched->readable();
        watched->consume(1);
    }
    EXPECT_FALSE(recorder->ended());
    EXPECT_EQ(next(true), Octets{7});
    EXPECT_EQ(recorder->ended(), "exit status 3");
    recorder->add(true, Octets{1});
    EXPECT_FALSE(recorder->take()) << "of another instance";
}

TEST_F(RecorderTest, OfAModuleThatRunsOnSaysThatNobodyWatchesAnyMore) {
    link({}).reset();
    EXPECT_EQ(recorder->ended(), "given up by its event manager");
}

TEST_F(RecorderTest, KeepsNothingForAReaderThatIsGone) {
    recorder->add(true, Octets{1});
    recorder->close();
    recorder->add(true, Octets{2});
    recorder->end("exit status 0");
    EXPECT_FALSE(recorder->take());
    EXPECT_FALSE(recorder->ended());
}

TEST_F(RecorderTest, StopsWhereTheReaderIsTooSlow) {
    const Octets half(Recorder::waiting_bytes_max / 2);
    recorder->add(false, half);
    recorder->add(false, half);
    EXPECT_FALSE(recorder->overflowed());
    recorder->add(false, Octets{1});
    EXPECT_TRUE(recorder->overflowed());
    EXPECT_EQ(next(false).size(), half.size());
    recorder->add(false, Octets{2});
    EXPECT_EQ(next(false).size(), half.size()) << "what came before the hole is whole";
    EXPECT_FALSE(recorder->take()) << "and nothing after it";
}

} // namespace
} // namespace authex::em
