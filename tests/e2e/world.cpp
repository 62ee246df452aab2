#include "world.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

#include <gtest/gtest.h>

namespace authex::test {
namespace {

constexpr std::array signing_keys = {"sgx-signing-key.pem", "ta-signing-key.pem"};
constexpr const char* device_key = "tee-device-key.pem";

/// RSA keys take a second to make: a test that needs no fresh one takes what an earlier one has
/// left. Puts the kept key of that name where a program looks for its own, unless there is one.
void take_kept_key(const std::string& name, const std::filesystem::path& file) {
    const std::filesystem::path kept = std::filesystem::path(AUTHEX_TEST_CACHE) / "keys" / name;
    std::error_code none;
    std::filesystem::copy_file(kept, file, none);
}

/// The first key of a name is kept; there need not be one.
void keep_key(const std::string& name, const std::filesystem::path& file) {
    const std::filesystem::path keys = std::filesystem::path(AUTHEX_TEST_CACHE) / "keys";
    if (std::filesystem::exists(keys / name) || !std::filesystem::exists(file)) {
        return;
    }
    const std::filesystem::path mine = keys / (name + "." + std::to_string(::getpid()));
    std::error_code none; // then the next test tries
    std::filesystem::create_directories(keys, none);
    if (std::filesystem::copy_file(file, mine, none)) {
        std::filesystem::rename(mine, keys / name, none);
    }
}

std::string read_all(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

struct NodeOfText {
    std::string tee;
    std::string board; ///< of a Sancus node; empty: the default
};

std::map<std::string, NodeOfText> nodes_of(const std::string& text) {
    static const std::regex node(
        R"((\S+):\s*\{ tee: (native|sancus|sgx|trustzone), +address:[^\n]*)");
    static const std::regex board(R"(board: ([^,} ]+))");
    std::map<std::string, NodeOfText> nodes;
    for (std::sregex_iterator each(text.begin(), text.end(), node), end; each != end; ++each) {
        const std::string line = each->str();
        std::smatch named;
        nodes.emplace((*each)[1],
                      NodeOfText{.tee = (*each)[2],
                                 .board = std::regex_search(line, named, board) ? named[1].str()
                                                                                : std::string()});
    }
    return nodes;
}

std::uint16_t port_of(const std::string& address) {
    return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

/// The same owner for all tests: its key is measured into every module, and what was built in one
/// test need not be built in the next.
void give_owner_key(const std::filesystem::path& application) {
    namespace fs = std::filesystem;
    const fs::path shared = AUTHEX_TEST_CACHE "/owner";
    if (!fs::exists(shared)) {
        const TemporaryFolder folder;
        (void)run(
            {.words = {program("authex"), "init", "app"}, .folder = folder.path(), .input = {}});
        const fs::path mine = shared.string() + "." + std::to_string(::getpid());
        fs::create_directories(mine);
        for (const char* half : {"owner.key", "owner.pub"}) {
            fs::copy_file(folder.path() / "app/.authex" / half, mine / half);
        }
        std::error_code other; // a test beside this one was faster
        fs::rename(mine, shared, other);
        if (other) {
            fs::remove_all(mine);
        }
    }
    fs::create_directory(application / ".authex");
    fs::permissions(application / ".authex", fs::perms::owner_all);
    for (const char* half : {"owner.key", "owner.pub"}) {
        fs::copy_file(shared / half, application / ".authex" / half);
    }
    for (const char* key : signing_keys) {
        take_kept_key(key, application / ".authex" / key);
    }
}

} // namespace

std::string program(const std::string& name) {
    return std::string(AUTHEX_BINARY_DIR "/bin/") + name;
}

std::filesystem::path example(const std::string& name) {
    return std::filesystem::path(AUTHEX_SOURCE_DIR) / "examples" / name;
}

World::World(const std::string& example_name, std::string descriptor)
    : descriptor_(std::move(descriptor)) {
    adopt_orphans();
    // Modules that were built in one test need not be built in the next.
    ::setenv("AUTHEX_CACHE", AUTHEX_TEST_CACHE, 1);
    std::filesystem::copy(
        example(example_name), folder(), std::filesystem::copy_options::recursive);
    give_owner_key(folder());
}

World::~World() {
    managers_.clear();
    end_descendants();
    for (const char* key : signing_keys) {
        keep_key(key, folder() / ".authex" / key);
    }
    for (const auto& [node, ready] : ready_) {
        keep_key(node + "-" + device_key, state(node) / device_key);
    }
}

void World::start_managers(const std::vector<std::string>& more_options) {
    more_options_ = more_options;
    std::string text = read(descriptor_);
    for (const auto& [node, is] : nodes_of(text)) {
        if (options_of_.contains(node)) {
            // the test has said
        } else if (is.tee == "sancus") {
            set_tee(node,
                    {"--tee",
                     "sancus",
                     "--emulator",
                     is.board.empty() ? "default" : (folder() / is.board).string()});
        } else if (is.tee == "sgx" || is.tee == "trustzone") {
            set_tee(node, {"--tee", is.tee, "--simulate"});
        }
        start_manager(node, (hosts_.contains(node) ? hosts_.at(node) : "127.0.0.1") + ":0");
        const std::regex place("(" + node + R"(:\s*\{ tee: \w+, +address: )\S+?([, ]))");
        text = std::regex_replace(
            text, place, "$01" + ready_.at(node).at("address").get<std::string>() + "$2");
    }
    write(descriptor_, text);
}

void World::start_managers_with_tls(const std::vector<std::string>& more_options) {
    for (const auto& [node, is] : nodes_of(read(descriptor_))) {
        must({"node", "bundle", node, "--out", "tls"}); // both for this machine: one is enough
    }
    std::vector<std::string> options = {"--tls", folder() / "tls"};
    options.insert(options.end(), more_options.begin(), more_options.end());
    start_managers(options);
    static const std::regex node(R"(\{ (tee: \w+, +address:))");
    write(descriptor_,
          std::regex_replace(read(descriptor_), node, "{ certificate: tls/ca.crt, $1"));
}

void World::start_manager(const std::string& node, const std::string& address) {
    const std::filesystem::path ready = folder_.path() / (node + ".ready");
    std::filesystem::remove(ready);
    std::filesystem::create_directories(state(node));
    std::filesystem::permissions(state(node), std::filesystem::perms::owner_all);
    if (!ready_.contains(node)) {
        take_kept_key(node + "-" + device_key, state(node) / device_key);
    }
    std::vector<std::string> words = manager_in_[node];
    words.insert(words.end(),
                 {manager_programs_.try_emplace(node, program("authex-em")).first->second,
                  "--name",
                  node,
                  "--listen",
                  address,
                  "--state",
                  state(node),
                  "--ready-file",
                  ready});
    if (ready_.count(node) != 0) {
        words.insert(words.end(), {"--events", ready_.at(node).at("events")});
    }
    words.insert(words.end(), options_of_[node].begin(), options_of_[node].end());
    words.insert(words.end(), more_options_.begin(), more_options_.end());
    auto& manager = managers_[node];
    manager.reset();
    manager = std::make_unique<Process>(Command{.words = words, .folder = {}, .input = {}});
    if (!eventually([&] { return std::filesystem::exists(ready) || !manager->running(); }) ||
        !std::filesystem::exists(ready)) {
        throw std::runtime_error("the manager of " + node + " does not start: " + manager->err());
    }
    ready_[node] = nlohmann::json::parse(read_all(ready));
}

std::string World::metrics_address(const std::string& node) const {
    return ready_.at(node).at("metrics");
}

void World::restart_manager(const std::string& node) {
    start_manager(node, ready_.at(node).at("address"));
}

std::uint16_t World::events_port(const std::string& node) const {
    return port_of(ready_.at(node).at("events"));
}

std::uint16_t World::control_port(const std::string& node) const {
    return port_of(ready_.at(node).at("address"));
}

void World::set_events(const std::string& node, const std::string& address) {
    const std::string control = ready_.at(node).at("address");
    replace(descriptor_, control, control + ", events: " + address);
}

Command World::authex_command(const std::vector<std::string>& arguments,
                              const std::string& input) const {
    std::vector<std::string> words = authex_in_;
    words.insert(words.end(), {program("authex"), "-f", descriptor_});
    words.insert(words.end(), authex_options_.begin(), authex_options_.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return {.words = words, .folder = folder(), .input = input};
}

std::unique_ptr<Process> World::start_authex(const std::vector<std::string>& arguments) {
    return std::make_unique<Process>(authex_command(arguments, {}));
}

Result World::authex(const std::vector<std::string>& arguments, const std::string& input) {
    return run(authex_command(arguments, input));
}

void World::must(const std::vector<std::string>& arguments) {
    const Result result = authex(arguments);
    ASSERT_EQ(result.status, 0) << "authex " << arguments.front() << '\n'
                                << result.out << result.err;
}

nlohmann::json World::json(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result result = authex(all);
    auto json = nlohmann::json::parse(result.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << "authex " << arguments.front() << '\n'
                                      << result.out << result.err;
    return json;
}

nlohmann::json World::connection(const std::string& name) {
    const nlohmann::json status = json({"status"});
    for (const auto& connection : status.at("connections")) {
        if (connection.at("name") == name) {
            return connection;
        }
    }
    return nullptr;
}

nlohmann::json World::module(const std::string& name) {
    const nlohmann::json status = json({"status"});
    for (const auto& module : status.at("modules")) {
        if (module.at("name") == name) {
            return module;
        }
    }
    return nullptr;
}

std::uint32_t World::request_u32(const std::string& connection, std::size_t offset) {
    const Result result = authex({"request", connection, "--raw"});
    EXPECT_EQ(result.status, 0) << result.err;
    std::uint32_t value = 0;
    for (std::size_t i = 4; i > 0 && offset + 4 <= result.out.size(); --i) {
        value = value << 8U | static_cast<std::uint8_t>(result.out[offset + i - 1]);
    }
    return value;
}

std::vector<pid_t> World::hosts_of(const std::string& module) const {
    std::vector<pid_t> found;
    for (const pid_t pid : descendants()) {
        // Of later instances: NAME.2, and so on.
        const std::filesystem::path where = working_folder(pid);
        const bool is_it =
            where.filename() == module || where.filename().string().rfind(module + ".", 0) == 0;
        static const std::regex host("authex-(sgx-|tz-)?host");
        if (is_it && std::regex_search(command_line(pid), host)) {
            found.push_back(pid);
        }
    }
    return found;
}

// A supervisor and, as its child, its module work in the module's folder.
pid_t World::module_process(const std::string& name) const {
    const std::vector<pid_t> hosts = hosts_of(name);
    const auto is_host = [&](pid_t pid) {
        return std::find(hosts.begin(), hosts.end(), pid) != hosts.end();
    };
    pid_t last = 0; // of several deployments
    for (const pid_t pid : hosts) {
        last = is_host(parent_of(pid)) ? std::max(last, pid) : last;
    }
    return last;
}

pid_t World::module_supervisor(const std::string& name) const {
    const pid_t module = module_process(name);
    return module == 0 ? 0 : parent_of(module);
}

std::string World::read(const std::string& file) const {
    return read_all(folder() / file);
}

void World::write(const std::string& file, const std::string& text) const {
    std::ofstream(folder() / file, std::ios::binary) << text;
}

void World::replace(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read(file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " does not stand in " << file;
    ASSERT_EQ(text.find(from, at + 1), std::string::npos) << from << " stands twice in " << file;
    write(file, text.replace(at, from.size(), to));
}

} // namespace authex::test
