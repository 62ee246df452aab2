#pragma once
// The command line of `authex`.                                                    (DESIGN "CLI
// contract")

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/enclave.hpp"
#include "cli/verify.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace authex::cli {

enum class Command : std::uint8_t {
    init,
    check,
    build,
    plan,
    up,
    deploy,
    attest,
    connect,
    register_periodic,
    status,
    metrics,
    watch,
    journal,
    output,
    request,
    call,
    disable,
    reset,
    down,
    logs,
    record,
    replay,
    graph,
    doctor,
    schema,
    dev,
    node_bundle,
    node_enroll,
    export_state,
    secret_set,
    role_add,
    role_list,
    role_revoke,
    recovery_key,
    recover,
    restart,
    restore,
    update,
    delegate,
    completion,
    verify,
    enclave,
    version,
};

/// Where a payload comes from; at most one is given. None: an empty payload.
struct PayloadSource {
    std::optional<std::string> hex;
    std::optional<std::string> text;
    std::optional<std::filesystem::path> file; ///< "-": standard input
    std::optional<std::uint64_t> u8;           ///< little-endian, as the three below
    std::optional<std::uint64_t> u16;
    std::optional<std::uint64_t> u32;
    std::optional<std::uint64_t> u64;
};

struct Arguments {
    Command command = Command::check;

    std::filesystem::path file = "authex.yaml";
    std::filesystem::path state_directory;
    bool json = false;
    bool verbose = false;
    bool insecure = false;
    bool timing = false;
    std::chrono::milliseconds timeout{10'000};

    /// What the command is about: a folder, module, connection, node or shell.
    std::string subject;
    std::string entry;
    std::vector<std::string> modules;
    std::vector<std::string> connections;
    std::vector<std::string> periodic;
    PayloadSource payload;
    std::filesystem::path out;
    bool raw = false;
    bool again = false;
    bool explain = false;
    bool up = false;
    bool turn = false;
    std::vector<std::string> afresh; ///< up: names of modules; an empty one for all of them
    bool dry_run = false;
    std::string node;                ///< update: where the module shall run
    std::string fingerprint;         ///< of a device key, that people compared
    bool trust_on_first_use = false; ///< take the device key that the node shows
    std::vector<std::string> hosts;

    // watch
    double look_every_s = 10;
    std::string attest_every; ///< a length of time; empty: never
    std::string turn_every = "1d";
    std::string metrics; ///< [host:]port; empty: not served
    std::string webhook; ///< URL; empty: nobody is told

    // status, graph
    bool watch = false;
    double every_s = 1;         ///< seconds between two looks
    std::string format = "dot"; ///< dot | mermaid | svg

    // logs; modules too
    std::vector<std::string> nodes;
    std::string level = "debug";
    std::string since;
    std::string grep;
    bool follow = false;
    std::uint32_t last = 100;

    // record, replay
    double for_s = 0; ///< seconds; 0: until Ctrl-C
    std::string debugger;

    // export, restore
    bool with_secrets = false;
    bool move = false;
    bool replace = false;
    std::filesystem::path passphrase_file;

    // delegate
    std::filesystem::path take_back;
    bool revoke = false;
    std::string name = "delegate"; ///< of its certificate

    // role, init, recovery-key, recover; delegate
    std::string role;
    std::uint32_t days = 90;
    std::filesystem::path recovery_file;
    std::uint16_t deployment = 0;

    VerifyArguments verify;
    EnclaveArguments enclave;
};

/// Exit status 0 done, 1 failed, 2 usage or descriptor error. (`verify` has one more: verify.hpp)
constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

/// Declares all commands and options on `app`, to be parsed into `arguments`; both must outlive the
/// parse.
void declare(CLI::App& app, Arguments& arguments);

/// Prints what --help and --version ask for on stdout, and what is wrong on stderr. @return
/// arguments, or the exit status.
[[nodiscard]] std::variant<Arguments, int> parse_arguments(int argc, const char* const* argv);

} // namespace authex::cli
