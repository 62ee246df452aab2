// A hostile host before the door: any addresses, any frames, in any pieces; some of the frames are
// sealed under the right keys, so that the ways behind the tag are walked too.
#include "runtime/door.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "support/enclave.hpp"

namespace {

using namespace authex;
using test::Enclave;
using test::Octets;
using test::operator+;

const crypto::DhKey owner_key = [] { return test::Owner().public_key(); }();

/// Reads the fuzzer's bytes as choices.
class Choices {
  public:
    explicit Choices(ByteView bytes) : reader_(bytes) {}
    std::uint8_t byte() { return reader_.u8(); }
    std::uint16_t word() { return reader_.u16(); }
    std::uint64_t number() {
        const std::uint8_t width = byte();
        return width < 200 ? width : width < 230 ? reader_.u32() : reader_.u64();
    }
    Octets octets(std::size_t size) {
        const ByteView taken = reader_.take(std::min(size, reader_.remaining()));
        return {taken.begin(), taken.end()};
    }
    [[nodiscard]] bool more() const { return reader_.remaining() > 0; }

  private:
    Reader reader_;
};

void act(test::Id id, authex_message& message) {
    const Octets data(message.data, message.data + message.size);
    (void)test::send(test::out, data);
    (void)authex_request(&test::endpoints[test::ask], data.data(), data.size() / 2, nullptr);
    (void)authex_timer_start(&test::endpoints[test::tick], data.size());
    (void)authex_stream_write(&test::endpoints[test::tcp], 1, data.data(), data.size());
    authex_log(message.status, reinterpret_cast<const char*>(data.data()), data.size());
    if (id == test::answer || id == test::enter) {
        message.status = static_cast<std::uint8_t>(data.size() % 3);
        test::write_result(message, data);
    }
}

constexpr std::uint64_t orders_before = 4; ///< that open_channel() gives

struct Hostile {
    std::unique_ptr<runtime::Runtime> module = std::make_unique<runtime::Runtime>();
    runtime::Door door{*module};
    Octets shared = Octets(std::size_t{1} << 20U);
    test::Owner owner;
    std::uint64_t orders = orders_before;
    test::Peer in{Enclave::terms(1, test::in)};
    test::Peer ask{Enclave::terms(3, test::ask)};
    test::Peer answer{Enclave::terms(4, test::answer)};

    void call_door(runtime::Invocation invocation) {
        door.enter(&invocation);
        if (invocation.error != 0 && (invocation.consumed != 0 || invocation.produced != 0)) {
            std::abort();
        }
    }
    std::vector<test::Frame> give(const Octets& frames) {
        const std::size_t size = std::min(frames.size(), shared.size() / 2);
        std::copy_n(frames.begin(), size, shared.begin());
        const auto base = reinterpret_cast<std::uintptr_t>(shared.data());
        runtime::Invocation invocation{.in = base,
                                       .in_bytes = size,
                                       .out = base + shared.size() / 2,
                                       .out_bytes = shared.size() / 2};
        door.enter(&invocation);
        if (invocation.error != 0 || invocation.consumed > size) {
            std::abort();
        }
        return test::split(ByteView(shared).subspan(shared.size() / 2,
                                                    static_cast<std::size_t>(invocation.produced)));
    }
    void open_channel() {
        const auto base = reinterpret_cast<std::uintptr_t>(shared.data());
        call_door({.operation = runtime::Operation::start,
                   .shared_begin = base,
                   .shared_end = base + shared.size()});
        if (!owner.finish(give(owner.hello()).at(0))) {
            std::abort();
        }
        for (const auto& terms : {Enclave::terms(1, test::in),
                                  Enclave::terms(2, test::out),
                                  Enclave::terms(3, test::ask),
                                  Enclave::terms(4, test::answer)}) {
            (void)give(owner.order(terms));
        }
    }
    Octets sealed(Choices& choices) {
        const std::uint8_t which = choices.byte();
        const std::uint64_t counter = choices.number();
        if (counter >= wire::counter_limit) {
            return {};
        }
        const Octets body = choices.octets(choices.byte());
        switch (which % 5) {
        case 0:
            return in.event(counter, body);
        case 1:
            return answer.request(counter, body);
        case 2:
            return ask.reply(counter, body, which % 2 == 0);
        case 3:
            return owner.order_at(orders++, body);
        default:
            return in.frame({.kind = wire::Kind::reply, .counter = counter}, body);
        }
    }
};

/// The state after open_channel(), made once: runtime and door hold no memory but their own, so
/// that their bytes, put back where they were, are that state again. A handshake would cost most of
/// the time.
class Opened {
  public:
    Opened() {
        host_.open_channel();
        std::memcpy(runtime_.data(), host_.module.get(), runtime_.size());
        std::memcpy(door_.data(), &host_.door, door_.size());
    }
    Hostile& again() {
        std::memcpy(static_cast<void*>(host_.module.get()), runtime_.data(), runtime_.size());
        std::memcpy(static_cast<void*>(&host_.door), door_.data(), door_.size());
        host_.orders = orders_before;
        return host_;
    }

  private:
    Hostile host_;
    Octets runtime_ = Octets(sizeof(runtime::Runtime));
    Octets door_ = Octets(sizeof(runtime::Door));
};

} // namespace

authex::runtime::ImageLayout authex::runtime::port::layout() {
    return {.endpoints = test::endpoints, .owner_keys = owner_key, .begin = 0x1000, .end = 0x2000};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Choices choices({data, size});
    static Opened opened;
    Hostile& host = opened.again();
    test::module_state = {};
    test::module_state.act = act;
    Octets batch;
    while (choices.more()) {
        switch (choices.byte() % 4) {
        case 0:
            batch = batch + host.sealed(choices);
            break;
        case 1:
            batch = batch + test::plain({.kind = static_cast<wire::Kind>(choices.byte()),
                                         .channel = choices.byte(),
                                         .flags = choices.byte(),
                                         .counter = choices.number()},
                                        choices.octets(choices.byte()));
            break;
        case 2:
            batch = batch + choices.octets(choices.byte());
            break;
        default: {
            // Buffers inside the shared area are walked by give(); these lie anywhere else.
            runtime::Invocation wild{.version = choices.byte(),
                                     .operation = static_cast<runtime::Operation>(choices.byte()),
                                     .shared_begin = choices.number(),
                                     .shared_end = choices.number(),
                                     .in = choices.number(),
                                     .in_bytes = choices.number(),
                                     .out = choices.number(),
                                     .out_bytes = choices.number()};
            host.call_door(wild);
            (void)host.give(batch);
            batch.clear();
        }
        }
        test::module_state.heard.clear();
    }
    (void)host.give(batch);
    return 0;
}
