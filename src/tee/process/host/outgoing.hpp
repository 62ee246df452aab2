#pragma once
// What a module leaves, until its manager is given it.

#include <cstdint>

#include "tee/process/host/serve.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/module_end.hpp"

namespace authex::tee::process {

/// What one entry came to.
struct Turn {
    std::size_t consumed = 0; ///< bytes
    std::size_t produced = 0; ///< bytes that the manager has been given
    int failed = 0;           ///< exit status
    [[nodiscard]] bool worked() const { return consumed != 0 || produced != 0; }
};

/// Enters the module, and publishes what came of it. A state that the module has sealed is for this
/// host alone, and kept before anybody sees what has come of it, together with all that the manager
/// has not taken yet: both may die at once.
///
/// A module that seals its state every n ms (state frames say so) is told when: what it leaves
/// meanwhile is held back. Nobody waits for n ms where answers are waited for: those of its owner's
/// orders and of calls.
class Outgoing {
  public:
    Outgoing(const Door& door, ModuleEnd& end, KeptArea& kept)
        : door_(door), end_(end), kept_(kept) {}

    /// @param out the module's room, of which what is held back takes the first bytes
    Turn enter(ByteView in, Bytes out);
    /// Has the state sealed and kept, and publishes what was held back. @param out as above
    Turn release(Bytes out);
    /// Something is held back.
    [[nodiscard]] bool holds() const { return held_ != 0; }
    /// What is held back, or the module's state, must not wait any longer.
    [[nodiscard]] bool is_due() const;
    /// Until then, in µs. @pre holds()
    [[nodiscard]] std::uint64_t wait_us() const;

  private:
    int keep(std::size_t state_bytes);
    void publish(std::size_t state_bytes, Turn& turn);

    const Door& door_;
    ModuleEnd& end_;
    KeptArea& kept_;
    std::uint64_t every_us_ = 0; ///< 0: the state comes with each batch
    std::size_t held_ = 0;       ///< bytes
    std::size_t taken_ = 0;      ///< bytes whose acknowledgements are held back
    std::uint64_t due_us_ = 0;   ///< while something is held back
    bool urgent_ = false;        ///< somebody waits for what is held back
};

} // namespace authex::tee::process
