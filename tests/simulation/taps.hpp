#pragma once
// Where a simulated module and its runtime meet: everything that passes is shown to whoever
// listens.

#include <authex/abi.h>

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace authex::simulation {

/// Something a module did of its own: an output, a request, or a line of its log, which stands for
/// an output to the physical world.
struct Sending {
    enum class What : std::uint8_t { output, request, log };
    What what = What::output;
    const char* endpoint = nullptr; ///< null: a log line
    ByteView data;
};

class Taps {
  public:
    virtual ~Taps() = default;
    /// The module's function is about to run.
    virtual void take(const authex_endpoint& endpoint, const authex_message& message) = 0;
    /// It has returned; `message` has its answer.
    virtual void taken(const authex_endpoint& endpoint, const authex_message& message) = 0;
    virtual void send(const Sending& sending) = 0;
    virtual void sent(const Sending& sending, authex_status status) = 0;
};
/// Null: nobody listens. One at a time.
void listen(Taps* taps);

void tap_take(const authex_endpoint* endpoint,
              void (*function)(authex_message*),
              authex_message* message);
authex_status tap_output(const authex_endpoint* output, const std::uint8_t* data, std::size_t size);
authex_status tap_request(const authex_endpoint* request,
                          const std::uint8_t* data,
                          std::size_t size,
                          std::uint64_t* id);
void tap_log(std::uint8_t level, const char* text, std::size_t size);

} // namespace authex::simulation
