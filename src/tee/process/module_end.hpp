#pragma once
// A module's process at its end of the shared area. Used by the module hosts; not thread-safe.

#include "tee/process/shared_area.hpp"

namespace authex::tee::process {

class ModuleEnd {
  public:
    /// @param doorbell the manager's named pipe, open for writing without blocking; borrowed.
    ModuleEnd(const SharedArea& area, int doorbell);

    /// As RingReader and RingWriter. Empty optional: the ring is corrupt.
    std::optional<ByteView> readable() { return in_.readable(); }
    std::optional<Bytes> writable() { return out_.writable(); }
    std::optional<ByteView> unread(std::size_t count) { return out_.unread(count); }
    void consume(std::size_t count);
    void commit(std::size_t count);
    /// The module is entered once more.
    void count_entry();
    [[nodiscard]] bool gives_time() const {
        return page_.gives_time.load(std::memory_order_relaxed) != 0;
    }
    /// Wakes the manager if it sleeps and waits for what was committed or consumed since.
    void ring();

    /// True if the manager did anything since the last readable() and writable().
    [[nodiscard]] bool changed() const { return in_.moved() || out_.moved(); }
    /// Sleeps until the manager does what is wanted; may return early. @param most_us 0: for ever
    void sleep(std::uint32_t wanted, std::uint64_t most_us = 0);

  private:
    ModulePage& page_;
    RingReader in_;
    RingWriter out_;
    int doorbell_;
    std::uint32_t done_ = 0; ///< what the manager may wait for and got since it was last rung
};

} // namespace authex::tee::process
