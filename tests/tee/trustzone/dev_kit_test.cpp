// Images that are built against headers and libraries of an OP-TEE that was built elsewhere.
#include <cstdlib>

#include <gmock/gmock.h>

#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/image/signed_ta.hpp"
#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/trustzone_modules.hpp"
#include "tee/trustzone/verifier.hpp"

namespace authex::tee::trustzone {
namespace {

namespace fs = std::filesystem;

constexpr const char* source = "#include <authex/module.hpp>\n"
                               "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n";
constexpr const char* variable = "AUTHEX_TA_DEV_KIT";

std::string dev_kit() {
    const char* const value = std::getenv(variable);
    return value != nullptr ? value : "";
}

/// The variable while a test lasts.
class DevKit : public testing::Test {
  protected:
    void TearDown() override {
        given_.empty() ? ::unsetenv(variable) : ::setenv(variable, given_.c_str(), 1);
    }
    static void name(const fs::path& folder) { ::setenv(variable, folder.c_str(), 1); }
    static std::string code() {
        const auto built = test::try_build_ta(source);
        return built ? "" : built.error().code;
    }

    /// A small one of our own: declarations and functions of the port, the latter in libutee.a,
    /// with a word of this test.
    void make_stand_in() {
        const fs::path port = fs::path(AUTHEX_SOURCE_DIR) / "src/tee/trustzone/port";
        const std::string own = test::require(compile::read_file(port / "internal_api.hpp"));
        const std::size_t begin = own.find("#else") + 5;
        folder_.write("include/tee_internal_api.h",
                      "#include <cstddef>\n#include <cstdint>\n" +
                          own.substr(begin, own.rfind("#endif") - begin));
        folder_.write("include/tee_api_defines.h", "#define TEE_CORE_API_MAJOR_VERSION 1U\n");
        folder_.write("kit.cpp",
                      "#define TEE_GenerateRandom generate_random\n"
                      "#include \"tee/trustzone/port/optee/internal_api.cpp\"\n"
                      "#undef TEE_GenerateRandom\n"
                      "static const volatile char word[] = \"of the stand-in kit\";\n"
                      "extern \"C\" void TEE_GenerateRandom(void* buffer, std::size_t bytes) {\n"
                      "    (void)word[0];\n"
                      "    generate_random(buffer, bytes);\n"
                      "}\n");
        for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
                 {"clang++-14",
                  "-target",
                  "aarch64-linux-gnu",
                  "-std=c++20",
                  "-O2",
                  "-fPIE",
                  "-ffreestanding",
                  "-fno-exceptions",
                  "-fno-rtti",
                  "-fno-stack-protector",
                  "-isystem",
                  (fs::path(AUTHEX_SOURCE_DIR) / "sdk/freestanding").string(),
                  "-isystem",
                  "/usr/include/c++/12",
                  "-isystem",
                  "/usr/include/x86_64-linux-gnu/c++/12",
                  "-idirafter",
                  "/usr/include",
                  "-I" + (fs::path(AUTHEX_SOURCE_DIR) / "src").string(),
                  "-c",
                  "kit.cpp"},
                 {"mkdir", "lib"},
                 {"llvm-ar-14", "rc", "lib/libutee.a", "kit.o"},
                 {"llvm-ar-14", "rc", "lib/libutils.a"}}) {
            const auto result = test::require(compile::run_command(command, folder_.path()));
            ASSERT_EQ(result.status, 0) << result.output;
        }
    }
    /// It starts in the simulated TEE, and is what the deployer expects.
    static void expect_attested(const Image& image) {
        const test::TemporaryFolder machine;
        const auto loader = test::open_trustzone_loader(machine);
        const ModuleSpec spec = test::spec_of_file(test::content_of(image), "m");
        const auto link =
            test::require(loader->start(spec, test::module_folder(machine, "m", image.path)));
        const auto report = test::report_of(*link);
        const auto claims = TrustZoneVerifier().verify(
            test::require(loader->evidence(spec, report)),
            {.identity = image.identity,
             .report_data = {report.begin(), report.begin() + wire::report_data_bytes},
             .evidence_key = loader->info().evidence_key,
             .simulated = true,
             .simulation_allowed = true});
        EXPECT_TRUE(claims) << to_text(claims.error());
        link->kill();
        EXPECT_TRUE(test::wait_exit(*link));
    }

    std::string given_ = dev_kit();
    test::TemporaryFolder folder_;
};

TEST_F(DevKit, IsRefusedWhereItIsNone) {
    name(folder_.path());
    EXPECT_EQ(code(), "ta-dev-kit");
    folder_.write("include/tee_internal_api.h", "");
    EXPECT_EQ(code(), "ta-dev-kit");
    folder_.write("include/tee_api_defines.h", "#define TEE_SUCCESS 0\n");
    EXPECT_EQ(code(), "ta-dev-kit") << "of an old API";
    folder_.write("include/tee_api_defines.h", "#define TEE_CORE_API_MAJOR_VERSION 1U\n");
    folder_.write("lib/libutee.a", "!<arch>\n");
    EXPECT_EQ(code(), "ta-dev-kit") << "without libutils.a";
}

TEST_F(DevKit, ItsHeadersAreTakenInPlaceOfOurs) {
    folder_.write("include/tee_api_defines.h", "#define TEE_CORE_API_MAJOR_VERSION 1U\n");
    folder_.write("include/tee_internal_api.h", "#error of the dev kit\n");
    folder_.write("lib/libutee.a", "!<arch>\n");
    folder_.write("lib/libutils.a", "!<arch>\n");
    name(folder_.path());
    const auto built = test::try_build_ta(source);
    ASSERT_FALSE(built);
    EXPECT_THAT(to_text(built.error()), testing::HasSubstr("of the dev kit"));
}

TEST_F(DevKit, ItsFunctionsAreTakenInPlaceOfOurs) {
    if (!test::has_aarch64()) {
        GTEST_SKIP() << "a dev kit's libraries are of AArch64, for which nothing is built here";
    }
    make_stand_in();
    name(folder_.path());
    const Image with = test::build_ta(source, {.machine = "aarch64"});
    EXPECT_THAT(test::content_of(with), testing::HasSubstr("of the stand-in kit"));
    EXPECT_EQ(test::build_ta(source, {.machine = "aarch64"}).identity, with.identity)
        << "reproducible";
    expect_attested(with);
    folder_.write("lib/libutee.a", "!<arch>\n");
    const auto without_library = test::try_build_ta(source, {.machine = "aarch64"});
    ASSERT_FALSE(without_library) << "ours do not step in";
    EXPECT_THAT(to_text(without_library.error()), testing::HasSubstr("TEE_InvokeTACommand"));
    EXPECT_THAT(test::content_of(test::build_ta(source)),
                testing::Not(testing::HasSubstr("of the stand-in kit")))
        << "of x86-64";
}

TEST_F(DevKit, AnImageOfARealOneStartsAndIsAttested) {
    if (given_.empty() || !test::has_aarch64()) {
        GTEST_SKIP() << "AUTHEX_TA_DEV_KIT names no dev kit of OP-TEE";
    }
    name(given_);
    const Image with = test::build_ta(source, {.machine = "aarch64"});
    const Image simulated = test::build_ta(source);
    ::unsetenv(variable);
    EXPECT_NE(with.identity, test::build_ta(source, {.machine = "aarch64"}).identity)
        << "it has the kit's functions";
    EXPECT_EQ(simulated.identity, test::build_ta(source).identity) << "both headers say the same";
    expect_attested(with);
}

} // namespace
} // namespace authex::tee::trustzone
