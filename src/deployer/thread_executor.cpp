#include "deployer/thread_executor.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace authex::deployer {

void ThreadExecutor::run(std::vector<std::function<void()>> work) {
    std::atomic<std::size_t> next{0};
    const auto take_turns = [&] {
        for (std::size_t i = next++; i < work.size(); i = next++) {
            work[i]();
        }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min(work.size(), threads_max_); ++i) {
        threads.emplace_back(take_turns);
    }
    take_turns();
}

} // namespace authex::deployer
