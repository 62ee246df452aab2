#pragma once
// The mapped file between a manager and the process of a module.
//
//   page 0      the manager's positions; the module's process maps it read-only
//   page 1      the module's positions, and the flags of sleepers, which both write
//   in ring     manager → module; read-only for the module
//   out ring    module → manager
//
// All fields are native-endian: both ends run on one machine. Whoever sleeps says so in its flag,
// orders that before a last look at the rings (seq_cst fence), and is woken by who clears the flag:
// the manager through a named pipe, which it can poll, the module through a futex on its flag.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tee/process/ring.hpp"

namespace authex::tee::process {

constexpr std::size_t page_bytes = 4096;
/// Two neighbouring cache lines, which are fetched together.
constexpr std::size_t line_bytes = 128;
constexpr std::size_t ring_bytes_min = std::size_t{256} << 10U; ///< holds output_min_bytes
constexpr std::size_t ring_bytes_default = std::size_t{512} << 10U;
constexpr std::size_t ring_bytes_max = std::size_t{64} << 20U;
constexpr std::uint64_t shared_area_magic = 0x31474E4952585541; // "AUXRING1"

/// What a sleeper waits for; bits of its flag. 0: it is awake.
enum Wanted : std::uint32_t { wanted_data = 1, wanted_room = 2 };

struct ManagerPage {
    std::uint64_t magic = 0;
    std::uint64_t ring_bytes = 0;
    alignas(line_bytes) Position in_written{0};
    alignas(line_bytes) Position out_consumed{0};
};
struct ModulePage {
    alignas(line_bytes) Position in_consumed{0};
    alignas(line_bytes) Position out_written{0};
    alignas(line_bytes) std::atomic<std::uint32_t> module_sleeps{0};
    alignas(line_bytes) std::atomic<std::uint32_t> manager_sleeps{0};
    /// How often the module was entered: a figure for people, which nothing depends on.
    alignas(line_bytes) std::atomic<std::uint64_t> entries{0};
    /// Not 0: the module wants to be told the time. Set by the manager, and stays.
    alignas(line_bytes) std::atomic<std::uint32_t> gives_time{0};
};
static_assert(sizeof(ManagerPage) <= page_bytes && sizeof(ModulePage) <= page_bytes);

enum class End : std::uint8_t { manager, module };

/// One end's mapping. Unmaps itself.
class SharedArea {
  public:
    SharedArea() = default;
    SharedArea(SharedArea&& other) noexcept;
    SharedArea& operator=(SharedArea&& other) noexcept;
    SharedArea(const SharedArea&) = delete;
    SharedArea& operator=(const SharedArea&) = delete;
    ~SharedArea();

    /// Gives an empty file its length (with disk blocks, so that a full disk is seen now and not as
    /// SIGBUS later) and its header. `ring_bytes`: a power of two within the limits. @return false:
    /// errno says why
    static bool lay_out(int file, std::size_t ring_bytes);
    /// Maps a file that was laid out. Not mapped: errno says why; EPROTO where the file is no such
    /// area.
    static SharedArea map(int file, End end);

    [[nodiscard]] bool mapped() const { return base_ != nullptr; }
    [[nodiscard]] ManagerPage& manager_page() const;
    [[nodiscard]] ModulePage& module_page() const;
    [[nodiscard]] RingMemory in_ring() const;
    [[nodiscard]] RingMemory out_ring() const;
    /// All of the rings' addresses.
    [[nodiscard]] ByteView rings() const;

  private:
    std::uint8_t* base_ = nullptr;
    std::size_t ring_bytes_ = 0;
};

} // namespace authex::tee::process
