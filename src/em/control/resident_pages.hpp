#pragma once
// Gives back the memory of code that ran once. The libraries of the control plane bring some 14 MB
// of code of which a node that only moves events needs a tenth; the pages are clean, and come back
// from the page cache when they are needed.

#include <cstdint>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

namespace authex::em {

class ResidentPages {
  public:
    /// Looks every few seconds; the object and `io` are of one thread.
    explicit ResidentPages(asio::io_context& io) : timer_(io) {}

    /// Gives back now, and from then on whenever pages have come in and the process has been idle
    /// since.
    void start();
    void stop() { timer_.cancel(); }

  private:
    void look_later();
    void release();

    asio::steady_timer timer_;
    std::uint64_t pages_after_release_ = 0;
    std::uint64_t processor_us_ = 0;
};

} // namespace authex::em
