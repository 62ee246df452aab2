#include "architecture/layers.hpp"

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace authex::architecture {
namespace {

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line + "\n";
    }
    return text;
}

TEST(Layers, DependenciesPointTheRightWay) {
    EXPECT_EQ(joined(violations(AUTHEX_SOURCE_DIR)), "");
    EXPECT_GT(files_read(AUTHEX_SOURCE_DIR), 80U);
}

struct Planted {
    const char* file;
    const char* text;
    const char* says; ///< empty: it is allowed
};

class PlantedViolation : public testing::TestWithParam<Planted> {};

TEST_P(PlantedViolation, IsFoundAtItsLine) {
    test::TemporaryFolder folder;
    folder.write(GetParam().file, std::string("#pragma once\n") + GetParam().text + "\n");
    const auto found = violations(folder.path());
    if (*GetParam().says == '\0') {
        EXPECT_EQ(joined(found), "");
        return;
    }
    ASSERT_EQ(found.size(), 1U) << joined(found);
    EXPECT_EQ(found[0], std::string(GetParam().file) + ":2: " + GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    Layers,
    PlantedViolation,
    testing::Values(
        Planted{"src/runtime/x.cpp",
                "#include \"em/router.hpp\"",
                "part `runtime` may not include `em/router.hpp`"},
        Planted{"src/runtime/x.cpp", "#include \"wire/frame.hpp\"", ""},
        Planted{"src/base/x.hpp",
                "#include \"crypto/aead.hpp\"",
                "part `base` may not include `crypto/aead.hpp`"},
        Planted{"src/wire/x.hpp",
                "#include \"runtime/runtime.hpp\"",
                "part `wire` may not include `runtime/runtime.hpp`"},
        Planted{"src/em/x.cpp",
                "#include \"deployer/application.hpp\"",
                "part `em` may not include `deployer/application.hpp`"},
        Planted{"src/em/x.cpp",
                "#include \"runtime/runtime.hpp\"",
                "part `em` may not include `runtime/runtime.hpp`"},
        Planted{"src/tee/sgx/port/x.cpp",
                "#include \"tee/loader.hpp\"",
                "part `port` may not include `tee/loader.hpp`"},
        Planted{"src/tee/sgx/port/x.cpp", "#include \"tee/sgx/port/y.hpp\"", ""},
        Planted{"src/tee/sgx/port/x.cpp",
                "#include <cstring>",
                "enclave code includes <cstring>, which is not freestanding"},
        Planted{"src/crypto/x.cpp",
                "#include <immintrin.h>",
                "enclave code includes <immintrin.h>, which is not freestanding"},
        Planted{"src/runtime/x.cpp",
                "  #  include <string>",
                "enclave code includes <string>, which is not freestanding"},
        Planted{"src/runtime/x.cpp",
                "#include <unistd.h>",
                "enclave code includes <unistd.h>, which is not freestanding"},
        Planted{"src/runtime/x.cpp",
                "#include <bearssl/bearssl_hash.h>",
                "part `runtime` may not use <bearssl/bearssl_hash.h>"},
        Planted{"src/crypto/x.cpp",
                "#include \"base/diagnostic.hpp\"",
                "enclave code includes the hosted `base/diagnostic.hpp`"},
        Planted{"src/base/diagnostic.cpp", "#include <string>", ""},
        Planted{"src/descriptor/x.cpp",
                "#include <openssl/evp.h>",
                "part `descriptor` may not use <openssl/evp.h>"},
        Planted{"src/descriptor/x.cpp", "#include <vector>", ""},
        Planted{"src/em/x.cpp", "#include \"router.hpp\"", "`router.hpp` is not a path from src/"},
        Planted{"src/em/x.cpp",
                "#include \"tee/skeleton/loader.hpp\"",
                "nothing but its tests may include the skeleton's `tee/skeleton/loader.hpp`"},
        Planted{"src/tee/native/x.cpp",
                "#include \"tee/skeleton/evidence.hpp\"",
                "nothing but its tests may include the skeleton's `tee/skeleton/evidence.hpp`"},
        Planted{"src/tee/skeleton/x.cpp", "#include \"tee/skeleton/loader.hpp\"", ""},
        Planted{"src/novelty/x.cpp",
                "#include <vector>",
                "part `novelty` is not in the table of layers.cpp"},
        Planted{"sdk/include/authex/x.hpp",
                "#include \"base/bytes.hpp\"",
                "part `sdk` may not include `base/bytes.hpp`"},
        Planted{"sdk/include/authex/x.hpp",
                "#include <algorithm>",
                "enclave code includes <algorithm>, which is not freestanding"}));

} // namespace
} // namespace authex::architecture
