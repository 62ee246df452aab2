#include "sancus_emulator/program/control_client.hpp"

#include <chrono>
#include <iostream>

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace authex::sancus_emulator {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// The emulator's side of the socket.
class Remote {
  public:
    explicit Remote(std::string path) : path_(std::move(path)), socket_(io_) {}

    Expected<bool> connect() {
        asio::error_code error;
        socket_.connect(asio::local::stream_protocol::endpoint(path_), error);
        if (error) {
            return failure("control",
                           fmt::format("{}: {}", path_, error.message()),
                           "start the emulator with --control and this path");
        }
        return true;
    }
    Expected<bool> send(const std::string& line) {
        asio::error_code error;
        asio::write(socket_, asio::buffer(line + "\n"), error);
        return error ? closed() : Expected<bool>(true);
    }
    /// @param end nullopt: waits for ever
    Expected<Json> receive(std::optional<Clock::time_point> end) {
        std::optional<asio::error_code> result;
        std::size_t size = 0;
        asio::async_read_until(
            socket_, buffer_, '\n', [&](const asio::error_code& error, std::size_t count) {
                result = error;
                size = count;
            });
        io_.restart();
        if (end) {
            io_.run_until(*end);
        } else {
            io_.run();
        }
        if (!result) {
            socket_.close();
            io_.restart();
            io_.run();
            return failure("timeout", "the time is over", "give more with --timeout");
        }
        if (*result) {
            return closed();
        }
        const std::string line(static_cast<const char*>(buffer_.data().data()), size);
        buffer_.consume(size);
        Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
        if (!json.is_object()) {
            return failure("control", "what came is no answer of an emulator");
        }
        return json;
    }

  private:
    tl::unexpected<Diagnostic> closed() const {
        return failure("control", path_ + ": the emulator has ended the connection");
    }

    std::string path_;
    asio::io_context io_;
    asio::local::stream_protocol::socket socket_;
    asio::streambuf buffer_;
};

std::string text_of(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int fail(const Diagnostic& diagnostic) {
    std::cerr << "authex-sancus: " << to_text(diagnostic) << '\n';
    return exit_failed;
}

int print_error(const Json& answer, bool json) {
    if (json) {
        std::cout << answer.dump() << '\n';
        return exit_failed;
    }
    const Json error = answer.value("error", Json::object());
    return fail(
        make_error(text_of(error, "code"), text_of(error, "summary"), text_of(error, "fix")));
}

std::string hex(const Json& number) {
    return number.is_number_unsigned() ? fmt::format("0x{:04x}", number.get<std::uint64_t>())
                                       : std::string("?");
}

void print_status(const Json& answer) {
    std::cout << fmt::format("cycle       {}\n", answer.value("cycle", std::uint64_t{0}))
              << fmt::format("at          {} {}\n",
                             hex(answer.value("pc", Json())),
                             text_of(answer, "symbol"))
              << fmt::format("state       {}\n",
                             answer.value("paused", false)   ? "paused"
                             : answer.value("asleep", false) ? "asleep"
                                                             : "running")
              << fmt::format("violations  {}\n", answer.value("violations", std::uint64_t{0}))
              << fmt::format("resets      {}\n", answer.value("resets", std::uint64_t{0}));
    for (const Json& module : answer.value("modules", Json::array())) {
        std::cout << fmt::format("module {}    {} text {}–{} data {}–{}\n",
                                 module.value("id", std::uint64_t{0}),
                                 text_of(module, "name"),
                                 hex(module.value("/text/0"_json_pointer, Json())),
                                 hex(module.value("/text/1"_json_pointer, Json())),
                                 hex(module.value("/data/0"_json_pointer, Json())),
                                 hex(module.value("/data/1"_json_pointer, Json())));
    }
}

void print_answer(const std::string& command, const Json& answer, bool json) {
    if (json) {
        std::cout << answer.dump() << '\n';
    } else if (command == "list" || command == "watch") {
        for (const Json& device : answer.value("devices", Json::array())) {
            std::cout << fmt::format(
                "{:<12} {}\n", text_of(device, "name"), text_of(device, "shown"));
        }
    } else if (command == "show") {
        std::cout << text_of(answer, "shown") << '\n';
    } else if (command == "status") {
        print_status(answer);
    }
    std::cout.flush();
}

int watch(Remote& remote) {
    for (;;) {
        const auto event = remote.receive(std::nullopt);
        if (!event) {
            return exit_ended; // the emulator has ended
        }
        std::cout << event->dump() << std::endl;
    }
}

bool shows(const Json& answer, const std::string& device, const std::string& value) {
    for (const Json& each : answer.value("devices", Json::array())) {
        if (text_of(each, "name") == device) {
            return text_of(each, "shown") == value;
        }
    }
    return text_of(answer, "device") == device && text_of(answer, "value") == value;
}

int wait_for(Remote& remote, const ControlOptions& options) {
    if (options.words.size() != 3) {
        (void)fail(make_error("usage", "wait takes the name of a device and a value"));
        return exit_usage;
    }
    const auto end = Clock::now() + std::chrono::seconds(options.timeout_s);
    if (const auto sent = remote.send("show " + options.words[1]); !sent) {
        return fail(sent.error());
    }
    const auto known = remote.receive(end);
    if (!known) {
        return fail(known.error());
    }
    if (!known->value("ok", false)) {
        return print_error(*known, options.json);
    }
    if (const auto sent = remote.send("watch"); !sent) {
        return fail(sent.error());
    }
    for (;;) {
        const auto line = remote.receive(end);
        if (!line) {
            return fail(line.error());
        }
        if (shows(*line, options.words[1], options.words[2])) {
            return exit_ended;
        }
    }
}

} // namespace

int run_control(const ControlOptions& options) {
    Remote remote(options.path);
    if (const auto connected = remote.connect(); !connected) {
        return fail(connected.error());
    }
    const std::string& command = options.words.front();
    if (command == "wait") {
        return wait_for(remote, options);
    }
    std::string line;
    for (const std::string& word : options.words) {
        line += line.empty() ? word : " " + word;
    }
    if (line.find_first_of("\r\n") != std::string::npos) {
        (void)fail(make_error("usage", "a command is one line"));
        return exit_usage;
    }
    if (const auto sent = remote.send(line); !sent) {
        return fail(sent.error());
    }
    const auto answer = remote.receive(Clock::now() + std::chrono::seconds(options.timeout_s));
    if (!answer) {
        return fail(answer.error());
    }
    if (!answer->value("ok", false)) {
        return print_error(*answer, options.json);
    }
    print_answer(command, *answer, options.json);
    return command == "watch" ? watch(remote) : exit_ended;
}

} // namespace authex::sancus_emulator
