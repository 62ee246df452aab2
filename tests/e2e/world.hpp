#pragma once
// One application on real nodes: a copy of an example in a folder of its own, a manager for each of
// its nodes on ports that are free, and `authex` to handle it.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {

/// The programs under test.
[[nodiscard]] std::string program(const std::string& name);
/// A file of the folder `examples/`.
[[nodiscard]] std::filesystem::path example(const std::string& name);

class World {
  public:
    /// Copies the example, or the folder of another application.
    explicit World(const std::string& example_name, std::string descriptor = "native.yaml");
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    /// Words before the command of a node's manager, or of `authex`: namespaces to run it in.
    void run_manager_in(const std::string& node, std::vector<std::string> words) {
        manager_in_[node] = std::move(words);
    }
    /// In place of this build's `authex-em`.
    void use_manager(const std::string& node, std::string program) {
        manager_programs_[node] = std::move(program);
    }
    void run_authex_in(std::vector<std::string> words) { authex_in_ = std::move(words); }
    /// `authex` speaks plaintext also beyond loopback.
    void allow_plaintext() { authex_options_ = {"--insecure"}; }
    /// `authex` works in this state directory.
    void use_state(const std::string& directory) { authex_options_ = {"--state", directory}; }
    /// Where a manager listens, if not on loopback.
    void set_host(const std::string& node, const std::string& host) { hosts_[node] = host; }

    /// Options by which a node's manager knows its TEE, in place of those of its kind.
    void set_tee(const std::string& node, std::vector<std::string> options) {
        options_of_[node] = std::move(options);
    }
    /// A node's board has its own power, and is on this serial line.
    void set_line(const std::string& node, const std::string& path) {
        set_tee(node, {"--tee", "sancus", "--serial", path});
    }

    /// Starts a manager for each node, and makes the descriptor say where they are.
    void start_managers(const std::vector<std::string>& more_options = {});
    /// The same with certificates, which the descriptor then names.
    void start_managers_with_tls(const std::vector<std::string>& more_options = {});
    /// Starts one again that has ended, on the same port and state.
    void restart_manager(const std::string& node);
    [[nodiscard]] Process& manager(const std::string& node) { return *managers_.at(node); }
    /// The port on which it listens for other managers.
    [[nodiscard]] std::uint16_t events_port(const std::string& node) const;
    [[nodiscard]] std::uint16_t control_port(const std::string& node) const;
    /// Where it serves metrics, if it was started with --metrics.
    [[nodiscard]] std::string metrics_address(const std::string& node) const;
    /// What the descriptor says as the node's `events`.
    void set_events(const std::string& node, const std::string& address);

    /// Runs `authex` on the descriptor.
    Result authex(const std::vector<std::string>& arguments, const std::string& input = {});
    /// The same, beside the test.
    std::unique_ptr<Process> start_authex(const std::vector<std::string>& arguments);
    /// The same, and the test fails if it does.
    void must(const std::vector<std::string>& arguments);
    /// What it prints with --json.
    nlohmann::json json(const std::vector<std::string>& arguments);

    /// From `status --json`; null if there is none of that name.
    nlohmann::json connection(const std::string& name);
    nlohmann::json module(const std::string& name);
    /// Little-endian 32 bits at `offset` of the reply to a request without payload.
    std::uint32_t request_u32(const std::string& connection, std::size_t offset = 0);

    /// What the manager of a node keeps.
    [[nodiscard]] std::filesystem::path state(const std::string& node) const {
        return folder_.path() / (node + ".state");
    }
    /// The process of a module, not its supervisor; 0 if it does not run.
    [[nodiscard]] pid_t module_process(const std::string& name) const;
    /// The one that watches over it; 0 if it does not run.
    [[nodiscard]] pid_t module_supervisor(const std::string& name) const;

    [[nodiscard]] std::filesystem::path folder() const { return folder_.path() / "application"; }
    [[nodiscard]] std::string read(const std::string& file) const;
    void write(const std::string& file, const std::string& text) const;
    /// Changes the one place in the file where `from` stands.
    void replace(const std::string& file, const std::string& from, const std::string& to) const;

  private:
    void start_manager(const std::string& node, const std::string& address);
    [[nodiscard]] std::vector<pid_t> hosts_of(const std::string& module) const;
    [[nodiscard]] Command authex_command(const std::vector<std::string>& arguments,
                                         const std::string& input) const;

    TemporaryFolder folder_;
    std::string descriptor_;
    std::map<std::string, std::vector<std::string>> options_of_; ///< of a node's manager
    std::map<std::string, std::unique_ptr<Process>> managers_;
    std::map<std::string, nlohmann::json> ready_;
    std::vector<std::string> more_options_;
    std::map<std::string, std::vector<std::string>> manager_in_;
    std::map<std::string, std::string> manager_programs_;
    std::map<std::string, std::string> hosts_;
    std::vector<std::string> authex_in_;
    std::vector<std::string> authex_options_;
};

} // namespace authex::test
