#include "runtime/values.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Octets;
using test::operator+;
using wire::ControlType;
using wire::ValueKind;

Octets octets(const std::string& text) {
    return {text.begin(), text.end()};
}

std::string found(const ValueTable& table, ValueKind kind, const std::string& name) {
    ByteView value;
    const Error error = table.find(kind, octets(name), value);
    return error == Error::none ? std::string(value.begin(), value.end())
                                : std::string("(") + error_text(error) + ")";
}

Error put(ValueTable& table, ValueKind kind, const std::string& name, const Octets& value) {
    const Octets bytes = octets(name);
    return table.set({.kind = kind, .name = bytes, .value = value});
}

TEST(ValueTable, GivesWhatWasSetLast) {
    ValueTable table;
    ASSERT_EQ(put(table, ValueKind::config, "limit", octets("21")), Error::none);
    ASSERT_EQ(put(table, ValueKind::secret, "token", octets("abc")), Error::none);
    ASSERT_EQ(put(table, ValueKind::config, "limit", octets("210")), Error::none);
    EXPECT_EQ(found(table, ValueKind::config, "limit"), "210");
    EXPECT_EQ(found(table, ValueKind::secret, "token"), "abc");
}

TEST(ValueTable, EmptyIsAnotherThingThanNotSet) {
    ValueTable table;
    ASSERT_EQ(put(table, ValueKind::config, "a", {}), Error::none);
    EXPECT_EQ(found(table, ValueKind::config, "a"), "");
    EXPECT_EQ(found(table, ValueKind::config, "b"), "(not set)");
    EXPECT_EQ(found(table, ValueKind::config, ""), "(not set)");
}

// P45
TEST(ValueTable, SecretIsNoConfiguration) {
    ValueTable table;
    ASSERT_EQ(put(table, ValueKind::secret, "token", octets("abc")), Error::none);
    EXPECT_EQ(found(table, ValueKind::config, "token"), "(not set)");
    table.remove(ValueKind::config, octets("token"));
    EXPECT_EQ(found(table, ValueKind::secret, "token"), "abc");
    EXPECT_EQ(found(table, static_cast<ValueKind>(7), "token"), "(not set)");
}

TEST(ValueTable, IsFullExactlyAtItsCapacity) {
    ValueTable table;
    const std::size_t record = wire::value_overhead_bytes + 2 + wire::value_max_bytes;
    const std::size_t whole = wire::values_total_max_bytes / record;
    for (std::size_t i = 0; i < whole; ++i) {
        ASSERT_EQ(put(table,
                      ValueKind::config,
                      {'n', static_cast<char>('a' + i)},
                      Octets(wire::value_max_bytes, 7)),
                  Error::none);
    }
    const std::size_t left = wire::values_total_max_bytes - whole * record;
    const std::size_t fits = left - wire::value_overhead_bytes - 1;
    EXPECT_EQ(put(table, ValueKind::secret, "l", Octets(fits + 1, 8)), Error::no_space);
    EXPECT_EQ(found(table, ValueKind::secret, "l"), "(not set)");
    EXPECT_EQ(put(table, ValueKind::secret, "l", Octets(fits, 8)), Error::none);
    EXPECT_EQ(put(table, ValueKind::config, "m", {}), Error::no_space);
    EXPECT_EQ(put(table, ValueKind::secret, "l", Octets(fits, 9)), Error::none)
        << "a value of the same size takes the place of the one before";
    EXPECT_EQ(put(table, ValueKind::secret, "l", Octets(fits + 1, 9)), Error::no_space);
    EXPECT_EQ(found(table, ValueKind::secret, "l"), std::string(fits, '\x09'))
        << "what does not fit changes nothing";
}

