// authex-tz-host: the process of one trusted application. Started by the loader in the module's
// folder:
//
//     authex-tz-host NAME IMAGE-SHA256-HEX SPIN-US simulated | emulated
//
// `emulated`: an emulator of the processor runs this program, and takes no filter of system calls.
// The folder has the file `image`, and `machinery`: what the simulated TEE knows.
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/random.h>

#include "tee/process/host/prepare.hpp"
#include "tee/process/host/sandbox.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/image/signed_ta.hpp"
#include "tee/trustzone/simulator/tee.hpp"

namespace authex::tee::trustzone {
namespace {

using process::refuse_start;

constexpr std::uint64_t spin_us_max = 1'000'000;
constexpr std::uint64_t file_bytes_max = ta_bytes_max + 4096;
#if defined(__x86_64__)
constexpr Machine own_machine = Machine::x86_64;
#elif defined(__aarch64__)
constexpr Machine own_machine = Machine::aarch64;
#endif

Machinery read_machinery() {
    Machinery machinery{};
    const Bytes file = process::read_file(
        "machinery", sizeof machinery.device_key, "module-files", "module-files");
    if (file.size() != sizeof machinery.device_key) {
        refuse_start("module-files", "the file `machinery` is too short");
    }
    std::memcpy(&machinery.device_key, file.data(), file.size());
    wipe(file);
    if (::getrandom(machinery.entropy.data(), machinery.entropy.size(), 0) !=
        static_cast<ssize_t>(machinery.entropy.size())) {
        refuse_start("host-failed", "no random numbers");
    }
    return machinery;
}

void make_ta(const process::Digest& expected) {
    const Bytes file =
        process::read_file("image", file_bytes_max, "image-unreadable", "image-malformed");
    process::check_hash(file, expected);
    SignedTa ta;
    if (!parse_signed_ta(file, ta)) {
        refuse_start("image-malformed", "not a signed TA, or its hash does not hold");
    }
    const TaPlan plan = plan_ta(ta.elf);
    if (plan.refusal != nullptr) {
        refuse_start("image-malformed", plan.refusal);
    }
    if (plan.machine != own_machine) {
        refuse_start("image-malformed", "for another processor");
    }
    Machinery machinery = read_machinery();
    const char* const refusal = start_tee(ta.elf, plan, machinery);
    wipe({reinterpret_cast<std::uint8_t*>(&machinery), sizeof machinery});
    if (refusal != nullptr) {
        refuse_start("host-failed", refusal);
    }
    ::munmap(file.data(), file.size());
}

/// A trap is a signal.
bool confine(bool emulated) {
    const int doorbell = process::open_doorbell();
    return emulated ? process::leave_only(doorbell)
                    : process::confine(doorbell,
                                       process::Debugged::no,
                                       own_machine == Machine::aarch64 ? process::Traps::yes
                                                                       : process::Traps::no);
}

[[noreturn]] void run(const process::Digest& image, std::uint32_t spin_us, bool emulated) {
    const process::SharedArea area = process::open_rings();
    make_ta(image);
    const process::Door door = door_of_simulation();
    if (!confine(emulated)) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    if (process::start_image(door, area.rings(), {}) != 0) {
        refuse_start("image-malformed", "the TA refuses to start");
    }
    ::close(process::answer_descriptor);
    process::ModuleEnd end(area, process::doorbell_descriptor);
    ::_exit(process::serve(door, end, spin_us)); // nothing may be unmapped or flushed any more
}

} // namespace
} // namespace authex::tee::trustzone

int main(int count, char** arguments) {
    using namespace authex::tee;
    const bool emulated = count == 5 && std::strcmp(arguments[4], "emulated") == 0;
    if (count != 5 || (!emulated && std::strcmp(arguments[4], "simulated") != 0)) {
        process::refuse_start("host-usage",
                              "authex-tz-host NAME IMAGE-SHA256-HEX SPIN-US simulated | emulated");
    }
    const auto image = process::digest(arguments[2]);
    const auto spin_us = process::number(arguments[3], 10, trustzone::spin_us_max);
    if (!spin_us) {
        process::refuse_start("host-usage", "SPIN-US is out of range");
    }
    process::supervise(image);
    trustzone::run(image, static_cast<std::uint32_t>(*spin_us), emulated);
}
