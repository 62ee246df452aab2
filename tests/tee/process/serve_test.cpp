#include "tee/process/host/serve.hpp"

#include <fcntl.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/frames.hpp"
#include "support/temporary_folder.hpp"
#include "tee/process/disk.hpp"
#include "tee/process/exit.hpp"
#include "tee/process/kept_copy.hpp"
#include "tee/process/link.hpp"
#include "tee/process/manager_end.hpp"
#include "tee/process/memory_file.hpp"

namespace authex::tee::process {
namespace {

using test::Octets;
using test::operator+;

Octets state(std::uint64_t counter, std::uint16_t every_ms = 0) {
    return test::plain({.kind = wire::Kind::state, .channel = every_ms, .counter = counter},
                       Octets(50, 9));
}
Octets event(std::uint64_t counter) {
    return test::plain({.kind = wire::Kind::event, .channel = 1, .counter = counter},
                       Octets(40, 7));
}
Octets result(std::uint64_t counter) {
    return test::plain({.kind = wire::Kind::result, .counter = counter}, Octets(40, 7));
}

/// An image that leaves something and its state each time, and refuses when it was called enough.
/// Once its host has told it to seal, it does so only when told.
struct Image {
    ManagerEnd* manager = nullptr;
    std::vector<std::size_t> takes; ///< frames that the manager takes before each invocation
    std::uint16_t every_ms = 0;     ///< that its state is to be sealed, as it says
    Octets (*leaves)(std::uint64_t) = event;
    bool last_comes_late = false; ///< the last call comes when it has sealed what is behind it
    std::uint64_t invoked = 0;
    std::uint64_t told = 0;
    std::vector<std::size_t> seen; ///< bytes that the manager had not taken before each invocation

    void call(std::size_t times) const {
        const Octets calls(wire::header_bytes * times, 1);
        const auto room = manager->writable();
        std::copy(calls.begin(), calls.end(), room->begin());
        manager->commit(calls.size());
    }
    void enter(runtime::Invocation& invocation) {
        wire::FrameHeader header;
        const ByteView in(reinterpret_cast<const std::uint8_t*>(invocation.in), wire::header_bytes);
        const bool is_told =
            wire::parse_header(in, header) == Error::none && header.kind == wire::Kind::state;
        if (!is_told && invoked == takes.size()) {
            invocation.error = static_cast<std::uint32_t>(Error::malformed);
            return;
        }
        const Octets left = is_told ? seal() : work();
        std::copy(left.begin(), left.end(), reinterpret_cast<std::uint8_t*>(invocation.out));
        invocation.consumed = wire::header_bytes;
        invocation.produced = left.size();
    }

  private:
    Octets seal() {
        if (told++ == 0) {
            return {}; // nothing has changed since it has sealed by itself
        }
        if (last_comes_late && invoked == takes.size()) {
            call(1);
        }
        return state(invoked, every_ms);
    }
    Octets work() {
        const auto waiting = manager->readable();
        EXPECT_TRUE(waiting);
        seen.push_back(waiting->size());
        manager->consume(takes[invoked] * event(0).size());
        const Octets said = leaves(invoked);
        const Octets left = told != 0 ? said : said + state(invoked, every_ms);
        ++invoked;
        return left;
    }
};
Image* active = nullptr;

class ServeTest : public testing::Test {
  protected:
    /// Until the image refuses. @return what is kept then
    KeptCopy serve_until_refused(std::vector<std::size_t> takes) {
        EXPECT_EQ(serve_to_the_end(std::move(takes), false), exit_refused_invocation);
        const auto copied = read_kept(folder_.path());
        EXPECT_TRUE(copied);
        return copied ? *copied : KeptCopy();
    }
    /// @return the exit status
    int serve_to_the_end(std::vector<std::size_t> takes, bool durable) {
        image_.manager = &manager_;
        image_.takes = std::move(takes);
        active = &image_;
        EXPECT_TRUE(make_kept(folder_.path(), ring_bytes_min, durable));
        const Descriptor file(::open((folder_.path() / kept_file).c_str(), O_RDWR | O_CLOEXEC));
        KeptArea kept = KeptArea::map(file.get());
        image_.call(image_.takes.size() + (image_.last_comes_late ? 0 : 1));
        const Door door{.enter = [](const Door&, runtime::Invocation& invocation) {
            active->enter(invocation);
        }};
        return serve(door, module_, kept, 0);
    }

