// A module's frames, kept and run again.
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include "cli/run.hpp"
#include "cli/views.hpp"
#include "deployer/replay.hpp"

namespace authex::cli {

using deployer::Application;

namespace {

/// Requests a stop when the other one does, or some seconds after begin().
class Limit {
  public:
    Limit(double seconds, const std::stop_token& other)
        : seconds_(seconds), forward_(other, [this] { source_.request_stop(); }) {}

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    void begin() {
        if (seconds_ <= 0) {
            return;
        }
        clock_ = std::jthread([this](const std::stop_token& over) {
            std::mutex mutex;
            std::condition_variable_any wake;
            std::unique_lock lock(mutex);
            (void)wake.wait_for(
                lock, over, std::chrono::duration<double>(seconds_), [] { return false; });
            source_.request_stop();
        });
    }

  private:
    double seconds_;
    std::stop_source source_;
    std::stop_callback<std::function<void()>> forward_;
    std::jthread clock_;
};

/// The debugger's words: it starts the host, which stops by itself before the first frame.
std::vector<std::string> debugger_words(const std::string& debugger,
                                        const deployer::ReplayFolder& folder,
                                        const std::filesystem::path& sources) {
    std::vector<std::string> words = {debugger, "-q", "-ex", "set confirm off"};
    if (!folder.symbols().empty()) {
        // The image says its sources from the application's folder on.
        words.insert(words.end(),
                     {"-ex",
                      "directory " + sources.string(),
                      "-ex",
                      "add-symbol-file " + folder.symbols().string()});
    }
    words.insert(words.end(), {"-ex", "run", "--args"});
    const std::vector<std::string> host = folder.host(true);
    words.insert(words.end(), host.begin(), host.end());
    return words;
}

/// Runs a program that has the terminal. @return its exit status
Expected<int> run_in(const std::filesystem::path& folder, std::vector<std::string> words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    constexpr int not_run = 127;
    // Ctrl-C is the debugger's.
    const auto before = std::signal(SIGINT, SIG_IGN);
    const pid_t pid = ::fork();
    if (pid == 0) {
        (void)std::signal(SIGINT, before);
        if (::chdir(folder.c_str()) == 0) {
            ::execvp(arguments[0], arguments.data());
        }
        ::_exit(not_run);
    }
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)std::signal(SIGINT, before);
    if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == not_run)) {
        return failure("debugger-missing",
                       fmt::format("cannot run {}", words[0]),
                       fmt::format("install the package {}", words[0]));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : exit_failed;
}

nlohmann::json replay_json(const deployer::Recording& recording,
                           const deployer::Comparison& comparison) {
    nlohmann::json json{{"module", recording.head.module},
                        {"identity", fmt::format("{:02x}", fmt::join(recording.head.identity, ""))},
                        {"identical", !comparison.difference},
                        {"given", comparison.given},
                        {"compared", comparison.compared},
                        {"later", comparison.later},
                        {"ended", comparison.ended},
                        {"difference", nullptr}};
    if (comparison.difference) {
        json["difference"] = {{"frame", comparison.difference->frame},
                              {"text", comparison.difference->text}};
    }
    return json;
}

std::string replay_text(const deployer::Recording& recording,
                        const deployer::Comparison& comparison) {
    std::string text = fmt::format("{} was given {} frames, and gave {} as recorded\n",
                                   recording.head.module,
                                   comparison.given,
                                   comparison.compared);
    if (comparison.later != 0) {
        text += fmt::format("{} more came that the recording ended before\n", comparison.later);
    }
    if (!comparison.ended.empty() && !comparison.difference) {
        text += fmt::format("it ended as recorded: {}\n", comparison.ended);
    }
    return text;
}

} // namespace

int Run::record(Application& application) {
    const std::filesystem::path file =
        arguments_.out.empty() ? std::filesystem::path(arguments_.subject + ".recording")
                               : arguments_.out;
    Limit limit(arguments_.for_s, interrupt_->token());
    const auto summary = application.record(
        {.module = arguments_.subject,
         .file = file,
         .begun =
             [&] {
                 progress_.clear();
                 if (!arguments_.json) {
                     std::cout << fmt::format("{} started anew and is recorded{}\n",
                                              arguments_.subject,
                                              arguments_.for_s > 0 ? "" : "; Ctrl-C ends")
                               << std::flush;
                 }
                 limit.begin();
             },
         .stop = limit.token()});
    if (!summary) {
        return fail(summary.error());
    }
    progress_.clear();
    if (arguments_.json) {
        print({{"module", arguments_.subject},
               {"file", file.string()},
               {"given", summary->given},
               {"gave", summary->gave},
               {"ended", summary->ended}});
    } else {
        std::cout << fmt::format(
            "{}: {} frames to {}, {} from it{}\nkeep it as the keys of this application\n",
            file.string(),
            summary->given,
            arguments_.subject,
            summary->gave,
            summary->ended.empty() ? "" : "; it was " + summary->ended);
    }
    return exit_done;
}

int Run::replay() {
    const auto recording = deployer::read_recording(arguments_.subject);
    if (!recording) {
        return fail(recording.error());
    }
    if (!arguments_.debugger.empty()) {
        std::error_code error;
        const auto sources = std::filesystem::absolute(arguments_.file, error).parent_path();
        const auto folder = deployer::ReplayFolder::make(*recording);
        const auto status = folder ? run_in((*folder)->path(),
                                            debugger_words(arguments_.debugger, **folder, sources))
                                   : Expected<int>(tl::make_unexpected(folder.error()));
        return status ? *status : fail(status.error());
    }
    const auto run = deployer::run_replay(*recording);
    if (!run) {
        return fail(run.error());
    }
    const deployer::Comparison comparison = deployer::compare(*recording, *run);
    if (arguments_.json) {
        print(replay_json(*recording, comparison));
    } else {
        std::cout << replay_text(*recording, comparison);
        if (comparison.difference) {
            std::cerr << diagnostic_text(
                             make_error("replay-differs",
                                        fmt::format("first difference at frame {}: {}",
                                                    comparison.difference->frame,
                                                    comparison.difference->text),
                                        "what a module does depends on nothing but its frames, "
                                        "unless it reads memory that it never wrote"),
                             err_)
                      << '\n';
        }
    }
    return comparison.difference ? exit_failed : exit_done;
}

} // namespace authex::cli
