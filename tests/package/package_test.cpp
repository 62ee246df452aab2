// The Debian packages as a user has them: unpacked, without the source tree and the build folder.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <unistd.h>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

std::string content(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

Result run_words(std::vector<std::string> words, const fs::path& folder = {}) {
    return run({.words = std::move(words), .folder = folder, .input = {}});
}

/// The one package of that name.
std::string package(const std::string& name) {
    for (const auto& entry : fs::directory_iterator(AUTHEX_BINARY_DIR "/packages")) {
        if (entry.path().filename().string().starts_with(name + "_")) {
            return entry.path();
        }
    }
    ADD_FAILURE() << "there is no package " << name;
    return {};
}

std::string field(const std::string& name, const std::string& of) {
    return run_words({"/usr/bin/dpkg-deb", "-f", package(name), of}).out;
}

class Package : public ::testing::Test {
  protected:
    void SetUp() override {
        adopt_orphans();
        for (const char* name : {"authex", "authex-sdk"}) {
            const Result unpacked =
                run_words({"/usr/bin/dpkg-deb", "-x", package(name), root().string()});
            ASSERT_EQ(unpacked.status, 0) << unpacked.err;
        }
        ::setenv("AUTHEX_CACHE", (folder_.path() / "cache").c_str(), 1);
        // Where the kernel allows it, a mount namespace hides the source tree.
        hidden_ = run_words({"/usr/bin/unshare", "-rm", "/bin/true"}).status == 0;
    }
    void TearDown() override { end_descendants(); }

    [[nodiscard]] fs::path root() const { return folder_.path() / "root"; }
    [[nodiscard]] fs::path app() const { return folder_.path() / "app"; }
    [[nodiscard]] Command command(const std::vector<std::string>& arguments,
                                  const fs::path& folder) const {
        std::vector<std::string> words;
        if (hidden_) {
            words = {"/usr/bin/unshare",
                     "-rm",
                     "/bin/sh",
                     "-c",
                     "mount -t tmpfs none \"$0\" && cd \"$1\" && shift && exec \"$@\"",
                     AUTHEX_SOURCE_DIR,
                     folder.string()};
        }
        words.push_back(root() / "usr/bin/authex");
        words.insert(words.end(), arguments.begin(), arguments.end());
        return {.words = words, .folder = folder, .input = {}};
    }
    /// With time to compile everything that goes into a module.
    [[nodiscard]] Result authex(const std::vector<std::string>& arguments) const {
        Process process(command(arguments, app()));
        const int status = process.wait(std::chrono::minutes(4));
        return {.status = status, .out = process.out(), .err = process.err()};
    }
    void make_application() const {
        const Result made = run(command({"init", "app"}, folder_.path()));
        ASSERT_EQ(made.status, 0) << made.err;
        std::string text = content(app() / "authex.yaml");
        for (const char* port : {"6201", "6202"}) {
            text = std::regex_replace(text, std::regex(port), std::to_string(free_port()));
        }
        std::ofstream(app() / "authex.yaml") << text;
    }

    TemporaryFolder folder_;
    bool hidden_ = false;
};

TEST_F(Package, NamesNothingOfWhereItWasBuilt) {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
        if (entry.is_regular_file()) {
            ++files;
            EXPECT_EQ(content(entry.path()).find(AUTHEX_SOURCE_DIR), std::string::npos)
                << entry.path();
        }
    }
    EXPECT_GT(files, 50U);
}

/// Name and identity of each module.
std::string identities(const Result& built) {
    EXPECT_EQ(built.status, 0) << built.err;
    std::string all;
    const nlohmann::json parsed = nlohmann::json::parse(built.out);
    for (const auto& module : parsed.at("modules")) {
        all += module.at("name").get<std::string>() + " " +
               module.at("identity").get<std::string>() + "\n";
    }
    return all;
}

