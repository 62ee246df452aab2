#pragma once
// The SDK for modules in C++20 (freestanding: no heap, no exceptions, no threads). An endpoint is
// declared once, at file scope:
//
//     AUTHEX_OUTPUT(pressed);                           pressed(); pressed(std::uint32_t{7});
//     AUTHEX_INPUT(toggle, event) { … event.data … }
//     AUTHEX_SAFE_STATE() { … }                         of a driver; see below
//     AUTHEX_CLOCK()                                    takes the time; see below
//     AUTHEX_REQUEST(get_count);                        Sent sent = get_count(bytes);
//     AUTHEX_REPLY(get_count, reply) { … reply.id, reply.ok(), reply.data … }
//     AUTHEX_HANDLER(read_count, request, reply) { reply.u32(count); }
//     AUTHEX_ENTRY(init, call) { … call.data, call.result … }
//     AUTHEX_TIMER(tick, timer) { … }                   tick.after_ms(500);
//     AUTHEX_STREAM(http, stream) { … }                 http.listen(8080);
//     AUTHEX_STATE static std::uint32_t presses;
//     authex::config("limit").number()                  authex::secret("api-token").bytes
//
// A module is a state machine: each function runs to completion, nothing blocks, and what it sends
// leaves when it returns.

#include <authex/abi.h>
#include <authex/bytes.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace authex {

using Status = authex_status;

/// What the deadline of its connection says of an event or request; of one without: nothing.
class Age {
  public:
#if UINTPTR_MAX == 0xFFFF
    explicit constexpr Age(const authex_message& /*message*/) {}
    static constexpr bool late = false;
    static constexpr std::uint32_t missed = 0;
#else
    explicit constexpr Age(const authex_message& message)
        : late(message.late != 0), missed(message.missed) {}
    bool late;            ///< it is older than allowed, or nobody knows how old
    std::uint32_t missed; ///< so many since the last one came too late and were dropped
#endif
};

/// An authenticated event.
struct Event {
    ByteView data;
    Age age;
    [[nodiscard]] Reader reader() const { return Reader(data); }
};

/// An authenticated request; the answer is written to the Writer beside it.
struct Request {
    ByteView data;
    std::uint64_t id;
    std::uint8_t& status;
    Age age;
    [[nodiscard]] Reader reader() const { return Reader(data); }
    /// Answers «failed» instead.
    void fail() const { status = AUTHEX_FAILED; }
};

/// The authenticated answer to a request of this module.
struct Reply {
    ByteView data;
    std::uint64_t id;
    std::uint8_t status;
    [[nodiscard]] bool ok() const { return status == AUTHEX_OK; }
    /// No reply will come; `data` is empty.
    [[nodiscard]] bool unanswered() const { return status == AUTHEX_UNANSWERED; }
    [[nodiscard]] Reader reader() const { return Reader(data); }
};

/// A call of an entry point. Anybody may have made it: treat `data` as hostile.
struct Call {
    ByteView data;
    Writer& result;
    std::uint8_t& status;
    [[nodiscard]] Reader reader() const { return Reader(data); }
    /// Of a call by `periodic`: how many periods have passed since the one before, as the untrusted
    /// node says; more than 1 where it could not call in time. 1 on Sancus, and where nothing is
    /// said.
    [[nodiscard]] std::uint32_t ticks() const {
        const std::uint32_t said = data.size() == sizeof(std::uint32_t) ? reader().u32() : 1;
        return said == 0 ? 1 : said;
    }
    void fail() const { status = AUTHEX_FAILED; }
};

struct TimerEvent {
    std::uint64_t time_us; ///< the untrusted world's clock
};

/// Something on a TCP stream; the peer and the node are untrusted.
struct StreamEvent {
    const authex_endpoint* endpoint;
    std::uint64_t id; ///< the stream's number, or the port where `listening()`
    ByteView data;
    std::uint8_t what;
    [[nodiscard]] bool listening() const { return what == AUTHEX_STREAM_LISTENING; }
    [[nodiscard]] bool refused() const { return what == AUTHEX_STREAM_REFUSED; }
    [[nodiscard]] bool opened() const { return what == AUTHEX_STREAM_OPENED; }
    [[nodiscard]] bool received() const { return what == AUTHEX_STREAM_DATA; }
    [[nodiscard]] bool closed() const { return what == AUTHEX_STREAM_CLOSED; }
    Status write(ByteView bytes) const {
        return authex_stream_write(endpoint, id, bytes.data(), bytes.size());
    }
    template <std::size_t N>
    Status write(const char (&text)[N]) const {
        return authex_stream_write(
            endpoint, id, reinterpret_cast<const std::uint8_t*>(text), N - 1);
    }
    Status close() const { return authex_stream_close(endpoint, id); }
};

