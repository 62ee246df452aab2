#include "wire/control.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/frames.hpp"

namespace authex::wire {
namespace {

using test::Octets;
using test::operator+;

ControlMessage set_connection() {
    ControlMessage message;
    message.type = ControlType::set_connection;
    message.connection = {.channel = 0x0201,
                          .endpoint = 0x0403,
                          .role = Role::destination,
                          .algorithm = crypto::Algorithm::spongent_128,
                          .delivery = Delivery::lossy,
                          .epoch = 0x08070605,
                          .key = {}};
    message.connection.key.fill(0xCC);
    return message;
}

Octets written(const ControlMessage& message) {
    Octets out(control_message_max_bytes);
    const Result<std::size_t> size = write_control(message, out);
    EXPECT_TRUE(size);
    out.resize(*size);
    return out;
}

Error parse(const Octets& body) {
    ControlMessage message;
    return parse_control(body, message);
}

TEST(Control, SetConnectionLiesOnTheWireAsDocumented) {
    EXPECT_EQ(written(set_connection()),
              (Octets{2, 1, 2, 3, 4, 1, 2, 1, 5, 6, 7, 8} + Octets(16, 0xCC)));
    EXPECT_EQ(written(set_connection()).size(), set_connection_bytes);
}

TEST(Control, EveryTypeIsReadAsWritten) {
    const Octets entropy(seed_bytes, 9);
    for (const ControlType type : {ControlType::seed,
                                   ControlType::set_connection,
                                   ControlType::remove_connection,
                                   ControlType::disable,
                                   ControlType::audit,
                                   ControlType::pause,
                                   ControlType::resume,
                                   ControlType::accept_state,
                                   ControlType::export_state,
                                   ControlType::continue_connection,
                                   ControlType::arm}) {
        ControlMessage message = set_connection();
        message.type = type;
        message.entropy = entropy;
        message.recipient = entropy;
        message.counters = {1, 2, 3, 4};
        message.waiting = {.endpoint = 5, .value = 6};
        const Octets bytes = written(message);
        ControlMessage again;
        ASSERT_EQ(parse_control(bytes, again), Error::none);
        EXPECT_EQ(again.type, type);
        EXPECT_EQ(written(again), bytes);
        // One byte less, one byte more.
        EXPECT_EQ(parse(Octets(bytes.begin(), bytes.end() - 1)), Error::truncated);
        EXPECT_EQ(parse(bytes + Octets{0}), Error::malformed);
    }
}

TEST(Control, CutAnywhereIsTruncated) {
    const Octets whole = written(set_connection());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(parse(Octets(whole.begin(), whole.begin() + static_cast<long>(size))),
                  Error::truncated);
    }
}

TEST(Control, FieldsOutOfRangeAreMalformed) {
    const auto with = [](std::size_t at, std::uint8_t value) {
        Octets bytes = written(set_connection());
        bytes[at] = value;
        return parse(bytes);
    };
    EXPECT_EQ(with(5, 0), Error::none);
    EXPECT_EQ(with(5, 2), Error::malformed);
    EXPECT_EQ(with(5, 255), Error::malformed);
    EXPECT_EQ(with(6, 0), Error::malformed);
    EXPECT_EQ(with(6, 1), Error::none);
    EXPECT_EQ(with(6, 3), Error::malformed); // AES-256-GCM is the control channel's alone
    EXPECT_EQ(with(6, 255), Error::malformed);
    EXPECT_EQ(with(7, 0), Error::none);
    EXPECT_EQ(with(7, 2), Error::malformed);
    ControlMessage message = set_connection();
    message.connection.epoch = 0;
    EXPECT_EQ(parse(written(message)), Error::malformed);
    message.connection.epoch = 0xFFFFFFFF;
    EXPECT_EQ(parse(written(message)), Error::none);
}

TEST(Control, TypesOutsideTheListAreUnknown) {
    for (unsigned type = 0; type < 256; ++type) {
        if (type < 1 || type > 17) {
            EXPECT_EQ(parse({static_cast<std::uint8_t>(type)}), Error::unknown_kind) << type;
        }
    }
}

TEST(Control, WhatIsSaidOfKeysAndStatesComesAsItWasWritten) {
    ControlMessage message;
    message.type = ControlType::turn_key;
    message.connection.channel = 0x1234;
    message.connection.key.fill(0x56);
    message.turn = 0x789ABCDE;
    message.seals = true;
    message.until = 0x0123'4567'89AB'CDEF;
    Octets out(100);
    const auto written = write_control(message, out);
    ASSERT_TRUE(written.has_value());
    out.resize(*written);
    ControlMessage read;
    ASSERT_EQ(parse_control(out, read), Error::none);
    EXPECT_EQ(read.connection.channel, 0x1234);
    EXPECT_EQ(read.connection.key, message.connection.key);
    EXPECT_EQ(read.turn, message.turn);
    EXPECT_TRUE(read.seals);
    EXPECT_EQ(read.until, message.until);
    out[out.size() - 9] = 2;
    EXPECT_EQ(parse_control(out, read), Error::malformed) << "neither yes nor no";
    out.pop_back();
    EXPECT_EQ(parse_control(out, read), Error::truncated);

    for (const ControlType type : {ControlType::keep_state, ControlType::restore_state}) {
        const Octets frame(40, 7);
        message.type = type;
        message.sealed = frame;
        out.assign(100, 0);
        out.resize(*write_control(message, out));
        ASSERT_EQ(parse_control(out, read), Error::none);
        EXPECT_EQ(read.connection.key, message.connection.key);
        EXPECT_EQ(read.sealed.size(), type == ControlType::restore_state ? 40U : 0U);
        EXPECT_EQ(parse_control(ByteView(out).first(16), read), Error::truncated);
    }
}

TEST(Control, ADeadlineStandsAtTheEndWhereThereIsOne) {
    for (const ControlType type : {ControlType::set_connection, ControlType::continue_connection}) {
        ControlMessage message = set_connection();
        message.type = type;
        const Octets without = written(message);
        message.connection.deadline = late_dropped | by_own_clock;
        message.connection.within_us = 0x01020304;
        const Octets with = written(message);
        EXPECT_EQ(with, (without + Octets{6, 4, 3, 2, 1}));
        ControlMessage again;
        ASSERT_EQ(parse_control(with, again), Error::none);
        EXPECT_EQ(again.connection.deadline, message.connection.deadline);
        EXPECT_EQ(again.connection.within_us, message.connection.within_us);
        EXPECT_EQ(again.connection.epoch, message.connection.epoch);
        for (std::size_t size = without.size() + 1; size < with.size(); ++size) {
            EXPECT_EQ(parse_control(ByteView(with).first(size), again), Error::malformed) << size;
        }
        EXPECT_EQ(parse(with + Octets{0}), Error::malformed);
        for (const unsigned deadline : {0U, 3U, 4U, 7U, 8U, 9U, 0x81U}) {
            Octets bytes = with;
            bytes[without.size()] = static_cast<std::uint8_t>(deadline);
            EXPECT_EQ(parse(bytes), Error::malformed) << deadline;
        }
    }
}

TEST(Control, WritingRefusesWhatDoesNotFit) {
    Octets small(set_connection_bytes - 1);
    EXPECT_EQ(write_control(set_connection(), small).error(), Error::no_space);
    EXPECT_EQ(write_control({}, Bytes()).error(), Error::no_space);
}

TEST(Control, SeedHasExactlyItsLength) {
    for (const std::size_t size : {0U, 1U, 31U, 33U}) {
        const Octets entropy(size);
        ControlMessage message;
        message.type = ControlType::seed;
        message.entropy = entropy;
        Octets out(100);
        EXPECT_EQ(write_control(message, out).error(), Error::malformed) << size;
    }
}

RC_GTEST_PROP(Control, AnyBytesHaveAnAnswerAndWhatParsesIsCanonical, ()) {
    Octets bytes = *rc::gen::arbitrary<Octets>();
    if (!bytes.empty()) {
        bytes[0] = static_cast<std::uint8_t>(bytes[0] % 16);
    }
    ControlMessage message;
    if (parse_control(bytes, message) == Error::none) {
        RC_ASSERT(written(message) == bytes);
    }
}

TEST(Control, StateLiesOnTheWireAsDocumented) {
    const Octets sealed(state_overhead_bytes, 0xEE);
    const Octets pieces = {1, 0, 2, 0, 3, 0, 0, 0, 1, 'x'};
    ControlMessage message;
    message.type = ControlType::import_state;
    message.version = 0x01020304;
    message.sealed = sealed;
    message.pieces = pieces;
    const Octets bytes = written(message);
    EXPECT_EQ(bytes, (Octets{12, 4, 3, 2, 1, 48, 0} + sealed + pieces));
    ControlMessage again;
    ASSERT_EQ(parse_control(bytes, again), Error::none);
    EXPECT_EQ(written(again), bytes);
    Reader reader(again.pieces);
    StatePiece piece;
    ASSERT_EQ(parse_state_piece(reader, piece), Error::none);
    EXPECT_EQ(piece.from, 1U);
    EXPECT_EQ(piece.bytes, 2U);
    EXPECT_EQ(piece.to, 3U);
    EXPECT_EQ(Octets(piece.name.begin(), piece.name.end()), Octets{'x'});
    for (std::size_t size = 0; size < pieces.size(); ++size) {
        Reader cut(ByteView(pieces).first(size));
        EXPECT_EQ(parse_state_piece(cut, piece), Error::truncated) << size;
    }
}

TEST(Control, StateThatIsCutOrTooLargeIsRefused) {
    ControlMessage message;
    message.type = ControlType::import_state;
    const Octets sealed(state_overhead_bytes + state_chunk_max_bytes);
    const Octets pieces(state_pieces_max_bytes);
    message.sealed = sealed;
    message.pieces = pieces;
    const Octets largest = written(message);
    EXPECT_EQ(largest.size(), import_state_max_bytes);
    EXPECT_EQ(parse(largest), Error::none);
    EXPECT_EQ(parse(largest + Octets{0}), Error::too_large);
    Octets small = {12, 0, 0, 0, 0, static_cast<std::uint8_t>(state_overhead_bytes - 1), 0};
    EXPECT_EQ(parse(small + Octets(state_overhead_bytes - 1)), Error::truncated);
    small[5] = static_cast<std::uint8_t>(state_overhead_bytes);
    EXPECT_EQ(parse(small + Octets(state_overhead_bytes - 1)), Error::truncated);
    EXPECT_EQ(parse(small + Octets(state_overhead_bytes)), Error::none);

    Octets out(2 * control_message_max_bytes);
    const Octets longer(sealed.size() + 1);
    message.sealed = longer;
    EXPECT_EQ(write_control(message, out).error(), Error::too_large);
    const Octets more(pieces.size() + 1);
    message.sealed = sealed;
    message.pieces = more;
    EXPECT_EQ(write_control(message, out).error(), Error::too_large);
}

TEST(Control, ValuesLieOnTheWireAsDocumented) {
    const Octets name = {'a', 'b'};
    const Octets value = {1, 2, 3};
    ControlMessage message;
    message.type = ControlType::set_value;
    message.named = {.kind = ValueKind::secret, .name = name, .value = value};
    EXPECT_EQ(written(message), (Octets{6, 1, 2, 'a', 'b', 1, 2, 3}));
    message.type = ControlType::remove_value;
    EXPECT_EQ(written(message), (Octets{7, 1, 2, 'a', 'b'}));
}

TEST(Control, ValuesAreReadAsWritten) {
    for (const std::size_t name_bytes : {std::size_t{1}, value_name_max_bytes}) {
        for (const std::size_t value_bytes : {std::size_t{0}, std::size_t{1}, value_max_bytes}) {
            const Octets name(name_bytes, 'n');
            const Octets value(value_bytes, 'v');
            ControlMessage message;
            message.type = ControlType::set_value;
            message.named = {.kind = ValueKind::config, .name = name, .value = value};
            const Octets bytes = written(message);
            ControlMessage again;
            ASSERT_EQ(parse_control(bytes, again), Error::none);
            EXPECT_EQ(again.named.kind, ValueKind::config);
            EXPECT_EQ(Octets(again.named.name.begin(), again.named.name.end()), name);
            EXPECT_EQ(Octets(again.named.value.begin(), again.named.value.end()), value);
        }
    }
}

TEST(Control, ValuesOutOfRangeAreNotWritten) {
    Octets out(2 * control_message_max_bytes);
    const auto error_of = [&](std::size_t name_bytes, std::size_t value_bytes) {
        const Octets name(name_bytes, 'n');
        const Octets value(value_bytes, 'v');
        ControlMessage message;
        message.type = ControlType::set_value;
        message.named = {.name = name, .value = value};
        return write_control(message, out).error();
    };
    EXPECT_EQ(error_of(0, 1), Error::malformed);
    EXPECT_EQ(error_of(value_name_max_bytes + 1, 1), Error::malformed);
    EXPECT_EQ(error_of(1, value_max_bytes + 1), Error::too_large);
    EXPECT_EQ(error_of(value_name_max_bytes, value_max_bytes), Error::none);
}

} // namespace
} // namespace authex::wire
