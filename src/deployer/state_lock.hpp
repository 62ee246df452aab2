#pragma once
// One deployer at a time changes an application.

#include <filesystem>
#include <memory>

#include "base/diagnostic.hpp"

namespace authex::deployer {

/// Holds `<directory>/lock` (flock, which ends with the process; the file names its pid).
class StateLock {
  public:
    /// Waits for a second at most. @error state-locked | state-unwritable
    static Expected<std::unique_ptr<StateLock>> take(const std::filesystem::path& directory);
    ~StateLock();
    StateLock(const StateLock&) = delete;
    StateLock& operator=(const StateLock&) = delete;

  private:
    explicit StateLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

} // namespace authex::deployer
