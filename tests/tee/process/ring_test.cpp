#include "tee/process/ring.hpp"

#include <deque>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tee/process/memory_file.hpp"

namespace authex::tee::process {
namespace {

constexpr std::size_t ring_bytes = ring_bytes_min;

class RingTest : public testing::Test {
  protected:
    RingTest() : area_(file_.map(End::manager)) {}
    RingWriter writer() { return {written(), consumed(), area_.in_ring()}; }
    RingReader reader() { return {written(), consumed(), area_.in_ring()}; }
    Position& written() { return area_.manager_page().in_written; }
    Position& consumed() { return area_.module_page().in_consumed; }

    test::MemoryFile file_;
    SharedArea area_;
};

/// What a test does to the ring and to a queue that it must equal.
class Twin {
  public:
    Twin(Position& written, Position& consumed, RingMemory memory)
        : written_(written), consumed_(consumed), memory_(memory) {}

    void write(std::size_t wanted) {
        const std::optional<Bytes> room = writer_.writable();
        RC_ASSERT(room.has_value());
        RC_ASSERT(room->size() == memory_.bytes - queue_.size());
        const std::size_t count = std::min(wanted, room->size());
        for (std::size_t i = 0; i < count; ++i) {
            (*room)[i] = next_;
            queue_.push_back(next_++);
        }
        writer_.commit(count);
    }
    void read(std::size_t wanted) {
        const std::optional<ByteView> bytes = reader_.readable();
        RC_ASSERT(bytes.has_value());
        RC_ASSERT(std::equal(bytes->begin(), bytes->end(), queue_.begin(), queue_.end()));
        const std::size_t count = std::min(wanted, bytes->size());
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
        reader_.consume(count);
    }
    /// The end dies and another takes its place. What it wrote and did not commit is gone.
    void restart_writer() {
        std::destroy_at(&writer_);
        std::construct_at(&writer_, written_, consumed_, memory_);
    }
    void restart_reader() {
        std::destroy_at(&reader_);
        std::construct_at(&reader_, written_, consumed_, memory_);
    }