namespace detail {
/// Little-endian bytes of an integer.
template <std::integral T>
struct IntegerBytes {
    std::uint8_t bytes[sizeof(T)];
    explicit constexpr IntegerBytes(T value) : bytes{} {
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8U * i));
        }
    }
};
} // namespace detail

class Output {
  public:
    explicit constexpr Output(const authex_endpoint* endpoint) : endpoint_(endpoint) {}
    Status operator()(ByteView data = {}) const {
        return authex_output(endpoint_, data.data(), data.size());
    }
    template <std::integral T>
    Status operator()(T value) const {
        const detail::IntegerBytes<T> encoded(value);
        return authex_output(endpoint_, encoded.bytes, sizeof(T));
    }

  private:
    const authex_endpoint* endpoint_;
};

/// What sending a request gave: its id, or why it was not sent.
struct Sent {
    Status status;
    std::uint64_t id;
    [[nodiscard]] bool ok() const { return status == AUTHEX_OK; }
};

class Requester {
  public:
    explicit constexpr Requester(const authex_endpoint* endpoint) : endpoint_(endpoint) {}
    Sent operator()(ByteView data = {}) const {
        Sent sent{AUTHEX_OK, 0};
        sent.status = authex_request(endpoint_, data.data(), data.size(), &sent.id);
        return sent;
    }
    template <std::integral T>
    Sent operator()(T value) const {
        const detail::IntegerBytes<T> encoded(value);
        return (*this)(ByteView(encoded.bytes, sizeof(T)));
    }

  private:
    const authex_endpoint* endpoint_;
};

class Timer {
  public:
    explicit constexpr Timer(const authex_endpoint* endpoint) : endpoint_(endpoint) {}
    Status after_us(std::uint64_t delay_us) const {
        return authex_timer_start(endpoint_, delay_us);
    }
    Status after_ms(std::uint32_t delay_ms) const {
        return after_us(std::uint64_t{delay_ms} * 1000U);
    }
    void stop() const { authex_timer_stop(endpoint_); }

  private:
    const authex_endpoint* endpoint_;
};

class Stream {
  public:
    explicit constexpr Stream(const authex_endpoint* endpoint) : endpoint_(endpoint) {}
    Status listen(std::uint16_t port) const { return authex_stream_listen(endpoint_, port); }
    Status listen_pulled(std::uint16_t port) const {
        return authex_stream_listen_pulled(endpoint_, port);
    }
    Status pull(std::uint64_t id) const { return authex_stream_pull(endpoint_, id); }
    Status write(std::uint64_t id, ByteView bytes) const {
        return authex_stream_write(endpoint_, id, bytes.data(), bytes.size());
    }
    Status close(std::uint64_t id) const { return authex_stream_close(endpoint_, id); }

  private:
    const authex_endpoint* endpoint_;
};

/// Levels above AUTHEX_LOG_LEVEL (default: info) cost nothing in the image.
#ifndef AUTHEX_LOG_LEVEL
#define AUTHEX_LOG_LEVEL 2
#endif
template <std::uint8_t level, std::size_t N>
void log(const char (&text)[N]) {
    if constexpr (level <= AUTHEX_LOG_LEVEL) {
        authex_log(level, text, N - 1);
    }
}
template <std::size_t N>
void log_error(const char (&text)[N]) {
    log<AUTHEX_LOG_ERROR>(text);
}
template <std::size_t N>
void log_warning(const char (&text)[N]) {
    log<AUTHEX_LOG_WARNING>(text);
}
template <std::size_t N>
void log_info(const char (&text)[N]) {
    log<AUTHEX_LOG_INFO>(text);
}
template <std::size_t N>
void log_debug(const char (&text)[N]) {
    log<AUTHEX_LOG_DEBUG>(text);
}

/// @error AUTHEX_NOT_ATTESTED: the owner has not seeded the generator yet; `out` is all zero.
[[nodiscard]] inline Status random(Bytes out) {
    return authex_random(out.data(), out.size());
}

