// The program authex-em itself, with real native modules.
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client.hpp"
#include "server_fixture.hpp"
#include "tee/native/native_modules.hpp"

namespace authex::em {
namespace {

using test::Client;
using Arguments = std::vector<std::string>;

/// authex-em as a child; killed with the object.
class Program {
  public:
    explicit Program(const Arguments& arguments) {
        int output[2];
        int readiness[2];
        EXPECT_EQ(::pipe2(output, O_CLOEXEC), 0);
        EXPECT_EQ(::pipe2(readiness, O_CLOEXEC), 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(output[1], STDOUT_FILENO);
            ::dup2(output[1], STDERR_FILENO);
            const int ready_fd = ::dup(readiness[1]); // without O_CLOEXEC
            const std::string program = AUTHEX_BINARY_DIR "/bin/authex-em";
            Arguments all = {program, "--ready-fd", std::to_string(ready_fd)};
            all.insert(all.end(), arguments.begin(), arguments.end());
            std::vector<char*> raw;
            for (std::string& each : all) {
                raw.push_back(each.data());
            }
            raw.push_back(nullptr);
            ::execv(program.c_str(), raw.data());
            ::_exit(127);
        }
        ::close(output[1]);
        ::close(readiness[1]);
        output_ = output[0];
        ready_line = read_all(readiness[0]);
        ready = nlohmann::json::parse(ready_line, nullptr, false);
    }
    ~Program() {
        if (child_ > 0) {
            signal(SIGKILL);
            (void)wait();
        }
        ::close(output_);
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void signal(int number) const { ::kill(child_, number); }
    /// Waits for the end. @return the exit status, or minus the signal
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(child_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    /// All that it said. @pre it has ended
    std::string output() { return read_all(std::exchange(output_, -1)); }
    [[nodiscard]] std::string address() const { return ready.value("address", ""); }

    std::string ready_line;
    nlohmann::json ready;

  private:
    static std::string read_all(int fd) {
        std::string text;
        char part[4096];
        for (ssize_t count = 0; (count = ::read(fd, part, sizeof part)) > 0;) {
            text.append(part, static_cast<std::size_t>(count));
        }
        ::close(fd);
        return text;
    }
    pid_t child_ = -1;
    int output_ = -1;
};

class ProgramTest : public testing::Test {
  protected:
    void SetUp() override {
        ::setenv("AUTHEX_HOST_PROGRAM", AUTHEX_BINARY_DIR "/bin/authex-host", 1);
    }
    [[nodiscard]] std::string state() const { return (folder.path() / "state").string(); }
    [[nodiscard]] Arguments usual() const {
        return {"--listen", "127.0.0.1:0", "--state", state()};
    }
    std::unique_ptr<Program> start(const Arguments& more = {}) {
        Arguments arguments = usual();
        arguments.insert(arguments.end(), more.begin(), more.end());
        auto program = std::make_unique<Program>(arguments);
        EXPECT_FALSE(program->address().empty()) << program->ready_line;
        return program;
    }
    /// Ends what modules are left, as the last manager of the folder.
    void clean_up() {
        const auto last = start({"--stop-modules-on-exit"});
        last->signal(SIGTERM);
        EXPECT_EQ(last->wait(), 0);
    }
    static std::string image() {
        static const tee::Image built = test::build_module(test::echo_source);
        std::ifstream file(built.path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    test::TemporaryFolder folder;
};

std::pair<int, std::string> run(const Arguments& arguments) {
    Program program(arguments);
    const int status = program.wait();
    return {status, program.output()};
}

TEST_F(ProgramTest, TellsItsHelpAndVersion) {
    EXPECT_THAT(run({"--help"}), testing::Pair(0, testing::HasSubstr("--stop-modules-on-exit")));
    EXPECT_THAT(run({"--version"}), testing::Pair(0, testing::StartsWith("authex-em ")));
}

TEST_F(ProgramTest, RefusesBadOptionsWithStatusTwo) {
    const std::vector<Arguments> bad = {
        {"--nonsense"},
        {"--listen"},
        {"--listen", "nonsense"},
        {"--listen", "127.0.0.1:70000"},
        {"--listen", "127.0.0.1:0"},
        {"--tee", "abacus"},
        {"--events", "here"},
        {"--max-modules", "0"},
        {"--max-image", "-1"},
        {"--log-level", "loud"},
        {"--certificate", "a.crt"},
        {"--tls", "x", "--key", "y"},
        {"--tls-events"},
        {"--tee", "sancus"},
        {"--tee", "sancus", "--serial", "a", "--emulator"},
        {"--tee", "sancus", "--serial", "a", "--baud", "57601"},
        {"--tee", "sancus", "--serial", "a", "--hz", "8000000"},
        {"--tee", "sancus", "--emulator", "default", "--baud", "57600"},
        {"--serial", "/dev/ttyUSB0"},
        {"--emulator"},
        {"stray"}};
    for (const Arguments& arguments : bad) {
        Arguments with_state = arguments;
        if (arguments != Arguments{"--listen", "127.0.0.1:0"}) {
            with_state.insert(with_state.end(), {"--state", state()});
        }
        const auto [status, text] = run(with_state);
        EXPECT_EQ(status, 2) << arguments[0];
        EXPECT_FALSE(text.empty()) << arguments[0];
    }
    EXPECT_FALSE(std::filesystem::exists(state()));
}

TEST_F(ProgramTest, RefusesPlaintextThatOthersReach) {
    const auto [status, text] = run({"--listen", "0.0.0.0:0", "--state", state()});
    EXPECT_EQ(status, 1);
    EXPECT_THAT(text, testing::HasSubstr("--tls"));
}

TEST_F(ProgramTest, SaysLoudlyThatItIsInsecure) {
    Program program({"--listen", "0.0.0.0:0", "--state", state(), "--insecure"});
    EXPECT_FALSE(program.address().empty());
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait(), 0);
    EXPECT_THAT(program.output(), testing::HasSubstr("INSECURE"));
}

TEST_F(ProgramTest, SaysWhenItIsReady) {
    const auto file = folder.path() / "ready.json";
    const auto program = start({"--name", "cloud", "--ready-file", file.string()});
    EXPECT_EQ(program->ready["name"], "cloud");
    EXPECT_EQ(program->ready["tee"], "native");
    EXPECT_EQ(program->ready["simulated"], true);
    EXPECT_EQ(program->ready["state"], state());
    std::ifstream written(file);
    std::string line;
    std::getline(written, line);
    EXPECT_EQ(line + "\n", program->ready_line);
    Client client(program->address());
    EXPECT_EQ(client.hello(), "ok");
    EXPECT_EQ(client.greeting.events_address(), program->ready["events"]);
    program->signal(SIGINT);
    EXPECT_EQ(program->wait(), 0);
    EXPECT_THAT(program->output(), testing::HasSubstr("cloud: native node ready on "));
}

TEST_F(ProgramTest, KeepsItsStateToItself) {
    const auto program = start();
    for (const auto& each : std::filesystem::recursive_directory_iterator(state())) {
        struct stat info {};
        ASSERT_EQ(::stat(each.path().c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 077U, 0U) << each.path();
    }
    struct stat info {};
    ASSERT_EQ(::stat(state().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(ProgramTest, RefusesAStateFolderThatIsInUse) {
    const auto first = start();
    const auto [status, text] = run(usual());
    EXPECT_EQ(status, 1);
    EXPECT_THAT(text, testing::HasSubstr("another event manager uses"));
}

TEST_F(ProgramTest, RefusesAPortThatIsInUse) {
    const auto first = start();
    const auto [status, text] =
        run({"--listen", first->address(), "--state", (folder.path() / "other").string()});
    EXPECT_EQ(status, 1);
    EXPECT_THAT(text, testing::HasSubstr("cannot listen on " + first->address()));
}

TEST_F(ProgramTest, RefusesAStateFolderThatOthersMayWrite) {
    std::filesystem::create_directory(state());
    std::filesystem::permissions(state(), std::filesystem::perms::all);
    EXPECT_THAT(run(usual()), testing::Pair(1, testing::HasSubstr("may be written by others")));
}

TEST_F(ProgramTest, KilledManagerFindsItsModulesAgain) {
    auto program = start();
    {
        Client client(program->address());
        ASSERT_EQ(client.hello(), "ok");
        const test::Loaded loaded = client.load("echo", image());
        ASSERT_EQ(loaded.code(), "ok") << loaded.status.error_message();
        ASSERT_EQ(client.load("dies", image()).code(), "ok");
        v1::ConnectRequest route;
        route.set_channel(5);
        route.set_epoch(1);
        route.set_destination_module("echo");
        route.set_direct(true);
        ASSERT_EQ(client.connect(route), "ok");
    }
    program->signal(SIGKILL);
    EXPECT_EQ(program->wait(), -SIGKILL);

    program = start();
    Client client(program->address());
    ASSERT_EQ(client.hello(), "ok");
    EXPECT_EQ(client.greeting.boot(), 2U);
    EXPECT_EQ(client.start("echo"), "ok");
    EXPECT_EQ(client.module_status.instance(), 1U) << "it must be the process that ran before";
    EXPECT_EQ(client.enter("echo", test::echo, "still here"), "ok");
    EXPECT_EQ(client.result.data(), "still here");
    EXPECT_EQ(client.look().connections_size(), 1);

    EXPECT_EQ(client.start("dies"), "ok");
    test::LogReader logs(client, "dies", true);
    EXPECT_EQ(client.enter("dies", test::crash, ""), "module-ended");
    ASSERT_TRUE(logs.wait_for("the module has failed"));
    EXPECT_EQ(client.module("dies").failure(), "killed by signal 11 (SIGSEGV)");
    EXPECT_EQ(client.start("dies"), "ok");
    EXPECT_EQ(client.module_status.instance(), 2U);
    program.reset();
    clean_up();
}

TEST_F(ProgramTest, ModulesOutliveASignalUnlessTheyAreToEnd) {
    auto program = start();
    {
        Client client(program->address());
        ASSERT_EQ(client.hello(), "ok");
        ASSERT_EQ(client.load("echo", image()).code(), "ok");
    }
    program->signal(SIGTERM);
    EXPECT_EQ(program->wait(), 0);
    program = start({"--stop-modules-on-exit"});
    {
        Client client(program->address());
        ASSERT_EQ(client.hello(), "ok");
        EXPECT_EQ(client.start("echo"), "ok");
        EXPECT_EQ(client.module_status.instance(), 1U);
    }
    program->signal(SIGTERM);
    EXPECT_EQ(program->wait(), 0);
    program = start();
    Client client(program->address());
    ASSERT_EQ(client.hello(), "ok");
    EXPECT_EQ(client.module("echo").state(), v1::ModuleStatus::STOPPED);
}

TEST_F(ProgramTest, ImageThatIsNoModuleFailsToLoadWithAReason) {
    const auto program = start();
    Client client(program->address());
    ASSERT_EQ(client.hello(), "ok");
    const test::Loaded loaded = client.load("junk", std::string(1000, 'j'));
    EXPECT_FALSE(loaded.status.ok());
    EXPECT_FALSE(loaded.status.error_message().empty());
    EXPECT_EQ(client.module("junk").state(), v1::ModuleStatus::FAILED);
    EXPECT_FALSE(client.module("junk").failure().empty());
    EXPECT_EQ(client.load("echo", image()).code(), "ok");
    EXPECT_EQ(client.reset(), "ok");
}

} // namespace
} // namespace authex::em
