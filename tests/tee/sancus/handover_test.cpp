// A module in an emulated enclave hands over to another instance of it beside it, its owner
// carrying the state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/counter.hpp"
#include "driven.hpp"
#include "wire/control_owner.hpp"

namespace authex::test {
namespace {

using tee::sancus::Placement;
using wire::ControlType;
using wire::Kind;

constexpr const char* counting_source = R"(
#include <authex/module.hpp>
namespace { AUTHEX_STATE std::uint16_t taken = 7; }
AUTHEX_STATE static std::uint8_t name[40];
AUTHEX_OUTPUT(out);
AUTHEX_INPUT(in, event) { ++taken; name[39] = event.reader().u8(); out(event.data); }
AUTHEX_ENTRY(look, call) { call.result.u16(taken).u8(name[39]); }
)";
constexpr const char* larger_source = R"(
#include <authex/module.hpp>
AUTHEX_STATE static std::uint8_t name[40];
AUTHEX_STATE static std::uint32_t taken;
AUTHEX_ENTRY(look, call) { call.result.u16(static_cast<std::uint16_t>(taken)).u8(name[39]); }
AUTHEX_INPUT(in, event) { ++taken; name[39] = event.reader().u8(); }
AUTHEX_OUTPUT(out);
AUTHEX_MIGRATE(2, old) {
    if (old.is("taken")) {
        taken = old.number<std::uint16_t>().value_or(0) + 1000u;
        return true;
    }
    return false;
}
)";

tee::Image image_of(const std::string& source, bool readable_state = true) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    return require(build({.sources = {"module.cpp"},
                          .root = folder.path(),
                          .readable_state = readable_state,
                          .max_connections = 2}));
}

