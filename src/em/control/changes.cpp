#include "em/control/changes.hpp"

namespace authex::em {

void Changes::note(std::uint16_t deployment) {
    std::vector<std::shared_ptr<Listener>> woken;
    {
        const std::lock_guard lock(mutex_);
        ++counts_[deployment];
        std::erase_if(listeners_, [&](const std::weak_ptr<Listener>& weak) {
            const std::shared_ptr<Listener> listener = weak.lock();
            if (listener != nullptr && listener->deployment == deployment) {
                woken.push_back(listener);
            }
            return listener == nullptr;
        });
    }
    for (const auto& listener : woken) {
        listener->wake();
    }
}

std::uint64_t Changes::count(std::uint16_t deployment) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(deployment);
    return found == counts_.end() ? 0 : found->second;
}

Changes::Follower Changes::follow(std::uint16_t deployment, std::function<void()> wake) {
    auto listener =
        std::make_shared<Listener>(Listener{.deployment = deployment, .wake = std::move(wake)});
    const std::lock_guard lock(mutex_);
    listeners_.emplace_back(listener);
    return listener;
}

} // namespace authex::em
