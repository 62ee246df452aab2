#pragma once
// The folder in which an event manager keeps what outlives it, and the lock that makes it one
// manager's alone.

#include <filesystem>

#include "base/diagnostic.hpp"

namespace authex::em {

/// $XDG_STATE_HOME/authex/em-<port>, or ~/.local/state/authex/em-<port>. @error state-directory: no
/// home is known
Expected<std::filesystem::path> default_state_directory(std::uint16_t port);

/// Movable; the lock is held as long as the object, and freed by the kernel at the process's end.
class StateDirectory {
  public:
    /// Makes the folder with mode 0700 where there is none. @error state-directory: it cannot be
    /// made, is another user's, or may be written by others | state-in-use
    static Expected<StateDirectory> open(const std::filesystem::path& path);
    StateDirectory(StateDirectory&& other) noexcept;
    StateDirectory& operator=(StateDirectory&&) = delete;
    StateDirectory(const StateDirectory&) = delete;
    StateDirectory& operator=(const StateDirectory&) = delete;
    ~StateDirectory();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    StateDirectory(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
    std::filesystem::path path_;
    int lock_ = -1;
};

} // namespace authex::em
