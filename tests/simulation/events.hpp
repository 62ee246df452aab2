#pragma once
// What happens when, in simulated time: one queue for the whole world.

#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>
#include <vector>

namespace authex::simulation {

class Events {
  public:
    static constexpr std::uint64_t never = ~std::uint64_t{0};

    void at(std::uint64_t time_us, std::function<void()> work) {
        queue_.push({time_us, next_++, std::move(work)});
    }
    [[nodiscard]] std::uint64_t next_due() const {
        return queue_.empty() ? never : queue_.top().time_us;
    }
    /// Runs what is due; what is due at the same time in the order of its making.
    /// @return whether there was anything.
    bool run(std::uint64_t now_us) {
        bool any = false;
        while (!queue_.empty() && queue_.top().time_us <= now_us) {
            const std::function<void()> work = std::move(queue_.top().work);
            queue_.pop();
            work();
            any = true;
        }
        return any;
    }

  private:
    struct Event {
        std::uint64_t time_us;
        std::uint64_t number;
        mutable std::function<void()> work; ///< moved out when it is run
        bool operator<(const Event& other) const {
            return std::tie(time_us, number) > std::tie(other.time_us, other.number);
        }
    };
    std::priority_queue<Event> queue_;
    std::uint64_t next_ = 0;
};

} // namespace authex::simulation
