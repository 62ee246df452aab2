#include "support/memory_module.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <unistd.h>

#include <sys/eventfd.h>

#include "crypto/aead.hpp"
#include "wire/seal.hpp"

namespace authex::test {
namespace {

// The runtime has one active object at a time, as in an enclave.
std::mutex runtime_mutex;
MemoryModule* active = nullptr;

void must(bool condition, const char* what) {
    if (!condition) {
        throw std::runtime_error(what);
    }
}

} // namespace

struct Endpoints {
    static void take(authex_message* message, std::uint16_t endpoint) {
        Ledger& ledger = active->ledger;
        const std::uint64_t number = Reader({message->data, message->size}).u64();
        std::uint64_t& next = ledger.taken[endpoint];
        ledger.out_of_order += number == next ? 0U : 1U;
        ++next;
    }
    static void in(authex_message* message) { take(message, endpoint_in); }
    static void reply(authex_message* message) {
        take(message, endpoint_ask);
        active->ledger.out_of_order += message->status == AUTHEX_OK ? 0U : 1U;
    }
    static void relay(authex_message* message);
    static void answer(authex_message* message) {
        take(message, endpoint_answer);
        echo(message);
    }
    static void echo(authex_message* message) {
        std::memcpy(message->result, message->data, message->size);
        message->result_size = message->size;
        message->status = AUTHEX_OK;
    }
    static void emit(authex_message* message) {
        active->ledger.owed += Reader({message->data, message->size}).u32();
        emit_owed();
        message->status = AUTHEX_OK;
    }
    static void emit_owed();
    static void refuse(authex_message* message) { message->status = AUTHEX_FAILED; }
    static void tick(authex_message*) { ++active->ledger.ticks; }
    static void server(authex_message* message);
    static void listen(authex_message* message);
    static void start_timer(authex_message* message);
    static void report(authex_message* message);
    static void pull(authex_message* message);
};

namespace {
const std::array<authex_endpoint, 14> endpoints = {{
    {"out", nullptr, AUTHEX_KIND_OUTPUT},
    {"in", Endpoints::in, AUTHEX_KIND_INPUT},
    {"ask", Endpoints::reply, AUTHEX_KIND_REQUEST},
    {"answer", Endpoints::answer, AUTHEX_KIND_HANDLER},
    {"relay", Endpoints::relay, AUTHEX_KIND_INPUT},
    {"echo", Endpoints::echo, AUTHEX_KIND_ENTRY},
    {"emit", Endpoints::emit, AUTHEX_KIND_ENTRY},
    {"refuse", Endpoints::refuse, AUTHEX_KIND_ENTRY},
    {"tick", Endpoints::tick, AUTHEX_KIND_TIMER},
    {"server", Endpoints::server, AUTHEX_KIND_STREAM},
    {"listen", Endpoints::listen, AUTHEX_KIND_ENTRY},
    {"start_timer", Endpoints::start_timer, AUTHEX_KIND_ENTRY},
    {"report", Endpoints::report, AUTHEX_KIND_ENTRY},
    {"pull", Endpoints::pull, AUTHEX_KIND_ENTRY},
}};
} // namespace

void Endpoints::relay(authex_message* message) {
    take(message, endpoint_relay);
    must(authex_output(&endpoints[endpoint_out], message->data, message->size) == AUTHEX_OK,
         "a relay found no room");
}

void Endpoints::emit_owed() {
    Ledger& ledger = active->ledger;
    std::vector<std::uint8_t> payload(std::max<std::size_t>(ledger.payload_bytes, 8));
    for (; ledger.owed > 0; --ledger.owed, ++ledger.emitted) {
        Writer(payload).u64(ledger.emitted);
        if (authex_output(&endpoints[endpoint_out], payload.data(), payload.size()) != AUTHEX_OK) {
            return;
        }
    }
    for (; ledger.owed_requests > 0; --ledger.owed_requests, ++ledger.asked) {
        Writer(payload).u64(ledger.asked);
        std::uint64_t id = 0;
        if (authex_request(&endpoints[endpoint_ask], payload.data(), payload.size(), &id) !=
            AUTHEX_OK) {
            return;
        }
    }
}

void Endpoints::server(authex_message* message) {
    if (message->what == AUTHEX_STREAM_LISTENING) {
        active->ledger.port = static_cast<std::uint16_t>(message->id);
    } else if (message->what == AUTHEX_STREAM_OPENED) {
        active->ledger.stream = message->id;
    } else if (message->what == AUTHEX_STREAM_DATA) {
        ++active->ledger.pieces;
        (void)authex_stream_write(
            &endpoints[endpoint_server], message->id, message->data, message->size);
        if (active->ledger.closes) {
            (void)authex_stream_close(&endpoints[endpoint_server], message->id);
        }
    } else if (message->what == AUTHEX_STREAM_CLOSED) {
        (void)authex_stream_close(&endpoints[endpoint_server], message->id);
    }
}

void Endpoints::listen(authex_message* message) {
    Reader reader({message->data, message->size});
    const std::uint16_t port = reader.u16();
    const bool pulled = reader.u8() == 1;
    active->ledger.closes = reader.u8() == 1;
    (void)(pulled ? authex_stream_listen_pulled : authex_stream_listen)(&endpoints[endpoint_server],
                                                                        port);
    message->status = AUTHEX_OK;
}

void Endpoints::pull(authex_message* message) {
    (void)authex_stream_pull(&endpoints[endpoint_server], active->ledger.stream);
    message->status = AUTHEX_OK;
}

void Endpoints::start_timer(authex_message* message) {
    (void)authex_timer_start(&endpoints[endpoint_tick],
                             Reader({message->data, message->size}).u64());
    message->status = AUTHEX_OK;
}

void Endpoints::report(authex_message* message) {
    Ledger& ledger = active->ledger;
    Writer writer({message->result, message->result_room});
    writer.u64(ledger.emitted).u64(ledger.taken[endpoint_in]).u64(ledger.taken[endpoint_answer]);
    writer.u64(ledger.taken[endpoint_ask]).u64(ledger.asked).u64(ledger.out_of_order);
    writer.u64(ledger.ticks).u64(ledger.port);
    writer.u64(ledger.stream).u64(ledger.pieces);
    message->result_size = writer.size();
    message->status = AUTHEX_OK;
}

Report parse_report(ByteView data) {
    Reader reader(data);
    Report report;
    report.emitted = reader.u64();
    report.taken_in = reader.u64();
    report.taken_answer = reader.u64();
    report.taken_reply = reader.u64();
    report.asked = reader.u64();
    report.out_of_order = reader.u64();
    report.ticks = reader.u64();
    report.port = reader.u64();
    report.stream = reader.u64();
    report.pieces = reader.u64();
    return report;
}

MemoryModule::MemoryModule(std::uint16_t deployment, std::size_t in_bytes)
    : deployment_(deployment), in_capacity_(in_bytes),
      runtime_(std::make_unique<runtime::Runtime>()), out_(ring_bytes),
      owner_(deployment, [this](ByteView frame) { return invoke_alone(frame); }) {
    static_assert(ring_bytes >= runtime::output_min_bytes);
    const std::array<std::uint8_t, 32> entropy{42};
    runtime_->start(endpoints, owner_public(), entropy);
    const wire::FrameHeader hello{.kind = wire::Kind::hello, .deployment = deployment};
    std::array<std::uint8_t, wire::header_bytes> frame{};
    wire::write_header(hello, frame);
    (void)invoke_alone(frame);
}

std::vector<std::uint8_t> MemoryModule::invoke_alone(ByteView frame) {
    const std::scoped_lock lock(runtime_mutex);
    std::vector<std::uint8_t> out(runtime::output_min_bytes);
    active = this;
    const runtime::Progress progress = runtime_->invoke(frame, out);
    must(progress.consumed == frame.size(), "the runtime left a frame");
    out.resize(progress.produced);
    return out;
}

std::vector<std::uint8_t> MemoryModule::seal_direct(std::uint16_t channel,
                                                    std::uint32_t epoch,
                                                    const wire::FrameHeader& header,
                                                    ByteView body) const {
    crypto::AeadKey key;
    must(key.set(crypto::Algorithm::aes_128_gcm, connection_key(deployment_, channel, epoch)) ==
             Error::none,
         "key");
    std::vector<std::uint8_t> frame(wire::header_bytes + body.size() + wire::tag_bytes);
    wire::FrameHeader complete = header;
    complete.deployment = deployment_;
    complete.channel = channel;
    must(wire::seal_frame(key, complete, body, frame) == Error::none, "seal");
    return frame;
}

void MemoryModule::feed(ByteView frames) {
    must(frames.size() <= room(), "the module's ring is overrun");
    if (in_begin_ == in_.size()) {
        in_.clear();
        in_begin_ = 0;
    }
    in_.insert(in_.end(), frames.begin(), frames.end());
}

void MemoryModule::forget() {
    in_.clear();
    in_begin_ = 0;
    out_used_ = 0;
    asleep_ = false;
    ledger = {};
    refusals.clear();
}

void MemoryModule::consume(std::size_t bytes) {
    must(bytes <= out_used_, "more consumed than there is");
    std::memmove(out_.data(), out_.data() + bytes, out_used_ - bytes);
    out_used_ -= bytes;
}

bool MemoryModule::run() {
    if (asleep_) {
        return false;
    }
    const bool owes = ledger.owed + ledger.owed_requests > 0;
    if ((!has_input() && !owes) || out_.size() - out_used_ < runtime::output_min_bytes) {
        return false;
    }
    const std::uint64_t owed_before = ledger.owed + ledger.owed_requests;
    if (owes) {
        const std::uint8_t nothing[4] = {};
        std::array<std::uint8_t, wire::header_bytes + 4> frame{};
        wire::write_header({.kind = wire::Kind::call,
                            .deployment = deployment_,
                            .channel = endpoint_emit,
                            .length = sizeof nothing,
                            .counter = ~std::uint64_t{0}},
                           frame);
        const std::scoped_lock lock(runtime_mutex);
        active = this;
        out_used_ += runtime_->invoke(frame, Bytes(out_).subspan(out_used_)).produced;
    }
    const std::scoped_lock lock(runtime_mutex);
    active = this;
    const std::size_t before = out_used_;
    const runtime::Progress progress =
        runtime_->invoke(ByteView(in_).subspan(in_begin_), Bytes(out_).subspan(out_used_));
    in_begin_ += progress.consumed;
    out_used_ += progress.produced;
    for (std::size_t at = before; at < out_used_;) {
        wire::FrameView view;
        must(wire::parse_frame(ByteView(out_).subspan(at, out_used_ - at), view) == Error::none,
             "the runtime wrote what is no frame");
        if (view.header.kind == wire::Kind::refusal) {
            ++refusals[view.body[1]];
        }
        at += view.frame_bytes();
    }
    return owed_before != ledger.owed + ledger.owed_requests || progress.consumed != 0;
}

void MemoryModule::call(Endpoint entry, ByteView data, std::uint64_t number) {
    std::vector<std::uint8_t> frame(wire::header_bytes + data.size());
    wire::write_header({.kind = wire::Kind::call,
                        .deployment = deployment_,
                        .channel = entry,
                        .length = static_cast<std::uint32_t>(data.size()),
                        .counter = number},
                       frame);
    copy(data, Bytes(frame).subspan(wire::header_bytes));
    feed(frame);
}

MemoryLink::MemoryLink(std::shared_ptr<MemoryModule> module, std::optional<tee::OwnClock> clock)
    : module_(std::move(module)), clock_(clock),
      doorbell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      exit_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void MemoryLink::set_periodic(const std::vector<tee::PeriodicCall>& calls) {
    const std::lock_guard lock(mutex_);
    periodic_ = calls;
}

tee::PeriodicCounts MemoryLink::periodic_counts(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    for (const tee::PeriodicCall& call : periodic_) {
        if (call.name == name) {
            return {.fired = call.every_us / 1000, .missed = 0};
        }
    }
    return {};
}

bool MemoryLink::carry_to(std::uint16_t channel, tee::ModuleLink& destination) {
    const std::lock_guard lock(mutex_);
    if (!clock_ || &destination == this) {
        return false;
    }
    ++left_to_node_[channel];
    return true;
}

void MemoryLink::carry_no_more(std::uint16_t channel) {
    const std::lock_guard lock(mutex_);
    left_to_node_.erase(channel);
}

std::vector<tee::Carried> MemoryLink::take_carried() {
    const std::lock_guard lock(mutex_);
    return std::exchange(carried_, {});
}

void MemoryLink::has_carried(const tee::Carried& events) {
    const std::lock_guard lock(mutex_);
    carried_.push_back(events);
}

std::map<std::uint16_t, unsigned> MemoryLink::left_to_node() const {
    const std::lock_guard lock(mutex_);
    return left_to_node_;
}

std::vector<std::string> MemoryLink::periodic() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const tee::PeriodicCall& call : periodic_) {
        names.push_back(call.name);
    }
    return names;
}

