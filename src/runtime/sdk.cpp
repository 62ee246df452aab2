// What the SDK's functions do for the module that is being invoked.
#include "base/counter.hpp"
#include "runtime/runtime.hpp"
#include "wire/seal.hpp"

namespace authex::runtime {
namespace {

/// A status is the error of the same value.
authex_status status_of(Error error) {
    const bool has_own =
        error == Error::none || error == Error::not_attested || error == Error::not_set;
    return has_own ? static_cast<authex_status>(error) : AUTHEX_NO_SPACE;
}

} // namespace

authex_status
Runtime::send(const authex_endpoint* endpoint, ByteView data, bool request, std::uint64_t* id) {
    if (endpoint->kind != (request ? AUTHEX_KIND_REQUEST : AUTHEX_KIND_OUTPUT)) {
        return AUTHEX_WRONG_ROLE;
    }
    if (data.size() > wire::max_body_bytes) {
        return AUTHEX_TOO_LARGE;
    }
    std::size_t needed = 0;
    for (const Connection& connection : connections_.slots()) {
        if (connection.endpoint == endpoint) {
            if (connection.next_out >= wire::counter_limit) {
                return AUTHEX_EXHAUSTED;
            }
            const std::size_t body_bytes = data.size() + connection.bytes_before_data();
            if (body_bytes > wire::max_body_bytes) {
                return AUTHEX_TOO_LARGE;
            }
            needed += wire::sealed_frame_bytes(connection.terms.algorithm, body_bytes);
        }
    }
    if (needed == 0) {
        return AUTHEX_NO_CONNECTION;
    }
    if (needed > emitter_.room()) {
        return AUTHEX_NO_SPACE;
    }
    for (Connection& connection : connections_.slots()) {
        if (connection.endpoint == endpoint) {
            wire::FrameHeader header{.kind = request ? wire::Kind::request : wire::Kind::event,
                                     .channel = connection.terms.channel,
                                     .counter = connection.next_out};
            crypto::AeadKey& key = connection.sealing_key(header);
            (void)emitter_.sealed(key, header, body_for(connection, data), seal_room());
            if (id != nullptr) {
                *id = connection.next_out;
            }
            advance(connection.next_out);
        }
    }
    return AUTHEX_OK;
}

#if AUTHEX_WITH_TIMERS
authex_status Runtime::timer_start(const authex_endpoint* timer, std::uint64_t delay_us) {
    const std::uint16_t id = id_of(timer);
    if (endpoint(id, AUTHEX_KIND_TIMER) != timer) {
        return AUTHEX_WRONG_ROLE;
    }
    timers_[id] = {.delay_us = delay_us, .arming = ++timers_armed_, .to_tell = true};
    timers_to_tell_ = true;
    return AUTHEX_OK;
}

void Runtime::timer_stop(const authex_endpoint* timer) {
    const std::uint16_t id = id_of(timer);
    if (endpoint(id, AUTHEX_KIND_TIMER) == timer) {
        timers_[id] = {};
    }
}
#else
authex_status Runtime::timer_start(const authex_endpoint*, std::uint64_t) {
    return AUTHEX_UNSUPPORTED;
}

void Runtime::timer_stop(const authex_endpoint*) {}
#endif

#if AUTHEX_WITH_STREAMS
authex_status
Runtime::stream(const authex_endpoint* stream, wire::Kind kind, std::uint64_t id, ByteView data) {
    const std::uint16_t endpoint_id = id_of(stream);
    if (endpoint(endpoint_id, AUTHEX_KIND_STREAM) != stream) {
        return AUTHEX_WRONG_ROLE;
    }
    if (data.size() > wire::max_body_bytes) {
        return AUTHEX_TOO_LARGE;
    }
    wire::FrameHeader header{.kind = kind, .channel = endpoint_id, .counter = id};
    return status_of(emitter_.plain(header, data));
}

authex_status Runtime::listen(const authex_endpoint* stream, std::uint16_t port, bool pulled) {
    const Listening wanted{.port = port, .pulled = pulled, .on = true};
    const authex_status status = this->stream(stream, wire::Kind::listen, 0, wanted.body());
    if (status == AUTHEX_OK) {
        listening_[id_of(stream)] = wanted;
    }
    return status;
}
#else
authex_status Runtime::stream(const authex_endpoint*, wire::Kind, std::uint64_t, ByteView) {
    return AUTHEX_UNSUPPORTED;
}

authex_status Runtime::listen(const authex_endpoint*, std::uint16_t, bool) {
    return AUTHEX_UNSUPPORTED;
}
#endif

void Runtime::log(std::uint8_t level, ByteView text) {
    level = level > AUTHEX_LOG_DEBUG ? std::uint8_t{AUTHEX_LOG_DEBUG} : level;
    constexpr std::size_t line_max_bytes =
        wire::max_body_bytes < 1024 ? wire::max_body_bytes : 1024;
    const ByteView line = text.first(text.size() < line_max_bytes ? text.size() : line_max_bytes);
    wire::FrameHeader header{.kind = wire::Kind::log, .channel = level};
    (void)emitter_.plain(header, line);
}

authex_status Runtime::random(Bytes out) {
    return status_of(control_.random(out));
}

authex_status Runtime::value(std::uint8_t kind, ByteView name, ByteView& value) const {
#if AUTHEX_WITH_VALUES
    return status_of(values_.find(static_cast<wire::ValueKind>(kind), name, value));
#else
    (void)kind;
    (void)name;
    value = {};
    return AUTHEX_UNSUPPORTED;
#endif
}

} // namespace authex::runtime

