#include "cli/interrupt.hpp"

#include <pthread.h>

namespace authex::cli {

Interrupt::Interrupt() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    waiter_ = std::jthread([this] {
        int signal = 0;
        ::sigwait(&signals_, &signal);
        source_.request_stop();
    });
}

Interrupt::~Interrupt() {
    // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): blocked, it does nothing but wake it
    ::pthread_kill(waiter_.native_handle(), SIGTERM);
}

} // namespace authex::cli