RC_GTEST_PROP(ValueTable, IsTheMapThatTheOwnerHasInMind, ()) {
    ValueTable table;
    std::map<std::pair<int, std::string>, Octets> model;
    const auto steps = *rc::gen::inRange(0, 200);
    for (int i = 0; i < steps; ++i) {
        const int kind = *rc::gen::inRange(0, 2);
        const std::string name(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
        if (*rc::gen::inRange(0, 3) == 0) {
            table.remove(static_cast<ValueKind>(kind), octets(name));
            model.erase({kind, name});
        } else {
            const Octets value(static_cast<std::size_t>(*rc::gen::inRange(0, 900)),
                               static_cast<std::uint8_t>(i));
            RC_ASSERT(put(table, static_cast<ValueKind>(kind), name, value) == Error::none);
            model[{kind, name}] = value;
        }
    }
    for (int kind = 0; kind < 2; ++kind) {
        for (char letter = 'a'; letter < 'e'; ++letter) {
            const auto wanted = model.find({kind, std::string(1, letter)});
            const std::string got =
                found(table, static_cast<ValueKind>(kind), std::string(1, letter));
            RC_ASSERT(got == (wanted == model.end()
                                  ? "(not set)"
                                  : std::string(wanted->second.begin(), wanted->second.end())));
        }
    }
}

/// Values as the module sees them through the SDK.
class ValuesTest : public testing::Test {
  protected:
    void SetUp() override { enclave_.attest(); }

    static wire::ControlMessage
    order(ControlType type, ValueKind kind, const Octets& name, const Octets& value = {}) {
        wire::ControlMessage message;
        message.type = type;
        message.named = {.kind = kind, .name = name, .value = value};
        return message;
    }
    Error set(ValueKind kind, const std::string& name, const std::string& value) {
        const Octets name_bytes = octets(name);
        const Octets value_bytes = octets(value);
        return enclave_.do_it(order(ControlType::set_value, kind, name_bytes, value_bytes));
    }
    /// Asked from inside, while an entry is called.
    std::string seen(std::uint8_t kind, const std::string& name) {
        std::string answer;
        test::module_state.act = [&](test::Id, authex_message&) {
            const std::uint8_t* data = nullptr;
            std::size_t size = 7;
            const authex_status status = authex_value(kind, name.data(), name.size(), &data, &size);
            answer = status == AUTHEX_OK ? std::string(data, data + size) : "(not set)";
            EXPECT_TRUE(status == AUTHEX_OK || size == 0);
        };
        (void)enclave_.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}, {}));
        test::module_state.act = {};
        return answer;
    }
    Enclave enclave_;
};

// P44
TEST_F(ValuesTest, ModuleReadsWhatTheOwnerSet) {
    EXPECT_EQ(seen(AUTHEX_CONFIG, "limit"), "(not set)");
    ASSERT_EQ(set(ValueKind::config, "limit", "21"), Error::none);
    ASSERT_EQ(set(ValueKind::secret, "token", "abc"), Error::none);
    EXPECT_EQ(seen(AUTHEX_CONFIG, "limit"), "21");
    EXPECT_EQ(seen(AUTHEX_SECRET, "token"), "abc");
    EXPECT_EQ(seen(AUTHEX_CONFIG, "token"), "(not set)");
    EXPECT_EQ(seen(AUTHEX_SECRET, "limit"), "(not set)");
}

TEST_F(ValuesTest, NewValueTakesThePlaceOfTheOldAndRemovedOnesAreGone) {
    ASSERT_EQ(set(ValueKind::secret, "token", "old"), Error::none);
    ASSERT_EQ(set(ValueKind::secret, "token", "newer"), Error::none);
    EXPECT_EQ(seen(AUTHEX_SECRET, "token"), "newer");
    const Octets name = octets("token");
    const auto remove = order(ControlType::remove_value, ValueKind::secret, name);
    EXPECT_EQ(enclave_.do_it(remove), Error::none);
    EXPECT_EQ(enclave_.do_it(remove), Error::none) << "the owner may say it again";
    EXPECT_EQ(seen(AUTHEX_SECRET, "token"), "(not set)");
}

