// The runtime and a module on every processor that a TEE has: it compiles, how large it is, what it
// needs from outside.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;

const std::string source_dir = AUTHEX_SOURCE_DIR;

struct Output {
    int status = -1;
    std::string text;
};

Output run(const std::string& command) {
    Output output;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> part{};
    while (pipe != nullptr && std::fgets(part.data(), part.size(), pipe) != nullptr) {
        output.text += part.data();
    }
    output.status = pipe == nullptr ? -1 : ::pclose(pipe);
    return output;
}

struct Target {
    const char* name;
    const char* flags;
    bool small; ///< without AES and Noise, small tables
};

const std::string warnings = " -Wall -Wextra -Wpedantic -Werror";
const std::string cxx = AUTHEX_CCACHE
    " clang++-14 -std=c++20 -ffreestanding -nostdlib -fno-exceptions -fno-rtti "
    "-fno-threadsafe-statics -fno-c++-static-destructors -ffunction-sections -fdata-sections";
const std::string c =
    AUTHEX_CCACHE " clang-14 -std=c11 -ffreestanding -nostdlib -ffunction-sections";

const Target targets[] = {
    {"x86_64", " -target x86_64-linux-gnu -O2", false},
    {"aarch64",
     " -target aarch64-linux-gnu -Os -isystem " AUTHEX_SOURCE_DIR
     "/sdk/freestanding -isystem /usr/include/c++/12"
     " -isystem /usr/include/x86_64-linux-gnu/c++/12 -idirafter /usr/include",
     false},
    {"msp430",
     " -target msp430 -Oz -isystem " AUTHEX_SOURCE_DIR "/sdk/freestanding"
     " -isystem /usr/include/c++/12 -isystem /usr/include/x86_64-linux-gnu/c++/12"
     " -DAUTHEX_WITH_AES=0 -DAUTHEX_WITH_NOISE=0 -DAUTHEX_SPONGENT_HARDWARE=1"
     " -DAUTHEX_AEAD_STATE_BYTES=16 -DAUTHEX_WITH_REQUESTS=0 -DAUTHEX_WITH_TIMERS=0"
     " -DAUTHEX_WITH_STREAMS=0 -DAUTHEX_WITH_VALUES=0 -DAUTHEX_WITH_HANDOVER=0 "
     "-DAUTHEX_MAX_BODY_BYTES=256 "
     "-DAUTHEX_MAX_CONNECTIONS=8"
     " -DAUTHEX_MAX_ENDPOINTS=16",
     true},
    {"sgx",
     " -target x86_64-linux-gnu -O2 -DAUTHEX_WITH_OWN_ENTROPY=1 -DAUTHEX_WITH_REPORTS=1"
     " -DAUTHEX_WITH_HOST_MEMORY_RULES=1 -DAUTHEX_CPU_HAS_AES=1",
     false},
    {"trustzone",
     " -target aarch64-linux-gnu -O2 -fPIE -fvisibility=hidden -isystem " AUTHEX_SOURCE_DIR
     "/sdk/freestanding -isystem /usr/include/c++/12"
     " -isystem /usr/include/x86_64-linux-gnu/c++/12 -idirafter /usr/include"
     " -DAUTHEX_WITH_OWN_ENTROPY=1 -DAUTHEX_WITH_REPORTS=1 -DAUTHEX_REPORT_BYTES=416"
     " -DAUTHEX_REPORT_TARGET_BYTES=0",
     false},
};

std::string includes() {
    return " -I" + source_dir + "/src -I" + source_dir + "/sdk/include";
}

/// What an enclave carries, less what a small TEE leaves to its hardware.
std::vector<fs::path> enclave_sources(bool small) {
    std::vector<fs::path> sources;
    for (const char* part : {"base", "crypto", "wire", "runtime"}) {
        for (const auto& entry : fs::directory_iterator(source_dir + "/src/" + part)) {
            const std::string stem = entry.path().stem();
            const bool left_out = stem == "aes_gcm" || stem == "kdf" || stem == "noise" ||
                                  stem == "noise_initiator" || stem == "hmac" || stem == "x25519";
            if (entry.path().extension() == ".cpp" && stem != "diagnostic" && stem != "hex" &&
                !(small && left_out)) {
                sources.push_back(entry.path());
            }
        }
    }
    std::sort(sources.begin(), sources.end());
    return sources;
}

class OnTarget : public testing::TestWithParam<Target> {
  protected:
    /// @return the object
    std::string compile(const std::string& compiler, const fs::path& source) {
        const std::string object = (folder_.path() / source.filename()).string() + "." +
                                   source.parent_path().filename().string() + ".o";
        const Output output = run(compiler + warnings + GetParam().flags + includes() + " -c " +
                                  source.string() + " -o " + object);
        EXPECT_EQ(output.status, 0) << source << "\n" << output.text;
        return object;
    }
    authex::test::TemporaryFolder folder_;
};