TEST_F(Package, RunsAnApplicationWithoutSourcesAndBuildFolderFromTheSameImages) {
    make_application();
    Process dev(command({"dev"}, app()));
    ASSERT_TRUE(dev.says("nodes are ready")) << dev.out() << dev.err();
    const Result up = authex({"up"});
    ASSERT_EQ(up.status, 0) << up.out << up.err;
    for (int press = 0; press < 3; ++press) {
        EXPECT_EQ(authex({"output", "press"}).status, 0);
    }
    EXPECT_TRUE(eventually([this] {
        return authex({"request", "total"}).out.find("03000000") != std::string::npos;
    }));
    const std::string installed = identities(authex({"build", "--json"}));
    ::setenv("AUTHEX_CACHE", AUTHEX_TEST_CACHE, 1);
    EXPECT_EQ(identities(run_words({program("authex"), "build", "--json"}, app())), installed);
    EXPECT_THAT(installed, HasSubstr("counter "));
    EXPECT_EQ(authex({"down"}).status, 0);
    dev.signal(SIGTERM);
    EXPECT_EQ(dev.wait(), 0);
}

TEST_F(Package, WithoutTheSdkSaysWhatIsMissing) {
    make_application();
    fs::remove_all(root() / "usr/share/authex");
    const Result built = authex({"build"});
    EXPECT_EQ(built.status, 1);
    EXPECT_THAT(built.err, HasSubstr("authex-sdk"));
}

TEST_F(Package, WithoutTheHostTheManagerSaysWhatIsMissing) {
    fs::remove(root() / "usr/lib/authex/authex-host");
    const Result ended = run_words({root() / "usr/bin/authex-em",
                                    "--listen",
                                    "127.0.0.1:0",
                                    "--state",
                                    folder_.path() / "state"});
    EXPECT_EQ(ended.status, 1);
    EXPECT_THAT(ended.err, HasSubstr("AUTHEX_HOST_PROGRAM"));
}

TEST_F(Package, BringsTheHostThatSimulatesImagesOfBoards) {
    const fs::path built = AUTHEX_BINARY_DIR "/bin/aarch64/authex-tz-host";
    if (!fs::exists(built)) {
        GTEST_SKIP() << "no libraries of AArch64 (tools/setup)";
    }
    EXPECT_EQ(content(root() / "usr/lib/authex/aarch64/authex-tz-host"), content(built));
}

TEST_F(Package, DependsOnTheLibrariesThatItsProgramsLoad) {
    const std::string depends = field("authex", "Depends");
    const Result libraries =
        run_words({"/usr/bin/ldd", root() / "usr/bin/authex-em", root() / "usr/bin/authex"});
    ASSERT_EQ(libraries.status, 0);
    const std::regex name(R"((lib[a-z0-9_+-]+)\.so[^ ]* => (/[^ ]+))");
    std::size_t found = 0;
    for (std::sregex_iterator match(libraries.out.begin(), libraries.out.end(), name), end;
         match != end;
         ++match) {
        const Result owner = run_words(
            {"/usr/bin/dpkg-query", "-S", "*/" + fs::path((*match)[2]).filename().string()});
        const std::string owning = owner.out.substr(0, owner.out.find(':'));
        // What a library loads is for its own package to name.
        const bool direct =
            std::string("libssl3 libsqlite3-0 libyaml-cpp0.7 libfmt9 libelf1 libc6").find(owning) !=
            std::string::npos;
        if (direct && !owning.empty()) {
            ++found;
            EXPECT_THAT(depends, HasSubstr(owning));
        }
    }
    EXPECT_GE(found, 5U);
}

TEST_F(Package, SdkDependsOnTheCompilerThatModulesAreBuiltWith) {
    const std::string depends = field("authex-sdk", "Depends");
    for (const char* name :
         {"clang-14", "lld-14", "libbearssl-dev", "libstdc++-12-dev", "authex"}) {
        EXPECT_THAT(depends, HasSubstr(name));
    }
    EXPECT_THAT(field("authex", "Recommends"), HasSubstr("authex-sdk"));
}

