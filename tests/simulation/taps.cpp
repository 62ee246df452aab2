#include "simulation/taps.hpp"

namespace authex::simulation {
namespace {

Taps* listener = nullptr;

template <typename Work>
authex_status passing(const Sending& sending, const Work& work) {
    if (listener == nullptr) {
        return work();
    }
    listener->send(sending);
    const authex_status status = work();
    listener->sent(sending, status);
    return status;
}

} // namespace

void listen(Taps* taps) {
    listener = taps;
}

void tap_take(const authex_endpoint* endpoint,
              void (*function)(authex_message*),
              authex_message* message) {
    if (listener != nullptr) {
        listener->take(*endpoint, *message);
    }
    function(message);
    if (listener != nullptr) {
        listener->taken(*endpoint, *message);
    }
}

authex_status
tap_output(const authex_endpoint* output, const std::uint8_t* data, std::size_t size) {
    return passing({Sending::What::output, output->name, {data, size}},
                   [&] { return authex_output(output, data, size); });
}

authex_status tap_request(const authex_endpoint* request,
                          const std::uint8_t* data,
                          std::size_t size,
                          std::uint64_t* id) {
    return passing({Sending::What::request, request->name, {data, size}},
                   [&] { return authex_request(request, data, size, id); });
}

void tap_log(std::uint8_t level, const char* text, std::size_t size) {
    const ByteView line(reinterpret_cast<const std::uint8_t*>(text), size);
    (void)passing({Sending::What::log, nullptr, line}, [&] {
        authex_log(level, text, size);
        return AUTHEX_OK;
    });
}

} // namespace authex::simulation
