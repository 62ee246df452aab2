#include "em/link.hpp"

#include <gtest/gtest.h>

namespace authex::em {
namespace {

using Payloads = std::vector<std::vector<std::uint8_t>>;

std::vector<std::uint8_t> bytes_of(std::size_t size, std::uint8_t fill) {
    return std::vector<std::uint8_t>(size, fill);
}

struct Fed {
    Payloads payloads;
    bool accepted = true;
};
Fed feed(ByteView bytes, std::size_t piece, std::size_t limit = record_max_bytes) {
    RecordParser parser;
    parser.set_limit(limit);
    Fed fed;
    while (!bytes.empty() && fed.accepted) {
        const ByteView part = bytes.first(std::min(piece, bytes.size()));
        fed.accepted = parser.feed(part, [&](ByteView payload) {
            fed.payloads.emplace_back(payload.begin(), payload.end());
            return true;
        });
        bytes = bytes.subspan(part.size());
    }
    return fed;
}

std::vector<std::uint8_t> record(std::size_t size) {
    RecordWriter writer;
    writer.add(bytes_of(size, 7));
    const ByteView pending = writer.pending();
    return {pending.begin(), pending.end()};
}

TEST(Records, PassInWhateverPiecesTheyArrive) {
    RecordWriter writer;
    writer.add(bytes_of(100, 1));
    writer.add(bytes_of(1, 2));
    writer.add_alone(bytes_of(20, 3));
    writer.add(bytes_of(5, 4));
    const ByteView pending = writer.pending();
    const std::vector<std::uint8_t> bytes(pending.begin(), pending.end());
    for (const std::size_t piece : {1U, 2U, 11U, 12U, 13U, 64U, 1000U}) {
        const Fed fed = feed(bytes, piece);
        ASSERT_TRUE(fed.accepted);
        ASSERT_EQ(fed.payloads.size(), 3U);
        EXPECT_EQ(fed.payloads[0].size(), 101U);
        EXPECT_EQ(fed.payloads[1], bytes_of(20, 3));
        EXPECT_EQ(fed.payloads[2], bytes_of(5, 4));
    }
}

TEST(Records, GoOnAfterAPartWasWritten) {
    RecordWriter writer;
    std::vector<std::uint8_t> sent;
    for (std::uint8_t i = 0; i < 200; ++i) {
        writer.add(bytes_of(1000, i));
        const ByteView pending = writer.pending();
        const std::size_t part = std::min<std::size_t>(pending.size(), 700 + i);
        sent.insert(
            sent.end(), pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(part));
        writer.written(part);
    }
    const ByteView rest = writer.pending();
    sent.insert(sent.end(), rest.begin(), rest.end());
    const Fed fed = feed(sent, 4096);
    ASSERT_TRUE(fed.accepted);
    ASSERT_EQ(fed.payloads.size(), 200U);
    for (std::uint8_t i = 0; i < 200; ++i) {
        EXPECT_EQ(fed.payloads[i], bytes_of(1000, i));
    }
}

// P33
TEST(Records, AreRefusedWithAnyBitFlipped) {
    const std::vector<std::uint8_t> good = record(40);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::vector<std::uint8_t> bad = good;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const Fed fed = feed(bad, 1000);
        EXPECT_FALSE(fed.accepted) << bit;
        EXPECT_TRUE(fed.payloads.empty());
    }
}

TEST(Records, AreRefusedBeyondTheLimitAndWhenEmpty) {
    EXPECT_TRUE(feed(record(64), 100, 64).accepted);
    EXPECT_FALSE(feed(record(65), 100, 64).accepted);
    EXPECT_FALSE(feed(record(0), 100).accepted);
}

TEST(LinkGreeting, PassesAndIsCheckedInEveryField) {
    const std::vector<std::uint8_t> frame =
        greeting_frame({.node_id = 0x1234, .address = "[::1]:7000", .answer = true});
    LinkGreeting greeting;
    ASSERT_EQ(parse_greeting(frame, greeting), Error::none);
    EXPECT_EQ(greeting.node_id, 0x1234U);
    EXPECT_EQ(greeting.address, "[::1]:7000");
    EXPECT_TRUE(greeting.answer);
    for (std::size_t size = 0; size < wire::header_bytes + 10; ++size) {
        EXPECT_NE(parse_greeting(ByteView(frame).first(size), greeting), Error::none) << size;
    }
    std::vector<std::uint8_t> bad = frame;
    bad.back() = ' ';
    EXPECT_EQ(parse_greeting(bad, greeting), Error::malformed);
    bad = frame;
    bad.push_back(0);
    EXPECT_EQ(parse_greeting(bad, greeting), Error::malformed);
    bad = frame;
    bad[wire::header_bytes] = 2;
    EXPECT_EQ(parse_greeting(bad, greeting), Error::unknown_version);
    EXPECT_EQ(parse_greeting(ping_frame(false), greeting), Error::unknown_kind);
}

TEST(LinkGreeting, IsCutToAnAddressThatTheOtherTakes) {
    const std::vector<std::uint8_t> frame = greeting_frame({.address = std::string(1000, 'a')});
    LinkGreeting greeting;
    EXPECT_EQ(parse_greeting(frame, greeting), Error::none);
    EXPECT_LE(frame.size() + record_header_bytes, greeting_max_bytes);
}

} // namespace
} // namespace authex::em
