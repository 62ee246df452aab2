#include "deployer/lookout.hpp"

#include <algorithm>

namespace authex::deployer {
namespace {

/// Between two attempts to be told, where a node does not answer or ends the call.
constexpr auto pause_min = std::chrono::milliseconds(100);
constexpr auto pause_max = std::chrono::milliseconds(2000);

} // namespace

Lookout::Lookout(std::shared_ptr<Node> node,
                 std::uint16_t deployment,
                 std::chrono::milliseconds every,
                 Outside outside)
    : node_(std::move(node)), deployment_(deployment), every_(every), outside_(std::move(outside)),
      asking_([this](const std::stop_token& stop) { ask(stop); }),
      listening_([this](const std::stop_token& stop) { listen(stop); }) {}

void Lookout::poke() {
    {
        const std::lock_guard lock(mutex_);
        poked_ = true;
    }
    wake_.notify_all();
}

void Lookout::listen(const std::stop_token& stop) {
    v1::ChangesRequest request;
    request.set_deployment(deployment_);
    std::chrono::milliseconds pause = pause_min;
    while (!stop.stop_requested()) {
        (void)node_->changes(
            request,
            [&](const v1::Changed&) {
                pause = pause_min;
                poke();
                return true;
            },
            stop);
        poke(); // it may be gone
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        (void)never.wait_for(lock, stop, pause, [] { return false; });
        pause = std::min(2 * pause, pause_max);
    }
}

void Lookout::ask(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex_);
            (void)wake_.wait_for(lock, stop, every_, [this] { return poked_; });
            poked_ = false;
        }
        if (!stop.stop_requested()) {
            outside_.deliver(outside_.ask());
        }
    }
}

} // namespace authex::deployer
