#include "tee/process/kept_copy.hpp"

#include <fcntl.h>
#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/link.hpp"

namespace authex::tee::process {
namespace {

namespace fs = std::filesystem;
using Octets = std::vector<std::uint8_t>;
constexpr std::size_t frames_bytes = 10'000;

class KeptCopyTest : public testing::Test {
  protected:
    void keep(const Octets& frames, std::size_t state_bytes) {
        const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        EXPECT_TRUE(KeptArea::map(file.get()).keep(frames, state_bytes));
    }
    test::TemporaryFolder folder;
    fs::path path = folder.path() / kept_file;
    fs::path aside = folder.path() / "state.damaged";
};

TEST_F(KeptCopyTest, RoomIsMadeOnceAndWhatWasKeptStays) {
    ASSERT_TRUE(make_kept(folder.path(), frames_bytes));
    EXPECT_TRUE(read_kept(folder.path())->state.empty());
    keep({1, 2, 3}, 2);
    ASSERT_TRUE(make_kept(folder.path(), frames_bytes));
    const auto kept = read_kept(folder.path());
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->frames, Octets({1}));
    EXPECT_EQ(kept->state, Octets({2, 3}));
}

TEST_F(KeptCopyTest, WhatIsNoSuchFileIsSetAsideAndNamedUntilSomethingIsKeptAgain) {
    folder.write(kept_file, "no state");
    ASSERT_TRUE(make_kept(folder.path(), frames_bytes));
    EXPECT_EQ(fs::file_size(aside), 8U) << "whoever can read it may still";
    for (int again = 0; again < 2; ++again) {
        const auto lost = read_kept(folder.path());
        ASSERT_FALSE(lost);
        EXPECT_EQ(lost.error().code, "kept-state");
        EXPECT_NE(lost.error().summary.find(aside.string()), std::string::npos);
    }
    keep({7}, 1);
    const auto kept = read_kept(folder.path());
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->state, Octets({7}));
}

TEST_F(KeptCopyTest, WhatCannotBeOpenedIsNotTakenForDamaged) {
    fs::create_symlink("elsewhere", path);
    const auto made = make_kept(folder.path(), frames_bytes);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "module-files");
    EXPECT_TRUE(fs::is_symlink(path));
    EXPECT_FALSE(fs::exists(aside));
}

} // namespace
} // namespace authex::tee::process
