#include "em/control/tee_loader.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "tee/native/loader.hpp"
#include "tee/sancus/emulator.hpp"
#include "tee/sancus/line.hpp"
#include "tee/sancus/loader.hpp"
#include "tee/sgx/loader.hpp"
#include "tee/trustzone/device_public_key.hpp"
#include "tee/trustzone/loader.hpp"

namespace authex::em {
namespace {

namespace fs = std::filesystem;
using LoaderMade = Expected<std::unique_ptr<tee::Loader>>;

template <typename T>
LoaderMade made(Expected<std::unique_ptr<T>> loader) {
    if (!loader) {
        return tl::make_unexpected(loader.error());
    }
    return std::unique_ptr<tee::Loader>(std::move(*loader));
}

LoaderMade open_native(const ProgramOptions& options, const fs::path& state) {
    tee::native::LoaderOptions native;
    native.state_directory = state;
    native.spin_us = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(options.server.spin_us, tee::native::module_spin_max_us));
    return made(tee::native::NativeLoader::open(std::move(native)));
}

LoaderMade open_sgx(const ProgramOptions& options, const fs::path& state) {
    tee::sgx::LoaderOptions sgx;
    sgx.state_directory = state;
    sgx.simulate = options.simulate;
    sgx.hide = options.hide_enclaves;
    sgx.spin_us = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(options.server.spin_us, tee::native::module_spin_max_us));
    return made(tee::sgx::SgxLoader::open(std::move(sgx)));
}

LoaderMade open_trustzone(const ProgramOptions& options, const fs::path& state) {
    tee::trustzone::LoaderOptions trustzone;
    trustzone.state_directory = state;
    trustzone.simulate = options.simulate;
    trustzone.ta_folder = options.ta_folder;
    trustzone.ta_key = options.ta_key;
    if (options.tee_client == "device") {
        trustzone.client = tee::trustzone::ClientWay::device;
    } else if (!options.tee_client.empty()) {
        trustzone.client = tee::trustzone::ClientWay::library;
        if (options.tee_client != "libteec") {
            trustzone.library = fs::absolute(options.tee_client); // found from any folder
        }
    }
    if (!trustzone.simulate) {
        spdlog::info("asking OP-TEE for the device's key; the first time, it has to make one. It "
                     "waits as long as tee-supplicant does not run");
    }
    trustzone.spin_us = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(options.server.spin_us, tee::native::module_spin_max_us));
    auto loader = made(tee::trustzone::TrustZoneLoader::open(std::move(trustzone)));
    if (loader) {
        spdlog::info("the device's key has the fingerprint {}",
                     tee::trustzone::fingerprint_of((*loader)->info().evidence_key));
    }
    return loader;
}

LoaderMade open_board(const SancusOptions& options) {
    tee::sancus::LoaderOptions sancus;
    sancus.board.open_line = [path = options.serial, baud = options.baud] {
        return tee::sancus::open_line(path, baud);
    };
    constexpr std::uint32_t bits_per_byte = 10;
    sancus.board.timing.bytes_per_second = options.baud / bits_per_byte;
    return made(tee::sancus::SancusLoader::open(std::move(sancus)));
}

LoaderMade open_emulator(const SancusOptions& options, const fs::path& state) {
    auto found = tee::sancus::Emulator::find({.program = {},
                                              .firmware = options.firmware,
                                              .board = options.board,
                                              .hz = options.hz,
                                              .directory = state});
    if (!found) {
        return tl::make_unexpected(found.error());
    }
    const auto emulator = std::make_shared<tee::sancus::Emulator>(std::move(*found));
    tee::sancus::LoaderOptions sancus;
    sancus.board.open_line = [emulator] { return emulator->open_line(); };
    sancus.simulated = true;
    auto loader = made(tee::sancus::SancusLoader::open(std::move(sancus)));
    if (loader) {
        spdlog::info("buttons and lights of the board: authex-sancus control {} list",
                     emulator->control().string());
    }
    return loader;
}

#if defined(__x86_64__)
constexpr bool on_x86_64 = true;
#else
constexpr bool on_x86_64 = false;
#endif

} // namespace

LoaderMade open_loader(const ProgramOptions& options, const fs::path& state) {
    if (!on_x86_64 && (options.tee == "native" || options.tee == "sgx")) {
        return failure(
            "tee-missing",
            fmt::format("--tee {}: its modules are for x86-64, this machine is not", options.tee),
            "--tee trustzone or --tee sancus");
    }
    if (options.tee == "native") {
        return open_native(options, state);
    }
    if (options.tee == "sgx") {
        return open_sgx(options, state);
    }
    if (options.tee == "trustzone") {
        return open_trustzone(options, state);
    }
    return options.sancus.emulator ? open_emulator(options.sancus, state)
                                   : open_board(options.sancus);
}

} // namespace authex::em