    test::TemporaryFolder folder_;
    test::MemoryFile file_;
    SharedArea manager_area_ = file_.map(End::manager);
    SharedArea module_area_ = file_.map(End::module);
    ManagerEnd manager_{manager_area_};
    ModuleEnd module_{module_area_, -1};
    Image image_;
};

TEST_F(ServeTest, WhatTheManagerHasNotTakenIsKeptWithTheState) {
    const KeptCopy kept = serve_until_refused({0, 0, 0});
    EXPECT_EQ(kept.frames, event(0) + event(1) + event(2));
    EXPECT_EQ(kept.state, state(2));
}

TEST_F(ServeTest, WhatTheManagerHasTakenIsNot) {
    EXPECT_EQ(serve_until_refused({0, 1, 0, 2}).frames, event(3));
}

TEST_F(ServeTest, AStateIsForTheHostAlone) {
    (void)serve_until_refused({0, 0});
    const auto left = manager_.readable();
    ASSERT_TRUE(left);
    EXPECT_EQ(Octets(left->begin(), left->end()), event(0) + event(1));
}

TEST_F(ServeTest, WhatComesBeforeItsTimeIsHeldBackUntilTheStateIsKept) {
    image_.every_ms = 10'000;
    EXPECT_EQ(serve_until_refused({0, 0, 0, 0}).state, state(0, 10'000));
    EXPECT_EQ(image_.told, 1U) << "that it is told from now on";
    const std::size_t one = event(0).size();
    EXPECT_EQ(image_.seen, (std::vector<std::size_t>{0, one, one, one}));
    const auto left = manager_.readable();
    ASSERT_TRUE(left);
    EXPECT_EQ(Octets(left->begin(), left->end()), event(0)) << "the others died with the process";
}

TEST_F(ServeTest, WhatIsHeldBackGoesOutWhenItsTimeHasComeThoughNothingElseComes) {
    image_.every_ms = 1;
    image_.last_comes_late = true;
    const KeptCopy kept = serve_until_refused({0, 0});
    EXPECT_EQ(kept.state, state(2, 1));
    EXPECT_EQ(kept.frames, event(0) + event(1));
    const auto left = manager_.readable();
    ASSERT_TRUE(left);
    EXPECT_EQ(Octets(left->begin(), left->end()), event(0) + event(1));
}

TEST_F(ServeTest, WhoWaitsForAnAnswerGetsItWithTheStateAtOnce) {
    image_.every_ms = 10'000;
    image_.leaves = result;
    EXPECT_EQ(serve_until_refused({0, 0, 0}).state, state(3, 10'000));
    EXPECT_EQ(image_.told, 3U);
    const auto left = manager_.readable();
    ASSERT_TRUE(left);
    EXPECT_EQ(Octets(left->begin(), left->end()), result(0) + result(1) + result(2));
}

TEST_F(ServeTest, AStateThatTheDiskDoesNotTakeEndsTheProcessAndWhatItKnowsOfIsGivenToNobody) {
    int waits = 0;
    test::on_sync = [&](const void*, std::size_t) { return ++waits > 2 ? EIO : 0; };
    EXPECT_EQ(serve_to_the_end({0, 0, 0}, true), exit_state_not_kept);
    test::on_sync = nullptr;
    const auto left = manager_.readable();
    ASSERT_TRUE(left);
    EXPECT_EQ(Octets(left->begin(), left->end()), event(0));
    EXPECT_EQ(read_kept(folder_.path())->state, state(0));
}

} // namespace
} // namespace authex::tee::process
