// authex-tz-host: the process of one trusted application. Started by the loader in the module's
// folder:
//
//     authex-tz-host NAME IMAGE-SHA256-HEX SPIN-US hardware | simulated | emulated
//
// `emulated`: an emulator of the processor runs this program, and takes no filter of system calls.
// The folder has the file `image`, and `machinery`: what the simulated TEE knows; `objects`: what
// it stores for the TA.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <sys/random.h>

#include "tee/process/host/prepare.hpp"
#include "tee/process/host/sandbox.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"
#include "tee/trustzone/client/device_client.hpp"
#include "tee/trustzone/host/opening.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/simulator/object_file.hpp"
#include "tee/trustzone/simulator/tee.hpp"

namespace authex::tee::trustzone {
namespace {

using process::refuse_start;

#if defined(__x86_64__)
constexpr Machine own_machine = Machine::x86_64;
#elif defined(__aarch64__)
constexpr Machine own_machine = Machine::aarch64;
#endif

/// The file `objects`. < 0: there is none.
int open_storage() {
    const int file = ::open("objects", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno != ENOENT) {
        refuse_start("module-files", "the file `objects` cannot be opened");
    }
    return file;
}

/// @param storage whether there is one
Machinery read_machinery(bool storage) {
    Machinery machinery{};
    machinery.storage = storage ? process::storage_descriptor : -1; // where it will be
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

process::OfTee make_ta(const process::Digest& expected) {
    const SignedTa ta = read_ta(expected);
    const TaPlan plan = plan_ta(ta.elf);
    if (plan.refusal != nullptr) {
        refuse_start("image-malformed", plan.refusal);
    }
    if (plan.machine != own_machine) {
        refuse_start("image-malformed", "for another processor");
    }
    const int storage = open_storage();
    Machinery machinery = read_machinery(storage >= 0);
    const char* const refusal = start_tee(ta.elf, plan, machinery);
    wipe({reinterpret_cast<std::uint8_t*>(&machinery), sizeof machinery});
    if (refusal != nullptr) {
        refuse_start("host-failed", refusal);
    }
    return {.storage = storage, .bytes_max = storage >= 0 ? object_file_bytes_max : 0};
}

/// The session stays open as long as the device is, which is as long as this process lives.
process::OfTee
open_ta(const process::Digest& expected, const process::SharedArea& area, KernelTeeDriver& driver) {
    static DeviceClient client(driver);
    const int device = ::open("/dev/tee0", O_RDWR | O_CLOEXEC);
    driver.moved_to(device);
    open_or_refuse(client, read_ta(expected), area, "/dev/tee0 cannot be opened, or is no OP-TEE");
    return {.device = device, .memory = client.registered()};
}

enum class Where : std::uint8_t { hardware, simulated, emulated, nowhere };

Where parse_where(const char* word) {
    const auto is = [&](const char* other) { return std::strcmp(word, other) == 0; };
    return is("hardware")    ? Where::hardware
           : is("simulated") ? Where::simulated
           : is("emulated")  ? Where::emulated
                             : Where::nowhere;
}

/// A trap is a signal.
bool confine(Where where, const process::OfTee& tee) {
    const int doorbell = process::open_doorbell();
    const bool traps = where == Where::simulated && own_machine == Machine::aarch64;
    return where == Where::emulated
               ? process::leave_only(doorbell, tee)
               : process::confine(doorbell,
                                  process::Debugged::no,
                                  traps ? process::Traps::yes : process::Traps::no,
                                  tee);
}

[[noreturn]] void run(const process::Digest& image, std::uint32_t spin_us, Where where) {
    const process::SharedArea area = process::open_rings();
    process::KeptArea kept = process::open_kept();
    static KernelTeeDriver driver(-1);
    const process::OfTee tee =
        where == Where::hardware ? open_ta(image, area, driver) : make_ta(image);
    const process::Door door = where == Where::hardware ? door_of_real() : door_of_simulation();
    if (!confine(where, tee)) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    driver.moved_to(process::device_descriptor);
    if (process::start_image(door, area.rings(), {}) != 0) {
        refuse_start("image-malformed", "the TA refuses to start");
    }
    ::close(process::answer_descriptor);
    process::ModuleEnd end(area, process::doorbell_descriptor);
    ::_exit(
        process::serve(door, end, kept, spin_us)); // nothing may be unmapped or flushed any more
}

} // namespace
} // namespace authex::tee::trustzone

int main(int count, char** arguments) {
    using namespace authex::tee;
    const auto where =
        count == 5 ? trustzone::parse_where(arguments[4]) : trustzone::Where::nowhere;
    if (where == trustzone::Where::nowhere) {
        process::refuse_start(
            "host-usage",
            "authex-tz-host NAME IMAGE-SHA256-HEX SPIN-US hardware | simulated | emulated");
    }
    const auto image = process::digest(arguments[2]);
    const std::uint32_t spin_us = trustzone::spin_of(arguments[3]);
    process::supervise(image);
    trustzone::run(image, spin_us, where);
}