  private:
    Position& written_;
    Position& consumed_;
    RingMemory memory_;
    RingWriter writer_{written_, consumed_, memory_};
    RingReader reader_{written_, consumed_, memory_};
    std::deque<std::uint8_t> queue_;
    std::uint8_t next_ = 0;
};

RC_GTEST_FIXTURE_PROP(RingTest, EqualsAQueueThroughAnyWritesReadsAndDeaths, ()) {
    // Near the end of the memory and of the counter, so that both wrap.
    const auto start = *rc::gen::element<std::uint64_t>(
        0, ring_bytes - 7, ~std::uint64_t{0} - 100, ~std::uint64_t{0} - ring_bytes);
    written() = start;
    consumed() = start;
    Twin twin(written(), consumed(), area_.in_ring());
    struct Step {
        int what;
        std::size_t count;
    };
    const auto steps = *rc::gen::container<std::vector<Step>>(rc::gen::construct<Step>(
        rc::gen::inRange(0, 6), rc::gen::inRange<std::size_t>(0, ring_bytes / 3)));
    for (const Step& step : steps) {
        switch (step.what) {
        case 0:
            twin.restart_writer();
            break;
        case 1:
            twin.restart_reader();
            break;
        case 2:
        case 3:
            twin.read(step.count);
            break;
        default:
            twin.write(step.count);
        }
    }
    twin.read(ring_bytes);
}

TEST_F(RingTest, RangeOverTheEndIsContiguous) {
    written() = ring_bytes - 2;
    consumed() = ring_bytes - 2;
    RingWriter in = writer();
    RingReader out = reader();
    const std::vector<std::uint8_t> bytes{1, 2, 3, 4, 5};
    copy(bytes, *in.writable());
    in.commit(bytes.size());
    EXPECT_THAT(*out.readable(), testing::ElementsAreArray(bytes));
}

TEST_F(RingTest, FullRingHasNoRoomAndOneByteConsumedMakesOne) {
    RingWriter in = writer();
    RingReader out = reader();
    ASSERT_EQ(in.writable()->size(), ring_bytes);
    in.commit(ring_bytes);
    EXPECT_EQ(in.writable()->size(), 0U);
    ASSERT_EQ(out.readable()->size(), ring_bytes);
    out.consume(1);
    EXPECT_TRUE(in.moved());
    EXPECT_EQ(in.writable()->size(), 1U);
}

TEST_F(RingTest, WriterRefusesConsumedPositionsThatCannotBe) {
    RingWriter in = writer();
    ASSERT_TRUE(in.writable());
    in.commit(100);
    for (const std::uint64_t position : {std::uint64_t{101},
                                         ring_bytes + std::uint64_t{101},
                                         std::uint64_t{1} << 63U,
                                         ~std::uint64_t{0},
                                         std::uint64_t{0} - ring_bytes}) {
        consumed() = position;
        EXPECT_FALSE(in.writable()) << position;
    }
    consumed() = 100;
    EXPECT_TRUE(in.writable());
}

TEST_F(RingTest, WriterRefusesAConsumerThatGoesBack) {
    RingWriter in = writer();
    ASSERT_TRUE(in.writable());
    in.commit(100);
    consumed() = 60;
    ASSERT_TRUE(in.writable());
    consumed() = 59;
    EXPECT_FALSE(in.writable());
}

TEST_F(RingTest, ReaderRefusesWrittenPositionsThatCannotBe) {
    RingReader out = reader();
    for (const std::uint64_t position :
         {ring_bytes + std::uint64_t{1}, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
        written() = position;
        EXPECT_FALSE(out.readable()) << position;
    }
    written() = ring_bytes;
    EXPECT_EQ(out.readable()->size(), ring_bytes);
}

TEST_F(RingTest, ReaderRefusesAWriterThatGoesBack) {
    RingReader out = reader();
    written() = 100;
    ASSERT_TRUE(out.readable());
    written() = 99;
    EXPECT_FALSE(out.readable());
}

TEST_F(RingTest, CorruptRingStaysCorruptUntilThePositionIsPossibleAgain) {
    RingReader out = reader();
    written() = ring_bytes + 1;
    EXPECT_FALSE(out.readable());
    EXPECT_FALSE(out.readable());
    written() = 5;
    EXPECT_EQ(out.readable()->size(), 5U);
}

TEST_F(RingTest, OwnPositionIsNotReadAgain) {
    RingReader out = reader();
    RingWriter in = writer();
    in.commit(10);
    ASSERT_EQ(out.readable()->size(), 10U);
    consumed() = 7; // whoever did that: the reader knows better
    EXPECT_EQ(out.readable()->size(), 10U);
}

TEST_F(RingTest, EndThatComesLaterRefusesPositionsThatCannotBe) {
    written() = 5;
    consumed() = 6;
    EXPECT_FALSE(writer().writable());
    EXPECT_FALSE(reader().readable());
}

TEST_F(RingTest, BytesPassBetweenThreadsInOrder) {
    constexpr std::uint64_t total = std::uint64_t{8} << 20U;
    std::thread producer([&] {
        RingWriter in = writer();
        for (std::uint64_t sent = 0; sent < total;) {
            const Bytes room = *in.writable();
            const std::size_t count =
                std::min<std::size_t>({room.size(), 4099, static_cast<std::size_t>(total - sent)});
            for (std::size_t i = 0; i < count; ++i) {
                room[i] = static_cast<std::uint8_t>((sent + i) % 251);
            }
            in.commit(count);
            sent += count;
            if (count == 0) {
                std::this_thread::yield();
            }
        }
    });
    RingReader out = reader();
    std::uint64_t wrong = 0;
    for (std::uint64_t taken = 0; taken < total;) {
        const ByteView bytes = *out.readable();
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            wrong += bytes[i] != (taken + i) % 251 ? 1U : 0U;
        }
        out.consume(bytes.size());
        taken += bytes.size();
        if (bytes.empty()) {
            std::this_thread::yield();
        }
    }
    producer.join();
    EXPECT_EQ(wrong, 0U);
}

} // namespace
} // namespace authex::tee::process
