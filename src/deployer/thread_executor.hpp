#pragma once

#include <cstddef>

#include "deployer/node.hpp"

namespace authex::deployer {

/// Runs pieces of work on at most `threads_max` threads that live as long as the call.
class ThreadExecutor final : public Executor {
  public:
    explicit ThreadExecutor(std::size_t threads_max = 16) : threads_max_(threads_max) {}
    void run(std::vector<std::function<void()>> work) override;

  private:
    std::size_t threads_max_;
};

} // namespace authex::deployer
