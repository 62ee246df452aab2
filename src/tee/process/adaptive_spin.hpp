#pragma once
// Whether who waits for work looks again or sleeps. A wake-up costs more than the work that it is
// for, so looking is worthwhile while work comes often and nobody else wants the processor:
//   - not after work for which the wait was longer than any spin could be;
//   - not for a while after a yield that gave the processor to somebody for long.
// Ticks are of any clock that the user of this class has. Not thread-safe.

#include <cstdint>

namespace authex::tee::process {

class AdaptiveSpin {
  public:
    struct Limits {
        std::uint64_t longest = 0; ///< ticks from the last work; 0: never spins
        std::uint64_t crowded = 0; ///< a yield that takes longer: the processor is wanted
        std::uint64_t rest = 0;    ///< ticks without spinning after that
    };
    explicit AdaptiveSpin(const Limits& limits) : limits_(limits) {}

    void worked(std::uint64_t now) {
        work_is_frequent_ = now - last_work_ < limits_.longest;
        last_work_ = now;
    }
    [[nodiscard]] bool worthwhile(std::uint64_t now) const {
        return work_is_frequent_ && now >= rests_until_ && now - last_work_ < limits_.longest;
    }
    void yielded(std::uint64_t before, std::uint64_t after) {
        if (after - before > limits_.crowded) {
            rests_until_ = after + limits_.rest;
        }
    }

  private:
    Limits limits_;
    std::uint64_t last_work_ = 0;
    std::uint64_t rests_until_ = 0;
    bool work_is_frequent_ = false;
};

} // namespace authex::tee::process
