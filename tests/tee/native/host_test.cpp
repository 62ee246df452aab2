// Real modules in processes of their own, through the loader and authex-host.
#include <elf.h>
#include <fcntl.h>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "tee/native/host/image.hpp"
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
    std::unique_ptr<ModuleLink> start() {
        const auto directory = test::module_folder(folder_, "echo", echo_image().path);
        return test::require(loader_->start(test::spec_of(echo_image(), "echo"), directory));
    }
    static std::vector<std::uint8_t>
    call(ModuleLink& link, std::uint16_t entry, ByteView body = {}) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, entry, 1, body)));
        return test::receive(link);
    }
    /// Calls an entry that does not come back. @return how the module ended
    std::string end_of(std::uint16_t entry, ByteView body = {}) {
        const auto link = start();
        EXPECT_TRUE(call(*link, entry, body).empty());
        const std::optional<Exit> exit = test::wait_exit(*link);
        return exit ? to_text(*exit) : "runs";
    }
    [[nodiscard]] process::SharedArea map_rings() const {
        const process::Descriptor rings(
            ::open((folder_.path() / "echo/rings").c_str(), O_RDWR | O_CLOEXEC));
        return process::SharedArea::map(rings.get(), process::End::manager);
    }
    test::TemporaryFolder folder_;
    std::unique_ptr<NativeLoader> loader_ = test::open_loader(folder_);
};

// The kernel puts the heap of a program at a fixed place anywhere within 1 GiB after it (Linux,
// arch/x86/kernel/process.c, arch_randomize_brk): below the images it would meet one now and then.
TEST_F(HostTest, ProgramAndItsHeapLieAboveAllImages) {
    std::ifstream program(std::string(AUTHEX_BINARY_DIR) + "/bin/authex-host", std::ios::binary);
    Elf64_Ehdr header{};
    ASSERT_TRUE(program.read(reinterpret_cast<char*>(&header), sizeof header));
    ASSERT_EQ(header.e_type, ET_EXEC);
    program.seekg(static_cast<std::streamoff>(header.e_phoff));
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        ASSERT_TRUE(program.read(reinterpret_cast<char*>(&segment), sizeof segment));
        EXPECT_TRUE(segment.p_type != PT_LOAD || segment.p_vaddr >= image_window_end) << i;
    }
}

class RunningHostTest : public HostTest {
  protected:
    ~RunningHostTest() override {
        link_->kill();
        EXPECT_TRUE(test::wait_exit(*link_));
    }
    std::unique_ptr<ModuleLink> link_ = start();
};

TEST_F(RunningHostTest, AnswersHello) {
    ASSERT_TRUE(test::send(*link_, frame(Kind::hello, 0, 0)));
    wire::FrameHeader header;
    ASSERT_EQ(wire::parse_header(test::receive(*link_), header), Error::none);
    EXPECT_EQ(header.kind, Kind::hello);
}

