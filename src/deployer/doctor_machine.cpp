// What this machine has.
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "deployer/doctor.hpp"
#include "tee/compile/compiler.hpp"
#include "tee/compile/image_builder.hpp"

namespace authex::deployer {
namespace {

using Level = Examined::Level;

struct Tool {
    const char* program;
    const char* package;
};
constexpr std::array<Tool, 3> tools = {
    {{"clang++-14", "clang-14"}, {"clang-14", "clang-14"}, {"ld.lld-14", "lld-14"}}};

struct File {
    const char* what;
    const char* path;
    const char* package;
};
constexpr std::array<File, 2> files = {
    {{"BearSSL", "/usr/lib/x86_64-linux-gnu/libbearssl.a", "libbearssl-dev"},
     {"freestanding C++ headers", "/usr/include/c++/12/span", "libstdc++-12-dev"}}};

/// The number after "version", or "LLD": "14.0.6".
std::string version_in(const std::string& text) {
    for (const char* word : {"version ", "LLD "}) {
        const std::size_t at = text.find(word);
        if (at != std::string::npos) {
            const std::size_t begin = at + std::strlen(word);
            return text.substr(begin, text.find_first_not_of("0123456789.", begin) - begin);
        }
    }
    return {};
}

Examined examine_tool(const Tool& tool) {
    Examined found{.area = "toolchain", .what = tool.program};
    const auto result = tee::compile::run_command({tool.program, "--version"}, "/");
    const std::string version = result && result->status == 0 ? version_in(result->output) : "";
    if (version.empty()) {
        found.level = Level::failure;
        found.text = "not installed: no module can be built here";
        found.fix = fmt::format("apt-get install {}", tool.package);
    } else if (version.rfind("14.", 0) != 0) {
        found.level = Level::failure;
        found.text = fmt::format("version {}, and identities are those of version 14", version);
        found.fix = fmt::format("apt-get install {}", tool.package);
    } else {
        found.text = version;
    }
    return found;
}

void examine_toolchain(std::vector<Examined>& all) {
    for (const Tool& tool : tools) {
        all.push_back(examine_tool(tool));
    }
    for (const File& file : files) {
        const bool there = ::access(file.path, R_OK) == 0;
        all.push_back({.level = there ? Level::ok : Level::failure,
                       .area = "toolchain",
                       .what = file.what,
                       .text = there ? file.path : fmt::format("{} is missing", file.path),
                       .fix = there ? "" : fmt::format("apt-get install {}", file.package)});
    }
    const auto paths = tee::compile::BuilderPaths::find();
    all.push_back({.level = paths ? Level::ok : Level::failure,
                   .area = "toolchain",
                   .what = "sources of every module",
                   .text = paths ? paths->home.string() : paths.error().summary,
                   .fix = paths ? "" : paths.error().fix});
}

Examined kernel(const char* what, bool there, const char* without, const char* fix) {
    return {.level = there ? Level::ok : Level::failure,
            .area = "kernel",
            .what = what,
            .text = there ? "there" : without,
            .fix = there ? "" : fix};
}

bool has_seccomp() {
    const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/// Whether a call that makes a descriptor works.
bool opens(int descriptor) {
    if (descriptor >= 0) {
        ::close(descriptor);
    }
    return descriptor >= 0;
}

bool has_user_namespaces() {
    const int file = ::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    return opens(file);
}

void examine_kernel(std::vector<Examined>& all) {
    const char* newer = "run nodes on Linux 5.3 or newer, outside of a sandbox that forbids it";
    all.push_back(kernel(
        "seccomp", has_seccomp(), "not there: modules cannot be shut in their sandbox", newer));
    all.push_back(kernel("no_new_privs",
                         ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0,
                         "not there: modules cannot be shut in their sandbox",
                         newer));
    all.push_back(kernel("memfd",
                         opens(::memfd_create("authex-doctor", MFD_CLOEXEC)),
                         "not there: no memory can be shared with modules",
                         newer));
    all.push_back(kernel("pidfd",
                         opens(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))),
                         "not there: a manager that starts again cannot take hold of its modules",
                         newer));
    Examined namespaces = kernel(
        "namespaces", has_user_namespaces(), "not there", "only tests of networks need them");
    namespaces.level = namespaces.level == Level::ok ? Level::ok : Level::warning;
    all.push_back(namespaces);
}

bool uses(const descriptor::Descriptor* descriptor, descriptor::Tee tee) {
    if (descriptor == nullptr) {
        return false;
    }
    for (const descriptor::Node& node : descriptor->nodes) {
        const bool here = node.address.host == "localhost" || node.address.host == "::1" ||
                          node.address.host.rfind("127.", 0) == 0;
        if (node.tee == tee && here) {
            return true;
        }
    }
    return false;
}

void examine_device(const char* path,
                    const char* hardware,
                    bool needed,
                    std::vector<Examined>& all) {
    const bool there = ::access(path, F_OK) == 0;
    const bool usable = ::access(path, R_OK | W_OK) == 0;
    Examined found{.area = "devices", .what = path};
    if (usable) {
        found.text = fmt::format("this machine has {}", hardware);
    } else if (there) {
        found.level = needed ? Level::failure : Level::warning;
        found.text =
            fmt::format("this user may not use it: {}", std::generic_category().message(errno));
        found.fix = fmt::format("make the user a member of the group of {}", path);
    } else {
        found.level = needed ? Level::warning : Level::ok;
        found.text = needed ? fmt::format("no {} here: such nodes of this machine can only be "
                                          "simulated",
                                          hardware)
                            : fmt::format("no {} here, and none is needed", hardware);
    }
    all.push_back(std::move(found));
}

void examine_disk(const std::string& what,
                  const std::filesystem::path& folder,
                  std::vector<Examined>& all) {
    constexpr std::uintmax_t mib = 1U << 20U;
    std::error_code error;
    std::filesystem::path there = std::filesystem::absolute(folder, error);
    while (!std::filesystem::exists(there, error) && there.has_relative_path()) {
        there = there.parent_path();
    }
    const auto space = std::filesystem::space(there, error);
    Examined found{.area = "disk", .what = what};
    if (error) {
        found.level = Level::warning;
        found.text = fmt::format("{}: {}", folder.string(), error.message());
    } else {
        found.text = fmt::format("{} MiB free in {}", space.available / mib, there.string());
        found.level = space.available < 64 * mib     ? Level::failure
                      : space.available < 1024 * mib ? Level::warning
                                                     : Level::ok;
        found.fix = found.level == Level::ok ? "" : "make room on that disk";
    }
    if (::access(there.c_str(), W_OK) != 0) {
        found.level = Level::failure;
        found.text = fmt::format(
            "{} cannot be written: {}", there.string(), std::generic_category().message(errno));
        found.fix = "check owner and mode of the folder";
    }
    all.push_back(std::move(found));
}

} // namespace

std::vector<Examined> examine_machine(const std::filesystem::path& state_directory,
                                      const descriptor::Descriptor* descriptor) {
    std::vector<Examined> all;
    examine_toolchain(all);
    examine_kernel(all);
    examine_device("/dev/sgx_enclave", "SGX", uses(descriptor, descriptor::Tee::sgx), all);
    examine_device("/dev/tee0", "TrustZone", uses(descriptor, descriptor::Tee::trustzone), all);
    examine_disk("state", state_directory, all);
    if (const auto paths = tee::compile::BuilderPaths::find()) {
        examine_disk("cache of builds", paths->cache, all);
    }
    return all;
}

} // namespace authex::deployer
