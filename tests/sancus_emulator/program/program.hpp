#pragma once
// authex-sancus from outside, on programs that are assembled in the test.

#include <array>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sancus_emulator/guest.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator::test {

using authex::test::Command;
using authex::test::Process;
using authex::test::Result;

inline const std::string emulator = AUTHEX_BINARY_DIR "/bin/authex-sancus";
constexpr std::uint16_t fpga = 0x5C00; ///< where programs of the board `default` begin

/// Prints "hi" on the simulators' UART.
inline const std::string prints =
    std::string(prologue) + "mov.b #'h', &0x84\n mov.b #'i', &0x84\n mov.b #10, &0x84\n" + end;
/// Sends back what comes on UART 1 and is no x, up to an exclamation mark.
inline const std::string echoes = std::string(prologue) + R"(
    mov #20, &0x82
    mov.b #1, &0x80
again:
    bit.b #0x10, &0x81
    jz again
    mov.b &0x85, r15
    mov.b #0x10, &0x81
    cmp.b #'x', r15
    jeq again
    mov.b r15, &0x84
    cmp.b #'!', r15
    jne again
)" + end;
/// A press of button0 turns led0 on, the next one off.
inline const std::string toggles = std::string(prologue) + R"(
    mov #handler, &0xffe4
    mov.b #1, &0x2a
    mov.b #1, &0x25
sleep:
    bis #0x18, r2
    jmp sleep
handler:
    xor.b #1, &0x29
    mov.b #0, &0x23
    reti
)";
/// Two enclaves; the second writes to the first one's data.
inline const std::string violates = std::string(prologue) + "mov #handler, &0xfffa\n" +
                                    protect("button", 0x0200, 0x0210) +
                                    protect("led", 0x0210, 0x0220) +
                                    R"(
    br #led_start
handler:
)" + end + R"(
__sm_button_public_start:
button_start:
    br #handler
button_end:
__sm_led_public_start:
led_start:
    nop
led_set:
    mov #1, &0x0202
    br #handler
led_end:
)";

class ProgramTest : public testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& content) {
        return folder.write(name, content).string();
    }
    std::string firmware(const std::string& text, std::uint16_t origin = 0x4000) {
        return write("firmware.elf", Program(text, origin).elf());
    }
    static Result run(std::vector<std::string> words, const std::string& input = {}) {
        words.insert(words.begin(), emulator);
        return authex::test::run({words, {}, input});
    }
    static Command command(std::vector<std::string> words) {
        words.insert(words.begin(), emulator);
        return {words, {}, {}};
    }
    std::string read(const std::string& name) const {
        std::ifstream stream(folder.path() / name, std::ios::binary);
        std::stringstream content;
        content << stream.rdbuf();
        return content.str();
    }
    std::string path(const std::string& name) const { return folder.path() / name; }

    authex::test::TemporaryFolder folder;
};

/// What a process says on standard error after `prefix`, up to the end of the line.
inline std::string said(Process& process, const std::string& prefix) {
    std::string rest;
    const bool found = authex::test::eventually([&] {
        const std::string text = process.err();
        const std::size_t at = text.find(prefix);
        const std::size_t line = at == std::string::npos ? at : text.find('\n', at);
        if (line == std::string::npos) {
            return false;
        }
        rest = text.substr(at + prefix.size(), line - at - prefix.size());
        return true;
    });
    EXPECT_TRUE(found) << process.err();
    return rest;
}

inline void send_all(int fd, const std::string& text) {
    ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

inline std::string receive(int fd, std::size_t count) {
    std::string text;
    std::array<char, 256> buffer{};
    while (text.size() < count) {
        const ssize_t read =
            ::read(fd, buffer.data(), std::min(buffer.size(), count - text.size()));
        if (read <= 0) {
            break;
        }
        text.append(buffer.data(), static_cast<std::size_t>(read));
    }
    return text;
}

inline int connect_unix(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
}

} // namespace authex::sancus_emulator::test
