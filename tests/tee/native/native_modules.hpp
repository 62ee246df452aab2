#pragma once
// Real native modules for tests.

#include <filesystem>
#include <memory>
#include <string>

#include "tee/compile/compiler.hpp"
#include "tee/modules.hpp"
#include "tee/native/builder.hpp"
#include "tee/native/loader.hpp"

namespace authex::test {

constexpr const char* echo_source =
    "#include <authex/module.hpp>\n"
    "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n"
    "AUTHEX_ENTRY(crash, call) { *reinterpret_cast<volatile int*>(8) = 1; call.result.u8(1); }\n"
    "AUTHEX_ENTRY(trap, call) { call.result.u8(1); __builtin_trap(); }\n"
    "AUTHEX_ENTRY(loop, call) { for (volatile int i = 0;; i = i + 1) { call.result.u8(1); } }\n"
    "AUTHEX_ENTRY(system_call, call) {\n"
    "    long number = call.reader().u8(); long result;\n"
    "    asm volatile(\"syscall\" : \"=a\"(result)\n"
    "        : \"a\"(number), \"D\"(0L), \"S\"(0L), \"d\"(0L) : \"rcx\", \"r11\", \"memory\");\n"
    "    call.result.u32(static_cast<std::uint32_t>(result));\n"
    "}\n"
    "AUTHEX_ENTRY(deep, call) {\n"
    "    std::uint8_t large[1 << 20]; large[0] = 1;\n"
    "    asm volatile(\"\" : : \"r\"(large) : \"memory\"); call.result.u8(large[9]);\n"
    "}\n";

/// Ids are the order of declaration.
enum EchoEntry : std::uint16_t { echo, crash, trap, loop, system_call, deep };

inline tee::Image build_module(const std::string& source) {
    return build_module(
        *tee::native::make_builder({.home = AUTHEX_SOURCE_DIR, .cache = AUTHEX_TEST_CACHE}),
        source);
}

inline std::unique_ptr<tee::native::NativeLoader> open_loader(const TemporaryFolder& folder) {
    return require(tee::native::NativeLoader::open(
        {.state_directory = folder.path(),
         .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-host"}));
}

} // namespace authex::test