/// One of several modules of a board, and its owner.
class Instance {
  public:
    Instance(SancusNode& node, const tee::Image& image, const Placement& place)
        : node_(node), image_(image), entry_(place.text) {
        std::ifstream file(image.path, std::ios::binary);
        const Octets bytes((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
        const auto parsed = require(tee::sancus::parse_image(bytes));
        key_ = tee::sancus::module_key(tee::sancus::vendor_key(node_key, vendor_id), parsed, place);
        if (node.load(parsed, place) == 0 || !say_hello()) {
            throw std::runtime_error("it is not attested");
        }
    }

    Error order(const wire::ControlMessage& message) { return asked(message).fixed.error; }
    Error order(ControlType type) {
        wire::ControlMessage message;
        message.type = type;
        return order(message);
    }
    Owner::Answer asked(const wire::ControlMessage& message) {
        came = node_.give(entry_, owner_.order(message));
        for (const Frame& frame : came) {
            if (auto answer = owner_.open(frame)) {
                return std::move(*answer);
            }
        }
        return {.fixed = {.error = Error::unanswered}, .data = {}};
    }
    /// All that it says of its state, and how often it was asked for that.
    Octets state(int& times) {
        Octets all;
        for (std::size_t total = 1; all.size() < total; ++times) {
            wire::ControlMessage leave;
            leave.type = ControlType::export_state;
            leave.offset = static_cast<std::uint32_t>(all.size());
            const Owner::Answer answer = asked(leave);
            if (answer.fixed.error != Error::none || answer.data.size() <= 4) {
                return {};
            }
            Reader reader(answer.data);
            total = reader.u32();
            const ByteView chunk = reader.rest();
            all.insert(all.end(), chunk.begin(), chunk.end());
        }
        return all;
    }
    Error take(ByteView bytes,
               std::uint32_t to,
               const std::string& name = "",
               std::uint32_t version = 0) {
        Octets piece(2 + 2 + 4 + 1 + name.size());
        Writer(piece)
            .u16(0)
            .u16(static_cast<std::uint16_t>(bytes.size()))
            .u32(to)
            .u8(static_cast<std::uint8_t>(name.size()))
            .bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
        wire::ControlMessage enter;
        enter.type = ControlType::import_state;
        enter.version = version;
        enter.sealed = bytes;
        enter.pieces = piece;
        return order(enter);
    }
    std::vector<Frame> give(const Octets& frames) { return came = node_.give(entry_, frames); }
    /// What its entry `look` says.
    Octets look() {
        for (const Frame& frame : give(plain({.kind = Kind::call, .channel = id("look")}))) {
            if (frame.header.kind == Kind::result) {
                return frame.body;
            }
        }
        return {};
    }
    [[nodiscard]] std::uint16_t id(const std::string& name) const {
        for (const auto& endpoint : image_.endpoints) {
            if (endpoint.name == name) {
                return endpoint.id;
            }
        }
        throw std::runtime_error("it has no " + name);
    }
    [[nodiscard]] std::uint32_t offset(const std::string& name) const {
        for (const auto& variable : image_.state.variables) {
            if (variable.name == name) {
                return variable.offset;
            }
        }
        throw std::runtime_error("it has no " + name);
    }

    std::vector<Frame> came; ///< the last time

  private:
    bool say_hello() {
        module_key = key_;
        return owner_.finish(node_.give(entry_, owner_.hello()).at(0)).has_value();
    }

    SancusNode& node_;
    const tee::Image& image_;
    const std::uint16_t entry_;
    tee::sancus::Key key_{};
    Owner owner_;
};

class SancusHandover : public testing::Test {
  protected:
    static constexpr Placement here = {.text = 0x6000, .data = 0x400};
    static constexpr Placement there = {.text = 0x9000, .data = 0x1230};

    static const tee::Image& counting() {
        static const tee::Image image = image_of(counting_source);
        return image;
    }
    wire::ControlMessage connection(Instance& instance) {
        wire::ControlMessage message;
        message.type = ControlType::set_connection;
        message.connection = {.channel = 1,
                              .endpoint = instance.id("in"),
                              .role = wire::Role::destination,
                              .algorithm = crypto::Algorithm::spongent_128,
                              .epoch = 1};
        message.connection.key.fill(0x21);
        return message;
    }
    Octets event(std::uint64_t counter, std::uint8_t value) {
        crypto::AeadKey key;
        EXPECT_EQ(key.set(crypto::Algorithm::spongent_128, connection_key_), Error::none);
        return sealed(key, {.kind = Kind::event, .channel = 1, .counter = counter}, {value});
    }

    SancusNode node_;
    const Octets connection_key_ = Octets(16, 0x21);
};

// P88
TEST_F(SancusHandover, CarriesStateAndConnectionsToTheNextInstance) {
    Instance before(node_, counting(), here);
    ASSERT_EQ(before.order(connection(before)), Error::none);
    before.give(event(0, 5));
    before.give(event(1, 6));
    ASSERT_EQ(before.look(), (Octets{9, 0, 6}));

    Instance next(node_, counting(), there);
    ASSERT_EQ(next.order(ControlType::accept_state), Error::none);
    ASSERT_EQ(before.order(ControlType::pause), Error::none);
    // What comes meanwhile is taken by neither, and stays the next one.
    EXPECT_EQ(before.give(event(2, 7)).at(0).header.kind, Kind::refusal);
    EXPECT_EQ(before.look(), Octets{static_cast<std::uint8_t>(Error::paused)});

    int times = 0;
    const Octets state = before.state(times);
    EXPECT_EQ(times, 2) << "32 bytes at a time";
    ASSERT_EQ(state.size(), 42U);
    for (const auto& variable : counting().state.variables) {
        for (std::uint32_t at = 0; at < variable.bytes; at += 32) {
            const std::uint32_t bytes = std::min<std::uint32_t>(32, variable.bytes - at);
            ASSERT_EQ(next.take(ByteView(state).subspan(variable.offset + at, bytes),
                                variable.offset + at),
                      Error::none);
        }
    }
    wire::ControlMessage go_on = connection(next);
    go_on.type = ControlType::continue_connection;
    go_on.counters = {0, 2, 1, 2};
    ASSERT_EQ(next.order(go_on), Error::none);
    ASSERT_EQ(next.order(ControlType::resume), Error::none);
    ASSERT_EQ(before.order(ControlType::disable), Error::none);

    EXPECT_EQ(next.look(), (Octets{9, 0, 6}));
    next.give(event(2, 7));
    EXPECT_EQ(next.look(), (Octets{10, 0, 7}));
    next.give(event(2, 8));
    EXPECT_EQ(next.look(), (Octets{10, 0, 7})) << "taken twice";
    EXPECT_EQ(before.give(event(2, 7)).at(0).header.kind, Kind::refusal);
    EXPECT_TRUE(node_.witness.violations.empty());
}

TEST_F(SancusHandover, RolledBackGoesOnWhereItWas) {
    Instance before(node_, counting(), here);
    ASSERT_EQ(before.order(connection(before)), Error::none);
    before.give(event(0, 5));
    ASSERT_EQ(before.order(ControlType::pause), Error::none);
    EXPECT_EQ(before.give(event(1, 6)).at(0).header.kind, Kind::refusal);
    ASSERT_EQ(before.order(ControlType::resume), Error::none);
    EXPECT_THAT(before.came,
                testing::Contains(testing::Field(
                    &Frame::header, testing::Field(&wire::FrameHeader::kind, Kind::ack))))
        << "it asks for what it refused";
    before.give(event(1, 6));
    EXPECT_EQ(before.look(), (Octets{9, 0, 6}));
}

TEST_F(SancusHandover, TakesAStateOnlyWhereItWaitsForOneAndWithinItsBounds) {
    Instance module(node_, counting(), here);
    const Octets bytes(2, 1);
    EXPECT_EQ(module.take(bytes, 0), Error::wrong_role);
    int times = 0;
    EXPECT_TRUE(module.state(times).empty()) << "while it runs, its state is nobody's";
    ASSERT_EQ(module.order(ControlType::accept_state), Error::none);
    EXPECT_EQ(module.take(bytes, 41), Error::malformed);
    EXPECT_EQ(module.take(bytes, 0xFFFF'FFFE), Error::malformed);
    EXPECT_EQ(module.take(Octets(33), 0), Error::too_large);
    EXPECT_EQ(module.take(bytes, wire::state_migrates, "taken"), Error::unsupported);
    EXPECT_EQ(module.take(bytes, 40), Error::none);
    ASSERT_EQ(module.order(ControlType::resume), Error::none);
    EXPECT_EQ(module.take(bytes, 0), Error::wrong_role);
    EXPECT_TRUE(node_.witness.violations.empty());
}

TEST_F(SancusHandover, TheNextSourceTakesWhatHasAnotherForm) {
    const tee::Image larger = image_of(larger_source);
    EXPECT_TRUE(larger.state.migrates);
    EXPECT_EQ(larger.state.version, 2U);
    Instance next(node_, larger, there);
    ASSERT_EQ(next.order(ControlType::accept_state), Error::none);
    const Octets taken{9, 0};
    EXPECT_EQ(next.take(taken, wire::state_migrates, "taken", 0), Error::none);
    EXPECT_EQ(next.take(taken, wire::state_migrates, "other", 0), Error::failed);
    const Octets last{8};
    EXPECT_EQ(next.take(last, next.offset("name") + 39), Error::none);
    ASSERT_EQ(next.order(ControlType::resume), Error::none);
    EXPECT_EQ(next.look(), (Octets{0xF1, 0x03, 8})); // 1009
}

TEST_F(SancusHandover, IsNothingThatAModuleDoesThatWasNotBuiltForIt) {
    const tee::Image plain_image = image_of(counting_source, false);
    EXPECT_FALSE(plain_image.state.readable);
    EXPECT_LT(plain_image.bytes, counting().bytes);
    Instance module(node_, plain_image, here);
    for (const ControlType type :
         {ControlType::pause, ControlType::resume, ControlType::accept_state}) {
        EXPECT_EQ(module.order(type), Error::unknown_kind);
    }
    EXPECT_EQ(module.look(), (Octets{7, 0, 0}));
}

TEST_F(SancusHandover, IsNothingForDrivers) {
    const auto driver = build({.driver = "led", .readable_state = true, .devices = {"led0"}});
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().code, "driver-hands-over");
}

} // namespace
} // namespace authex::test
