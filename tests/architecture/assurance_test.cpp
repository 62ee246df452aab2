// docs/assurance.md says which tests hold off what: every one of them is there.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// "Suite.Name" of every test, and "Suite.*".
std::set<std::string> tests_of(const fs::path& folder) {
    static const std::regex declared(
        R"((?:TEST|TEST_F|TEST_P|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)\(\s*(\w+),\s*(\w+))");
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".cpp") {
            continue;
        }
        const std::string text = read(entry.path());
        for (std::sregex_iterator each(text.begin(), text.end(), declared), end; each != end;
             ++each) {
            found.insert((*each)[1].str() + "." + (*each)[2].str());
            found.insert((*each)[1].str() + ".*");
        }
    }
    return found;
}

TEST(Assurance, NamesTestsThatExist) {
    const fs::path root = AUTHEX_SOURCE_DIR;
    const std::set<std::string> tests = tests_of(root / "tests");
    const std::string page = read(root / "docs/assurance.md");
    // `Suite.Name`, `Suite.*` or `Instance/Suite.Name`, in a row of a table.
    static const std::regex named(R"(`(?:\w+/)?([A-Z]\w*\.(?:[A-Z]\w*|\*))`)");
    std::size_t count = 0;
    for (std::sregex_iterator each(page.begin(), page.end(), named), end; each != end; ++each) {
        EXPECT_TRUE(tests.contains((*each)[1])) << (*each)[1];
        ++count;
    }
    EXPECT_GT(count, 50U);
}

} // namespace
