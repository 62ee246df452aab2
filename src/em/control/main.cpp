// authex-em: the event manager of one node.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "em/control/options.hpp"
#include "em/control/ready.hpp"
#include "em/control/resident_pages.hpp"
#include "em/control/state_directory.hpp"
#include "em/control/tee_loader.hpp"

namespace authex::em {
namespace {

constexpr int failed = 1;

int report(const Diagnostic& diagnostic) {
    std::cerr << "authex-em: " << to_text(diagnostic) << '\n';
    return failed;
}

/// What the process asks of its surroundings before anything else is made.
void prepare_process() {
    ::umask(S_IRWXG | S_IRWXO);
    // A client that goes away is an error code, not the end.
    (void)std::signal(SIGPIPE, SIG_IGN);
    // A thousand silent clients must leave descriptors for the others.
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &files);
    }
    // The few threads share their heaps: memory that one frees, another uses.
    ::mallopt(M_ARENA_MAX, 2);
    // gRPC's own complaints would only repeat what is said here.
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
    ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
}

void open_log(const ProgramOptions& options) {
    auto logger = spdlog::stderr_logger_mt("authex-em");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    logger->set_level(spdlog::level::from_str(options.log_level));
    spdlog::set_default_logger(std::move(logger));
}

Expected<bool> say_ready(const ProgramOptions& options,
                         const Server& server,
                         const tee::TeeInfo& tee,
                         const std::filesystem::path& state) {
    std::cout << fmt::format("authex-em {}: {} node ready on {}, events on {}, state in {}{}",
                             options.name,
                             tee.name,
                             server.address(),
                             server.events_address(),
                             state.string(),
                             tee.simulated ? ", simulated" : "")
              << std::endl;
    const nlohmann::json ready = {{"name", options.name},
                                  {"tee", tee.name},
                                  {"simulated", tee.simulated},
                                  {"address", server.address()},
                                  {"events", server.events_address()},
                                  {"metrics", server.metrics_address()},
                                  {"state", state.string()},
                                  {"node_id", fmt::format("{:016x}", server.node_id())},
                                  {"pid", ::getpid()}};
    const std::string line = ready.dump() + "\n";
    if (!options.ready_file.empty()) {
        std::filesystem::path part = options.ready_file;
        part += ".part";
        std::ofstream(part) << line;
        std::error_code error;
        std::filesystem::rename(part, options.ready_file, error);
        if (error) {
            return failure("ready",
                           fmt::format("{}: {}", options.ready_file.string(), error.message()),
                           "name a file in a folder that can be written");
        }
    }
    if (options.ready_descriptor >= 0 &&
        (::write(options.ready_descriptor, line.data(), line.size()) !=
             static_cast<ssize_t>(line.size()) ||
         ::close(options.ready_descriptor) != 0)) {
        return failure("ready", "--ready-fd cannot be written", "open it before the start");
    }
    return tell_service_manager("READY=1");
}

int serve(ProgramOptions options) {
    if (options.server.state_directory.empty()) {
        const Expected<std::uint16_t> port = port_of(options.server.listen);
        const auto path = default_state_directory(port ? *port : std::uint16_t{0});
        if (!path) {
            return report(path.error());
        }
        options.server.state_directory = *path;
    }
    const Expected<StateDirectory> state = StateDirectory::open(options.server.state_directory);
    if (!state) {
        return report(state.error());
    }
    options.server.state_directory = state->path();
    const auto loader = open_loader(options, state->path());
    if (!loader) {
        return report(loader.error());
    }
    // Before the threads: they must not be the ones that a signal finds.
    asio::io_context signals;
    asio::signal_set awaited(signals, SIGINT, SIGTERM);
    const auto server = Server::open(options.server, **loader);
    if (!server) {
        return report(server.error());
    }
    const Expected<bool> said = say_ready(options, **server, (*loader)->info(), state->path());
    if (!said) {
        return report(said.error());
    }
    ResidentPages pages(signals);
    pages.start();
    awaited.async_wait([&pages](const asio::error_code&, int signal) {
        spdlog::info("ended by signal {}", signal);
        pages.stop();
    });
    signals.run();
    if (options.stop_modules_on_exit) {
        (*server)->stop_modules();
    }
    return 0;
}

} // namespace
} // namespace authex::em

int main(int argc, char** argv) {
    authex::em::prepare_process();
    auto options = authex::em::parse_options(argc, argv);
    if (const auto* status = std::get_if<authex::em::ProgramExit>(&options)) {
        return *status;
    }
    auto& parsed = std::get<authex::em::ProgramOptions>(options);
    authex::em::open_log(parsed);
    return authex::em::serve(std::move(parsed));
}