TEST_F(Package, CarriesManualPagesAndCompletionsOfThreeShells) {
    for (const char* file : {"man/man1/authex.1",
                             "man/man1/authex-sancus.1",
                             "man/man8/authex-em.8",
                             "man/man5/authex.yaml.5",
                             "bash-completion/completions/authex",
                             "zsh/vendor-completions/_authex",
                             "fish/vendor_completions.d/authex.fish",
                             "bash-completion/completions/authex-sancus",
                             "zsh/vendor-completions/_authex-sancus",
                             "fish/vendor_completions.d/authex-sancus.fish",
                             "doc/authex/copyright",
                             "doc/authex-sdk/examples/button-led/native.yaml"}) {
        EXPECT_GT(fs::file_size(root() / "usr/share" / file), 100U) << file;
    }
    const Result bash =
        run_words({"/bin/bash", "-n", root() / "usr/share/bash-completion/completions/authex"});
    EXPECT_EQ(bash.status, 0) << bash.err;
}

TEST_F(Package, MaintainerScriptsAreSoundShell) {
    const fs::path control = folder_.path() / "control";
    ASSERT_EQ(run_words({"/usr/bin/dpkg-deb", "-e", package("authex"), control}).status, 0);
    for (const char* script : {"postinst", "prerm", "postrm"}) {
        EXPECT_EQ(run_words({"/bin/sh", "-n", control / script}).status, 0) << script;
    }
}

/// What systemd says of the unit, where there is a systemd-analyze.
Result analyze(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {"/usr/bin/systemd-analyze"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_words(words);
}

/// A unit of the package, with these lines and none that exposes more than it needs to.
void expect_sound(const fs::path& root,
                  const fs::path& folder,
                  const std::string& name,
                  const std::vector<std::string>& lines) {
    const std::string text = content(root / "usr/lib/systemd/system" / name);
    for (const std::string& line : lines) {
        EXPECT_THAT(text, HasSubstr("\n" + line + "\n"));
    }
    for (const char* line : {"NoNewPrivileges=yes",
                             "ProtectSystem=strict",
                             "CapabilityBoundingSet=",
                             "SystemCallFilter=@system-service"}) {
        EXPECT_THAT(text, HasSubstr(std::string("\n") + line + "\n"));
    }
    if (!fs::exists("/usr/bin/systemd-analyze")) {
        std::cout << "there is no systemd-analyze here: only the text was looked at\n";
        return;
    }
    const fs::path placed = folder / name;
    std::ofstream(placed) << std::regex_replace(
        text, std::regex("ExecStart="), "ExecStart=" + (root / "usr/bin/").string());
    const Result sound = analyze({"verify", "--man=no", placed});
    EXPECT_EQ(sound.status, 0) << sound.err;
    EXPECT_EQ(sound.err, "");
    // In tenths; 10.0 is a unit that confines nothing.
    const Result exposure =
        analyze({"security", "--offline=true", "--no-pager", "--threshold=20", placed});
    EXPECT_EQ(exposure.status, 0) << exposure.out;
}

TEST_F(Package, UnitIsSoundAndConfinesTheManager) {
    expect_sound(root(),
                 folder_.path(),
                 "authex-em.service",
                 {"Type=notify",
                  "KillMode=process",
                  "User=authex-em",
                  "StateDirectory=authex-em",
                  "DevicePolicy=closed",
                  "DeviceAllow=/dev/tee0 rw",
                  "DeviceAllow=/dev/sgx_enclave rw",
                  "ReadWritePaths=-/lib/optee_armtz"});
    EXPECT_THAT(content(root() / "usr/lib/systemd/system/authex-em.service"),
                Not(HasSubstr("PrivateDevices=yes")))
        << "it would hide the TEE's device";
}

TEST_F(Package, UnitIsSoundAndConfinesTheWatch) {
    expect_sound(
        root(),
        folder_.path(),
        "authex-watch.service",
        {"User=authex-watch", "StateDirectory=authex-watch", "MemoryDenyWriteExecute=yes"});
}

} // namespace
} // namespace authex::test
