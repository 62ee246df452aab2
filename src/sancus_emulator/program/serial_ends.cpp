#include "sancus_emulator/program/serial_ends.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "sancus_emulator/program/sockets.hpp"

namespace authex::sancus_emulator {
namespace {

/// What a peer that does not read may leave behind; older bytes are lost first, as on a line.
constexpr std::size_t unsent_max = 1U << 20U;

tl::unexpected<Diagnostic> cannot(const std::string& what) {
    const std::error_code error(errno, std::generic_category());
    return failure("serial", fmt::format("{}: {}", what, error.message()));
}

/// Bytes from outside that wait until the line takes them.
class Incoming {
  public:
    void add(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    /// @return whether all are given
    bool give(const LineContext& line) {
        position_ += line.port.give(ByteView(bytes_).subspan(position_), line.cycle());
        if (position_ < bytes_.size()) {
            return false;
        }
        bytes_.clear();
        position_ = 0;
        return true;
    }

  private:
    std::vector<std::uint8_t> bytes_;
    std::size_t position_ = 0;
};

/// A file or standard output to write to, and bytes that are known from the beginning to read.
class FileEnd : public HostEnd {
  public:
    /// @param output descriptor, owned where `owned`; −1: what is sent is lost
    FileEnd(LineContext line, ByteView input, int output, bool owned)
        : line_(std::move(line)), output_(output), owned_(owned) {
        incoming_.add(input);
    }
    ~FileEnd() override {
        if (owned_ && output_ >= 0) {
            ::close(output_);
        }
    }
    FileEnd(const FileEnd&) = delete;
    FileEnd& operator=(const FileEnd&) = delete;

    void sent(std::uint8_t byte, std::uint64_t cycle) override {
        (void)cycle;
        if (output_ >= 0) {
            unsent_.push_back(static_cast<char>(byte));
        }
    }
    void pump() override {
        incoming_.give(line_);
        std::string_view left = unsent_;
        while (!left.empty() && !failed_) {
            const ssize_t written = ::write(output_, left.data(), left.size());
            if (written >= 0) {
                left.remove_prefix(static_cast<std::size_t>(written));
            } else if (errno == EAGAIN) {
                pollfd ready{output_, POLLOUT, 0};
                (void)::poll(&ready, 1, -1);
            } else if (errno != EINTR) {
                failed_ = errno;
            }
        }
        unsent_.clear();
    }
    [[nodiscard]] Expected<bool> state() const override {
        if (failed_) {
            errno = *failed_;
            return cannot("what the program sent cannot be written");
        }
        return true;
    }

  protected:
    LineContext line_;
    Incoming incoming_;

  private:
    int output_;
    bool owned_;
    std::string unsent_;
    std::optional<int> failed_;
};

/// Standard input while it is no file: a terminal or a pipe.
class StandardEnd : public FileEnd {
  public:
    explicit StandardEnd(const LineContext& line)
        : FileEnd(line, {}, STDOUT_FILENO, false), input_(line.io, ::dup(STDIN_FILENO)) {
        wait();
    }
    [[nodiscard]] bool live() const override { return !at_end_; }
    void pump() override {
        FileEnd::pump();
        if (full_ && incoming_.give(line_)) {
            full_ = false;
            wait();
        }
    }

  private:
    // Read only when there is something, so that the terminal need not become non-blocking, for
    // the shell has it too.
    void wait() {
        input_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](const asio::error_code& error) {
                              if (!error) {
                                  take();
                              }
                          });
    }
    void take() {
        std::array<std::uint8_t, 512> buffer{};
        const ssize_t count = ::read(input_.native_handle(), buffer.data(), buffer.size());
        if (count <= 0) {
            at_end_ = true;
            return;
        }
        incoming_.add(ByteView(buffer).first(static_cast<std::size_t>(count)));
        full_ = !incoming_.give(line_);
        if (!full_) {
            wait();
        }
    }

    asio::posix::stream_descriptor input_;
    bool full_ = false;
    bool at_end_ = false;
};

/// A stream that both sides use at any time, and that may be there or not.
template <typename Stream>
class StreamEnd : public HostEnd {
  public:
    explicit StreamEnd(LineContext line) : line_(std::move(line)) {}