/// What the owner gave under a name, in `config:` or `secrets:` of the descriptor. Ask where it is
/// used: it may be another the next time.
struct Value {
    Status status; ///< AUTHEX_OK or AUTHEX_NOT_SET
    /// Borrowed: valid until the function that asked returns. Empty where it is not set.
    ByteView bytes;
    [[nodiscard]] bool ok() const { return status == AUTHEX_OK; }
    /// Decimal digits as a number; nothing where it is not set, is no number, or is beyond 64 bits.
    [[nodiscard]] std::optional<std::uint64_t> number() const {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : bytes) {
            const auto digit = static_cast<std::uint8_t>(byte - '0');
            if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
                return std::nullopt;
            }
            value = value * 10 + digit;
        }
        return bytes.empty() ? std::nullopt : std::optional<std::uint64_t>(value);
    }
};

namespace detail {
template <std::size_t N>
[[nodiscard]] Value value(std::uint8_t kind, const char (&name)[N]) {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    const Status status = authex_value(kind, name, N - 1, &data, &size);
    return {status, {data, size}};
}
} // namespace detail

/// A value of `config:`. It came sealed, but is no secret: it may be logged.
template <std::size_t N>
[[nodiscard]] Value config(const char (&name)[N]) {
    return detail::value(AUTHEX_CONFIG, name);
}
/// A value of `secrets:`. Never log it, and compare it in constant time.
template <std::size_t N>
[[nodiscard]] Value secret(const char (&name)[N]) {
    return detail::value(AUTHEX_SECRET, name);
}

/// A variable of the instance before that does not go over by itself: version, name or size differ.
struct OldState {
    std::uint64_t version; ///< of the state that it is of
    ByteView name;         ///< as that source called it
    ByteView bytes;        ///< as they lay there, little-endian

    template <std::size_t N>
    [[nodiscard]] bool is(const char (&wanted)[N]) const {
        if (name.size() != N - 1) {
            return false;
        }
        for (std::size_t i = 0; i < N - 1; ++i) {
            if (name[i] != static_cast<std::uint8_t>(wanted[i])) {
                return false;
            }
        }
        return true;
    }
    /// The number; none where the variable was larger than T.
    template <std::unsigned_integral T>
    [[nodiscard]] std::optional<T> number() const {
        T value = 0;
        for (std::size_t i = 0; i < bytes.size() && i < sizeof(T); ++i) {
            value = static_cast<T>(value | static_cast<T>(T{bytes[i]} << (8U * i)));
        }
        return bytes.size() <= sizeof(T) ? std::optional<T>(value) : std::nullopt;
    }
};

} // namespace authex

/// The version of this source's state, and what it makes of each variable of another's: called once
/// for each, before anything else reaches the module. false: not taken, and the instance before
/// goes on.
///   AUTHEX_MIGRATE(2, old) { … old.is("total") … old.number<std::uint64_t>() … return true; }
#define AUTHEX_MIGRATE(version, old)                                                               \
    static bool authex_migrate(const authex::OldState& old);                                       \
    AUTHEX_STATE_RECORD(version, [](authex_message* authex_m) {                                    \
        const bool authex_taken = authex_migrate(                                                  \
            {authex_m->id,                                                                         \
             {reinterpret_cast<const std::uint8_t*>(authex_m->name), authex_m->name_size},         \
             {authex_m->data, authex_m->size}});                                                   \
        authex_m->status = std::uint8_t(authex_taken ? AUTHEX_OK : AUTHEX_FAILED);                 \
    });                                                                                            \
    static bool authex_migrate([[maybe_unused]] const authex::OldState& old)

