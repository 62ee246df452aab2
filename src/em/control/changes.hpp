#pragma once
// How often something of each deployment has changed on this node, and who waits for the next time.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace authex::em {

/// Thread-safe; no method waits for anything but the others.
class Changes {
  public:
    /// Modules, routes or periodic events of the deployment are not as they were.
    void note(std::uint16_t deployment);
    [[nodiscard]] std::uint64_t count(std::uint16_t deployment) const;

    /// `wake` is called from note(), with no lock held; once after the handle is gone it may still
    /// be running.
    using Follower = std::shared_ptr<void>;
    [[nodiscard]] Follower follow(std::uint16_t deployment, std::function<void()> wake);

  private:
    struct Listener {
        std::uint16_t deployment = 0;
        std::function<void()> wake;
    };
    mutable std::mutex mutex_;
    std::map<std::uint16_t, std::uint64_t> counts_;
    std::vector<std::weak_ptr<Listener>> listeners_;
};

} // namespace authex::em
