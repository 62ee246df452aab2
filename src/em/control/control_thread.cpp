#include "em/control/control_thread.hpp"

#include <future>
#include <pthread.h>

#include <asio/post.hpp>

namespace authex::em {

ControlThread::ControlThread(const char* name) : io_(1), guard_(asio::make_work_guard(io_)) {
    thread_ = std::thread([this] { io_.run(); });
    ::pthread_setname_np(thread_.native_handle(), name);
}

ControlThread::~ControlThread() {
    guard_.reset();
    thread_.join();
}

void ControlThread::post(std::function<void()> work) {
    asio::post(io_, std::move(work));
}

void ControlThread::run(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(io_, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

} // namespace authex::em
