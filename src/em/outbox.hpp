#pragma once
// Frames of one direction of a connection, kept until the receiving module has acknowledged them.
// (DESIGN "Delivery") A ring in one piece of memory; a frame never wraps around its end. Where the
// memory is a mapped file, the ring survives the kill of the manager at any instruction: bytes are
// written first, positions after.
//
//   offset size field      native byte order: the file never leaves the machine
//        0    8 magic      "AXOUTBX1"
//        8    2 deployment
//       10    2 channel
//       12    4 direction
//       16    4 epoch
//       20    4 first_crc  CRC-32C of the frame with counter 0; tells a second frame 0 from it
//       24    8 capacity   bytes of the ring, a power of two
//       32    8 head       position of the oldest frame; positions only grow
//       40    8 tail       position after the newest frame
//       48    8 next       counter after the newest frame
//       56    8 flags      bit 0: first_crc is set
//       64      ring; a zero byte where a frame would begin: go on at the ring's start

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "wire/frame.hpp"

namespace authex::em {

/// Which outbox.
struct OutboxName {
    std::uint16_t deployment = 0;
    std::uint16_t channel = 0;
    wire::Direction direction = wire::Direction::forward;
    std::uint32_t epoch = 0;
};

/// The memory that an outbox lies in.
class OutboxStore {
  public:
    virtual ~OutboxStore() = default;
    /// All of it; empty before the first replace(). Aligned to 8 bytes.
    virtual Bytes bytes() = 0;
    /// Takes `size` zero bytes, lets `fill` write them, and only then puts them in the place of
    /// the old ones, at once. @return false: no room; nothing has changed.
    virtual bool replace(std::size_t size, const std::function<void(Bytes)>& fill) = 0;
    /// Whether what it holds outlives a power cut. What replace() has put in the place of something
    /// does, or what was there before; after sync(), what was written does.
    [[nodiscard]] virtual bool is_durable() const { return false; }
    /// May move what it holds: see bytes(). @error disk-failed: it may be tried again, and then
    /// writes all that may be missing
    virtual Expected<bool> sync() { return true; }
};

/// An outbox's memory on the heap.
class MemoryStore final : public OutboxStore {
  public:
    Bytes bytes() override;
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override;

  private:
    std::vector<std::uint64_t> words_;
};

/// What all outboxes of a manager may take together.
class SpillBudget {
  public:
    explicit SpillBudget(std::uint64_t limit_bytes) : limit_(limit_bytes) {}
    /// Whether an outbox may grow from one capacity to another: within the limit of all, and within
    /// a quarter of it for one alone. Growth up to `guaranteed_bytes` is always granted, so that no
    /// connection is starved by another.
    bool grow(std::uint64_t from, std::uint64_t to);
    /// Counts what is there already, whatever the limit.
    void adopt(std::uint64_t bytes) { used_ += bytes; }
    void give_back(std::uint64_t bytes) { used_ -= bytes; }
    [[nodiscard]] std::uint64_t used() const { return used_; }
    [[nodiscard]] std::uint64_t limit() const { return limit_; }

    /// Whether there are so many outboxes that none grows just to be ahead: what does not fit into
    /// the processor's caches and the kernel's page tables costs more than waiting does.
    [[nodiscard]] bool crowded() const { return used_ > crowded_bytes; }

    /// A ring of this size takes any frame.
    static constexpr std::uint64_t guaranteed_bytes = 256 * 1024;
    static constexpr std::uint64_t crowded_bytes = 16 * 1024 * 1024;

  private:
    std::uint64_t limit_;
    std::uint64_t used_ = 0;
};

class Outbox {
  public:
    enum class Append : std::uint8_t { stored, duplicate, full };
    static constexpr std::size_t header_bytes = 64;
    static constexpr std::size_t initial_bytes = 64 * 1024;
    /// It grows so far by itself, where the budget is not crowded; beyond it only after spill().
    static constexpr std::size_t usual_bytes = 512 * 1024;

