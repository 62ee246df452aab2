#pragma once
// A thread that does one thing after the other: the one on which the manager lives, and the one on
// which it waits for its TEE.

#include <functional>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

namespace authex::em {

class ControlThread {
  public:
    /// @param name for people; at most 15 characters
    explicit ControlThread(const char* name);
    /// Runs what is queued, then ends the thread.
    ~ControlThread();
    ControlThread(const ControlThread&) = delete;
    ControlThread& operator=(const ControlThread&) = delete;

    /// Runs it later, in order. Thread-safe.
    void post(std::function<void()> work);
    /// Runs it and waits for its end. @pre not on the thread itself
    void run(const std::function<void()>& work);

  private:
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    std::thread thread_;
};

} // namespace authex::em
