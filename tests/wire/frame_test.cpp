#include "wire/frame.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/frames.hpp"

namespace authex::wire {
namespace {

using test::Octets;
using test::operator+;

Octets header_of(Kind kind, std::uint32_t length, std::uint16_t flags = 0) {
    Octets bytes(header_bytes);
    write_header({.kind = kind,
                  .deployment = 0x0201,
                  .channel = 0x0403,
                  .flags = flags,
                  .length = length,
                  .counter = 0x0C0B0A0908070605},
                 bytes);
    return bytes;
}

Error parse(const Octets& bytes) {
    FrameHeader header;
    return parse_header(bytes, header);
}

TEST(FrameHeader, LiesOnTheWireAsDocumented) {
    EXPECT_EQ(header_of(Kind::event, 0x00001211, flag_direction),
              (Octets{1, 3, 1, 2, 3, 4, 4, 0, 0x11, 0x12, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12}));
}

TEST(FrameHeader, IsReadAsWritten) {
    FrameHeader header;
    ASSERT_EQ(parse_header(header_of(Kind::reply, 20, flag_direction | flag_negative | 2), header),
              Error::none);
    EXPECT_EQ(header.kind, Kind::reply);
    EXPECT_EQ(header.deployment, 0x0201);
    EXPECT_EQ(header.channel, 0x0403);
    EXPECT_EQ(header.direction(), Direction::back);
    EXPECT_TRUE(header.negative());
    EXPECT_EQ(header.padding(), 2);
    EXPECT_EQ(header.length, 20U);
    EXPECT_EQ(header.counter, 0x0C0B0A0908070605U);
    EXPECT_EQ(header.frame_bytes(), 40U);
}

// P2
TEST(FrameHeader, CutAnywhereIsTruncated) {
    const Octets whole = header_of(Kind::call, 0);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(parse(Octets(whole.begin(), whole.begin() + static_cast<long>(size))),
                  Error::truncated)
            << size;
    }
}

// P1
TEST(FrameHeader, EveryOtherVersionIsUnknown) {
    for (unsigned version = 0; version < 256; ++version) {
        Octets bytes = header_of(Kind::call, 0);
        bytes[0] = static_cast<std::uint8_t>(version);
        EXPECT_EQ(parse(bytes), version == 1 ? Error::none : Error::unknown_version) << version;
    }
}

// P1
TEST(FrameHeader, KindsOutsideTheListAreUnknown) {
    for (unsigned kind = 0; kind < 256; ++kind) {
        Octets bytes = header_of(Kind::call, 64);
        bytes[1] = static_cast<std::uint8_t>(kind);
        EXPECT_EQ(parse(bytes), kind >= 1 && kind <= 19 ? Error::none : Error::unknown_kind)
            << kind;
    }
}

// P1
TEST(FrameHeader, ReservedFlagsAreRefusedOneByOne) {
    for (unsigned bit = 5; bit < 16; ++bit) {
        EXPECT_EQ(parse(header_of(Kind::event, 64, static_cast<std::uint16_t>(1U << bit))),
                  Error::malformed)
            << bit;
    }
}

// P4
TEST(FrameHeader, FlagsAreAllowedByKind) {
    for (unsigned kind = 1; kind <= kind_max; ++kind) {
        const auto k = static_cast<Kind>(kind);
        const Error padded = is_sealed(k) ? Error::none : Error::malformed;
        EXPECT_EQ(parse(header_of(k, 64, 1)), padded) << kind;
        EXPECT_EQ(parse(header_of(k, 64, 2)), padded) << kind;
        EXPECT_EQ(parse(header_of(k, 64, 3)), Error::malformed) << kind;
        const bool can_be_negative = !is_sealed(k) || k == Kind::reply;
        EXPECT_EQ(parse(header_of(k, 64, flag_negative)),
                  can_be_negative ? Error::none : Error::malformed)
            << kind;
        EXPECT_EQ(parse(header_of(k, 64, flag_direction)), Error::none) << kind;
        EXPECT_EQ(parse(header_of(k, 64, flag_turned)), padded) << kind;
    }
}

// P1, P5
TEST(FrameHeader, LengthHasItsLimits) {
    struct Row {
        Kind kind;
        std::uint16_t flags;
        std::uint32_t length;
        Error expected;
    };
    constexpr std::uint32_t max = max_body_bytes;
    for (const Row& row : {Row{Kind::call, 0, 0, Error::none},
                           Row{Kind::call, 0, 1, Error::none},
                           Row{Kind::call, 0, max - 1, Error::none},
                           Row{Kind::call, 0, max, Error::none},
                           Row{Kind::call, 0, max + 1, Error::too_large},
                           Row{Kind::call, 0, 0xFFFFFFFF, Error::too_large},
                           Row{Kind::event, 0, 0, Error::malformed},
                           Row{Kind::event, 0, 15, Error::malformed},
                           Row{Kind::event, 0, 16, Error::none},
                           Row{Kind::event, 0, 17, Error::none},
                           Row{Kind::event, 1, 16, Error::malformed},
                           Row{Kind::event, 1, 17, Error::none},
                           Row{Kind::event, 2, 17, Error::malformed},
                           Row{Kind::event, 2, 18, Error::none},
                           Row{Kind::event, 0, max + 15, Error::none},
                           Row{Kind::event, 0, max + 16, Error::none},
                           Row{Kind::event, 0, max + 17, Error::too_large},
                           Row{Kind::event, 2, max + 18, Error::none},
                           Row{Kind::event, 2, max + 19, Error::too_large},
                           Row{Kind::event, 0, 0x80000000, Error::too_large}}) {
        EXPECT_EQ(parse(header_of(row.kind, row.length, row.flags)), row.expected)
            << static_cast<unsigned>(row.kind) << ' ' << row.flags << ' ' << row.length;
    }
}

TEST(FrameHeader, RefusedOneStillSaysWhatItWas) {
    Octets bytes = header_of(Kind::event, 64);
    bytes[1] = 99;
    FrameHeader header;
    ASSERT_EQ(parse_header(bytes, header), Error::unknown_kind);
    EXPECT_EQ(static_cast<unsigned>(header.kind), 99U);
    EXPECT_EQ(header.channel, 0x0403);
    EXPECT_EQ(header.counter, 0x0C0B0A0908070605U);
}

TEST(Frame, BodyAndTagAreApart) {
    const Octets bytes = test::plain({.kind = Kind::event}, Octets(19, 7)) + Octets{1, 2};
    FrameView frame;
    ASSERT_EQ(parse_frame(bytes, frame), Error::none);
    EXPECT_EQ(frame.body.size(), 3U);
    EXPECT_EQ(frame.tag.size(), tag_bytes);
    EXPECT_EQ(frame.frame_bytes(), bytes.size() - 2);
}

TEST(Frame, PlainKindsHaveNoTag) {
    const Octets bytes = test::plain({.kind = Kind::call}, Octets(19, 7));
    FrameView frame;
    ASSERT_EQ(parse_frame(bytes, frame), Error::none);
    EXPECT_EQ(frame.body.size(), 19U);
    EXPECT_TRUE(frame.tag.empty());
}

TEST(Frame, CutAnywhereIsTruncated) {
    const Octets whole = test::plain({.kind = Kind::event}, Octets(40, 7));
    FrameView frame;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(parse_frame(ByteView(whole).first(size), frame), Error::truncated) << size;
    }
}

