// authex-tz-library-host: the process of one trusted application, which is reached through a
// library of the GP TEE Client API. Started by the loader in the module's folder:
//
//     authex-tz-library-host NAME IMAGE-SHA256-HEX SPIN-US LIBRARY
//
// A program apart, because it is linked dynamically, and has another filter of system calls, which
// begins when the session stands: how such a library comes that far is its own business.
#include <unistd.h>

#include <sys/prctl.h>

#include "tee/process/host/sandbox.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"
#include "tee/trustzone/client/library_client.hpp"
#include "tee/trustzone/host/library_sandbox.hpp"
#include "tee/trustzone/host/opening.hpp"
#include "tee/trustzone/host/session.hpp"

namespace authex::tee::trustzone {
namespace {

using process::refuse_start;

[[noreturn]] void run(const process::Digest& image, std::uint32_t spin_us, const char* library) {
    const process::SharedArea area = process::open_rings();
    process::KeptArea kept = process::open_kept();
    const SignedTa ta = read_ta(image);
    // Before there are descriptors of the library's; the log stays, for its messages.
    if (!process::leave_only(process::open_doorbell(), {.device = STDERR_FILENO}) ||
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    static LibraryClient client;
    client.load(library);
    open_or_refuse(client, ta, area, "the library of the TEE cannot be loaded, or reaches no TEE");
    if (!confine_with_library()) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    const process::Door door = door_of_real();
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
    if (count != 5) {
        process::refuse_start("host-usage",
                              "authex-tz-library-host NAME IMAGE-SHA256-HEX SPIN-US LIBRARY");
    }
    const auto image = process::digest(arguments[2]);
    const std::uint32_t spin_us = trustzone::spin_of(arguments[3]);
    process::supervise(image);
    trustzone::run(image, spin_us, arguments[4]);
}
