#include "cli/passphrase.hpp"

#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <optional>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

namespace authex::cli {
namespace {

tl::unexpected<Diagnostic> unusable(std::string summary) {
    return failure("payload-passphrase",
                   std::move(summary),
                   "type it on a terminal, or name a file: --passphrase-file FILE");
}

/// One line of the terminal, whatever standard input is; what is typed is not shown.
std::optional<std::string> ask(const char* question) {
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
    termios before{};
    if (terminal < 0 || ::tcgetattr(terminal, &before) != 0) {
        return std::nullopt;
    }
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(terminal, TCSAFLUSH, &silent);
    std::cerr << question << std::flush;
    std::string line;
    char c = 0;
    while (::read(terminal, &c, 1) == 1 && c != '\n') {
        line += c;
    }
    ::tcsetattr(terminal, TCSAFLUSH, &before);
    ::close(terminal);
    std::cerr << '\n';
    return line;
}

Expected<std::string> first_line(std::istream& stream, const std::string& name) {
    std::string line;
    if (!std::getline(stream, line)) {
        return failure("file-unreadable", fmt::format("cannot read a line of {}", name));
    }
    if (!line.empty() && line.back() == '\r') {
        line.pop_back();
    }
    return line;
}

} // namespace

Expected<std::string> read_passphrase(const std::filesystem::path& file, bool twice) {
    Expected<std::string> passphrase = std::string();
    if (file == "-") {
        passphrase = first_line(std::cin, "standard input");
    } else if (!file.empty()) {
        std::ifstream stream(file);
        passphrase = first_line(stream, file.string());
    } else {
        const auto typed = ask("passphrase: ");
        if (!typed) {
            return unusable("there is no terminal to ask for a passphrase");
        }
        if (twice && ask("again: ") != typed) {
            return unusable("the two are not the same");
        }
        passphrase = *typed;
    }
    if (passphrase && passphrase->empty()) {
        return unusable("an empty passphrase protects nothing");
    }
    return passphrase;
}

} // namespace authex::cli