// P44
TEST_F(ValuesTest, ForgedReplayedAndCutOrdersChangeNothing) {
    const Octets name = octets("token");
    const Octets value = octets("right");
    const Octets order_frame =
        enclave_.owner.order(order(ControlType::set_value, ValueKind::secret, name, value));
    for (std::size_t at = 0; at < order_frame.size(); ++at) {
        if (at == 2 || at == 3) {
            continue; // the deployment: the key fixes it
        }
        Octets forged = order_frame;
        forged[at] ^= 1U;
        (void)enclave_.give(forged);
        ASSERT_EQ(seen(AUTHEX_SECRET, "token"), "(not set)") << "byte " << at;
    }
    for (std::size_t size = 0; size < order_frame.size(); ++size) {
        (void)enclave_.give(Octets(order_frame.begin(), order_frame.begin() + long(size)));
        ASSERT_EQ(seen(AUTHEX_SECRET, "token"), "(not set)") << size << " bytes";
    }
    (void)enclave_.give(order_frame);
    ASSERT_EQ(seen(AUTHEX_SECRET, "token"), "right");
    ASSERT_EQ(set(ValueKind::secret, "token", "newer"), Error::none);
    const auto refused = enclave_.give(order_frame);
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_EQ(static_cast<Error>(refused[0].body.at(1)), Error::replayed);
    EXPECT_EQ(seen(AUTHEX_SECRET, "token"), "newer");
}

// P21, P48
TEST_F(ValuesTest, OrdersThatAreAuthenticAndWrongAreAnsweredAndChangeNothing) {
    const std::vector<std::pair<Octets, Error>> wrong = {
        {{6}, Error::truncated},
        {{6, 0}, Error::truncated},
        {{6, 0, 0}, Error::malformed},                              // no name
        {{6, 0, 2, 'a'}, Error::truncated},                         // a name that is cut
        {{6, 2, 1, 'a'}, Error::malformed},                         // no such kind
        {Octets{6, 0, 64} + Octets(64, 'a'), Error::malformed},     // a name that is too long
        {Octets{6, 1, 1, 'a'} + Octets(4097, 1), Error::too_large}, // a value that is too long
        {{7, 0, 1, 'a', 1}, Error::malformed},                      // bytes left over
    };
    for (const auto& [body, error] : wrong) {
        EXPECT_EQ(enclave_.say(enclave_.owner.raw_order(body)).fixed.error, error);
    }
    EXPECT_EQ(seen(AUTHEX_CONFIG, "a"), "(not set)");
    EXPECT_EQ(set(ValueKind::config, std::string(63, 'a'), std::string(4096, 'b')), Error::none);
    EXPECT_EQ(seen(AUTHEX_CONFIG, std::string(63, 'a')), std::string(4096, 'b'));
}

// P46
TEST_F(ValuesTest, AreForgottenByADisabledModule) {
    ASSERT_EQ(set(ValueKind::secret, "token", "abc"), Error::none);
    wire::ControlMessage disable;
    disable.type = ControlType::disable;
    ASSERT_EQ(enclave_.do_it(disable), Error::none);
    EXPECT_EQ(set(ValueKind::secret, "token", "abc"), Error::disabled);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&enclave_.runtime());
    const std::string memory(bytes, bytes + sizeof(Runtime));
    EXPECT_EQ(memory.find("token"), std::string::npos);
}

// P47
TEST_F(ValuesTest, LeaveNoCopyInTheRuntimesBuffers) {
    const std::string needle = "needle-in-the-runtime";
    ASSERT_EQ(set(ValueKind::secret, "token", needle), Error::none);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&enclave_.runtime());
    const auto count = [&] {
        const std::string memory(bytes, bytes + sizeof(Runtime));
        int found = 0;
        for (auto at = memory.find(needle); at != std::string::npos;
             at = memory.find(needle, at + 1)) {
            ++found;
        }
        return found;
    };
    EXPECT_EQ(count(), 1);
    const Octets name = octets("token");
    ASSERT_EQ(enclave_.do_it(order(ControlType::remove_value, ValueKind::secret, name)),
              Error::none);
    EXPECT_EQ(count(), 0);
}

TEST_F(ValuesTest, StayOverAnotherAttestationByTheSameOwner) {
    ASSERT_EQ(set(ValueKind::config, "limit", "21"), Error::none);
    enclave_.attest();
    EXPECT_EQ(seen(AUTHEX_CONFIG, "limit"), "21");
}

} // namespace
} // namespace authex::runtime
