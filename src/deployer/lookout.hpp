#pragma once
// Keeps an eye on one node: asks it at once, whenever it says that something has changed, and in
// any case after a while.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "deployer/node.hpp"
#include "deployer/survey.hpp"

namespace authex::deployer {

class Lookout {
  public:
    /// Both are called on threads of this object, until it goes.
    struct Outside {
        std::function<NodeView()> ask;
        std::function<void(NodeView)> deliver;
    };
    /// @param every how long a node that says nothing is believed to be as it was
    Lookout(std::shared_ptr<Node> node,
            std::uint16_t deployment,
            std::chrono::milliseconds every,
            Outside outside);
    /// Waits until the node is asked no more: as long as a call may take.
    ~Lookout() = default;
    Lookout(const Lookout&) = delete;
    Lookout& operator=(const Lookout&) = delete;

  private:
    void listen(const std::stop_token& stop);
    void ask(const std::stop_token& stop);
    void poke();

    std::shared_ptr<Node> node_;
    std::uint16_t deployment_;
    std::chrono::milliseconds every_;
    Outside outside_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    bool poked_ = true;
    std::jthread asking_;
    std::jthread listening_;
};

} // namespace authex::deployer
