#pragma once
// The date of a machine, as the programs that run on it see it: it can be set while they run. Their
// modules' processes, which load no library, go on with the date of this one.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace authex::test {

class MachineClock {
  public:
    /// @param file where it keeps its difference
    explicit MachineClock(std::filesystem::path file);
    ~MachineClock();
    MachineClock(const MachineClock&) = delete;
    MachineClock& operator=(const MachineClock&) = delete;

    /// Words before a command that is to run on that machine.
    [[nodiscard]] std::vector<std::string> words() const;
    /// @param seconds how much later it is there than here
    void set(std::int64_t seconds);

  private:
    std::filesystem::path file_;
    volatile std::int64_t* seconds_ = nullptr;
};

} // namespace authex::test
