// A microcontroller, its line and its manager fail, while modules are loaded and under traffic:
// what people are told, and that `authex up` repairs it.
#include <csignal>
#include <unistd.h>

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "powered_board.hpp"
#include "tee/sancus/link/messages.hpp"
#include "tee/sancus/node/fake_board.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

int listen_on(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    EXPECT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket, 1), 0);
    return socket;
}

/// What the sink has taken.
struct Ticks {
    std::uint32_t events = 0;
    std::uint32_t expected = 0; ///< number after the last
    std::uint32_t gaps = 0;
    std::uint32_t behind = 0;
};

class BoardFaults : public testing::Test {
  protected:
    /// A board with its own power, in real time, on a serial line.
    void start_with_own_power() {
        board_ = std::make_unique<PoweredBoard>(folder_.path(), "default");
        control_ = board_->control_socket();
        world_.set_line("field", board_->device());
        world_.start_managers();
    }
    void start() {
        world_.start_managers();
        control_ = world_.state("field") / "board.control";
    }
    void up() { world_.must({"up"}); }
    Result board(std::vector<std::string> words) {
        words.insert(words.begin(), {program("authex-sancus"), "control", control_});
        return run({.words = words, .folder = {}, .input = {}});
    }
    Ticks ticks() {
        const std::string out = world_.authex({"request", "taken"}).out;
        Ticks ticks;
        std::uint32_t* const fields[] = {
            &ticks.events, &ticks.expected, &ticks.gaps, &ticks.behind};
        for (std::size_t i = 0; i != std::size(fields) && out.size() >= 32; ++i) {
            std::uint32_t value = 0; // little-endian
            for (std::size_t at = 4; at != 0; --at) {
                const std::string digits = out.substr(8 * i + 2 * at - 2, 2);
                value = value << 8U | static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16));
            }
            *fields[i] = value;
        }
        return ticks;
    }
    /// Events arrive, one after the other.
    void expect_ticks(std::uint32_t more = 5) {
        const Ticks before = ticks();
        EXPECT_TRUE(eventually([&] { return ticks().events >= before.events + more; }))
            << world_.authex({"status"}).out;
    }
    void expect_nothing_lost() {
        const Ticks after = ticks();
        EXPECT_EQ(after.events, after.expected);
        EXPECT_EQ(after.gaps, 0U) << "lost";
        EXPECT_EQ(after.behind, 0U) << "doubled or reordered";
    }
    void expect_light() {
        for (const char* level : {"on", "off"}) {
            world_.must({"output", "light", "--hex", std::string(level) == "on" ? "01" : "00"});
            EXPECT_EQ(board({"wait", "led0", level, "--timeout", "20"}).status, 0) << level;
        }
    }
    void kill_manager() {
        world_.manager("field").signal(SIGKILL);
        EXPECT_EQ(world_.manager("field").wait(), -SIGKILL);
    }
    /// It has rings, and its place is not written down yet. (tee/sancus/loader.cpp)
    bool is_loading(const std::string& module) {
        namespace fs = std::filesystem;
        for (const auto& deployment : fs::directory_iterator(world_.state("field") / "modules")) {
            const fs::path folder = deployment.path() / module;
            if (fs::exists(folder / "rings") && !fs::exists(folder / "board")) {
                return true;
            }
        }
        return false;
    }
    void write_large(int bytes) {
        world_.write(
            "ticker.cpp",
            "#include <authex/module.hpp>\nAUTHEX_STATE static std::uint8_t much[" +
                std::to_string(bytes) +
                "];\nAUTHEX_OUTPUT(numbered);\n"
                "AUTHEX_ENTRY(tick, call) { call.result.u8(++much[call.data.size()]); }\n");
    }
    /// Starts `up`, and waits until the board takes the module's image.
    std::unique_ptr<Process> up_until_it_loads(const std::string& module) {
        world_.must({"build"});
        auto up = world_.start_authex({"up"});
        EXPECT_TRUE(eventually([&] { return is_loading(module) || !up->running(); }));
        EXPECT_TRUE(up->running()) << up->err();
        return up;
    }
    /// That `up` has failed, which says all of this, and the next one repairs it.
    void expect_failure_and_repair(Process& up, const std::vector<std::string>& said) {
        EXPECT_NE(up.wait(), 0) << up.out();
        for (const std::string& each : said) {
            EXPECT_THAT(up.err(), HasSubstr(each));
        }
        this->up();
        expect_ticks();
        expect_light();
        EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
    }

    World world_{AUTHEX_TEST_DIR "/ticking", "sancus.yaml"};
    TemporaryFolder folder_;
    std::unique_ptr<PoweredBoard> board_;
    std::filesystem::path control_;
};

