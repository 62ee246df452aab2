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

Octets state(std::uint64_t counter) {
    return test::plain({.kind = wire::Kind::state, .counter = counter}, Octets(50, 9));
}
Octets event(std::uint64_t counter) {
    return test::plain({.kind = wire::Kind::event, .channel = 1, .counter = counter},
                       Octets(40, 7));
}

/// An image that leaves an event and its state each time, and refuses when it was told enough.
struct Image {
    ManagerEnd* manager = nullptr;
    std::vector<std::size_t> takes; ///< frames that the manager takes before each invocation
    std::uint64_t invoked = 0;

    void enter(runtime::Invocation& invocation) {
        if (invoked == takes.size()) {
            invocation.error = static_cast<std::uint32_t>(Error::malformed);
            return;
        }
        const auto taken = manager->readable();
        ASSERT_TRUE(taken);
        manager->consume(takes[invoked] * event(0).size());
        const Octets left = event(invoked) + state(invoked);
        std::copy(left.begin(), left.end(), reinterpret_cast<std::uint8_t*>(invocation.out));
        invocation.consumed = wire::header_bytes;
        invocation.produced = left.size();
        ++invoked;
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
        const Octets calls(wire::header_bytes * (image_.takes.size() + 1), 1);
        const auto room = manager_.writable();
        std::copy(calls.begin(), calls.end(), room->begin());
        manager_.commit(calls.size());
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
