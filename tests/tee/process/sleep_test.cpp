// Both ends of the shared area: who sleeps is woken by what it waits for.
#include <array>
#include <atomic>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "tee/process/manager_end.hpp"
#include "tee/process/memory_file.hpp"
#include "tee/process/module_end.hpp"
#include "wire/frame.hpp"

namespace authex::tee::process {
namespace {

struct Bell {
    Bell() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
            throw std::runtime_error("no pipe");
        }
        heard = Descriptor(ends[0]);
        struck = Descriptor(ends[1]);
    }
    [[nodiscard]] bool rings(int wait_ms = 0) const {
        pollfd poll{.fd = heard.get(), .events = POLLIN, .revents = 0};
        return ::poll(&poll, 1, wait_ms) == 1;
    }
    void drain() const {
        std::array<char, 64> strokes{};
        (void)!::read(heard.get(), strokes.data(), strokes.size());
    }
    Descriptor heard;
    Descriptor struck;
};

class SleepTest : public testing::Test {
  protected:
    void module_writes(std::size_t count) {
        ASSERT_TRUE(module_.writable());
        module_.commit(count);
        module_.ring();
    }
    void module_reads(std::size_t count) {
        ASSERT_TRUE(module_.readable());
        module_.consume(count);
        module_.ring();
    }
    void manager_writes(std::size_t count) {
        ASSERT_TRUE(manager_.writable());
        manager_.commit(count);
        manager_.notify();
    }

    test::MemoryFile file_;
    SharedArea manager_area_ = file_.map(End::manager);
    SharedArea module_area_ = file_.map(End::module);
    Bell bell_;
    ManagerEnd manager_{manager_area_};
    ModuleEnd module_{module_area_, bell_.struck.get()};
};

TEST_F(SleepTest, BellIsSilentWhileTheManagerIsAwake) {
    module_writes(10);
    EXPECT_FALSE(bell_.rings());
}

TEST_F(SleepTest, ManagerDoesNotSleepOverWhatItHasNotRead) {
    module_writes(10);
    EXPECT_FALSE(manager_.prepare_sleep(false));
    EXPECT_EQ(module_area_.module_page().manager_sleeps, 0U);
}

TEST_F(SleepTest, SleepingManagerIsRungOnceForMany) {
    ASSERT_TRUE(manager_.prepare_sleep(false));
    module_writes(10);
    ASSERT_TRUE(bell_.rings());
    bell_.drain();
    module_writes(10);
    EXPECT_FALSE(bell_.rings());
    EXPECT_EQ(manager_.readable()->size(), 20U);
}

TEST_F(SleepTest, ManagerThatWaitsForDataIsNotRungForRoom) {
    manager_writes(100);
    ASSERT_TRUE(manager_.prepare_sleep(false));
    module_reads(100);
    EXPECT_FALSE(bell_.rings());
}

TEST_F(SleepTest, ManagerThatWaitsForRoomIsRungForIt) {
    manager_writes(manager_.writable()->size());
    ASSERT_TRUE(manager_.prepare_sleep(true));
    module_reads(100);
    EXPECT_TRUE(bell_.rings());
}

TEST_F(SleepTest, ManagerDoesNotSleepWhileAnyFrameFits) {
    EXPECT_FALSE(manager_.prepare_sleep(true));
    manager_writes(ring_bytes_min - wire::max_frame_bytes);
    EXPECT_FALSE(manager_.prepare_sleep(true));
    manager_writes(1);
    EXPECT_TRUE(manager_.prepare_sleep(true));
}

TEST_F(SleepTest, ManagerDoesNotSleepOverRoomThatCameSinceItLooked) {
    manager_writes(ring_bytes_min);
    module_reads(5);
    EXPECT_FALSE(manager_.prepare_sleep(true));
    EXPECT_EQ(manager_.writable()->size(), 5U);
    EXPECT_TRUE(manager_.prepare_sleep(true));
}

TEST_F(SleepTest, ModuleDoesNotSleepOverWhatItHasNotSeen) {
    manager_writes(10);
    module_.sleep(wanted_data); // returns: else this test hangs
    EXPECT_EQ(module_.readable()->size(), 10U);
}

TEST_F(SleepTest, ManagerThatComesLaterWakesWhoWasNotWoken) {
    // The earlier manager took the flag away and died before it could wake.
    std::thread sleeper([&] {
        ASSERT_TRUE(module_.readable() && module_.writable());
        module_.sleep(wanted_data);
    });
    while (manager_area_.module_page().module_sleeps == 0) {
        std::this_thread::yield();
    }
    std::atomic<bool> woken{false};
    std::thread waker([&] {
        while (!woken) { // the flag stands a moment before the sleep begins
            ManagerEnd(manager_area_).wake();
            std::this_thread::yield();
        }
    });
    sleeper.join();
    woken = true;
    waker.join();
}

TEST_F(SleepTest, NoWakeUpIsLostInManyRounds) {
    constexpr int rounds = 20'000;
    std::thread module([&] {
        for (int done = 0; done < rounds;) {
            const std::size_t ready = module_.readable()->size();
            const std::size_t room = module_.writable()->size();
            if (ready != 0 && room != 0) {
                module_.commit(1);
                module_.consume(1);
                module_.ring();
                ++done;
            } else {
                module_.sleep(wanted_data);
            }
        }
    });
    bool heard = true;
    for (int round = 0; round < rounds && heard; ++round) {
        manager_.commit(manager_.writable()->empty() ? 0 : 1);
        manager_.notify();
        while (heard && manager_.readable()->empty()) {
            if (manager_.prepare_sleep(false)) {
                heard = bell_.rings(10'000);
                bell_.drain();
            }
        }
        manager_.consume(1);
        manager_.notify();
    }
    EXPECT_TRUE(heard);
    module.join();
}

TEST_F(SleepTest, HostilePositionsAreErrorsAtBothEnds) {
    module_area_.module_page().in_consumed = 1;
    module_area_.module_page().out_written = ring_bytes_min + 1;
    EXPECT_FALSE(manager_.writable());
    EXPECT_FALSE(manager_.readable());
    EXPECT_FALSE(manager_.prepare_sleep(true));
    manager_area_.manager_page().in_written = ring_bytes_min + 1;
    manager_area_.manager_page().out_consumed = 1;
    EXPECT_FALSE(module_.readable());
    EXPECT_FALSE(module_.writable());
    module_.sleep(wanted_data); // nothing to wait for: returns
}

TEST_F(SleepTest, TheManagerIsToldHowOftenTheModuleWasEntered) {
    EXPECT_EQ(manager_.entries(), 0U);
    module_.count_entry();
    module_.count_entry();
    EXPECT_EQ(manager_.entries(), 2U);
    ModuleEnd next(module_area_, bell_.struck.get()); // of the same process: it counts on
    next.count_entry();
    EXPECT_EQ(ManagerEnd(manager_area_).entries(), 3U) << "a later manager knows";
}

} // namespace
} // namespace authex::tee::process
