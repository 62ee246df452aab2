// Power cuts while a state is kept. A disk has, of what was written since it was told to wait,
// whatever pages it likes.
#include <fcntl.h>
#include <random>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "support/temporary_folder.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/disk.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/kept_copy.hpp"
#include "tee/process/link.hpp"
#include "tee/process/shared_area.hpp"

namespace authex::tee::process {
namespace {

using test::on_sync;
using Octets = std::vector<std::uint8_t>;
constexpr std::size_t frames_bytes = 3 * page_bytes;
constexpr std::size_t state_bytes = 100;

Octets kept_at(std::uint64_t number) {
    return Octets(state_bytes + static_cast<std::size_t>(number % 7) * 1500,
                  static_cast<std::uint8_t>(number + 1));
}

class DurableKeptAreaTest : public testing::Test {
  protected:
    DurableKeptAreaTest() {
        EXPECT_TRUE(make_kept(folder_.path(), frames_bytes, true));
        disk_ = content();
    }
    ~DurableKeptAreaTest() override { on_sync = nullptr; }

    [[nodiscard]] Descriptor open_file() const {
        return Descriptor(::open((folder_.path() / kept_file).c_str(), O_RDWR | O_CLOEXEC));
    }
    [[nodiscard]] Octets content() const {
        const Descriptor file = open_file();
        Octets all(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
        EXPECT_EQ(::pread(file.get(), all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
        return all;
    }
    /// Whatever pages.
    void write_some(Octets& disk) {
        const Octets seen = content();
        for (std::size_t at = 0; at < seen.size(); at += page_bytes) {
            if (random_() % 2 == 0) {
                std::copy_n(seen.data() + at, page_bytes, disk.data() + at);
            }
        }
    }
    /// What comes back after the power did.
    KeptCopy after_cut(const Octets& disk) const {
        const test::TemporaryFolder elsewhere;
        elsewhere.write(kept_file, {reinterpret_cast<const char*>(disk.data()), disk.size()});
        const auto copy = read_kept(elsewhere.path());
        EXPECT_TRUE(copy) << to_text(copy.error());
        return copy ? *copy : KeptCopy();
    }

    test::TemporaryFolder folder_;
    Octets disk_;
    std::mt19937_64 random_{7};
};

TEST_F(DurableKeptAreaTest, APowerCutAtAnyMomentLeavesTheLastStateThatWasKeptOrTheNext) {
    const Descriptor file = open_file();
    KeptArea area = KeptArea::map(file.get());
    ASSERT_TRUE(area.mapped());
    int cuts = 0;
    std::uint64_t number = 0;
    std::uintptr_t base = 0;
    const auto cut = [&](std::uint64_t last) {
        Octets disk = disk_;
        write_some(disk);
        const KeptCopy kept = after_cut(disk);
        const auto is = [&](std::uint64_t which) {
            return kept.state == Octets(state_bytes, static_cast<std::uint8_t>(which + 1)) &&
                   kept.frames.size() + state_bytes == kept_at(which).size();
        };
        EXPECT_TRUE(is(last) || is(last + 1)) << last;
        ++cuts;
    };
    on_sync = [&](const void* address, std::size_t bytes) {
        if (number != 0) {
            cut(number - 1);
        }
        // Slot 1, where the first state goes, begins behind slot 0.
        const auto begin = reinterpret_cast<std::uintptr_t>(address);
        if (base == 0) {
            base = begin - (disk_.size() + page_bytes) / 2;
        }
        const std::size_t at = begin - base;
        const Octets seen = content();
        std::copy_n(seen.data() + at, bytes, disk_.data() + at);
        return 0;
    };
    for (; number < 60; ++number) {
        ASSERT_TRUE(area.keep(kept_at(number), state_bytes));
        cut(number);
    }
    EXPECT_EQ(cuts, 60 + 2 * 59);
}

TEST_F(DurableKeptAreaTest, WithoutThatNothingWaitsForTheDisk) {
    EXPECT_TRUE(make_kept(folder_.path(), frames_bytes, false));
    const Descriptor file = open_file();
    KeptArea area = KeptArea::map(file.get());
    int syncs = 0;
    on_sync = [&](const void*, std::size_t) {
        ++syncs;
        return 0;
    };
    EXPECT_TRUE(area.keep(kept_at(0), state_bytes));
    EXPECT_EQ(syncs, 0);
}

} // namespace
} // namespace authex::tee::process
