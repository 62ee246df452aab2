#include "sancus_emulator/devices/sensor.hpp"

#include <gtest/gtest.h>

#include "sancus_emulator/devices/world.hpp"

namespace authex::sancus_emulator::test {
namespace {

Sensor make(World* world, double scale = 1, SensorTrace trace = {}) {
    return Sensor(SensorSettings{"t", 0x1A8, scale, "°C", 20, std::move(trace), world});
}

TEST(SensorTest, GivesTheScaledValueRounded) {
    Sensor sensor = make(nullptr, 100);
    EXPECT_EQ(sensor.read(0x1A8, 0), 2000U);
    ASSERT_TRUE(sensor.input("21.556", 5));
    EXPECT_EQ(sensor.read(0x1A8, 6), 2156U);
    ASSERT_TRUE(sensor.input("-1.5", 5));
    EXPECT_EQ(static_cast<std::int16_t>(sensor.read(0x1A8, 6)), -150);
    EXPECT_EQ(sensor.shown(), "-1.5 °C");
}

TEST(SensorTest, EndsWhereTheRegisterEnds) {
    Sensor sensor = make(nullptr);
    ASSERT_TRUE(sensor.input("1000000", 0));
    EXPECT_EQ(sensor.read(0x1A8, 0), 32767U);
    ASSERT_TRUE(sensor.input("-1000000", 0));
    EXPECT_EQ(sensor.read(0x1A8, 0), 0x8000U);
}

TEST(SensorTest, RefusesWhatIsNoNumber) {
    Sensor sensor = make(nullptr);
    for (const char* text : {"", "x", "1x", "nan", "inf", "1e5", " 1", "0x10"}) {
        EXPECT_FALSE(sensor.input(text, 0)) << text;
    }
    EXPECT_EQ(sensor.read(0x1A8, 0), 20U);
}

TEST(SensorTest, FollowsItsTraceInTheCycle) {
    World world;
    Sensor sensor = make(&world, 1, {{10, 1}, {20, 2}, {30, 2}});
    EXPECT_EQ(sensor.read(0x1A8, 9), 20U);
    EXPECT_EQ(sensor.next_event(), 10U);
    EXPECT_EQ(sensor.read(0x1A8, 10), 1U);
    ASSERT_TRUE(sensor.input("9", 15));
    sensor.advance(1000);
    EXPECT_EQ(sensor.read(0x1A8, 1000), 2U);
    EXPECT_EQ(sensor.next_event(), never);
    EXPECT_EQ(world.told, std::vector<std::string>({"10 <t 1", "15 <t 9", "20 <t 2"}));
}

TEST(SensorTest, CannotBeWritten) {
    Sensor sensor = make(nullptr);
    sensor.write(0x1A8, 7, 0xFFFF, 0);
    EXPECT_EQ(sensor.read(0x1A8, 0), 20U);
}

TEST(SensorTest, StateIsSavedAndLoaded) {
    Sensor sensor = make(nullptr, 1, {{10, 1}, {20, 2}});
    sensor.advance(10);
    Sensor other = make(nullptr, 1, {{10, 1}, {20, 2}});
    ASSERT_TRUE(copy_state(sensor, other));
    EXPECT_EQ(other.next_event(), 20U);
    EXPECT_EQ(other.read(0x1A8, 15), 1U);
}

TEST(SensorTraceTest, ReadsCyclesAndSeconds) {
    const auto cycles = read_sensor_trace("cycle,value\n0,1\n100, -2.5\r\n", "f.csv", 1000);
    ASSERT_TRUE(cycles);
    ASSERT_EQ(cycles->size(), 2U);
    EXPECT_EQ((*cycles)[1].cycle, 100U);
    EXPECT_EQ((*cycles)[1].value, -2.5);
    const auto seconds = read_sensor_trace("# a comment\n\nseconds,value\n1.5,7", "f.csv", 1000);
    ASSERT_TRUE(seconds);
    EXPECT_EQ(seconds->front().cycle, 1500U);
}

TEST(SensorTraceTest, SaysInWhichLineItIsWrong) {
    struct Case {
        const char* text;
        unsigned line;
    };
    for (const Case& each : {Case{"", 0},
                             Case{"cycle,value\n", 0},
                             Case{"1,2\n", 1},
                             Case{"time,value\n1,2\n", 1},
                             Case{"cycle,value\n1\n", 2},
                             Case{"cycle,value\n1,x\n", 2},
                             Case{"cycle,value\n-1,2\n", 2},
                             Case{"cycle,value\n1,2,3\n", 2},
                             Case{"cycle,value\n\n5,1\n5,2\n", 4},
                             Case{"cycle,value\n5,1\n4,2\n", 3},
                             Case{"seconds,value\n99999999999999999,1\n", 2}}) {
        const auto trace = read_sensor_trace(each.text, "f.csv", 1000);
        ASSERT_FALSE(trace) << each.text;
        EXPECT_EQ(trace.error().code, "sensor-trace");
        EXPECT_EQ(trace.error().where.line, each.line) << each.text;
    }
}

} // namespace
} // namespace authex::sancus_emulator::test
