#pragma once
// The file in which a module's host keeps what the module sealed last: its state, and the frames
// until then that the manager had not taken. They are kept before anybody is given those frames, so
// that a state never lags behind what others have seen of it. Mapped, so that it survives the end
// of the process at any instruction, and the host, which may make hardly any system call, needs
// none.
//
//   offset       size        field     native-endian: one machine reads and writes it
//        0          8        magic     "AUXKEPT1"
//        8          8        slot      bytes of a slot
//       16          8        newest    how often something was kept; its slot is newest % 2
//       24          8        durable   1: what is kept outlives power cuts, too
//     4096          slot     slot 0    bytes of frames u32, of the last one u32, frames
//     4096 + slot   slot     slot 1
//
// A writer fills the other slot and counts after it; where it is durable, each when the disk has
// what was before.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace authex::tee::process {

constexpr std::uint64_t kept_area_magic = 0x315450454B585541; // "AUXKEPT1"

/// What the last invocation has left, in the area.
struct Kept {
    std::uint64_t number = 0; ///< how often something was kept; 0: never
    ByteView frames;          ///< what came before the state, and was not taken yet
    ByteView state;           ///< a frame of kind state
};

/// One mapping. Unmaps itself.
class KeptArea {
  public:
    KeptArea() = default;
    KeptArea(KeptArea&& other) noexcept;
    KeptArea& operator=(KeptArea&& other) noexcept = delete;
    KeptArea(const KeptArea&) = delete;
    KeptArea& operator=(const KeptArea&) = delete;
    ~KeptArea();

    /// Gives an empty file its length, with disk blocks, and its header. @param frames_bytes the
    /// most that is ever kept at a time. @return false: errno says why
    static bool lay_out(int file, std::size_t frames_bytes);
    /// Whether each keep() waits for the disk, from the next map() on. @pre mapped()
    void set_durable(bool durable) const;
    /// Not mapped: errno says why; EPROTO where the file is no such area.
    static KeptArea map(int file);
    [[nodiscard]] bool mapped() const { return base_ != nullptr; }

    /// @pre frames.size() is at most what the area was laid out for, and its last frame has
    /// `state_bytes`. For one writer. @return false: the disk failed
    [[nodiscard]] bool keep(ByteView frames, std::size_t state_bytes);
    /// Good as long as it is the newest. Empty optional: what lies there cannot be.
    [[nodiscard]] std::optional<Kept> newest() const;
    /// Whether what was copied from newest() is whole.
    [[nodiscard]] bool is_newest(const Kept& kept) const;

  private:
    [[nodiscard]] std::atomic<std::uint64_t>& count() const;
    [[nodiscard]] Bytes slot(std::uint64_t number) const;
    [[nodiscard]] bool sync(Bytes bytes) const;

    std::uint8_t* base_ = nullptr;
    std::size_t slot_bytes_ = 0;
    bool durable_ = false;
};

} // namespace authex::tee::process
