#include "tee/process/module_end.hpp"

#include <ctime>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace authex::tee::process {

ModuleEnd::ModuleEnd(const SharedArea& area, int doorbell)
    : page_(area.module_page()),
      in_(area.manager_page().in_written, page_.in_consumed, area.in_ring()),
      out_(page_.out_written, area.manager_page().out_consumed, area.out_ring()),
      doorbell_(doorbell) {}

void ModuleEnd::consume(std::size_t count) {
    in_.consume(count);
    done_ |= count != 0 ? wanted_room : 0U;
}

void ModuleEnd::commit(std::size_t count) {
    out_.commit(count);
    done_ |= count != 0 ? wanted_data : 0U;
}

void ModuleEnd::count_entry() {
    page_.entries.store(page_.entries.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
}

void ModuleEnd::ring() {
    if (done_ == 0) {
        return;
    }
    // Orders what was published before the look at the flag; its partner is in prepare_sleep().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const bool wanted = (page_.manager_sleeps.load(std::memory_order_relaxed) & done_) != 0;
    done_ = 0;
    if (wanted && page_.manager_sleeps.exchange(0, std::memory_order_acq_rel) != 0) {
        const std::uint8_t stroke = 1;
        // A full pipe is a bell that rings already.
        [[maybe_unused]] const ssize_t written = ::write(doorbell_, &stroke, 1);
    }
}

void ModuleEnd::sleep(std::uint32_t wanted, std::uint64_t most_us) {
    page_.module_sleeps.store(wanted, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!changed()) {
        const timespec most{.tv_sec = static_cast<time_t>(most_us / 1'000'000),
                            .tv_nsec = static_cast<long>(most_us % 1'000'000 * 1'000)};
        ::syscall(SYS_futex,
                  &page_.module_sleeps,
                  FUTEX_WAIT,
                  wanted,
                  most_us != 0 ? &most : nullptr,
                  nullptr,
                  0);
    }
    page_.module_sleeps.store(0, std::memory_order_relaxed);
}

} // namespace authex::tee::process
