// Images that are built against the headers of an OP-TEE that was built elsewhere.
#include <cstdlib>

#include <gmock/gmock.h>

#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/trustzone_modules.hpp"

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
}

TEST_F(DevKit, ItsHeadersAreTakenInPlaceOfOurs) {
    folder_.write("include/tee_api_defines.h", "#define TEE_CORE_API_MAJOR_VERSION 1U\n");
    folder_.write("include/tee_internal_api.h", "#error of the dev kit\n");
    name(folder_.path());
    const auto built = test::try_build_ta(source);
    ASSERT_FALSE(built);
    EXPECT_THAT(to_text(built.error()), testing::HasSubstr("of the dev kit"));
}

TEST_F(DevKit, AnImageThatIsBuiltWithItIsTheSame) {
    if (given_.empty()) {
        GTEST_SKIP() << "AUTHEX_TA_DEV_KIT names no dev kit of OP-TEE";
    }
    for (const char* machine : test::machines()) {
        name(given_);
        const Image with = test::build_ta(source, {.machine = machine});
        ::unsetenv(variable);
        const Image without = test::build_ta(source, {.machine = machine});
        EXPECT_EQ(with.identity, without.identity) << machine << ": both headers say the same";
    }
}

} // namespace
} // namespace authex::tee::trustzone