TEST(Frame, BadHeaderIsRefusedWhateverFollows) {
    Octets bytes = test::plain({.kind = Kind::event}, Octets(40, 7));
    bytes[0] = 2;
    FrameView frame;
    EXPECT_EQ(parse_frame(bytes, frame), Error::unknown_version);
}

// P6
TEST(AssociatedData, HasKindFlagsChannelAndCounter) {
    const auto data = associated_data({.kind = Kind::reply,
                                       .deployment = 0xFFFF,
                                       .channel = 0x0201,
                                       .flags = flag_direction | 1,
                                       .length = 77,
                                       .counter = 0x0807060504030201});
    EXPECT_EQ(Octets(data.begin(), data.end()), (Octets{5, 5, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8}));
}

// P7
TEST(Nonce, HasDirectionAndCounter) {
    const auto forward = nonce({.counter = 0x0102030405060708});
    EXPECT_EQ(Octets(forward.begin(), forward.end()), (Octets{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}));
    const auto back = nonce({.flags = flag_direction, .counter = 1});
    EXPECT_EQ(Octets(back.begin(), back.end()), (Octets{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
}

RC_GTEST_PROP(FrameHeader, WhatParsesIsWrittenBackAsItWas, ()) {
    Octets bytes = *rc::gen::container<Octets>(header_bytes, rc::gen::arbitrary<std::uint8_t>());
    bytes[0] = 1;
    bytes[1] = static_cast<std::uint8_t>(bytes[1] % 19);
    bytes[7] = 0;
    bytes[6] &= 0x1FU;
    bytes[11] = 0;
    FrameHeader header;
    if (parse_header(bytes, header) == Error::none) {
        Octets again(header_bytes);
        write_header(header, again);
        RC_ASSERT(again == bytes);
        RC_ASSERT(header.length <= max_length);
    }
}

} // namespace
} // namespace authex::wire