#define AUTHEX_OUTPUT(name)                                                                        \
    AUTHEX_RECORD(name, AUTHEX_KIND_OUTPUT, nullptr);                                              \
    [[maybe_unused]] static constexpr authex::Output name(&authex_endpoint_##name)

#define AUTHEX_INPUT(name, event)                                                                  \
    static void authex_on_##name(const authex::Event& event);                                      \
    AUTHEX_RECORD(name, AUTHEX_KIND_INPUT, [](authex_message* authex_m) {                          \
        authex_on_##name({{authex_m->data, authex_m->size}, authex::Age(*authex_m)});              \
    });                                                                                            \
    static void authex_on_##name([[maybe_unused]] const authex::Event& event)

// The module's clock, for connections with `deadline: { clock: modules }`: an input that takes the
// time in microseconds, as a u64, from an output of a module that its owner trusts to know it.
#define AUTHEX_CLOCK()                                                                             \
    AUTHEX_INPUT(clock, authex_time) {                                                             \
        authex::Reader reader = authex_time.reader();                                              \
        const std::uint64_t now_us = reader.u64();                                                 \
        if (reader.done()) {                                                                       \
            authex_set_clock(now_us);                                                              \
        }                                                                                          \
    }

// What a driver does when a module before it can no longer be trusted: the owner sends it an event
// of its own, authentic as any other. It is an input, and costs what an input does.
#define AUTHEX_SAFE_STATE() AUTHEX_INPUT(safe_state, authex_safe_state)

#define AUTHEX_REQUEST(name)                                                                       \
    static void authex_on_##name(const authex::Reply& reply);                                      \
    AUTHEX_RECORD(name, AUTHEX_KIND_REQUEST, [](authex_message* authex_m) {                        \
        authex_on_##name({{authex_m->data, authex_m->size}, authex_m->id, authex_m->status});      \
    });                                                                                            \
    [[maybe_unused]] static constexpr authex::Requester name(&authex_endpoint_##name)

#define AUTHEX_REPLY(name, reply)                                                                  \
    static void authex_on_##name([[maybe_unused]] const authex::Reply& reply)

#define AUTHEX_HANDLER(name, request, reply)                                                       \
    static void authex_on_##name(const authex::Request& request, authex::Writer& reply);           \
    AUTHEX_RECORD(name, AUTHEX_KIND_HANDLER, [](authex_message* authex_m) {                        \
        authex::Writer authex_w({authex_m->result, authex_m->result_room});                        \
        authex_on_##name({{authex_m->data, authex_m->size},                                        \
                          authex_m->id,                                                            \
                          authex_m->status,                                                        \
                          authex::Age(*authex_m)},                                                 \
                         authex_w);                                                                \
        authex_m->result_size = authex_w.size();                                                   \
        authex_m->status = authex_w.ok() ? authex_m->status : std::uint8_t{AUTHEX_FAILED};         \
    });                                                                                            \
    static void authex_on_##name([[maybe_unused]] const authex::Request& request,                  \
                                 [[maybe_unused]] authex::Writer& reply)

#define AUTHEX_ENTRY(name, call)                                                                   \
    static void authex_on_##name(const authex::Call& call);                                        \
    AUTHEX_RECORD(name, AUTHEX_KIND_ENTRY, [](authex_message* authex_m) {                          \
        authex::Writer authex_w({authex_m->result, authex_m->result_room});                        \
        authex_on_##name({{authex_m->data, authex_m->size}, authex_w, authex_m->status});          \
        authex_m->result_size = authex_w.size();                                                   \
        authex_m->status = authex_w.ok() ? authex_m->status : std::uint8_t{AUTHEX_FAILED};         \
    });                                                                                            \
    static void authex_on_##name([[maybe_unused]] const authex::Call& call)

#define AUTHEX_TIMER(name, timer)                                                                  \
    static void authex_on_##name(const authex::TimerEvent& timer);                                 \
    AUTHEX_RECORD(name, AUTHEX_KIND_TIMER, [](authex_message* authex_m) {                          \
        authex_on_##name({authex_m->time_us});                                                     \
    });                                                                                            \
    [[maybe_unused]] static constexpr authex::Timer name(&authex_endpoint_##name);                 \
    static void authex_on_##name([[maybe_unused]] const authex::TimerEvent& timer)

#define AUTHEX_STREAM(name, stream)                                                                \
    static void authex_on_##name(const authex::StreamEvent& stream);                               \
    static void authex_stream_##name(authex_message* authex_m);                                    \
    AUTHEX_RECORD(name, AUTHEX_KIND_STREAM, authex_stream_##name);                                 \
    static void authex_stream_##name(authex_message* authex_m) {                                   \
        authex_on_##name({&authex_endpoint_##name,                                                 \
                          authex_m->id,                                                            \
                          {authex_m->data, authex_m->size},                                        \
                          authex_m->what});                                                        \
    }                                                                                              \
    [[maybe_unused]] static constexpr authex::Stream name(&authex_endpoint_##name);                \
    static void authex_on_##name([[maybe_unused]] const authex::StreamEvent& stream)