TEST_P(OnTarget, RuntimeAndModuleCompileFreestanding) {
    std::string objects;
    for (const fs::path& source : enclave_sources(GetParam().small)) {
        objects += " " + compile(cxx, source);
    }
    objects += " " + compile(cxx, source_dir + "/examples/button-led/led.cpp");
    const Output size = run("llvm-size-14 -t" + objects);
    ASSERT_EQ(size.status, 0) << size.text;
    std::cout << GetParam().name << '\n' << size.text;
}

TEST_P(OnTarget, SdkIsStrictC11AndCxx20) {
    (void)compile(c, source_dir + "/examples/state-machine-c/door.c");
    (void)compile(c,
                  folder_.write("only.c",
                                "#include <authex/module.h>\n"
                                "AUTHEX_OUTPUT(one);\n"
                                "AUTHEX_INPUT(two, event) { (void)event; }\n"));
    (void)compile(cxx,
                  folder_.write("only.cpp",
                                "#include <authex/module.hpp>\n"
                                "AUTHEX_INPUT(two, event) {}\n"));
}

INSTANTIATE_TEST_SUITE_P(Every, OnTarget, testing::ValuesIn(targets), [](const auto& info) {
    return std::string(info.param.name);
});

/// Bytes of a section, as llvm-size-14 -A prints them.
std::size_t section_bytes(const std::string& sizes, const std::string& section) {
    std::istringstream lines(sizes);
    std::string name;
    std::size_t bytes = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        if (words >> name >> bytes && name == section) {
            return bytes;
        }
    }
    return 0;
}

/// The runtime for msp430, linked with `module` as an image without a port. AES and Noise are left
/// out; SPONGENT is the processor's.
class SmallImage : public testing::Test {
  protected:
    void add(const std::string& compiler, const std::string& source, const std::string& object) {
        const std::string path = (folder_.path() / object).string();
        const Output output = run(compiler + warnings + targets[2].flags + " -fdata-sections" +
                                  includes() + " -c " + source + " -o " + path);
        ASSERT_EQ(output.status, 0) << source << output.text;
        objects_ += " " + path;
    }

    /// @return the bytes of the runtime
    std::size_t link(const std::string& module) {
        const std::string parts = source_dir + "/tests/architecture/msp430/";
        for (const fs::path& source : enclave_sources(true)) {
            if (!source.stem().string().starts_with("spongent")) {
                add(cxx + " -flto",
                    source,
                    source.parent_path().filename().string() + source.stem().string() + ".o");
            }
        }
        add(cxx + " -flto", parts + "entry.cpp", "entry.o");
        add(cxx, module, "module.o");
        add(c, source_dir + "/src/tee/sancus/port/memory.S", "memory.o");
        image_ = folder_.path() / "image";
        const Output linked =
            run("ld.lld-14 -m msp430elf --gc-sections --unresolved-symbols=ignore-all -e enter"
                " -u start -T " +
                parts + "image.ld -o " + image_ + objects_);
        EXPECT_EQ(linked.status, 0) << linked.text;
        const std::string sizes = run("llvm-size-14 -A " + image_).text;
        std::cout << sizes;
        EXPECT_GT(section_bytes(sizes, ".module"), 0U);
        return section_bytes(sizes, ".text") + section_bytes(sizes, ".rodata");
    }

    authex::test::TemporaryFolder folder_;
    std::string objects_;
    std::string image_;
};

TEST_F(SmallImage, RuntimeOfAllThatItCarriesKeepsItsBudget) {
    const std::size_t bytes = link(source_dir + "/tests/architecture/msp430/module.cpp");
    EXPECT_GT(bytes, 2048U) << "something is missing";
    EXPECT_LE(bytes, 4096U + 64U);
    // Nothing is hidden in a library: only what the processor has is left to a port.
    std::istringstream undefined(run("llvm-nm-14 -u " + image_).text);
    for (std::string line; std::getline(undefined, line);) {
        EXPECT_NE(line.find("U authex_"), std::string::npos) << line;
    }
}

TEST_F(SmallImage, RuntimeOfTheLedFitsIntoFourKibibytes) {
    EXPECT_LE(link(source_dir + "/examples/button-led/led.cpp"), 4096U);
}

TEST(TrustedLines, AreCounted) {
    const Output output = run(source_dir + "/tools/trusted-lines");
    EXPECT_EQ(output.status, 0) << output.text;
    EXPECT_NE(output.text.find("src/runtime"), std::string::npos);
    EXPECT_NE(output.text.find("total"), std::string::npos);
    std::cout << output.text;
}

} // namespace
