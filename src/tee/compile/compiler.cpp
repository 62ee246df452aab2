#include "tee/compile/compiler.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>
#include <sys/wait.h>

extern char** environ;

namespace authex::tee::compile {
namespace {

std::string drain(int fd) {
    std::string output;
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count > 0) {
            output.append(buffer.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return output;
        }
    }
}

} // namespace

Expected<CommandResult> run_command(const std::vector<std::string>& arguments,
                                    const std::filesystem::path& directory) {
    std::array<int, 2> pipe_fds{};
    if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) {
        return failure(
            "compiler-missing",
            fmt::format("cannot make a pipe: {}", std::generic_category().message(errno)));
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
    ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    pid_t pid = 0;
    const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_fds[1]);
    if (error != 0) {
        ::close(pipe_fds[0]);
        return failure(
            "compiler-missing",
            fmt::format("cannot run {}: {}", arguments[0], std::generic_category().message(error)),
            "install it: tools/setup, or the Debian packages clang-14 and lld-14");
    }
    CommandResult result;
    result.output = drain(pipe_fds[0]);
    ::close(pipe_fds[0]);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

std::vector<std::uint8_t> sha256(std::string_view bytes) {
    std::vector<std::uint8_t> digest(SHA256_DIGEST_LENGTH);
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    return fmt::format("{:02x}", fmt::join(sha256(bytes), ""));
}

Expected<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf())) {
        // An empty file sets failbit on the output stream: not an error.
        if (file.is_open() && file.peek() == std::ifstream::traits_type::eof()) {
            return std::string();
        }
        return failure("file-unreadable", fmt::format("cannot read {}", path.string()));
    }
    return content.str();
}

Expected<bool> write_file(const std::filesystem::path& path, std::string_view bytes) {
    static std::atomic<unsigned> serial{0};
    const std::filesystem::path temporary =
        path.string() + fmt::format(".{}.{}.new", ::getpid(), serial++);
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    std::error_code error;
    if (file) {
        std::filesystem::rename(temporary, path, error);
    }
    if (!file || error) {
        std::filesystem::remove(temporary, error);
        return failure("file-unwritable",
                       fmt::format("cannot write {}", path.string()),
                       "is the disk full or read-only?");
    }
    return true;
}

} // namespace authex::tee::compile
