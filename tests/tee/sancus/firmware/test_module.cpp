#include "test_module.hpp"

#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/process.hpp"

namespace authex::tee::sancus {
namespace {

void must(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/env");
    const auto result = authex::test::run({words, {}, {}});
    ASSERT_EQ(result.status, 0) << words[1] << ": " << result.err << result.out;
}

} // namespace

std::vector<std::uint8_t> TestModule::placed(std::uint16_t text, std::uint16_t data) const {
    const std::string linked = folder_.path() / "echo.elf";
    const std::string binary = folder_.path() / "echo.bin";
    must({"ld.lld-14",
          "-m",
          "msp430elf",
          fmt::format("--section-start=.text={:#x}", text),
          fmt::format("--defsym=data={:#x}", data),
          "-e",
          "entry",
          AUTHEX_TEST_MODULE,
          "-o",
          linked});
    must({"llvm-objcopy-14", "-O", "binary", "-j", ".text", linked, binary});
    std::ifstream file(binary, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace authex::tee::sancus
