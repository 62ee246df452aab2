#include "tee/sancus/link/packet.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace authex::tee::sancus::link {
namespace {

using Vector = std::vector<std::uint8_t>;

Vector encoded(const Vector& data, bool leading = false) {
    Packet packet;
    std::copy(data.begin(), data.end(), packet.data.begin());
    Encoder encoder;
    encoder.start(packet.data.data(), data.size(), leading);
    Vector wire;
    while (encoder.busy()) {
        wire.push_back(encoder.next());
    }
    return wire;
}

/// What the last byte of `wire` comes to.
Decoded decode(Decoder& decoder, const Vector& wire) {
    Decoded last = Decoded::nothing;
    for (const std::uint8_t byte : wire) {
        last = decoder.byte(byte);
    }
    return last;
}

Vector content(const Packet& packet) {
    return {packet.data.begin(), packet.data.begin() + packet.bytes};
}

/// A first byte that is a control, whatever else.
Vector with_control(Vector data) {
    data.resize(std::min(data.size(), control_bytes + message_bytes_max));
    data.insert(data.begin(), std::uint8_t{0x15});
    data.resize(std::min(data.size(), control_bytes + message_bytes_max));
    return data;
}

TEST(Crc16, IsThatOfTheCatalogue) {
    const Vector check = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    EXPECT_EQ(crc16(check), 0x29B1) << "CRC-16/CCITT-FALSE (IBM-3740)";
    EXPECT_EQ(crc16({}), 0xFFFF);
}

TEST(Encoder, WritesNoZeroButTheLastByte) {
    for (const std::uint8_t fill : Vector{0, 1, 255}) {
        for (std::size_t size = 1; size <= control_bytes + message_bytes_max; ++size) {
            Vector data(size, fill);
            data[0] = 0x01;
            const Vector wire = encoded(data);
            EXPECT_EQ(std::find(wire.begin(), wire.end(), 0), wire.end() - 1);
            EXPECT_LE(wire.size(), wire_bytes_max);
        }
    }
}

TEST(Encoder, BeginsWithAZeroWhereAsked) {
    const Vector data = {0x01, 0x02};
    Vector wire = encoded(data, true);
    EXPECT_EQ(wire[0], 0);
    wire.erase(wire.begin());
    EXPECT_EQ(wire, encoded(data));
}

RC_GTEST_PROP(Decoder, GivesBackWhatWasEncodedAfterAnyNoise, (Vector data, Vector noise)) {
    data = with_control(data);
    Packet packet;
    Decoder decoder;
    decoder.into(packet);
    decode(decoder, noise);
    decoder.byte(0);
    RC_ASSERT(decode(decoder, encoded(data)) == Decoded::packet);
    RC_ASSERT(content(packet) == data);
    RC_ASSERT(!decoder.inside());
}

TEST(Decoder, GivesBackEveryLengthAndBlock) {
    for (const std::uint8_t fill : Vector{0, 7}) {
        for (std::size_t size = 1; size <= control_bytes + message_bytes_max; ++size) {
            Vector data(size, fill);
            data[0] = 0x41;
            Packet packet;
            Decoder decoder;
            decoder.into(packet);
            ASSERT_EQ(decode(decoder, encoded(data)), Decoded::packet) << size;
            ASSERT_EQ(content(packet), data);
        }
    }
}

RC_GTEST_PROP(Decoder, RefusesEverySingleByteThatIsWrong, (Vector data, std::uint8_t difference)) {
    RC_PRE(difference != 0);
    const Vector wire = encoded(with_control(data));
    const auto at = *rc::gen::inRange<std::size_t>(0, wire.size() - 1);
    Vector damaged = wire;
    damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ difference);
    Packet packet;
    Decoder decoder;
    decoder.into(packet);
    for (const std::uint8_t byte : damaged) {
        RC_ASSERT(decoder.byte(byte) != Decoded::packet || damaged[at] == 0);
    }
}

TEST(Decoder, RefusesWhatIsTooLongTooShortOrCut) {
    Packet packet;
    Decoder decoder;
    decoder.into(packet);
    EXPECT_EQ(decode(decoder, Vector(1000, 0x01)), Decoded::nothing);
    EXPECT_EQ(decoder.byte(0), Decoded::bad);
    for (const Vector& wire :
         {Vector{1, 0}, Vector{2, 5, 0}, Vector{3, 5, 6, 0}, Vector{9, 5, 0}}) {
        EXPECT_EQ(decode(decoder, wire), Decoded::bad);
    }
    EXPECT_EQ(decode(decoder, {0, 0, 0}), Decoded::nothing) << "an empty packet is a pause";
}

TEST(Decoder, RefusesControlBitsThatNobodyKnows) {
    Packet packet;
    Decoder decoder;
    decoder.into(packet);
    EXPECT_EQ(decode(decoder, encoded({0x81})), Decoded::bad);
    EXPECT_EQ(decode(decoder, encoded({0x01})), Decoded::packet);
}

RC_GTEST_PROP(Control, IsReadAsItWasWritten, ()) {
    const auto byte = *rc::gen::inRange<std::uint8_t>(0, 0x80);
    RC_ASSERT(Control::of(byte).byte() == byte);
}

} // namespace
} // namespace authex::tee::sancus::link