using authex::runtime::active_runtime;

extern "C" {

authex_status
authex_output(const authex_endpoint* output, const std::uint8_t* data, std::size_t size) {
    return active_runtime->send(output, {data, size}, false, nullptr);
}
authex_status authex_request(const authex_endpoint* request,
                             const std::uint8_t* data,
                             std::size_t size,
                             std::uint64_t* id) {
    if constexpr (!authex::runtime::with_requests) {
        return AUTHEX_UNSUPPORTED;
    }
    return active_runtime->send(request, {data, size}, true, id);
}
authex_status authex_timer_start(const authex_endpoint* timer, std::uint64_t delay_us) {
    return active_runtime->timer_start(timer, delay_us);
}
void authex_timer_stop(const authex_endpoint* timer) {
    active_runtime->timer_stop(timer);
}
void authex_set_clock([[maybe_unused]] std::uint64_t now_us) {
#if AUTHEX_WITH_DEADLINES
    active_runtime->set_clock(now_us);
#endif
}
authex_status authex_stream_listen(const authex_endpoint* stream, std::uint16_t port) {
    return active_runtime->listen(stream, port, false);
}
authex_status authex_stream_listen_pulled(const authex_endpoint* stream, std::uint16_t port) {
    return active_runtime->listen(stream, port, true);
}
authex_status authex_stream_pull(const authex_endpoint* stream, std::uint64_t id) {
    return active_runtime->stream(stream, authex::wire::Kind::stream_open, id, {});
}
authex_status authex_stream_write(const authex_endpoint* stream,
                                  std::uint64_t id,
                                  const std::uint8_t* data,
                                  std::size_t size) {
    return active_runtime->stream(stream, authex::wire::Kind::stream_data, id, {data, size});
}
authex_status authex_stream_close(const authex_endpoint* stream, std::uint64_t id) {
    return active_runtime->stream(stream, authex::wire::Kind::stream_close, id, {});
}
void authex_log(std::uint8_t level, const char* text, std::size_t size) {
    active_runtime->log(level, {reinterpret_cast<const std::uint8_t*>(text), size});
}
authex_status authex_random(std::uint8_t* out, std::size_t size) {
    return active_runtime->random({out, size});
}
authex_status authex_value(std::uint8_t kind,
                           const char* name,
                           std::size_t name_size,
                           const std::uint8_t** data,
                           std::size_t* size) {
    authex::ByteView value;
    const authex_status status = active_runtime->value(
        kind, {reinterpret_cast<const std::uint8_t*>(name), name_size}, value);
    *data = value.data();
    *size = value.size();
    return status;
}
}
