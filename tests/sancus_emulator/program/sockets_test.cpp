// The sockets and terminals that authex-sancus serves, and those who abuse them.
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>

#include <arpa/inet.h>
#include <sys/stat.h>

#include "sancus_emulator/program/program.hpp"

namespace authex::sancus_emulator::test {
namespace {

int connect_tcp(const std::string& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
}

TEST_F(ProgramTest, SpeaksTcpOnLoopback) {
    Process process(command({firmware(echoes, fpga), "--serial", "uart1=tcp:0"}));
    const std::string port = said(process, "uart1 is on tcp 127.0.0.1:");
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    send_all(fd, "tcp");
    EXPECT_EQ(receive(fd, 3), "tcp");
    send_all(fd, "end!");
    EXPECT_EQ(receive(fd, 4), "end!");
    EXPECT_EQ(process.wait(), 0);
    ::close(fd);
}

TEST_F(ProgramTest, ServesOneClientAfterTheOtherOnAUnixSocket) {
    Process process(command({firmware(echoes, fpga), "--serial", "uart1=unix:" + path("line")}));
    (void)said(process, "uart1 is on unix ");
    const int first = connect_unix(path("line"));
    send_all(first, "one");
    EXPECT_EQ(receive(first, 3), "one");
    ::close(first);
    const int second = connect_unix(path("line"));
    send_all(second, "two!");
    EXPECT_EQ(receive(second, 4), "two!");
    ::close(second);
    EXPECT_EQ(process.wait(), 0);
    EXPECT_FALSE(std::filesystem::exists(path("line"))) << "it is cleared away";
}

TEST_F(ProgramTest, SpeaksThroughAPseudoTerminal) {
    Process process(command({firmware(echoes, fpga), "--serial", "uart1=pty"}));
    const std::string name = said(process, "uart1 is on pty ");
    const int fd = ::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    send_all(fd, "\x03\n\xFFz");
    EXPECT_EQ(receive(fd, 4), "\x03\n\xFFz") << "raw: nothing is changed on the way";
    ::close(fd);
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(ProgramTest, IsControlledOverItsSocket) {
    Process process(command({firmware(toggles, fpga), "--control", path("control")}));
    (void)said(process, "control is on ");
    const auto control = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"control", path("control")});
        return run(words);
    };
    EXPECT_EQ(control({"wait", "led0", "off"}).status, 0);
    EXPECT_EQ(control({"press", "button0"}).status, 0);
    EXPECT_EQ(control({"wait", "led0", "on"}).status, 0);
    EXPECT_EQ(control({"show", "led0"}).out, "on\n");
    EXPECT_EQ(control({"release", "button0"}).status, 0);
    EXPECT_EQ(control({"press", "button0"}).status, 0);
    EXPECT_EQ(control({"wait", "led0", "off"}).status, 0);
    EXPECT_NE(control({"list"}).out.find("button0      pressed"), std::string::npos);
    EXPECT_NE(control({"status"}).out.find("asleep"), std::string::npos);
    const Result unknown = control({"press", "buton0"});
    EXPECT_EQ(unknown.status, 1);
    EXPECT_NE(unknown.err.find("did you mean «button0»"), std::string::npos) << unknown.err;
    EXPECT_EQ(control({"press", "buton0", "--json"}).status, 1);
    const Result late = control({"wait", "led0", "on", "--timeout", "1"});
    EXPECT_EQ(late.status, 1);
    EXPECT_NE(late.err.find("the time is over"), std::string::npos) << late.err;
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
    EXPECT_EQ(control({"list"}).status, 1) << "nobody serves it any more";
    EXPECT_FALSE(std::filesystem::exists(path("control")));
}

TEST_F(ProgramTest, TellsThoseWhoWatch) {
    Process process(command({firmware(toggles, fpga), "--control", path("control")}));
    (void)said(process, "control is on ");
    Process watcher(command({"control", path("control"), "watch"}));
    ASSERT_TRUE(watcher.says("led3         off"));
    EXPECT_EQ(run({"control", path("control"), "press", "button0"}).status, 0);
    EXPECT_TRUE(watcher.says(R"("device":"led0","value":"on")"));
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
    EXPECT_NE(process.err().find("ended by a signal"), std::string::npos);
    EXPECT_EQ(watcher.wait(), 0);
}

/// One line of an answer; empty: the connection has ended.
std::string line_of(int fd) {
    std::string line;
    for (std::string next = receive(fd, 1); !next.empty() && next != "\n"; next = receive(fd, 1)) {
        line += next;
    }
    return line;
}

class HostileTest : public ProgramTest {
  protected:
    Result control(std::vector<std::string> words) const {
        words.insert(words.begin(), {"control", path("control")});
        return run(words);
    }
    Command controlled() {
        return command({firmware(toggles, fpga), "--control", path("control")});
    }
};

