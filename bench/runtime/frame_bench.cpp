// A whole frame through the runtime of a module: checked, opened, handled, answered with a sealed
// frame of the same size.
#include <benchmark/benchmark.h>

#include "runtime/port.hpp"
#include "support/enclave.hpp"

// The door is not entered here; the linker wants a port.
authex::runtime::ImageLayout authex::runtime::port::layout() {
    return {};
}

namespace authex::runtime {
namespace {

using test::Octets;
using test::operator+;

enum Id : std::uint16_t { out, in, answer, ids };
void echo(authex_message* message);
void reply(authex_message* message);
constexpr authex_endpoint records[ids] = {
    {"out", nullptr, AUTHEX_KIND_OUTPUT},
    {"in", echo, AUTHEX_KIND_INPUT},
    {"answer", reply, AUTHEX_KIND_HANDLER},
};

void echo(authex_message* message) {
    (void)authex_output(&records[out], message->data, message->size);
}

void reply(authex_message* message) {
    std::copy(message->data, message->data + message->size, message->result);
    message->result_size = message->size;
}

/// An attested module whose input echoes and whose handler answers with what it was asked.
class Module {
  public:
    Module() {
        runtime_->start(records, owner_.public_key(), Octets(32, 0x42));
        (void)give(owner_.hello());
        (void)owner_.finish(test::split(produced_).at(0));
    }

    /// From now on each invocation ends with its state, so many bytes, sealed.
    void keep_state(std::size_t bytes) {
        state_.resize(bytes);
        runtime_->keep(state_, false);
        wire::ControlMessage message;
        message.type = wire::ControlType::keep_state;
        message.connection.key.fill(7);
        (void)give(owner_.order(message));
    }

    /// Keys the connections anew. @return `count` sealed frames of `kind` for the module
    Octets frames(wire::Kind kind, std::size_t count, std::size_t body_bytes) {
        ++epoch_;
        const auto inward = terms(1, kind == wire::Kind::event ? in : answer);
        (void)give(owner_.order(inward));
        (void)give(owner_.order(terms(2, out)));
        test::Peer peer(inward);
        Octets all;
        for (std::uint64_t counter = 0; counter < count; ++counter) {
            all = std::move(all) +
                  peer.frame({.kind = kind, .counter = counter}, Octets(body_bytes, 0x5A));
        }
        return all;
    }

    /// @return bytes of frames that came out
    std::size_t give(ByteView frames) {
        const Progress progress = runtime_->invoke(frames, room_);
        produced_ = ByteView(room_).first(progress.produced);
        return progress.produced;
    }

  private:
    wire::ControlMessage terms(std::uint16_t channel, Id endpoint) const {
        wire::ControlMessage message = test::Enclave::terms(channel, test::in, epoch_);
        message.connection.endpoint = endpoint;
        message.connection.role = endpoint == out ? wire::Role::source : wire::Role::destination;
        return message;
    }

    std::unique_ptr<Runtime> runtime_ = std::make_unique<Runtime>();
    test::Owner owner_;
    Octets room_ = Octets(std::size_t{1} << 22U);
    ByteView produced_;
    Octets state_;
    std::uint32_t epoch_ = 0;
};

/// Arguments: bytes of a body, frames an invocation; of the state that is sealed after each, if
/// any.
template <wire::Kind kind>
void frames_through_the_runtime(benchmark::State& state) {
    const auto body_bytes = static_cast<std::size_t>(state.range(0));
    const auto batch = static_cast<std::size_t>(state.range(1));
    const std::size_t frame_bytes =
        wire::sealed_frame_bytes(crypto::Algorithm::aes_128_gcm, body_bytes);
    const std::size_t prepared = body_bytes > 4096 ? 64 : 4096;
    Module module;
    if (state.range(2) != 0) {
        module.keep_state(static_cast<std::size_t>(state.range(2)));
    }
    Octets frames;
    std::size_t at = 0;
    for (auto _ : state) {
        if (at == frames.size()) {
            state.PauseTiming();
            frames = module.frames(kind, prepared, body_bytes);
            at = 0;
            state.ResumeTiming();
        }
        const std::size_t given = batch * frame_bytes;
        if (module.give(ByteView(frames).subspan(at, given)) < given) {
            state.SkipWithError("not every frame was answered with one of its size");
            return;
        }
        at += given;
    }
    state.counters["frame"] = benchmark::Counter(static_cast<double>(batch),
                                                 benchmark::Counter::kIsIterationInvariantRate |
                                                     benchmark::Counter::kInvert);
}

BENCHMARK(frames_through_the_runtime<wire::Kind::event>)
    ->Args({16, 1, 0})
    ->Args({64, 1, 0})
    ->Args({64, 64, 0})
    ->Args({64, 64, 64})
    ->Args({64, 64, 1024})
    ->Args({64, 64, 16384})
    ->Args({1024, 1, 0})
    ->Args({65536, 1, 0});
BENCHMARK(frames_through_the_runtime<wire::Kind::request>)->Args({64, 1, 0})->Args({64, 64, 0});

/// An owner's first message, and the module's answer with its report data.
void handshake_through_the_runtime(benchmark::State& state) {
    Module module;
    test::Owner owner;
    const Octets hello = owner.hello();
    for (auto _ : state) {
        if (module.give(hello) == 0) {
            state.SkipWithError("not answered");
            return;
        }
    }
}
BENCHMARK(handshake_through_the_runtime);

} // namespace
} // namespace authex::runtime