    /// Opens what lies in the store or makes it anew. `budget` must outlive the outbox.
    /// @error outbox-damaged: what lies there is no outbox of this name. outbox-no-space
    static Expected<std::unique_ptr<Outbox>>
    open(std::unique_ptr<OutboxStore> store, const OutboxName& name, SpillBudget& budget);
    ~Outbox();
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    /// Keeps a frame. Its counter must be beyond the last one's and
    /// below wire::counter_limit, else it is not kept, as a duplicate; a second
    /// frame 0 that differs from the first one begins a new epoch and drops what is kept. The first
    /// 20 bytes are taken from `header`, not from `frame`, which the module may change meanwhile.
    /// @param beyond it is kept whatever the budget says: the node has it already, elsewhere
    Append append(const wire::FrameHeader& header, ByteView frame, bool beyond = false);
    /// In a durable store, a frame is kept from here on, whatever happens; before, it may be gone
    /// after a kill, too. In any other there is nothing to do.
    /// @error disk-failed: it may be tried again
    Expected<bool> sync();

    /// Whole unsent frames that lie side by side, at most `max_bytes` of them; empty if none or if
    /// the first one is larger.
    [[nodiscard]] ByteView unsent(std::size_t max_bytes) const;
    /// The first `bytes` of unsent() were sent.
    void mark_sent(std::size_t bytes);
    [[nodiscard]] bool has_unsent() const { return send_ != tail_; }
    /// Drops frames with smaller counters. @return how many.
    std::uint64_t acknowledge(std::uint64_t counter);
    /// Sends again from the first frame with this counter or a larger one. @return frames that had
    /// been sent and will be again.
    std::uint64_t go_back(std::uint64_t counter);
    /// Drops all frames.
    void clear();
    /// Drops all frames; the next one may have this counter or a larger one.
    void restart(std::uint64_t next_counter);
    /// It may grow to twice its present size, within the budget.
    void spill() { spill_bound_ = std::max(spill_bound_, 2 * capacity_); }
    /// Gives memory back if empty and large.
    void shrink();
    /// Calls with each frame kept, oldest first.
    void for_each(const std::function<void(const wire::FrameHeader&, ByteView)>& visit) const;

    [[nodiscard]] bool is_durable() const { return durable_; }
    [[nodiscard]] bool empty() const { return head_ == tail_; }
    [[nodiscard]] bool is_large() const { return capacity_ > initial_bytes; }
    /// Bytes that were sent and are not acknowledged.
    [[nodiscard]] std::uint64_t in_flight_bytes() const;
    [[nodiscard]] std::uint64_t waiting_bytes() const { return tail_ - head_; }
    [[nodiscard]] std::uint64_t waiting_frames() const { return frames_; }
    /// Counter after the newest frame.
    [[nodiscard]] std::uint64_t next_counter() const { return next_; }
    [[nodiscard]] std::uint64_t gaps() const { return gaps_; }

  private:
    Outbox(std::unique_ptr<OutboxStore> store, SpillBudget& budget);
    bool recover(const OutboxName& name);
    bool make(const OutboxName& name);
    bool resize(std::uint64_t capacity, bool beyond = false);
    bool make_room(std::size_t frame_bytes, bool beyond);
    [[nodiscard]] std::uint64_t bound(std::size_t frame_bytes) const;
    void attach();
    [[nodiscard]] std::uint64_t settle(std::uint64_t position) const;
    [[nodiscard]] std::size_t frame_bytes_at(std::uint64_t position) const;
    [[nodiscard]] std::uint64_t counter_at(std::uint64_t position) const;
    void store(std::size_t field, std::uint64_t value);

    std::unique_ptr<OutboxStore> store_;
    SpillBudget& budget_;
    std::uint8_t* base_ = nullptr; ///< the store's first byte
    std::uint8_t* ring_ = nullptr;
    std::uint64_t capacity_ = 0;
    std::uint64_t spill_bound_ = 0; ///< of the capacity, where it was told to spill
    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;
    std::uint64_t send_ = 0;
    std::uint64_t wrap_ = 0; ///< position where the newest skip to the ring's start begins
    std::uint64_t next_ = 0;
    std::uint64_t frames_ = 0;
    std::uint64_t gaps_ = 0;
    std::uint32_t first_crc_ = 0;
    bool has_first_ = false;
    const bool durable_;
    // Where it is durable:
    bool to_sync_ = false;        ///< what the header shall say differs from what it says
    std::uint64_t kept_head_ = 0; ///< as the disk has it: from there on nothing is overwritten
};

} // namespace authex::em
