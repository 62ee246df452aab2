#include "tee/process/shared_area.hpp"

#include <cerrno>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tee/process/memory_file.hpp"

namespace authex::tee::process {
namespace {

int refusal(int file) {
    errno = 0;
    return SharedArea::map(file, End::manager).mapped() ? 0 : errno;
}

TEST(SharedArea, RefusesRingSizesThatAreNoPowerOfTwoOrOutOfRange) {
    const Descriptor file(::memfd_create("rings", MFD_CLOEXEC));
    for (const std::size_t bytes :
         {std::size_t{0}, ring_bytes_min / 2, ring_bytes_min + 4096, ring_bytes_max * 2}) {
        EXPECT_FALSE(SharedArea::lay_out(file.get(), bytes)) << bytes;
        EXPECT_EQ(errno, EINVAL);
    }
}

TEST(SharedArea, RefusesAFileOfAnotherLengthThanItStates) {
    const test::MemoryFile file;
    ASSERT_EQ(::ftruncate(file.get(), 2 * page_bytes + 2 * ring_bytes_min - 1), 0);
    EXPECT_EQ(refusal(file.get()), EPROTO);
    ASSERT_EQ(::ftruncate(file.get(), 2 * page_bytes + 2 * ring_bytes_min + 1), 0);
    EXPECT_EQ(refusal(file.get()), EPROTO);
}

TEST(SharedArea, RefusesDamagedHeaders) {
    const test::MemoryFile file;
    const std::uint64_t bad = 3;
    for (const off_t field : {0, 8}) {
        std::uint64_t good = 0;
        ASSERT_EQ(::pread(file.get(), &good, sizeof good, field), 8);
        ASSERT_EQ(::pwrite(file.get(), &bad, sizeof bad, field), 8);
        EXPECT_EQ(refusal(file.get()), EPROTO);
        ASSERT_EQ(::pwrite(file.get(), &good, sizeof good, field), 8);
    }
    EXPECT_EQ(refusal(file.get()), 0);
}

TEST(SharedArea, RefusesAnEmptyFileAndNoFile) {
    const Descriptor empty(::memfd_create("empty", MFD_CLOEXEC));
    EXPECT_EQ(refusal(empty.get()), EPROTO);
    EXPECT_EQ(refusal(-1), EPROTO);
}

TEST(SharedArea, BothEndsSeeTheSameRings) {
    const test::MemoryFile file;
    const SharedArea manager = file.map(End::manager);
    const SharedArea module = file.map(End::module);
    manager.in_ring().base[5] = 42;
    module.out_ring().base[6] = 43;
    EXPECT_EQ(module.in_ring().base[5], 42);
    EXPECT_EQ(manager.out_ring().base[6], 43);
    EXPECT_EQ(manager.out_ring().base[ring_bytes_min + 6], 43);
}

TEST(SharedAreaDeathTest, ModuleCannotWriteWhatTheManagerOwns) {
    const test::MemoryFile file;
    const SharedArea module = file.map(End::module);
    EXPECT_DEATH(module.manager_page().in_written = 1, "");
    EXPECT_DEATH(module.in_ring().base[0] = 1, "");
    EXPECT_DEATH(module.in_ring().base[ring_bytes_min] = 1, "");
    module.out_ring().base[0] = 1;
    module.module_page().out_written = 1;
}

} // namespace
} // namespace authex::tee::process
