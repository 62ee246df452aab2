#pragma once
// One module in a runtime of its own, its owner and the other ends of its connections, in one
// process. What the module does is the test's to say.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/runtime.hpp"
#include "support/frames.hpp"

namespace authex::test {

/// Endpoints of the module, by id.
enum Id : std::uint16_t { out, in, ask, answer, enter, tick, tcp, out_too, in_too, ids };

/// What reached a function of the module.
struct Heard {
    Id endpoint;
    Octets data;
    std::uint64_t id;
    std::uint64_t time_us;
    std::uint8_t status;
    std::uint8_t what;
    bool late = false;
    std::uint32_t missed = 0;
    friend bool operator==(const Heard&, const Heard&) = default;
};

/// The module: `heard` grows, then `act` runs. One module at a time.
struct Module {
    std::vector<Heard> heard;
    std::function<void(Id, authex_message&)> act;
};
inline Module module_state;

template <Id id>
void hear(authex_message* message) {
    module_state.heard.push_back({id,
                                  Octets(message->data, message->data + message->size),
                                  message->id,
                                  message->time_us,
                                  message->status,
                                  message->what,
                                  message->late != 0,
                                  message->missed});
    if (module_state.act) {
        module_state.act(id, *message);
    }
}

inline constexpr authex_endpoint endpoints[ids] = {
    {"out", nullptr, AUTHEX_KIND_OUTPUT},
    {"in", hear<in>, AUTHEX_KIND_INPUT},
    {"ask", hear<ask>, AUTHEX_KIND_REQUEST},
    {"answer", hear<answer>, AUTHEX_KIND_HANDLER},
    {"enter", hear<enter>, AUTHEX_KIND_ENTRY},
    {"tick", hear<tick>, AUTHEX_KIND_TIMER},
    {"tcp", hear<tcp>, AUTHEX_KIND_STREAM},
    {"out_too", nullptr, AUTHEX_KIND_OUTPUT},
    {"in_too", hear<in_too>, AUTHEX_KIND_INPUT},
};

inline authex_status send(Id endpoint, const Octets& data) {
    return authex_output(&endpoints[endpoint], data.data(), data.size());
}
inline void write_result(authex_message& message, const Octets& data) {
    std::copy(data.begin(), data.end(), message.result);
    message.result_size = data.size();
}

class Enclave {
  public:
    explicit Enclave(const std::vector<authex_endpoint>& records = {std::begin(endpoints),
                                                                    std::end(endpoints)},
                     std::uint8_t entropy = 0x42)
        : records_(records), runtime_(std::make_unique<runtime::Runtime>()) {
        module_state = {};
#if AUTHEX_WITH_NOISE
        for (const Owner* each : {&owner, &recovery, &delegate}) {
            owner_keys_.insert(
                owner_keys_.end(), each->public_key().begin(), each->public_key().end());
        }
        runtime_->start(endpoints_of_test(), owner_keys_, Octets(32, entropy));
#else
        (void)entropy;
        module_key = {1, 2, 3};
        runtime_->start(endpoints_of_test(), {}, {});
#endif
    }

    std::vector<Frame> give(const Octets& frames) {
        return give_into(output_, frames);
    }
    std::vector<Frame> give(const Octets& frames, std::size_t room) {
        Octets output(room);
        return give_into(output, frames);
    }

    void attest() {
        const std::vector<Frame> answers = give(owner.hello());
        if (answers.size() != 1 || !owner.finish(answers[0])) {
            throw std::runtime_error("the handshake failed");
        }
    }

    /// Says it to the module. Frames beside the answer are left in `beside`.
    Owner::Answer say(const Octets& order) {
        std::optional<Owner::Answer> found;
        beside.clear();
        for (const Frame& frame : give(order)) {
            if (frame.header.kind == wire::Kind::control) {
                found = owner.open(frame);
            } else {
                beside.push_back(frame);
            }
        }
        if (!found) {
            throw std::runtime_error("the order was not answered");
        }
        return *found;
    }
    Owner::Answer say(const wire::ControlMessage& message) {
        return say(owner.order(message));
    }
    Error do_it(const wire::ControlMessage& message) {
        return say(message).fixed.error;
    }

