#include "tee/sancus/link/frame_header.hpp"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tee/sancus/link/packet.hpp"
#include "wire/frame.hpp"

namespace authex::tee::sancus::link {
namespace {

using Header = std::array<std::uint8_t, frame_header_bytes>;
using Message = std::vector<std::uint8_t>;

Header header_of(const wire::FrameHeader& header) {
    Header bytes{};
    wire::write_header(header, bytes);
    return bytes;
}

Message message_of(const Header& header, std::uint8_t slot, std::size_t body_bytes) {
    Message message(compressed_bytes_max);
    message.resize(compress_header(header.data(), slot, message.data()));
    message.resize(message.size() + body_bytes);
    return message;
}

std::size_t wire_bytes(const wire::FrameHeader& header, std::size_t payload_bytes) {
    const std::size_t sealed = payload_bytes + wire::tag_bytes;
    const Message message = message_of(header_of(header), 5, sealed);
    Packet packet;
    std::fill(packet.data.begin(), packet.data.end(), std::uint8_t{0xAA});
    std::copy(message.begin(), message.end() - static_cast<long>(sealed), packet.data.begin() + 1);
    Encoder encoder;
    encoder.start(packet.data.data(), control_bytes + message.size(), false);
    std::size_t bytes = 0;
    for (; encoder.busy(); ++bytes) {
        (void)encoder.next();
    }
    return bytes;
}

RC_GTEST_PROP(FrameHeader, ComesBackAsItWas, (std::uint16_t channel, std::uint16_t deployment)) {
    const bool turned = *rc::gen::arbitrary<bool>();
    const auto kind = turned ? *rc::gen::inRange<std::uint8_t>(3, 6)
                             : *rc::gen::inRange<std::uint8_t>(1, wire::kind_max + 1);
    const auto slot = *rc::gen::inRange<std::uint8_t>(0, slot_mask);
    const auto counter_bits = *rc::gen::inRange<unsigned>(0, 64);
    const std::uint64_t counter = *rc::gen::arbitrary<std::uint64_t>() >> counter_bits;
    const auto body = *rc::gen::inRange<std::size_t>(0, 275);
    const wire::FrameHeader header{
        .kind = static_cast<wire::Kind>(kind),
        .deployment = deployment,
        .channel = channel,
        .flags = static_cast<std::uint16_t>(*rc::gen::inRange<unsigned>(0, 16) |
                                            (turned ? wire::flag_turned : 0U)),
        .length = static_cast<std::uint32_t>(body),
        .counter = counter};
    const Message message = message_of(header_of(header), slot, body);
    RC_ASSERT(message.size() <= compressed_bytes_max + body);
    RC_ASSERT((message[0] & slot_mask) == slot);
    Header back{};
    RC_ASSERT(restore_header(message, deployment, back.data()) == message.size() - body);
    RC_ASSERT(back == header_of(header));
}

RC_GTEST_PROP(FrameHeader, OfAnyBytesIsRefusedOrStaysInsideThem, (Message message)) {
    Header header{};
    const std::size_t taken = restore_header(message, 1, header.data());
    RC_ASSERT(taken <= message.size());
    RC_ASSERT(taken != 0 || message.size() < compressed_bytes_max);
    if (taken != 0) {
        RC_ASSERT(header[8] + 256U * header[9] == message.size() - taken);
    }
}

TEST(FrameHeader, IsNotCompressedWhereSomethingWouldBeLost) {
    const Header good = header_of({.kind = wire::Kind::event, .channel = 1, .counter = 1});
    Message out(compressed_bytes_max);
    ASSERT_NE(compress_header(good.data(), 0, out.data()), 0U);
    for (const auto& [at, value] : std::vector<std::pair<std::size_t, std::uint8_t>>{
             {0, 0}, {0, 2}, {1, 24}, {1, 255}, {6, 0x20}, {6, 0xFF}, {7, 1}}) {
        Header bad = good;
        bad[at] = value;
        EXPECT_EQ(compress_header(bad.data(), 0, out.data()), 0U) << at;
    }
    Header turned = good;
    turned[6] = wire::flag_turned;
    EXPECT_NE(compress_header(turned.data(), 0, out.data()), 0U);
    turned[1] = 8;
    EXPECT_EQ(compress_header(turned.data(), 0, out.data()), 0U) << "no such kind is sealed";
}

TEST(WireBudget, APayloadAndItsTagCostAtMost26Bytes) {
    for (const std::size_t payload : {2U, 64U, 128U, 230U}) {
        for (const std::uint64_t counter : {0U, 1U, 255U, 256U, (1U << 14U) - 1}) {
            const wire::FrameHeader header{
                .kind = wire::Kind::event, .channel = 255, .flags = 3, .counter = counter};
            EXPECT_LE(wire_bytes(header, payload) - payload, 26U) << payload << ' ' << counter;
        }
    }
}

TEST(WireBudget, WideChannelsAndLongBodiesCostAByteMoreEach) {
    const wire::FrameHeader wide{.kind = wire::Kind::event, .channel = 256, .counter = 1000};
    EXPECT_EQ(wire_bytes(wide, 64) - 64, 27U);
    const wire::FrameHeader narrow{.kind = wire::Kind::event, .channel = 1, .counter = 1000};
    EXPECT_EQ(wire_bytes(narrow, 256) - 256, 27U);
    EXPECT_EQ(wire_bytes(narrow, 64) - 64, 26U);
}

} // namespace
} // namespace authex::tee::sancus::link
