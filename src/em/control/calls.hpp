#pragma once
// What every call of the service has in common: who asks, whether it may, and an end that comes
// exactly once, however client, manager and server race for it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "em/control/access.hpp"
#include "em/control/manager.hpp"
#include "rpc/status.hpp"

namespace authex::em {

/// What the service needs beside the manager.
struct ServiceOptions {
    std::uint32_t calls_max = 1024;
    std::uint32_t loads_max = 16;
    std::uint32_t followers_max = 256;
};

/// Of this machine's clock.
[[nodiscard]] std::uint64_t unix_time_us();

/// Counts what is under way; one place is held by each Permit.
class Gate {
  public:
    explicit Gate(std::uint32_t limit) : limit_(limit) {}
    using Permit = std::shared_ptr<void>;
    /// Null: all places are taken.
    [[nodiscard]] Permit enter();
    [[nodiscard]] std::uint32_t inside() const { return inside_.load(); }

  private:
    std::uint32_t limit_;
    std::atomic<std::uint32_t> inside_{0};
};

/// The longest deadline that is taken: what waits longer is not waited for.
constexpr auto deadline_max = std::chrono::hours(24);
/// Who calls, if he may call this. Refusals are logged.
/// @param deployment as the request says it. @error deadline-missing | as Access::identify() and
/// check()
[[nodiscard]] Expected<Caller> caller_of(const grpc::ServerContextBase& context,
                                         const Access& access,
                                         Method method,
                                         std::uint32_t deployment);

/// 0 where it does not fit; 0 is refused by whoever takes an id.
[[nodiscard]] constexpr std::uint16_t narrow(std::uint32_t number) {
    return number <= 0xFFFF ? static_cast<std::uint16_t>(number) : std::uint16_t{0};
}

/// A call with one request and one reply.
class UnaryCall final : public grpc::ServerUnaryReactor,
                        public std::enable_shared_from_this<UnaryCall> {
  public:
    static std::shared_ptr<UnaryCall> make(Gate::Permit permit);
    /// Ends the call. `fill` writes the reply; it runs only if nobody ended the call before.
    template <typename T>
    void finish(const Expected<T>& result, const std::function<void(const T&)>& fill) {
        if (!finished_.exchange(true)) {
            if (result) {
                fill(*result);
                Finish(grpc::Status::OK);
            } else {
                Finish(rpc::to_status(result.error()));
            }
        }
    }
    void refuse(const Diagnostic& reason) {
        finish<bool>(tl::make_unexpected(reason), [](bool) {});
    }

  private:
    explicit UnaryCall(Gate::Permit permit) : permit_(std::move(permit)) {}
    void OnCancel() override;
    void OnDone() override { self_.reset(); }

    Gate::Permit permit_;
    std::atomic<bool> finished_{false};
    std::shared_ptr<UnaryCall> self_;
};

} // namespace authex::em
