#pragma once
// Real modules for tests of any TEE: built by its builder, started by its loader, spoken to in
// frames.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "support/temporary_folder.hpp"
#include "tee/builder.hpp"
#include "tee/loader.hpp"
#include "wire/frame.hpp"

namespace authex::test {

template <typename T>
T require(Expected<T> value) {
    if (!value) {
        throw std::runtime_error(to_text(value.error()));
    }
    return std::move(*value);
}

/// A module of one file, for an owner with the public key 1, 2, 3, 0 … if no other is named.
inline tee::Image build_module(tee::Builder& builder,
                               const std::string& source,
                               const std::array<std::uint8_t, 32>& owner_key = {1, 2, 3}) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    return require(builder.build(
        {.module = "m", .sources = {"module.cpp"}, .root = folder.path(), .owner_key = owner_key}));
}

inline tee::ModuleSpec spec_of(const tee::Image& image, const std::string& name) {
    tee::ModuleSpec spec{.name = name, .deployment = 1};
    std::copy(image.identity.begin(), image.identity.end(), spec.image_sha256.begin());
    return spec;
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
