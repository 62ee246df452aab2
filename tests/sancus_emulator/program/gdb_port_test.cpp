// authex-sancus --gdb from outside: by a debugger of our own, and by GDB itself.
#include <array>
#include <csignal>
#include <filesystem>
#include <unistd.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "sancus_emulator/gdb/packets.hpp"
#include "sancus_emulator/guest.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator::test {
namespace {

using authex::test::Process;

const std::string emulator = AUTHEX_BINARY_DIR "/bin/authex-sancus";
const std::string counts = std::string(prologue) + R"(
again:
    add #1, r5
store:
    mov r5, &0x0200
    jmp again
)";

/// Speaks the protocol over a socket.
class Client {
  public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval patience{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send(const std::string& bytes) const {
        ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    /// The next packet that is no console output; empty where the connection has ended.
    std::string receive() {
        char byte = 0;
        while (::read(fd_, &byte, 1) == 1) {
            if (auto item = reader_.take(byte);
                item && item->kind == gdb::Item::Kind::packet &&
                (item->payload == "OK" || !item->payload.starts_with('O'))) {
                return item->payload;
            }
        }
        return {};
    }
    std::string ask(const std::string& packet) {
        send(gdb::frame(packet));
        return receive();
    }
    [[nodiscard]] bool connected() const { return connected_; }

  private:
    int fd_;
    bool connected_ = false;
    gdb::PacketReader reader_;
};

class GdbPortTest : public testing::Test {
  protected:
    Process& start(const std::string& text, std::vector<std::string> more = {}) {
        program_.emplace(text, 0x5C00);
        std::vector<std::string> words = {
            emulator, "--gdb", "0", folder_.write("firmware.elf", program_->elf()).string()};
        words.insert(words.end(), more.begin(), more.end());
        process_.emplace(authex::test::Command{words, {}, {}});
        const std::string before = "waiting for a debugger on 127.0.0.1:";
        EXPECT_TRUE(authex::test::eventually([&] {
            const std::string said = process_->err();
            const std::size_t at = said.find(before);
            if (at == std::string::npos || said.find('\n', at) == std::string::npos) {
                return false;
            }
            port_ = static_cast<std::uint16_t>(std::stoul(said.substr(at + before.size())));
            return true;
        })) << process_->err();
        return *process_;
    }
    std::string label(const char* name) const { return fmt::format("{:x}", program_->label(name)); }

    authex::test::TemporaryFolder folder_;
    std::optional<Program> program_;
    std::optional<Process> process_;
    std::uint16_t port_ = 0;
};

TEST_F(GdbPortTest, BreaksStepsAndKills) {
    Process& process = start(counts);
    Client client(port_);
    EXPECT_EQ(client.ask("?"), "T05");
    EXPECT_EQ(client.ask("Z0," + label("store") + ",2"), "OK");
    EXPECT_EQ(client.ask("c"), "T05");
    EXPECT_EQ(client.ask("p5"), "01000000");
    EXPECT_EQ(client.ask("vCont;s"), "T05");
    EXPECT_EQ(client.ask("m200,2"), "0100");
    EXPECT_EQ(client.ask("z0," + label("store") + ",2"), "OK");
    client.send(gdb::frame("c"));
    client.send("\x03");
    EXPECT_EQ(client.receive(), "T02");
    client.send(gdb::frame("k"));
    EXPECT_EQ(process.wait(), 0);
    EXPECT_NE(process.err().find("ended by the debugger"), std::string::npos) << process.err();
}

TEST_F(GdbPortTest, TellsTheExitStatus) {
    Process& process = start(counts, {"--cycles", "5000"});
    Client client(port_);
    EXPECT_EQ(client.ask("c"), "W04");
    EXPECT_EQ(client.receive(), "") << "the connection is closed";
    EXPECT_EQ(process.wait(), 4);
}

TEST_F(GdbPortTest, GoesOnWithoutADebugger) {
    Process& process = start(std::string(prologue) + end);
    {
        const Client client(port_);
        ASSERT_TRUE(client.connected());
    }
    EXPECT_EQ(process.wait(), 0) << process.err();
}

TEST_F(GdbPortTest, TurnsASecondDebuggerAway) {
    start(counts);
    Client first(port_);
    EXPECT_EQ(first.ask("?"), "T05");
    Client second(port_);
    EXPECT_EQ(second.receive(), "");
    EXPECT_EQ(first.ask("?"), "T05");
    EXPECT_EQ(first.ask("D"), "OK");
}

TEST_F(GdbPortTest, SurvivesWhatIsNoDebugger) {
    Process& process = start(counts);
    {
        const Client noise(port_);
        noise.send("GET / HTTP/1.1\r\n\r\n$" + std::string(100'000, 'x'));
    }
    EXPECT_TRUE(authex::test::eventually([&] {
        Client client(port_);
        return client.ask("?") == "T05";
    }));
    EXPECT_TRUE(process.running());
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(GdbPortTest, WaitsForADebuggerAndEndsBySignal) {
    Process& process = start(counts);
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
    EXPECT_NE(process.err().find("in cycle 0 "), std::string::npos) << process.err();
}

TEST_F(GdbPortTest, RefusesAPortThatIsNone) {
    for (const char* port : {"x", "70000", "localhost:", "example.org:1", ""}) {
        const auto result = authex::test::run({{emulator, "--gdb", port, "firmware.elf"}, {}, {}});
        EXPECT_NE(result.status, 0) << port;
        EXPECT_FALSE(result.err.empty()) << port;
    }
}

/// Debian's GDB does not know MSP430, but it knows the i386, whose first sixteen registers travel
/// as ours do: eax is the program counter, edi r7.
TEST_F(GdbPortTest, SatisfiesGdb) {
    const std::string debugger = "/usr/bin/gdb";
    if (!std::filesystem::exists(debugger)) {
        GTEST_SKIP() << debugger << " is not installed";
    }
    Process& process = start(counts);
    std::vector<std::string> words = {debugger, "-nx", "-batch"};
    for (const std::string& command : {std::string("set architecture i386"),
                                       fmt::format("target remote 127.0.0.1:{}", port_),
                                       "hbreak *0x" + label("store"),
                                       std::string("continue"),
                                       std::string("printf \"at %x, r5 %x\\n\", $eax, $ebp"),
                                       std::string("delete"),
                                       std::string("watch *(short*)0x200"),
                                       std::string("continue"),
                                       std::string("set {short}0x210 = 0x55aa"),
                                       std::string("x/1xh 0x210"),
                                       std::string("monitor enclaves"),
                                       std::string("kill")}) {
        words.insert(words.end(), {"-ex", command});
    }
    const auto result = authex::test::run({words, {}, {}});
    const std::string said = result.out + result.err;
    EXPECT_NE(said.find("at " + label("store") + ", r5 1"), std::string::npos) << said;
    EXPECT_NE(said.find("New value = 1"), std::string::npos) << said;
    EXPECT_NE(said.find("0x210:\t0x55aa"), std::string::npos) << said;
    EXPECT_NE(said.find("no module is protected"), std::string::npos) << said;
    EXPECT_EQ(process.wait(), 0) << process.err();
}

} // namespace
} // namespace authex::sancus_emulator::test
