#pragma once
// The application `counted`: numbered events from `source` on one node over `relay` on the other to
// `sink`, and from `beside` to `across`; who takes them counts what was left out or came twice.

#include <optional>

#include <gtest/gtest.h>

#include "world.hpp"

namespace authex::test {

/// What a sink says.
struct Taken {
    std::uint32_t events = 0;
    std::uint32_t expected = 0; ///< number after the last
    std::uint32_t gaps = 0;
    std::uint32_t behind = 0;
};

struct Load {
    std::uint32_t events = 0;
    std::uint16_t bytes = 32; ///< of one; 4 to 16 KiB
    std::uint16_t batch = 1;
    std::uint32_t pause_us = 1000; ///< between batches
};

class Counted : public World {
  public:
    explicit Counted(const std::string& folder = AUTHEX_TEST_DIR "/counted",
                     const std::string& descriptor = "native.yaml")
        : World(folder, descriptor) {}

    void begin(const Load& load) { begin("begin", load); }
    void begin_beside(const Load& load) { begin("begin-beside", load); }
    std::uint32_t sent() { return request_u32("sent"); }
    Taken taken() { return taken("taken"); }
    Taken taken_beside() { return taken("taken-beside"); }
    /// What a sink shows to all; nothing if it cannot be asked now.
    std::optional<Taken> display(const std::string& sink = "sink");

    /// All that was sent has arrived, once and in order.
    [[nodiscard]] bool arrives(std::uint32_t events,
                               std::chrono::milliseconds time = std::chrono::seconds(60)) {
        return eventually([&] { return taken().events >= events; }, time) &&
               is_whole(taken(), events);
    }
    [[nodiscard]] bool arrives_beside(std::uint32_t events,
                                      std::chrono::milliseconds time = std::chrono::seconds(60)) {
        return eventually([&] { return taken_beside().events >= events; }, time) &&
               is_whole(taken_beside(), events);
    }

  private:
    static bool is_whole(const Taken& taken, std::uint32_t events) {
        EXPECT_EQ(taken.events, events);
        EXPECT_EQ(taken.expected, events);
        EXPECT_EQ(taken.gaps, 0U) << "lost";
        EXPECT_EQ(taken.behind, 0U) << "doubled or reordered";
        return taken.events == events && taken.gaps == 0 && taken.behind == 0;
    }
    void begin(const std::string& connection, const Load& load);
    Taken taken(const std::string& connection);
};

} // namespace authex::test
