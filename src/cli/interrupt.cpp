#include "cli/interrupt.hpp"

#include <condition_variable>
#include <mutex>
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

bool pause(double seconds, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    (void)wake.wait_for(lock, stop, std::chrono::duration<double>(seconds), [] { return false; });
    return stop.stop_requested();
}

} // namespace authex::cli
