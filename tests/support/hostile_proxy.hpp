#pragma once
// A TCP proxy on loopback that harms what passes: pieces are delayed, dropped, doubled, swapped or
// changed, and connections are cut. Runs in a thread of its own.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace authex::test {

/// Chances in percent of each piece that passes.
struct Harm {
    unsigned delay = 0;
    unsigned drop = 0;
    unsigned duplicate = 0;
    unsigned reorder = 0;
    unsigned corrupt = 0;
    unsigned cut = 0;
};

class HostileProxy {
  public:
    /// Forwards to 127.0.0.1:port.
    HostileProxy(std::uint16_t port, std::uint64_t seed);
    ~HostileProxy();
    HostileProxy(const HostileProxy&) = delete;
    HostileProxy& operator=(const HostileProxy&) = delete;

    [[nodiscard]] std::string address() const;
    void set_harm(const Harm& harm);
    /// Connections stay, nothing passes.
    void set_frozen(bool frozen);
    void cut_all();
    [[nodiscard]] std::uint64_t connections() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace authex::test
