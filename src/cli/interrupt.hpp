#pragma once
// Ctrl-C as a request, for commands that go on until then.

#include <csignal>
#include <stop_token>
#include <thread>

namespace authex::cli {

/// From its construction on, SIGINT and SIGTERM request a stop. To be made before any other thread,
/// so that all have the signals blocked.
class Interrupt {
  public:
    Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;
    ~Interrupt();

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

  private:
    std::stop_source source_;
    sigset_t signals_{};
    std::jthread waiter_;
};

/// Waits so many seconds, or until then. @return whether a stop was requested meanwhile
[[nodiscard]] bool pause(double seconds, const std::stop_token& stop);

} // namespace authex::cli
