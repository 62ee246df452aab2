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
    ::pthread_kill(waiter_.native_handle(), SIGTERM); // wakes it; blocked, it does nothing else
}

} // namespace authex::cli
