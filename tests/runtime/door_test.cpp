#include "runtime/door.hpp"

#include <memory>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

/// The image of this test's port: a range that nothing lives in, except where a test says so.
struct TestImage {
    std::vector<authex_endpoint> records{std::begin(test::endpoints), std::end(test::endpoints)};
    std::uint64_t begin = 0x1000;
    std::uint64_t end = 0x2000;
} image;
const crypto::DhKey owner_key = [] { return test::Owner().public_key(); }();

} // namespace

// The port of this process, as src/tee/*/port/ are of theirs.
ImageLayout port::layout() {
    return {.endpoints = image.records,
            .owner_keys = owner_key,
            .begin = image.begin,
            .end = image.end};
}

namespace {

using test::Octets;

std::uint64_t address(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

class DoorTest : public testing::Test {
  protected:
    static constexpr std::size_t half = std::size_t{1} << 19U;
    void SetUp() override {
        image = {};
        test::module_state = {};
    }
    Error enter(Invocation& invocation) {
        invocation.error = 0xFFFF;
        invocation.consumed = 77;
        invocation.produced = 77;
        door_.enter(&invocation);
        if (invocation.error != 0) {
            EXPECT_EQ(invocation.consumed, 0U);
            EXPECT_EQ(invocation.produced, 0U);
        }
        return static_cast<Error>(invocation.error);
    }
    Invocation start_invocation() {
        return {.operation = Operation::start,
                .shared_begin = address(shared_.data()),
                .shared_end = address(shared_.data()) + shared_.size()};
    }
    Error start() {
        Invocation invocation = start_invocation();
        return enter(invocation);
    }
    Invocation invocation(std::size_t in_bytes = 0) {
        return {.in = address(shared_.data()),
                .in_bytes = in_bytes,
                .out = address(shared_.data()) + half,
                .out_bytes = half};
    }
    Error invoke(Invocation changed) { return enter(changed); }

    Octets shared_ = Octets(2 * half);
    std::unique_ptr<Runtime> runtime_ = std::make_unique<Runtime>();
    Door door_{*runtime_};
};

TEST_F(DoorTest, ServesFramesInTheSharedArea) {
    ASSERT_EQ(start(), Error::none);
    const Octets frame = test::plain({.kind = wire::Kind::call, .channel = test::enter}, {1, 2});
    std::copy(frame.begin(), frame.end(), shared_.begin());
    Invocation served = invocation(frame.size());
    ASSERT_EQ(enter(served), Error::none);
    EXPECT_EQ(served.consumed, frame.size());
    EXPECT_GT(served.produced, 0U);
    EXPECT_EQ(test::module_state.heard.size(), 1U);
}

TEST_F(DoorTest, InvokeBeforeStartIsRefused) {
    EXPECT_EQ(invoke(invocation()), Error::malformed);
    EXPECT_EQ(start(), Error::none);
    EXPECT_EQ(invoke(invocation()), Error::none);
}

TEST_F(DoorTest, StartedTwiceIsRefused) {
    ASSERT_EQ(start(), Error::none);
    EXPECT_EQ(start(), Error::malformed);
    EXPECT_EQ(invoke(invocation()), Error::none);
}

TEST_F(DoorTest, OtherVersionsAndOperationsAreRefused) {
    for (const std::uint32_t version : {0U, 2U, 0xFFFFFFFFU}) {
        Invocation other = start_invocation();
        other.version = version;
        EXPECT_EQ(enter(other), Error::unknown_version);
    }
    ASSERT_EQ(start(), Error::none);
    for (const std::uint32_t operation : {0U, 3U, 0xFFFFFFFFU}) {
        Invocation other = invocation();
        other.operation = static_cast<Operation>(operation);
        EXPECT_EQ(enter(other), Error::malformed);
    }
}

TEST_F(DoorTest, SharedAreaThatIsNoneIsRefused) {
    Invocation none = start_invocation();
    none.shared_end = none.shared_begin;
    EXPECT_EQ(enter(none), Error::outside);
    none.shared_end = none.shared_begin - 1;
    EXPECT_EQ(enter(none), Error::outside);
}

TEST_F(DoorTest, SharedAreaThatTouchesTheImageIsRefused) {
    struct Row {
        std::uint64_t begin;
        std::uint64_t end;
        Error expected;
    };
    for (const Row& row : {Row{0x0, 0x1001, Error::outside},
                           Row{0x1FFF, 0x3000, Error::outside},
                           Row{0x1000, 0x2000, Error::outside},
                           Row{0x0, ~std::uint64_t{0}, Error::outside},
                           Row{0x1400, 0x1500, Error::outside},
                           Row{0x2000, 0x3000, Error::none}}) {
        Door door(*runtime_);
        Invocation touching = start_invocation();
        touching.shared_begin = row.begin;
        touching.shared_end = row.end;
        door.enter(&touching);
        EXPECT_EQ(static_cast<Error>(touching.error), row.expected) << row.begin;
    }
    Door door(*runtime_);
    Invocation below = start_invocation();
    below.shared_begin = 0;
    below.shared_end = 0x1000;
    door.enter(&below);
    EXPECT_EQ(below.error, 0U);
}

// P25
TEST_F(DoorTest, BuffersOutsideTheSharedAreaAreRefused) {
    ASSERT_EQ(start(), Error::none);
    const std::uint64_t begin = address(shared_.data());
    const std::uint64_t end = begin + shared_.size();
    struct Row {
        std::uint64_t at;
        std::uint64_t bytes;
        Error expected;
    };
    for (const Row& row : {Row{begin, 0, Error::none},
                           Row{begin, 1, Error::none},
                           Row{begin, 2 * half, Error::none},
                           Row{begin, 2 * half + 1, Error::outside},
                           Row{begin - 1, 1, Error::outside},
                           Row{begin - 1, 0, Error::outside},
                           Row{end, 0, Error::none},
                           Row{end, 1, Error::outside},
                           Row{end - 1, 1, Error::none},
                           Row{end - 1, 2, Error::outside},
                           Row{end + 1, 0, Error::outside},
                           Row{begin, ~std::uint64_t{0}, Error::outside},
                           Row{end - 1, ~std::uint64_t{0}, Error::outside}, // wraps
                           Row{~std::uint64_t{0}, 2, Error::outside},       // wraps
                           Row{0x1800, 16, Error::outside},                 // the image
                           Row{0, 0, Error::outside}}) {
        Invocation in = invocation();
        in.in = row.at;
        in.in_bytes = row.bytes;
        EXPECT_EQ(invoke(in), row.expected) << "in " << row.at - begin << ' ' << row.bytes;
        Invocation out = invocation();
        out.out = row.at;
        out.out_bytes = row.bytes;
        EXPECT_EQ(invoke(out), row.expected) << "out " << row.at - begin << ' ' << row.bytes;
    }
}

TEST_F(DoorTest, InvocationInsideTheImageIsNotEvenAnswered) {
    Invocation inside = start_invocation();
    inside.error = 0x5555;
    for (const auto& [begin, end] :
         {std::pair(address(&inside), address(&inside) + sizeof inside),
          std::pair(address(&inside) + sizeof inside - 1, address(&inside) + sizeof inside),
          std::pair(address(&inside) - 8, address(&inside) + 1)}) {
        image.begin = begin;
        image.end = end;
        door_.enter(&inside);
        EXPECT_EQ(inside.error, 0x5555U);
    }
    // Next to the image is outside of it.
    image.begin = address(&inside) + sizeof inside;
    image.end = image.begin + 8;
    door_.enter(&inside);
    EXPECT_NE(inside.error, 0x5555U);
    inside.error = 0x5555;
    image.begin = address(&inside) - 8;
    image.end = address(&inside);
    door_.enter(&inside);
    EXPECT_NE(inside.error, 0x5555U);
}

TEST_F(DoorTest, MoreEndpointsThanTheTableHoldsAreRefused) {
    image.records.resize(max_endpoints + 1);
    EXPECT_EQ(start(), Error::no_space);
    image.records.resize(max_endpoints);
    EXPECT_EQ(start(), Error::none);
}

TEST_F(DoorTest, EnteredWhileInsideIsRefused) {
    ASSERT_EQ(start(), Error::none);
    Error again = Error::none;
    test::module_state.act = [&](test::Id, authex_message&) { again = invoke(invocation()); };
    const Octets frame = test::plain({.kind = wire::Kind::call, .channel = test::enter});
    std::copy(frame.begin(), frame.end(), shared_.begin());
    EXPECT_EQ(invoke(invocation(frame.size())), Error::none);
    EXPECT_EQ(again, Error::malformed);
    EXPECT_EQ(invoke(invocation()), Error::none);
}

// P25
TEST_F(DoorTest, HostThatChangesItsFramesMeanwhileChangesNothing) {
    // The module's function overwrites the frame that it is being given, as a hostile host could.
    ASSERT_EQ(start(), Error::none);
    const Octets frame = test::plain({.kind = wire::Kind::call, .channel = test::enter}, {1, 2});
    std::copy(frame.begin(), frame.end(), shared_.begin());
    std::copy(frame.begin(), frame.end(), shared_.begin() + static_cast<long>(frame.size()));
    Octets seen;
    test::module_state.act = [&](test::Id, authex_message& message) {
        std::fill_n(shared_.begin(), frame.size(), std::uint8_t{0xFF});
        seen.assign(message.data, message.data + message.size);
    };
    Invocation twice = invocation(2 * frame.size());
    EXPECT_EQ(enter(twice), Error::none);
    EXPECT_EQ(twice.consumed, 2 * frame.size());
    EXPECT_EQ(seen, (Octets{1, 2}));
}

} // namespace
} // namespace authex::runtime
