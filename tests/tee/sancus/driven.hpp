#pragma once
// A module that the builder made, in an enclave of an emulated board, and its owner and peers.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tee/modules.hpp"
#include "tee/sancus/builder.hpp"
#include "tee/sancus/sancus_node.hpp"
#include "wire/control.hpp"

namespace authex::test {

constexpr tee::sancus::Placement first_place = {
    .text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 2};

struct Built {
    tee::sancus::SancusImage image;
    std::vector<descriptor::Endpoint> endpoints;
};

inline Expected<tee::Image> build(tee::BuildSpec spec) {
    static const auto builder = tee::sancus::make_builder(
        {.home = AUTHEX_SOURCE_DIR,
         .cache = std::filesystem::path(AUTHEX_BINARY_DIR) / "test-cache"});
    spec.module = "m";
    spec.root = spec.root.empty() ? AUTHEX_SOURCE_DIR : spec.root;
    spec.owner_key = {1};
    spec.vendor_id = vendor_id;
    return builder->build(spec);
}

inline Built built(tee::BuildSpec spec) {
    const tee::Image image = require(build(std::move(spec)));
    std::ifstream file(image.path, std::ios::binary);
    const Octets bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return {require(tee::sancus::parse_image(bytes)), image.endpoints};
}

/// A driver that comes with Authex on a board, attested; its owner speaks to its endpoints. What
/// does not go as it always does is thrown.
class Driven {
  public:
    Driven(const std::string& driver, std::vector<std::string> devices)
        : Driven(built({.driver = driver, .devices = std::move(devices)})) {}
    explicit Driven(Built built) : built_(std::move(built)) {
        auto place = first_place;
        if (built_.image.gate_bytes == 0) {
            place = {.text = place.text, .data = place.data};
        }
        must(node.load(built_.image, place) != 0, "it is not protected");
        if (built_.image.vector != 0) {
            node.bind(built_.image.vector, entry);
        }
        module_key = tee::sancus::module_key(
            tee::sancus::vendor_key(node_key, vendor_id), built_.image, place);
        must(owner_.finish(node.give(entry, owner_.hello()).at(0)).has_value(),
             "it is not attested");
    }
    /// Connects an endpoint, under its number as channel and key.
    void connect(const std::string& endpoint, wire::Role role) {
        wire::ControlMessage message;
        message.type = wire::ControlType::set_connection;
        const std::uint16_t id = number(endpoint);
        message.connection = {.channel = channel(id),
                              .endpoint = id,
                              .role = role,
                              .algorithm = crypto::Algorithm::spongent_128,
                              .epoch = 1};
        message.connection.key.fill(static_cast<std::uint8_t>(id + 1));
        must(keys_[id].set(crypto::Algorithm::spongent_128, message.connection.key) == Error::none,
             "no key");
        for (const Frame& frame : node.give(entry, owner_.order(message))) {
            if (const auto answer = owner_.open(frame)) {
                must(answer->fixed.error == Error::none, "it refuses the connection");
            }
        }
    }
    /// What an order without fields is answered with; that to remove is of no connection.
    void order(wire::ControlType type) {
        wire::ControlMessage message;
        message.type = type;
        const Octets entropy(wire::seed_bytes, 7);
        message.entropy = entropy;
        must(owner_.open(node.give(entry, owner_.order(message)).at(0)).value().fixed.error ==
                 Error::none,
             "it refuses the order");
    }
    /// Turns the key of an endpoint's connection to the first one after it.
    /// @param does it has room for another, else it is asked all the same
    void turn(const std::string& endpoint, bool does) {
        wire::ControlMessage message;
        message.type = wire::ControlType::turn_key;
        const std::uint16_t id = number(endpoint);
        message.connection.channel = channel(id);
        message.connection.key.fill(static_cast<std::uint8_t>(id + 101));
        message.turn = 1;
        message.seals = true;
        const auto answer = owner_.open(node.give(entry, owner_.order(message)).at(0)).value();
        must(answer.fixed.error == (does ? Error::none : Error::unknown_kind), "it turns");
        if (does) {
            (void)keys_[id].set(crypto::Algorithm::spongent_128, message.connection.key);
            turned_.insert(id);
        }
    }
    void connect(const std::string& input) { connect(input, wire::Role::destination); }
    void listen(const std::string& output) { connect(output, wire::Role::source); }

    /// The frame of the next event for the input.
    Octets event(const std::string& input, const Octets& body) {
        const std::uint16_t id = number(input);
        return sealed(keys_[id],
                      {.kind = wire::Kind::event,
                       .channel = channel(id),
                       .flags = flags(id),
                       .counter = counters_[id]++},
                      body);
    }
    /// Bodies of the events that come out.
    std::vector<Octets> send(const std::string& input, const Octets& body) {
        return events(node.give(entry, event(input, body)));
    }
    std::vector<Octets> call(const std::string& entry_name) {
        Octets frame(wire::header_bytes);
        wire::write_header({.kind = wire::Kind::call, .channel = number(entry_name)}, frame);
        return events(node.give(entry, frame));
    }
    std::vector<Octets> look() { return events(node.give(entry)); }
    /// The reply; its first byte is the status where there is no body.
    Frame ask(const std::string& handler, const Octets& body) {
        const std::uint16_t id = number(handler);
        return node
            .give(entry,
                  sealed(keys_[id],
                         {.kind = wire::Kind::request,
                          .channel = channel(id),
                          .counter = counters_[id]++},
                         body))
            .at(0);
    }
    Octets answer(const std::string& handler, const Octets& body) {
        return opened(keys_[number(handler)], ask(handler, body)).value_or(Octets{0xee});
    }
    /// Of the module's stack, the bytes from its end on that nothing has been written to yet.
    [[nodiscard]] unsigned stack_left() const {
        unsigned left = 0;
        while (node.word(static_cast<std::uint16_t>(first_place.data + left)) == 0) {
            left += 2;
        }
        return left;
    }
    void press(const std::string& device) {
        for (const char* what : {"pressed", "released"}) {
            node.input(device, what);
            node.idle(100'000);
        }
    }

    SancusNode node;
    static constexpr std::uint16_t entry = first_place.text;

  private:
    static void must(bool holds, const char* otherwise) {
        if (!holds) {
            throw std::runtime_error(otherwise);
        }
    }
    [[nodiscard]] std::uint16_t flags(std::uint16_t id) const {
        return turned_.contains(id) ? wire::flag_turned : 0;
    }
    static std::uint16_t channel(std::uint16_t id) { return static_cast<std::uint16_t>(id + 1); }
    [[nodiscard]] std::uint16_t number(const std::string& name) const {
        for (const descriptor::Endpoint& each : built_.endpoints) {
            if (each.name == name) {
                return each.id;
            }
        }
        throw std::runtime_error("no endpoint " + name);
    }
    std::vector<Octets> events(const std::vector<Frame>& frames) {
        std::vector<Octets> bodies;
        for (const Frame& frame : frames) {
            if (frame.header.kind == wire::Kind::event) {
                bodies.push_back(
                    opened(keys_[static_cast<std::uint16_t>(frame.header.channel - 1)], frame)
                        .value_or(Octets{0xee}));
            }
        }
        return bodies;
    }

    Built built_;
    Owner owner_;
    std::map<std::uint16_t, crypto::AeadKey> keys_;
    std::map<std::uint16_t, std::uint64_t> counters_;
    std::set<std::uint16_t> turned_;
};

} // namespace authex::test