MemoryLink::~MemoryLink() {
    ::close(doorbell_);
    ::close(exit_);
}

std::optional<ByteView> MemoryLink::readable() {
    (void)module_->run();
    return module_->output();
}

std::optional<Bytes> MemoryLink::writable() {
    window_.resize(module_->room());
    return Bytes(window_);
}

void MemoryLink::commit(std::size_t count) {
    module_->feed(ByteView(window_).first(count));
}

bool MemoryLink::prepare_sleep(bool want_room) {
    (void)module_->run();
    return module_->output().empty() && !(want_room && module_->room() > 0);
}

void MemoryLink::drain_doorbell() {
    std::uint64_t count = 0;
    (void)!::read(doorbell_, &count, sizeof count);
}

std::optional<tee::Exit> MemoryLink::exit() {
    std::uint64_t count = 0;
    if (::read(exit_, &count, sizeof count) < 0) {
        return std::nullopt;
    }
    return tee::Exit{.signalled = true, .code = 9};
}

void MemoryLink::kill() {
    die();
}

void MemoryLink::ring() const {
    const std::uint64_t one = 1;
    (void)!::write(doorbell_, &one, sizeof one);
}

void MemoryLink::die() const {
    const std::uint64_t one = 1;
    (void)!::write(exit_, &one, sizeof one);
}

} // namespace authex::test