TEST_F(HostileTest, TheSocketsBelongToTheirUserAlone) {
    Process process(command({firmware(toggles, fpga),
                             "--control",
                             path("control"),
                             "--serial",
                             "uart1=unix:" + path("line")}));
    (void)said(process, "control is on ");
    for (const char* name : {"control", "line"}) {
        struct stat status {};
        ASSERT_EQ(::stat(path(name).c_str(), &status), 0) << name;
        EXPECT_TRUE(S_ISSOCK(status.st_mode)) << name;
        EXPECT_EQ(status.st_mode & 0777U, 0700U) << name;
    }
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(HostileTest, AnythingThatIsNoCommandIsAnsweredWithAnError) {
    Process process(controlled());
    (void)said(process, "control is on ");
    const int fd = connect_unix(path("control"));
    for (const std::string& line : {std::string("\n"),
                                    std::string("nonsense\n"),
                                    std::string("press\n"),
                                    std::string("set temperature\n"),
                                    std::string("\0\xFF\xFE\r\n", 5),
                                    std::string(4000, 'x') + "\n"}) {
        send_all(fd, line);
        EXPECT_EQ(line_of(fd).substr(0, 11), R"({"ok":false)") << line.substr(0, 20);
    }
    send_all(fd, "show button0\nshow button0\n"); // two at once
    EXPECT_EQ(line_of(fd), line_of(fd));
    ::close(fd);
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(HostileTest, WhoSendsALineWithoutEndIsCutOff) {
    Process process(controlled());
    (void)said(process, "control is on ");
    const int fd = connect_unix(path("control"));
    const std::string much(1U << 20U, 'x');
    (void)::send(fd, much.data(), much.size(), MSG_NOSIGNAL);
    EXPECT_EQ(line_of(fd), "");
    ::close(fd);
    EXPECT_EQ(control({"show", "button0"}).status, 0);
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(HostileTest, ManyWhoSayNothingOrHalfALineKeepNobodyOut) {
    Process process(controlled());
    (void)said(process, "control is on ");
    std::vector<int> clients;
    for (unsigned i = 0; i < 200; ++i) {
        clients.push_back(connect_unix(path("control")));
        if (i % 2 == 0) {
            send_all(clients.back(), "press but");
        }
    }
    EXPECT_EQ(control({"press", "button0"}).status, 0);
    EXPECT_EQ(control({"wait", "led0", "on"}).status, 0);
    for (const int fd : clients) {
        ::close(fd);
    }
    EXPECT_EQ(control({"show", "led0"}).out, "on\n");
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(HostileTest, WhoHasClosedItsHalfStillGetsItsAnswer) {
    Process process(controlled());
    (void)said(process, "control is on ");
    const int fd = connect_unix(path("control"));
    send_all(fd, "show button0\n");
    ::shutdown(fd, SHUT_WR);
    EXPECT_EQ(line_of(fd), R"({"ok":true,"name":"button0","shown":"released"})");
    EXPECT_EQ(line_of(fd), "") << "and is let go";
    ::close(fd);
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
}

TEST_F(HostileTest, WhoWatchesAndReadsNothingHarmsNobody) {
    Process process(controlled());
    (void)said(process, "control is on ");
    const int fd = connect_unix(path("control"));
    std::string asks;
    for (unsigned i = 0; i < 200; ++i) {
        asks += "list\n";
    }
    for (unsigned i = 0; i < 20;
         ++i) { // some answers of 1 KiB each, more than is kept for a client
        if (::send(fd, asks.data(), asks.size(), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    EXPECT_EQ(control({"show", "button0"}).status, 0);
    EXPECT_EQ(control({"stop"}).status, 0);
    EXPECT_EQ(process.wait(), 0);
    ::close(fd);
}

TEST_F(HostileTest, ADebuggersPortListensOnLoopbackAndTurnsASecondOneAway) {
    Process process(command({firmware(toggles, fpga), "--gdb", "0"}));
    const std::string port = said(process, "waiting for a debugger on 127.0.0.1:");
    const int first = connect_tcp(port);
    send_all(first, "$?#3f");
    EXPECT_EQ(receive(first, 1), "+");
    const int second = connect_tcp(port);
    EXPECT_EQ(receive(second, 1), "") << "turned away";
    ::close(second);
    // Before the first leaves: without a debugger the machine runs to its end by itself.
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
    ::close(first);
}

TEST_F(HostileTest, GarbageOnADebuggersPortIsNoCrashAndTheNextOneIsServed) {
    const std::string loops = firmware(std::string(prologue) + "again: jmp again", fpga);
    Process process(command({loops, "--gdb", "0"}));
    const std::string port = said(process, "waiting for a debugger on 127.0.0.1:");
    for (const std::string& garbage : {std::string(1U << 20U, 'A'),
                                       "$" + std::string(1U << 20U, 'm'),
                                       std::string(1000, '$'),
                                       std::string("\0\x03\xFF#zz$Hg", 10)}) {
        const int fd = connect_tcp(port);
        (void)::send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
        ::close(fd);
    }
    const bool served = authex::test::eventually([&] {
        const int fd = connect_tcp(port);
        (void)::send(fd, "$?#3f", 5, MSG_NOSIGNAL);
        const bool answered = receive(fd, 1) == "+";
        ::close(fd);
        return answered;
    });
    EXPECT_TRUE(served);
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
}

} // namespace
} // namespace authex::sancus_emulator::test
