#pragma once
// An application over nodes in memory, whose deployer can be killed and comes back with what was on
// its disk.

#include <memory>
#include <string>

#include "deployer/application.hpp"
#include "deployer/outside.hpp"
#include "memory_node.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {

constexpr const char* relay_descriptor = R"(application: relay
nodes:
  a: { tee: native, address: 127.0.0.1:1 }
  b: { tee: native, address: 127.0.0.1:2 }
modules:
  first:  { node: a, sources: [first.cpp] }
  second: { node: b, sources: [second.cpp] }
connections:
  - { from: first.out, to: second.in }
  - { name: press, direct: true, to: first.in }
  - { name: count, direct: true, to: second.answer }
periodic:
  - { module: first, entry: tick, every: 500ms }
simulation: allowed
)";

class World {
  public:
    explicit World(std::string descriptor = relay_descriptor);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    /// A deployer over what is on the disk. Each has its own connections to nodes.
    std::unique_ptr<deployer::Application> application();
    /// The next build of the module gives another image.
    void change_code(const std::string& module);
    void set_descriptor(std::string text) { descriptor_ = std::move(text); }
    void replace(const std::string& from, const std::string& to);

    MemoryNetwork network;
    TemporaryFolder folder;
    std::function<void()> committed; ///< told after each transaction of the state

  private:
    class Builder;
    std::string descriptor_;
    std::unique_ptr<Builder> builder_;
    std::shared_ptr<deployer::Database> disk_;
    deployer::OwnerKey owner_;
    std::uint64_t random_ = 1;
};

/// The texts of errors, for messages of failed tests.
template <typename T>
std::string problems(const deployer::Outcome<T>& outcome) {
    std::string text;
    if (!outcome) {
        for (const Diagnostic& problem : outcome.error()) {
            text += problem.code + ": " + to_text(problem) + "\n";
        }
    }
    return text;
}
template <typename T>
std::string first_code(const deployer::Outcome<T>& outcome) {
    return outcome ? std::string() : outcome.error().front().code;
}

/// "action subject" of each step.
std::vector<std::string> words(const deployer::Plan& plan);

} // namespace authex::test