    [[nodiscard]] bool live() const override { return true; }
    void sent(std::uint8_t byte, std::uint64_t cycle) override {
        (void)cycle;
        unsent_.push_back(byte);
        if (unsent_.size() > unsent_max) {
            unsent_.erase(unsent_.begin(), unsent_.begin() + unsent_max / 2);
        }
    }
    void pump() override {
        if (full_ && incoming_.give(line_)) {
            full_ = false;
            read();
        }
        write();
    }
    [[nodiscard]] bool idle() const override { return !stream_ || (!writing_ && unsent_.empty()); }

  protected:
    void start(Stream stream) {
        stream_.emplace(std::move(stream));
        read();
        write();
    }
    virtual void ended() { stream_.reset(); }

    LineContext line_;

  private:
    void read() {
        if (!stream_ || full_) {
            return;
        }
        stream_->async_read_some(asio::buffer(buffer_),
                                 [this](const asio::error_code& error, std::size_t count) {
                                     if (error == asio::error::operation_aborted) {
                                         return;
                                     }
                                     if (error) {
                                         writing_ = false;
                                         ended();
                                         return;
                                     }
                                     incoming_.add(ByteView(buffer_).first(count));
                                     full_ = !incoming_.give(line_);
                                     read();
                                 });
    }
    void write() {
        if (!stream_ || writing_ || unsent_.empty()) {
            return;
        }
        writing_ = true;
        going_.swap(unsent_);
        unsent_.clear();
        write_rest(0);
    }
    void write_rest(std::size_t from) {
        stream_->async_write_some(asio::buffer(going_) + from,
                                  [this, from](const asio::error_code& error, std::size_t count) {
                                      if (error || !stream_) {
                                          writing_ = false;
                                          return;
                                      }
                                      if (from + count < going_.size()) {
                                          write_rest(from + count);
                                          return;
                                      }
                                      writing_ = false;
                                      write();
                                  });
    }

    std::optional<Stream> stream_;
    std::array<std::uint8_t, 512> buffer_{};
    Incoming incoming_;
    bool full_ = false;
    std::vector<std::uint8_t> unsent_;
    std::vector<std::uint8_t> going_;
    bool writing_ = false;
};

/// Serves one client after the other. What is sent while there is none waits for the next.
template <typename Protocol>
class SocketEnd : public StreamEnd<typename Protocol::socket> {
  public:
    SocketEnd(LineContext line, typename Protocol::acceptor acceptor, std::string place)
        : StreamEnd<typename Protocol::socket>(std::move(line)), acceptor_(std::move(acceptor)),
          place_(std::move(place)) {
        accept();
    }
    ~SocketEnd() override {
        if constexpr (std::is_same_v<Protocol, asio::local::stream_protocol>) {
            asio::error_code ignored;
            const std::string path = acceptor_.local_endpoint(ignored).path();
            ::unlink(path.c_str());
        }
    }
    SocketEnd(const SocketEnd&) = delete;
    SocketEnd& operator=(const SocketEnd&) = delete;

    [[nodiscard]] std::string place() const override { return place_; }

  private:
    void ended() override {
        StreamEnd<typename Protocol::socket>::ended();
        accept();
    }
    void accept() {
        acceptor_.async_accept(
            [this](const asio::error_code& error, typename Protocol::socket socket) {
                if (!error) {
                    this->start(std::move(socket));
                } else if (error != asio::error::operation_aborted) {
                    accept();
                }
            });
    }

    typename Protocol::acceptor acceptor_;
    std::string place_;
};

class PseudoTerminal : public StreamEnd<asio::posix::stream_descriptor> {
  public:
    /// @param other kept open, so that the terminal lives while nobody has it
    PseudoTerminal(LineContext line, int own, int other, std::string name)
        : StreamEnd(std::move(line)), other_(other), name_(std::move(name)) {
        start(asio::posix::stream_descriptor(line_.io, own));
    }
    ~PseudoTerminal() override { ::close(other_); }
    PseudoTerminal(const PseudoTerminal&) = delete;
    PseudoTerminal& operator=(const PseudoTerminal&) = delete;

    [[nodiscard]] std::string place() const override { return "pty " + name_; }
    /// What nobody has read yet is lost when this side closes.
    [[nodiscard]] bool idle() const override {
        int unread = 0;
        return StreamEnd::idle() && (::ioctl(other_, FIONREAD, &unread) != 0 || unread == 0);
    }

