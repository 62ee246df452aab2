#pragma once
// The manager at its end of the shared area. Not thread-safe.

#include "tee/process/shared_area.hpp"

namespace authex::tee::process {

class ManagerEnd {
  public:
    explicit ManagerEnd(const SharedArea& area);

    /// As RingReader and RingWriter. Empty optional: the ring is corrupt.
    std::optional<ByteView> readable() { return out_.readable(); }
    std::optional<Bytes> writable();
    void consume(std::size_t count);
    void commit(std::size_t count);
    /// Wakes the module if it sleeps and waits for what was committed or consumed since.
    void notify();
    /// Wakes it whatever it waits for: an earlier manager may have died before it could.
    void wake();
    /// As ModuleLink::prepare_sleep. Room to write is room for any frame, or more than at the last
    /// writable().
    bool prepare_sleep(bool want_room);
    /// As ModuleLink::give_time.
    void give_time();
    /// As ModuleLink::entries.
    [[nodiscard]] std::uint64_t entries() const;

  private:
    ModulePage& page_;
    RingReader out_;
    RingWriter in_;
    std::size_t room_seen_ = 0;
    std::uint32_t done_ = 0; ///< what the module may wait for and got since the last notify()
};

} // namespace authex::tee::process
