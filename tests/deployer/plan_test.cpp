#include "deployer/plan.hpp"

#include <gtest/gtest.h>

#include "descriptor/parse.hpp"

namespace authex::deployer {
namespace {

/// sensor (device) -> filter -> store; filter -> lamp (device); lamp -> filter; deployer -> store.
constexpr const char* house = R"(
application: house
nodes: { n: { tee: native, address: 127.0.0.1:6001 } }
modules:
  sensor: { node: n, sources: [s.cpp], devices: [sensor0] }
  button: { node: n, sources: [b.cpp] }
  filter: { node: n, sources: [f.cpp] }
  judge:  { node: n, sources: [j.cpp] }
  lamp:   { node: n, sources: [l.cpp], devices: [lamp0] }
  store:  { node: n, sources: [t.cpp] }
connections:
  - { name: sensor-filter, from: sensor.out, to: filter.in }
  - { name: button-filter, from: button.out, to: filter.in }
  - { name: filter-judge,  from: filter.out, to: judge.in }
  - { name: judge-lamp,    from: judge.out,  to: lamp.in }
  - { name: judge-store,   from: judge.out,  to: store.in }
  - { name: lamp-filter,   from: lamp.out,   to: filter.in }
  - { name: sensor-lamp,   from: sensor.out, to: lamp.in }
  - { name: direct-store,  direct: true,     to: store.in }
)";

class Phases : public testing::TestWithParam<std::pair<const char*, Phase>> {};

TEST_P(Phases, FollowFromDriversAndConnections) {
    const auto parsed = descriptor::parse(house, "house.yaml");
    ASSERT_TRUE(parsed.descriptor);
    const auto& [name, phase] = GetParam();
    const descriptor::Connection* connection = parsed.descriptor->find_connection(name);
    ASSERT_NE(connection, nullptr);
    EXPECT_EQ(phase_of(*parsed.descriptor, *connection), phase);
}

INSTANTIATE_TEST_SUITE_P(
    House,
    Phases,
    testing::Values(std::pair("sensor-filter", Phase::connect_inputs), // a device
                    std::pair("button-filter", Phase::connect_inputs), // nothing comes in
                    std::pair("filter-judge", Phase::connect_inner),
                    std::pair("judge-lamp", Phase::connect_outputs),  // a device
                    std::pair("judge-store", Phase::connect_outputs), // nothing goes out
                    std::pair("lamp-filter", Phase::connect_inputs),  // a device is both
                    std::pair("sensor-lamp", Phase::connect_inputs),  // the later of two phases
                    std::pair("direct-store", Phase::connect_direct)));

TEST(Drivers, ADirectConnectionMakesNobodyInner) {
    const auto parsed = descriptor::parse(house, "house.yaml");
    ASSERT_TRUE(parsed.descriptor);
    EXPECT_TRUE(is_output_driver(*parsed.descriptor, "store"));
    EXPECT_TRUE(is_input_driver(*parsed.descriptor, "button"));
    EXPECT_FALSE(is_input_driver(*parsed.descriptor, "store"));
    EXPECT_FALSE(is_output_driver(*parsed.descriptor, "filter"));
    EXPECT_FALSE(is_input_driver(*parsed.descriptor, "filter"));
}

TEST(Terms, AreTheSameInWhateverOrderDevicesStand) {
    descriptor::Module a;
    a.devices = {{.name = "x"}, {.name = "y"}};
    descriptor::Module b;
    b.devices = {{.name = "y"}, {.name = "x"}};
    EXPECT_EQ(terms_of(a), terms_of(b));
    b.max.stack_bytes = 4096;
    EXPECT_NE(terms_of(a), terms_of(b));
}

} // namespace
} // namespace authex::deployer