TEST_F(RunningHostTest, EchoesFramesOfEverySize) {
    for (const std::size_t size : {0U, 1U, 64U, 16'384U, 65'535U, 65'536U}) {
        const std::vector<std::uint8_t> body(size, 0x5A);
        const std::vector<std::uint8_t> result = call(*link_, test::echo, body);
        wire::FrameView view;
        ASSERT_EQ(wire::parse_frame(result, view), Error::none) << size;
        EXPECT_EQ(view.header.kind, Kind::result);
        EXPECT_TRUE(std::equal(view.body.begin(), view.body.end(), body.begin(), body.end()));
    }
}

TEST_F(RunningHostTest, LeavesACutFrameUntilTheRestIsThere) {
    const std::vector<std::uint8_t> body(100, 1);
    const std::vector<std::uint8_t> whole = frame(Kind::call, test::echo, 7, body);
    for (std::size_t at = 0; at < whole.size(); at += 30) {
        const ByteView part =
            ByteView(whole).subspan(at, std::min<std::size_t>(30, whole.size() - at));
        ASSERT_TRUE(test::send(*link_, part));
    }
    wire::FrameView view;
    ASSERT_EQ(wire::parse_frame(test::receive(*link_), view), Error::none);
    EXPECT_EQ(view.header.counter, 7U);
}

TEST_F(RunningHostTest, LosesNoneOfAMillionFramesInBothDirections) {
    constexpr std::uint64_t total = 1'000'000;
    const std::vector<std::uint8_t> body(16, 9);
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    bool right = true;
    while (answered < total && right) {
        Bytes room = *link_->writable();
        std::size_t used = 0;
        for (; sent < total && room.size() - used >= wire::header_bytes + body.size(); ++sent) {
            const auto next = frame(Kind::call, test::echo, sent, body);
            copy(next, room.subspan(used));
            used += next.size();
        }
        link_->commit(used);
        const ByteView ready = *link_->readable();
        std::size_t taken = 0;
        wire::FrameView view;
        while (right && wire::parse_frame(ready.subspan(taken), view) == Error::none) {
            right = view.header.counter == answered++ && view.body.size() == body.size();
            taken += view.frame_bytes();
        }
        link_->consume(taken);
        link_->notify();
        if (right && used == 0 && taken == 0 && link_->prepare_sleep(sent < total)) {
            right = test::wait_readable(link_->doorbell_fd());
            link_->drain_doorbell();
        }
    }
    EXPECT_TRUE(right) << "after " << answered << " of " << sent;
    EXPECT_EQ(answered, total);
}

TEST_F(RunningHostTest, WaitsForRoomWhenNobodyReads) {
    const std::vector<std::uint8_t> body(60'000, 3);
    std::uint64_t sent = 0;
    // Its outputs fill first, then its inputs, then it sleeps.
    const process::SharedArea area = map_rings();
    const auto next = [&] { return frame(Kind::call, test::echo, sent, body); };
    const auto room = [&] { return link_->writable()->size() >= next().size(); };
    // It may be on its way to a sleep, or from one, at any moment; only in the end it stays there.
    while (room() || area.module_page().module_sleeps == 0 ||
           sent * body.size() < process::ring_bytes_default) {
        if (room()) {
            ASSERT_TRUE(test::send(*link_, next()));
            ++sent;
        }
    }
    for (std::uint64_t answered = 0; answered < sent; ++answered) {
        wire::FrameView view;
        const std::vector<std::uint8_t> result = test::receive(*link_);
        ASSERT_EQ(wire::parse_frame(result, view), Error::none);
        ASSERT_EQ(view.header.counter, answered);
    }
}

TEST_F(RunningHostTest, MayWaitYieldAndWriteToItsDoorbell) {
    for (const int number : {SYS_futex, SYS_sched_yield, SYS_write, SYS_clock_gettime}) {
        const auto byte = static_cast<std::uint8_t>(number);
        EXPECT_FALSE(call(*link_, test::system_call, ByteView(&byte, 1)).empty()) << number;
    }
}

TEST_F(HostTest, IsKilledForEveryOtherSystemCall) {
    for (const int number : {SYS_read,
                             SYS_open,
                             SYS_close,
                             SYS_mmap,
                             SYS_mprotect,
                             SYS_brk,
                             SYS_ioctl,
                             SYS_dup2,
                             SYS_getpid,
                             SYS_socket,
                             SYS_clone,
                             SYS_fork,
                             SYS_execve,
                             SYS_kill,
                             SYS_ptrace,
                             SYS_prctl,
                             SYS_time}) {
        const auto byte = static_cast<std::uint8_t>(number);
        EXPECT_EQ(end_of(test::system_call, ByteView(&byte, 1)), "killed by signal 31 (SIGSYS)")
            << number;
    }
}

TEST_F(HostTest, ExitOfAModuleIsToldWithItsStatus) {
    const std::uint8_t number = SYS_exit_group;
    EXPECT_EQ(end_of(test::system_call, ByteView(&number, 1)), "exit status 0");
}

TEST_F(HostTest, FaultsAreToldWithTheirSignal) {
    EXPECT_EQ(end_of(test::crash), "killed by signal 11 (SIGSEGV)");
    EXPECT_EQ(end_of(test::trap), "killed by signal 4 (SIGILL)");
}

TEST_F(HostTest, StackThatIsTooDeepMeetsTheGuard) {
    EXPECT_EQ(end_of(test::deep), "killed by signal 11 (SIGSEGV)");
}

TEST_F(HostTest, EndlessLoopIsKilled) {
    const auto link = start();
    ASSERT_TRUE(test::send(*link, frame(Kind::call, test::loop, 1)));
    EXPECT_FALSE(link->exit());
    link->kill();
    const std::optional<Exit> exit = test::wait_exit(*link);
    ASSERT_TRUE(exit);
    EXPECT_EQ(to_text(*exit), "killed by signal 9 (SIGKILL)");
}

// P35
TEST_F(HostTest, CorruptInputRingEndsTheModule) {
    const auto link = start();
    const process::SharedArea area = map_rings();
    area.manager_page().in_written = std::uint64_t{1} << 60U;
    process::ManagerEnd(area).wake();
    const std::optional<Exit> exit = test::wait_exit(*link);
    ASSERT_TRUE(exit);
    EXPECT_EQ(to_text(*exit), "exit status 70");
}

// P36
TEST_F(HostTest, FramesOfADeadModuleAreStillThere) {
    const auto link = start();
    ASSERT_TRUE(test::send(*link, frame(Kind::hello, 0, 0)));
    if (link->prepare_sleep(false)) {
        ASSERT_TRUE(test::wait_readable(link->doorbell_fd()));
    }
    link->kill();
    ASSERT_TRUE(test::wait_exit(*link));
    EXPECT_GE(link->readable()->size(), wire::header_bytes);
}

} // namespace
} // namespace authex::tee::native