    static wire::ControlMessage terms(std::uint16_t channel, Id endpoint, std::uint32_t epoch = 1) {
        wire::ControlMessage message;
        message.type = wire::ControlType::set_connection;
        const bool source = endpoint == out || endpoint == ask || endpoint == out_too;
        message.connection = {.channel = channel,
                              .endpoint = endpoint,
                              .role = source ? wire::Role::source : wire::Role::destination,
                              .algorithm = crypto::with_aes ? crypto::Algorithm::aes_128_gcm
                                                            : crypto::Algorithm::spongent_128,
                              .delivery = wire::Delivery::ordered,
                              .epoch = epoch,
                              .key = {}};
        message.connection.key.fill(static_cast<std::uint8_t>(channel * 16U + epoch));
        return message;
    }

    /// Every counter that the module has, as it says it to its owner.
    std::vector<wire::AuditEntry> audit() {
        wire::ControlMessage message;
        message.type = wire::ControlType::audit;
        const Octets data = say(message).data;
        Reader reader(data);
        std::vector<wire::AuditEntry> entries;
        while (reader.remaining() > 0) {
            wire::AuditEntry entry;
            if (wire::parse_audit_entry(reader, entry) != Error::none) {
                throw std::runtime_error("not an audit");
            }
            entries.push_back(entry);
        }
        return entries;
    }

    [[nodiscard]] runtime::Runtime& runtime() {
        return *runtime_;
    }
    [[nodiscard]] std::vector<Heard>& heard() {
        return module_state.heard;
    }

    /// Index 0.
    Owner owner;
#if AUTHEX_WITH_NOISE
    /// Index 1: the key that is kept offline.
    Owner recovery{2};
    /// Index 2.
    Owner delegate{3};
#endif
    runtime::Progress progress;
    Octets last;
    std::vector<Frame> beside;

  private:
    std::vector<Frame> give_into(Octets& output, const Octets& frames) {
        progress = runtime_->invoke(frames, output);
        last = Octets(output.begin(), output.begin() + static_cast<long>(progress.produced));
        return split(last);
    }
    // The SDK's calls name records of `endpoints`; other records serve tests of the table itself.
    std::span<const authex_endpoint> endpoints_of_test() {
        return records_.size() == ids ? std::span<const authex_endpoint>(endpoints)
                                      : std::span<const authex_endpoint>(records_);
    }
    std::vector<authex_endpoint> records_;
    Octets owner_keys_;
    std::unique_ptr<runtime::Runtime> runtime_;
    Octets output_ = Octets(std::size_t{1} << 20U); ///< made once: so large, it costs its pages
};

/// The other end of a connection.
class Peer {
  public:
    explicit Peer(const wire::ControlMessage& message) : terms_(message.connection) {
        (void)key_.set(terms_.algorithm, terms_.key);
    }
    Octets event(std::uint64_t counter, const Octets& body) {
        return frame({.kind = wire::Kind::event, .counter = counter}, body);
    }
    Octets request(std::uint64_t counter, const Octets& body) {
        return frame({.kind = wire::Kind::request, .counter = counter}, body);
    }
    Octets reply(std::uint64_t counter, const Octets& body, bool negative = false) {
        const auto flags =
            static_cast<std::uint16_t>(wire::flag_direction | (negative ? wire::flag_negative : 0));
        return frame({.kind = wire::Kind::reply, .flags = flags, .counter = counter}, body);
    }
    Octets frame(wire::FrameHeader header, const Octets& body) {
        header.channel = terms_.channel;
        return sealed(key_, header, body);
    }
    std::optional<Octets> open(const Frame& frame) { return opened(key_, frame); }

  private:
    wire::SetConnection terms_;
    crypto::AeadKey key_;
};

inline bool operator==(const wire::AuditEntry& a, const wire::AuditEntry& b) {
    return a.channel == b.channel && a.endpoint == b.endpoint && a.role == b.role &&
           a.epoch == b.epoch && a.sent == b.sent && a.accepted == b.accepted &&
           a.refused == b.refused && a.expected == b.expected;
}

} // namespace authex::test

namespace authex::wire {
using test::operator==;
}