  private:
    int other_;
    std::string name_;
};

using Made = Expected<std::unique_ptr<HostEnd>>;

bool standard_input_is_file() {
    struct stat status {};
    return ::fstat(STDIN_FILENO, &status) != 0 || S_ISREG(status.st_mode) ||
           (S_ISCHR(status.st_mode) && ::isatty(STDIN_FILENO) == 0);
}

Made make_standard(const LineContext& line) {
    if (!standard_input_is_file()) {
        return std::make_unique<StandardEnd>(line);
    }
    constexpr std::size_t bytes_max = 64U << 20U;
    std::vector<std::uint8_t> input;
    std::array<std::uint8_t, 4096> buffer{};
    for (ssize_t count = 0; input.size() < bytes_max;
         input.insert(input.end(), buffer.begin(), buffer.begin() + count)) {
        count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (count <= 0) {
            break;
        }
    }
    return std::make_unique<FileEnd>(line, input, STDOUT_FILENO, false);
}

Made make_file(const LineContext& line, const std::string& names) {
    const std::size_t comma = names.find(',');
    const std::string in = names.substr(0, comma);
    const std::string out = comma == std::string::npos ? "" : names.substr(comma + 1);
    std::vector<std::uint8_t> input;
    if (!in.empty()) {
        std::ifstream stream(in, std::ios::binary);
        std::error_code error;
        if (!std::filesystem::is_regular_file(in, error) || !stream) {
            return failure("serial", in + " cannot be read", "name a file that is there");
        }
        input.assign(std::istreambuf_iterator<char>(stream), {});
    }
    int output = -1;
    if (!out.empty()) {
        output = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (output < 0) {
            return cannot(out);
        }
    }
    return std::make_unique<FileEnd>(line, input, output, true);
}

Made make_terminal(const LineContext& line) {
    const int own = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    std::array<char, 128> name{};
    if (own < 0 || ::grantpt(own) != 0 || ::unlockpt(own) != 0 ||
        ::ptsname_r(own, name.data(), name.size()) != 0) {
        return cannot("a pseudo terminal");
    }
    const int other = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios settings{};
    if (other < 0 || ::tcgetattr(other, &settings) != 0) {
        return cannot(name.data());
    }
    ::cfmakeraw(&settings);
    if (::tcsetattr(other, TCSANOW, &settings) != 0) {
        return cannot(name.data());
    }
    return std::make_unique<PseudoTerminal>(line, own, other, name.data());
}

Made make_tcp(const LineContext& line, const std::string& address) {
    auto acceptor = listen_tcp(line.io, address);
    if (!acceptor) {
        return tl::unexpected(acceptor.error());
    }
    asio::error_code error;
    const auto at = acceptor->local_endpoint(error);
    const std::string host = at.address().to_string();
    std::string place = at.address().is_v6() ? fmt::format("tcp [{}]:{}", host, at.port())
                                             : fmt::format("tcp {}:{}", host, at.port());
    return std::make_unique<SocketEnd<asio::ip::tcp>>(line, std::move(*acceptor), std::move(place));
}

Made make_unix(const LineContext& line, const std::string& path) {
    auto acceptor = listen_unix(line.io, path);
    if (!acceptor) {
        return tl::unexpected(acceptor.error());
    }
    return std::make_unique<SocketEnd<asio::local::stream_protocol>>(
        line, std::move(*acceptor), "unix " + path);
}

} // namespace

bool is_live(const std::string& end) {
    return end == "pty" || end.starts_with("tcp:") || end.starts_with("unix:") ||
           (end == "stdio" && !standard_input_is_file());
}

Expected<std::unique_ptr<HostEnd>> make_end(const std::string& end, const LineContext& line) {
    const auto after = [&](std::string_view prefix) { return end.substr(prefix.size()); };
    if (end == "none") {
        return std::unique_ptr<HostEnd>();
    }
    if (end == "stdout") {
        return std::make_unique<FileEnd>(line, ByteView(), STDOUT_FILENO, false);
    }
    if (end == "stdio") {
        return make_standard(line);
    }
    if (end == "pty") {
        return make_terminal(line);
    }
    if (end.starts_with("tcp:")) {
        return make_tcp(line, after("tcp:"));
    }
    if (end.starts_with("unix:")) {
        return make_unix(line, after("unix:"));
    }
    if (end.starts_with("file:")) {
        return make_file(line, after("file:"));
    }
    return failure("serial-unknown",
                   fmt::format("a line cannot be connected to «{}»", end),
                   "write none, stdout, stdio, pty, tcp:[HOST:]PORT, unix:PATH or file:IN,OUT");
}

} // namespace authex::sancus_emulator
