#pragma once
// Real native modules for tests: built by the builder, started by the loader, spoken to in frames.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "support/temporary_folder.hpp"
#include "tee/native/builder/builder.hpp"
#include "tee/native/builder/compiler.hpp"
#include "tee/native/loader.hpp"
#include "wire/frame.hpp"

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

template <typename T>
T require(Expected<T> value) {
    if (!value) {
        throw std::runtime_error(to_text(value.error()));
    }
    return std::move(*value);
}

inline tee::Image build_module(const std::string& source) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    tee::native::NativeBuilder builder(
        {.home = AUTHEX_SOURCE_DIR,
         .cache = std::filesystem::path(AUTHEX_BINARY_DIR) / "test-cache"});
    return require(builder.build(
        {.module = "m", .sources = {"module.cpp"}, .root = folder.path(), .owner_key = {1, 2, 3}}));
}

inline tee::ModuleSpec spec_of(const tee::Image& image, const std::string& name) {
    tee::ModuleSpec spec{.name = name, .deployment = 1};
    std::copy(image.identity.begin(), image.identity.end(), spec.image_sha256.begin());
    return spec;
}

inline std::unique_ptr<tee::native::NativeLoader> open_loader(const TemporaryFolder& folder) {
    return require(tee::native::NativeLoader::open(
        {.state_directory = folder.path(),
         .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-host"}));
}

/// The folder of a module with its image in it.
inline std::filesystem::path module_folder(const TemporaryFolder& folder,
                                           const std::string& name,
                                           const std::filesystem::path& image) {
    const std::filesystem::path path = folder.path() / name;
    std::filesystem::create_directories(path);
    std::filesystem::copy_file(
        image, path / "image", std::filesystem::copy_options::overwrite_existing);
    return path;
}

inline bool wait_readable(int fd, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, static_cast<int>(limit.count())) == 1;
}

inline std::vector<std::uint8_t>
frame(wire::Kind kind, std::uint16_t channel, std::uint64_t counter, ByteView body = {}) {
    std::vector<std::uint8_t> bytes(wire::header_bytes + body.size());
    wire::write_header({.kind = kind,
                        .deployment = 1,
                        .channel = channel,
                        .length = static_cast<std::uint32_t>(body.size()),
                        .counter = counter},
                       bytes);
    copy(body, Bytes(bytes).subspan(wire::header_bytes));
    return bytes;
}

/// Writes frames whole; sleeps while there is no room. @return false: corrupt or no progress
inline bool send(tee::ModuleLink& link, ByteView bytes) {
    for (;;) {
        const std::optional<Bytes> room = link.writable();
        if (!room) {
            return false;
        }
        if (room->size() >= bytes.size()) {
            copy(bytes, *room);
            link.commit(bytes.size());
            link.notify();
            return true;
        }
        if (link.prepare_sleep(true)) {
            if (!wait_readable(link.doorbell_fd())) {
                return false;
            }
            link.drain_doorbell();
        }
    }
}

/// The next whole frame from the module. Empty: corrupt, ended or nothing for ten seconds.
inline std::vector<std::uint8_t> receive(tee::ModuleLink& link) {
    for (;;) {
        const std::optional<ByteView> bytes = link.readable();
        if (!bytes) {
            return {};
        }
        wire::FrameView view;
        if (wire::parse_frame(*bytes, view) == Error::none) {
            std::vector<std::uint8_t> whole(
                bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(view.frame_bytes()));
            link.consume(whole.size());
            link.notify();
            return whole;
        }
        if (bytes->empty() && link.prepare_sleep(false)) {
            pollfd polls[2] = {{.fd = link.doorbell_fd(), .events = POLLIN, .revents = 0},
                               {.fd = link.exit_fd(), .events = POLLIN, .revents = 0}};
            if (::poll(polls, 2, 10'000) <= 0 || polls[1].revents != 0) {
                return {};
            }
            link.drain_doorbell();
        }
    }
}

/// Waits for the end of the module.
inline std::optional<tee::Exit> wait_exit(tee::ModuleLink& link) {
    return wait_readable(link.exit_fd()) ? link.exit() : std::nullopt;
}

} // namespace authex::test
