#include "tee/process/kept_area.hpp"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "support/temporary_folder.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/kept_copy.hpp"
#include "tee/process/link.hpp"

namespace authex::tee::process {
namespace {

using Octets = std::vector<std::uint8_t>;
constexpr std::size_t frames_bytes = 10'000;

class KeptAreaTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(KeptArea::lay_out(file.get(), frames_bytes)); }
    static Octets octets(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

    test::TemporaryFolder folder;
    Descriptor file{
        ::open((folder.path() / kept_file).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
};

TEST_F(KeptAreaTest, HasNothingAtFirst) {
    const KeptArea area = KeptArea::map(file.get());
    ASSERT_TRUE(area.mapped());
    EXPECT_EQ(area.newest()->number, 0U);
    EXPECT_TRUE(area.newest()->state.empty());
}

TEST_F(KeptAreaTest, TheNextOneToMapItFindsWhatWasKeptLast) {
    for (std::uint8_t i = 1; i <= 5; ++i) {
        KeptArea area = KeptArea::map(file.get());
        EXPECT_TRUE(area.keep(Octets{i, i, i, 9, 9}, 2));
    }
    const KeptArea area = KeptArea::map(file.get());
    const auto kept = area.newest();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->number, 5U);
    EXPECT_EQ(octets(kept->frames), (Octets{5, 5, 5}));
    EXPECT_EQ(octets(kept->state), (Octets{9, 9}));
}

TEST_F(KeptAreaTest, TakesAsMuchAsItWasLaidOutFor) {
    KeptArea area = KeptArea::map(file.get());
    const Octets most(frames_bytes, 7);
    EXPECT_TRUE(area.keep(most, most.size()));
    EXPECT_EQ(octets(area.newest()->state), most);
    EXPECT_TRUE(area.keep(most, 0));
    EXPECT_EQ(octets(area.newest()->frames), most);
}

TEST_F(KeptAreaTest, WhatCannotBeIsSaidToBeDamaged) {
    KeptArea area = KeptArea::map(file.get());
    EXPECT_TRUE(area.keep(Octets{1, 2, 3}, 1));
    const off_t slot = 4096 + ::lseek(file.get(), 0, SEEK_END) / 2 - 2048;
    for (const std::uint32_t size : {0xFFFFFFFFU, 1U << 20U}) {
        ASSERT_EQ(::pwrite(file.get(), &size, sizeof size, slot), 4);
        EXPECT_FALSE(area.newest()) << size;
        EXPECT_FALSE(read_kept(folder.path()));
    }
    const std::uint32_t good = 3;
    const std::uint32_t more = 4;
    ASSERT_EQ(::pwrite(file.get(), &good, sizeof good, slot), 4);
    ASSERT_EQ(::pwrite(file.get(), &more, sizeof more, slot + 4), 4);
    EXPECT_FALSE(area.newest()) << "a state that is longer than all of it";
}

TEST_F(KeptAreaTest, AFileThatIsNoneIsNotMapped) {
    for (const off_t field : {0, 8}) {
        std::uint64_t good = 0;
        const std::uint64_t bad = 3;
        ASSERT_EQ(::pread(file.get(), &good, sizeof good, field), 8);
        ASSERT_EQ(::pwrite(file.get(), &bad, sizeof bad, field), 8);
        EXPECT_FALSE(KeptArea::map(file.get()).mapped());
        EXPECT_EQ(errno, EPROTO);
        ASSERT_EQ(::pwrite(file.get(), &good, sizeof good, field), 8);
    }
    EXPECT_TRUE(KeptArea::map(file.get()).mapped());
    ASSERT_EQ(::ftruncate(file.get(), 4096), 0);
    EXPECT_FALSE(KeptArea::map(file.get()).mapped());
    EXPECT_FALSE(KeptArea::map(-1).mapped());
}

TEST_F(KeptAreaTest, AFolderWithoutOneHasNothing) {
    const test::TemporaryFolder empty;
    const auto none = read_kept(empty.path());
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->state.empty());
    EXPECT_EQ(read_kept(folder.path())->state, Octets());
}

TEST_F(KeptAreaTest, WhoReadsMeanwhileGetsAWholeOneOrNone) {
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        KeptArea area = KeptArea::map(file.get());
        for (std::uint8_t i = 1; !stop; ++i) {
            EXPECT_TRUE(area.keep(Octets(1000 + i, i), 500));
        }
    });
    const KeptArea area = KeptArea::map(file.get());
    int whole = 0;
    while (whole < 100) {
        const auto kept = area.newest();
        if (!kept || kept->number == 0) {
            continue;
        }
        const Octets state = octets(kept->state);
        const Octets frames = octets(kept->frames);
        if (area.is_newest(*kept)) {
            ++whole;
            ASSERT_EQ(state, Octets(500, state.at(0)));
            ASSERT_EQ(frames, Octets(500U + state.at(0), state.at(0)));
        }
    }
    stop = true;
    writer.join();
}

} // namespace
} // namespace authex::tee::process
