// authex-sgx-host: the process of one enclave. Started by the loader in the module's folder:
//
//     authex-sgx-host NAME IMAGE-SHA256-HEX SPIN-US hardware | simulated | hidden
//
// The folder has the file `image`, whom reports are for in `target`, and where the processor is
// simulated, the root of its keys in `processor`.

#include <array>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <sys/mman.h>

#include "tee/native/host/image.hpp"
#include "tee/process/host/prepare.hpp"
#include "tee/process/host/sandbox.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"
#include "tee/sgx/host/enclave.hpp"
#include "tee/sgx/image/enclave.hpp"

namespace authex::tee::sgx {
namespace {

using process::refuse_start;

constexpr std::uint64_t spin_us_max = 1'000'000;
constexpr std::uint64_t file_bytes_max = native::image_bytes_max;

Bytes exact_file(const char* name, std::size_t bytes) {
    const Bytes file = process::read_file(name, bytes, "module-files", "module-files");
    if (file.size() != bytes) {
        refuse_start("module-files", "a file of the module's folder is too short");
    }
    return file;
}

/// Whose processor it is, and whether the simulated one hides the enclave from its host.
enum class Mode : std::uint8_t { hardware, simulated, hidden };

Refusal make_simulated(ByteView image, bool hidden) {
    CpuKey key{};
    const Bytes key_file = exact_file("processor", key.size());
    copy(key_file, key);
    wipe(key_file);
    const Refusal refusal = sgx::make_simulated(image, key, hidden);
    wipe(key);
    return refusal;
}

/// The device is closed with all other files before the enclave runs; its mappings keep it.
Refusal make_on_hardware(ByteView image) {
    const int device = ::open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        return {.code = "sgx-missing", .reason = "/dev/sgx_enclave cannot be opened"};
    }
    return sgx::make_on_hardware(image, device);
}

void make_enclave(const process::Digest& expected, Mode mode) {
    const Bytes file =
        process::read_file("image", file_bytes_max, "image-unreadable", "image-malformed");
    process::check_hash(file, expected);
    const Refusal refusal = mode == Mode::hardware ? make_on_hardware(file)
                                                   : make_simulated(file, mode == Mode::hidden);
    if (refusal.code != nullptr) {
        refuse_start(refusal.code, refusal.reason);
    }
    ::munmap(file.data(), file.size());
}

/// The enclave reads it out of the rings, where nothing else is yet.
void start_enclave(const process::Door& door,
                   const process::SharedArea& area,
                   process::Traps traps) {
    const Bytes target_file = exact_file("target", sgx_target_bytes);
    process::ModuleEnd end(area, process::doorbell_descriptor);
    const auto room = end.writable();
    if (!room || room->size() < target_file.size()) {
        refuse_start("module-files", "the rings are in use");
    }
    const Bytes target = room->first(target_file.size());
    copy(target_file, target);
    if (!process::confine(process::open_doorbell(), process::Debugged::no, traps)) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    if (process::start_image(door, area.rings(), {}, target) != 0) {
        refuse_start("image-malformed", "the enclave refuses to start");
    }
}

process::Traps traps_of(Mode mode) {
    switch (mode) {
    case Mode::hardware:
        return process::Traps::no;
    case Mode::simulated:
        return process::Traps::yes;
    case Mode::hidden:
        return process::Traps::with_pages;
    }
    return process::Traps::no;
}

std::optional<Mode> mode_of(std::string_view word) {
    if (word == "hardware") {
        return Mode::hardware;
    }
    if (word == "simulated") {
        return Mode::simulated;
    }
    return word == "hidden" ? std::optional(Mode::hidden) : std::nullopt;
}

[[noreturn]] void run(const process::Digest& image, std::uint32_t spin_us, Mode mode) {
    const process::SharedArea area = process::open_rings();
    process::KeptArea kept = process::open_kept();
    make_enclave(image, mode);
    const process::Door door = door_of_enclave();
    start_enclave(door, area, traps_of(mode));
    ::close(process::answer_descriptor);
    process::ModuleEnd end(area, process::doorbell_descriptor);
    ::_exit(
        process::serve(door, end, kept, spin_us)); // nothing may be unmapped or flushed any more
}

} // namespace
} // namespace authex::tee::sgx

int main(int count, char** arguments) {
    using namespace authex::tee;
    const auto mode = count == 5 ? sgx::mode_of(arguments[4]) : std::nullopt;
    if (!mode) {
        process::refuse_start(
            "host-usage",
            "authex-sgx-host NAME IMAGE-SHA256-HEX SPIN-US hardware | simulated | hidden");
    }
    const auto image = process::digest(arguments[2]);
    const auto spin_us = process::number(arguments[3], 10, sgx::spin_us_max);
    if (!spin_us) {
        process::refuse_start("host-usage", "SPIN-US is out of range");
    }
    process::supervise(image);
    sgx::run(image, static_cast<std::uint32_t>(*spin_us), *mode);
}
