#include "tee/sancus/linker.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"
#include "tee/compile/compiler.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;

class LinkerTest : public testing::Test {
  protected:
    /// An object with a symbol of that value, named by its content.
    fs::path object(unsigned value) {
        const fs::path source = folder_.path() / "source.S";
        const fs::path made = folder_.path() / "made.o";
        std::ofstream(source) << ".text\n.globl here\nhere: ret\n.globl value\nvalue = " << value
                              << "\n";
        const auto compiled = compile::run_command(
            {"clang-14", "-target", "msp430", "-c", source.string(), "-o", made.string()},
            folder_.path());
        EXPECT_TRUE(compiled && compiled->status == 0);
        const fs::path named =
            folder_.path() / (compile::sha256_hex(*compile::read_file(made)) + ".o");
        fs::rename(made, named);
        return named;
    }
    fs::path script(unsigned base) {
        const fs::path path = folder_.path() / "script.ld";
        std::ofstream(path) << "SECTIONS { . = " << base << "; .text : { *(.text) } }\n";
        return path;
    }
    std::vector<fs::path> kept() {
        std::vector<fs::path> all;
        for (const auto& entry : fs::directory_iterator(folder_.path())) {
            if (entry.path().extension() == ".elf") {
                all.push_back(entry.path());
            }
        }
        return all;
    }

    test::TemporaryFolder folder_;
    Linker linker_{folder_.path()};
};

TEST_F(LinkerTest, LinksTheSameOnce) {
    const Linker::Job job{.options = {}, .script = script(0x4000), .objects = {object(7)}};
    for (int i = 0; i < 2; ++i) {
        const auto elf = linker_.link(job);
        ASSERT_TRUE(elf) << to_text(elf.error());
        EXPECT_EQ(elf->symbols.at("here"), 0x4000U);
        EXPECT_EQ(elf->symbols.at("value"), 7U);
    }
    ASSERT_EQ(kept().size(), 1U);
    // What is kept is what is given: not linked a second time.
    const auto other = linker_.link({.options = {}, .script = job.script, .objects = {object(8)}});
    ASSERT_TRUE(other);
    EXPECT_EQ(other->symbols.at("value"), 8U);
    const auto all = kept();
    ASSERT_EQ(all.size(), 2U);
    fs::copy_file(all[0], all[1], fs::copy_options::overwrite_existing);
    EXPECT_EQ(linker_.link(job)->symbols.at("value"),
              linker_.link({.options = {}, .script = job.script, .objects = {object(8)}})
                  ->symbols.at("value"));
}

TEST_F(LinkerTest, LinksAnewWhatGoesInOtherwise) {
    const fs::path one = object(7);
    EXPECT_EQ(linker_.link({.options = {}, .script = script(0x4000), .objects = {one}})
                  ->symbols.at("here"),
              0x4000U);
    EXPECT_EQ(linker_.link({.options = {}, .script = script(0x5000), .objects = {one}})
                  ->symbols.at("here"),
              0x5000U);
    EXPECT_EQ(
        linker_.link({.options = {"--defsym=more=9"}, .script = script(0x5000), .objects = {one}})
            ->symbols.at("more"),
        9U);
    EXPECT_EQ(kept().size(), 3U);
}

TEST_F(LinkerTest, DoesNotBelieveADamagedFile) {
    const Linker::Job job{.options = {}, .script = script(0x4000), .objects = {object(7)}};
    ASSERT_TRUE(linker_.link(job));
    std::ofstream(kept().at(0), std::ios::trunc) << "half";
    const auto again = linker_.link(job);
    ASSERT_TRUE(again) << to_text(again.error());
    EXPECT_EQ(again->symbols.at("value"), 7U);
}

TEST_F(LinkerTest, SaysWhatTheLinkerSays) {
    const auto failed = linker_.link({.options = {"--undefined=nothing", "--no-such-option"},
                                      .script = {},
                                      .objects = {object(7)}});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "link-failed");
    EXPECT_NE(failed.error().detail.find("no-such-option"), std::string::npos);
    EXPECT_TRUE(kept().empty());
}

} // namespace
} // namespace authex::tee::sancus
