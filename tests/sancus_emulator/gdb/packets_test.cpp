#include "sancus_emulator/gdb/packets.hpp"

#include <gtest/gtest.h>

namespace authex::sancus_emulator::gdb {
namespace {

using Kind = Item::Kind;

std::vector<Item> read(std::string_view bytes) {
    PacketReader reader;
    std::vector<Item> items;
    for (const char byte : bytes) {
        if (auto item = reader.take(byte)) {
            items.push_back(std::move(*item));
        }
    }
    return items;
}

TEST(PacketReader, FindsPackets) {
    const auto items = read("+$m0,4#fd$#00-");
    ASSERT_EQ(items.size(), 4U);
    EXPECT_EQ(items[0].kind, Kind::acknowledged);
    EXPECT_EQ(items[1].payload, "m0,4");
    EXPECT_EQ(items[2].kind, Kind::packet);
    EXPECT_EQ(items[2].payload, "");
    EXPECT_EQ(items[3].kind, Kind::refused);
}

TEST(PacketReader, TakesWhatFrameMakes) {
    std::string every;
    for (unsigned byte = 0; byte < 256; ++byte) {
        every += static_cast<char>(byte);
    }
    const auto items = read(frame(every));
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].payload, every);
}

TEST(PacketReader, RefusesAnotherChecksum) {
    for (const char* packet : {"$m0,4#fc", "$m0,4#0g", "$m0,4#gd", "$m0,4#--", "$#01"}) {
        const auto items = read(packet);
        ASSERT_EQ(items.size(), 1U) << packet;
        EXPECT_EQ(items[0].kind, Kind::damaged) << packet;
    }
}

TEST(PacketReader, TakesChecksumsInCapitals) {
    EXPECT_EQ(read("$m0,4#FD").at(0).payload, "m0,4");
}

TEST(PacketReader, ForgetsAPacketThatBeginsAgain) {
    const auto items = read("$m0,$g#67");
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].payload, "g");
}

TEST(PacketReader, SeesCtrlCBetweenPacketsAlone) {
    EXPECT_EQ(read("\x03").at(0).kind, Kind::interrupt);
    EXPECT_EQ(read("$\x03#03").at(0).kind, Kind::packet);
}

TEST(PacketReader, SkipsWhatMeansNothing) {
    EXPECT_TRUE(read("GET / HTTP/1.1\r\n#00}").empty());
}

TEST(PacketReader, TakesPacketsUpToTheLimit) {
    EXPECT_EQ(read(frame(std::string(packet_bytes_max, 'a'))).at(0).kind, Kind::packet);
    EXPECT_EQ(read(frame(std::string(packet_bytes_max + 1, 'a'))).at(0).kind, Kind::oversized);
    const auto items = read(frame(std::string(10 * packet_bytes_max, 'a')) + "$g#67");
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[1].payload, "g");
}

TEST(Fields, TakesNumbersThatFit) {
    EXPECT_EQ(Fields("ffffffffffffffff").number(), ~std::uint64_t{0});
    for (const char* text : {"", "g", "-1", "+1", " 1", "10000000000000000"}) {
        EXPECT_FALSE(Fields(text).number()) << text;
    }
}

} // namespace
} // namespace authex::sancus_emulator::gdb