TEST_F(BoardFaults, AModuleThatNoBoardHasRoomForIsRefusedWithItsSizeWhenItIsBuilt) {
    start();
    write_large(20'000);
    const Result built = world_.authex({"build"});
    EXPECT_EQ(built.status, 1);
    EXPECT_THAT(built.err, HasSubstr("`ticker`"));
    EXPECT_THAT(built.err, HasSubstr("bytes of text and 2"));
    EXPECT_THAT(built.err, HasSubstr("more than 45056 and 16384"));
    write_large(60'000);
    EXPECT_THAT(world_.authex({"build"}).err, HasSubstr("16 bits"));
    EXPECT_THAT(world_.authex({"up"}).err, HasSubstr("16 bits"));
    write_large(100);
    up();
    expect_light();
}

TEST_F(BoardFaults, AModuleThatThisBoardHasNoRoomForIsRefusedWithItsSizeByUp) {
    start();
    write_large(12'000);
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("no room of that size"));
    EXPECT_THAT(refused.err, HasSubstr("it needs"));
    EXPECT_THAT(refused.err, HasSubstr("all modules together can have"));
    write_large(100);
    up();
    expect_light();
}

TEST_F(BoardFaults, ADeviceThatNoBoardHasIsRefusedWhereItStands) {
    start();
    world_.replace("sancus.yaml", "devices: [led0]", "devices: [led7]");
    for (const char* command : {"check", "up"}) {
        const Result said = world_.authex({command});
        EXPECT_EQ(said.status, 2) << command;
        EXPECT_THAT(said.err,
                    HasSubstr("sancus.yaml:8:49: error: a Sancus node has no device «led7»"));
        EXPECT_THAT(said.err, HasSubstr("did you mean «led0»?"));
    }
    world_.replace("sancus.yaml", "devices: [led7]", "devices: [led0]");
    up();
    expect_light();
}

TEST_F(BoardFaults, AnOlderFirmwareIsRefusedWithItsVersionAndWhatToDo) {
    const std::string line = folder_.path() / "line";
    const int listening = listen_on(line);
    Process manager({.words = {program("authex-em"),
                               "--tee",
                               "sancus",
                               "--serial",
                               line,
                               "--listen",
                               "127.0.0.1:0",
                               "--state",
                               folder_.path() / "state"},
                     .folder = {},
                     .input = {}});
    const int connected = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ::close(listening);
    {
        const tee::sancus::FakeBoard old(tee::process::Descriptor(connected), {1, 0});
        EXPECT_EQ(manager.wait(), 1);
    }
    EXPECT_THAT(manager.err(),
                HasSubstr("is of version 1, and this manager speaks with version " +
                          std::to_string(tee::sancus::link::firmware_version)));
    EXPECT_THAT(manager.err(),
                HasSubstr("put lib/authex/sancus/event-manager.elf of this version"));
    std::filesystem::remove(line);
    start_with_own_power(); // with that
    up();
    expect_light();
}

TEST_F(BoardFaults, ACableThatIsPulledUnderTrafficIsMissedAndLosesNothing) {
    start_with_own_power();
    up();
    expect_ticks();
    board_->cable().pull();
    ASSERT_TRUE(eventually([&] {
        // First that the line broke, then why it cannot be opened.
        return world_.authex({"status"}).out.find("tty: No such file") != std::string::npos;
    }));
    const Result refused = world_.authex({"up"});
    EXPECT_NE(refused.status, 0);
    EXPECT_THAT(refused.err, HasSubstr("tty: No such file or directory"));
    EXPECT_THAT(refused.err, HasSubstr("fix: "));
    board_->cable().plug_in();
    expect_ticks();
    expect_nothing_lost();
    up();
    expect_light();
    EXPECT_THAT(world_.authex({"status"}).out, Not(HasSubstr("tty")));
}

TEST_F(BoardFaults, ACableThatIsPulledWhileAModuleIsLoadedIsMissedAndUpGoesOn) {
    start_with_own_power();
    const auto loading = up_until_it_loads("ticker");
    board_->cable().pull();
    EXPECT_NE(loading->wait(), 0);
    EXPECT_THAT(loading->err(), HasSubstr("tty"));
    board_->cable().plug_in();
    expect_failure_and_repair(*loading, {"fix: "});
}

TEST_F(BoardFaults, ABoardThatIsResetUnderTrafficIsRepairedByUp) {
    start_with_own_power();
    up();
    expect_ticks();
    ASSERT_EQ(board({"reset"}).status, 0);
    ASSERT_TRUE(eventually([&] { return world_.module("ticker").at("state") == "failed"; }));
    const Result status = world_.authex({"status"});
    EXPECT_THAT(status.out, HasSubstr("lamp: killed by signal 1"));
    EXPECT_THAT(status.out, HasSubstr("the microcontroller was reset"));
    up();
    expect_ticks();
    expect_light();
}

TEST_F(BoardFaults, ABoardThatIsResetWhileAModuleIsLoadedIsRepairedByUp) {
    start_with_own_power();
    const auto loading = up_until_it_loads("ticker");
    ASSERT_EQ(board({"reset"}).status, 0);
    expect_failure_and_repair(*loading, {"the microcontroller was reset", "run authex up"});
}

TEST_F(BoardFaults, AManagerKilledUnderTrafficLosesNothing) {
    start_with_own_power();
    up();
    for (int i = 0; i != 3; ++i) {
        expect_ticks();
        kill_manager();
        world_.restart_manager("field");
    }
    expect_ticks();
    expect_nothing_lost();
    expect_light();
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(BoardFaults, AManagerKilledWhileItLoadsAModuleIsNamedAndUpGoesOn) {
    start_with_own_power();
    const auto loading = up_until_it_loads("ticker");
    kill_manager();
    EXPECT_NE(loading->wait(), 0);
    world_.restart_manager("field");
    expect_failure_and_repair(*loading, {"node field"});
}

// Its emulated board is switched off with it.
TEST_F(BoardFaults, AManagerKilledWithItsEmulatedBoardIsRepairedByUp) {
    start();
    up();
    expect_ticks();
    kill_manager();
    world_.restart_manager("field");
    EXPECT_TRUE(eventually([&] { return world_.module("lamp").at("state") == "failed"; }));
    EXPECT_THAT(world_.authex({"status"}).out, HasSubstr("reset since"));
    up();
    expect_ticks();
    expect_light();
}

// The node is stopped between the end of an old version and the start of the new one.
TEST_F(BoardFaults, AnUpdateThatTheNodeBreaksOffLeavesNoTwoThatAct) {
    start_with_own_power();
    up();
    expect_light();
    world_.replace("sancus.yaml", "devices: [led0]", "devices: [led0, led1]");
    const auto update = up_until_it_loads("lamp");
    ASSERT_EQ(board({"pause"}).status, 0);
    EXPECT_NE(update->wait(), 0);
    EXPECT_THAT(update->err(), HasSubstr("does not answer"));
    EXPECT_NE(world_.module("lamp").at("state"), "running")
        << "neither the old one nor the new one";
    ASSERT_EQ(board({"continue"}).status, 0);
    up();
    expect_light();
    expect_ticks();
    expect_nothing_lost();
}

} // namespace
} // namespace authex::test
