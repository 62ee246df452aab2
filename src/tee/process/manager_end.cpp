#include "tee/process/manager_end.hpp"

#include <unistd.h>

#include <linux/futex.h>
#include <sys/syscall.h>

#include "wire/frame.hpp"

namespace authex::tee::process {

ManagerEnd::ManagerEnd(const SharedArea& area)
    : page_(area.module_page()),
      out_(page_.out_written, area.manager_page().out_consumed, area.out_ring()),
      in_(area.manager_page().in_written, page_.in_consumed, area.in_ring()) {}

std::optional<Bytes> ManagerEnd::writable() {
    const std::optional<Bytes> room = in_.writable();
    room_seen_ = room ? room->size() : 0;
    return room;
}

void ManagerEnd::consume(std::size_t count) {
    out_.consume(count);
    done_ |= count != 0 ? wanted_room : 0U;
}

void ManagerEnd::commit(std::size_t count) {
    in_.commit(count);
    room_seen_ -= count;
    done_ |= count != 0 ? wanted_data : 0U;
}

void ManagerEnd::notify() {
    if (done_ == 0) {
        return;
    }
    // Orders what was published before the look at the flag; its partner is in ModuleEnd::sleep().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const bool wanted = (page_.module_sleeps.load(std::memory_order_relaxed) & done_) != 0;
    done_ = 0;
    if (wanted && page_.module_sleeps.exchange(0, std::memory_order_acq_rel) != 0) {
        ::syscall(SYS_futex, &page_.module_sleeps, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
}

void ManagerEnd::wake() {
    page_.module_sleeps.store(0, std::memory_order_release);
    ::syscall(SYS_futex, &page_.module_sleeps, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool ManagerEnd::prepare_sleep(bool want_room) {
    const std::uint32_t wanted = wanted_data | (want_room ? wanted_room : 0U);
    page_.manager_sleeps.store(wanted, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    bool asleep = !out_.pending();
    if (asleep && want_room) {
        const std::size_t seen = room_seen_;
        const std::optional<Bytes> room = in_.writable();
        asleep = room && room->size() <= seen && room->size() < wire::max_frame_bytes;
    }
    if (!asleep) {
        page_.manager_sleeps.store(0, std::memory_order_relaxed);
    }
    return asleep;
}

void ManagerEnd::give_time() {
    page_.gives_time.store(1, std::memory_order_relaxed);
}

std::uint64_t ManagerEnd::entries() const {
    return page_.entries.load(std::memory_order_relaxed);
}

} // namespace authex::tee::process
