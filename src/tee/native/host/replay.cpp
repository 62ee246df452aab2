#include "tee/native/host/replay.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>

#include "tee/native/host/load.hpp"
#include "tee/process/host/prepare.hpp"
#include "tee/process/host/sandbox.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"

namespace authex::tee::native {
namespace {

using process::refuse_start;

/// For the frames of one frame: more than a module may leave.
constexpr std::size_t room_bytes = process::ring_bytes_default;

bool write_all(ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(process::answer_descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) {
            return false;
        }
        bytes = bytes.subspan(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return true;
}

/// @return the exit status
int give(const process::Door& door, ByteView frames, Bytes room, bool debugged) {
    Reader reader(frames);
    while (reader.remaining() != 0) {
        const std::uint32_t bytes = reader.u32();
        const ByteView frame = reader.take(bytes);
        const process::Answer answer = process::invoke(door, frame, room);
        if (!reader.ok() || !answer.good || answer.consumed != frame.size()) {
            return process::exit_refused_invocation;
        }
        // A debugger's terminal shall not see it.
        const auto produced = static_cast<std::uint32_t>(answer.produced);
        if (!debugged && !(write_all(bytes_of(produced)) && write_all(room.first(produced)))) {
            return process::exit_corrupt_rings;
        }
    }
    return 0;
}

} // namespace

void replay(int count, char** arguments) {
    const bool debugged = count == 5 && std::strcmp(arguments[4], "debugged") == 0;
    if (count != 4 && !debugged) {
        refuse_start("host-usage", "authex-host --replay IMAGE-SHA256-HEX STACK-BYTES [debugged]");
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const process::Digest image = process::digest(arguments[2]);
    const std::uint64_t stack_bytes = process::stack_size(arguments[3]);
    const ByteView frames =
        process::read_file("frames", replay_bytes_max, "module-files", "recording-too-large");
    const process::Entropy entropy = process::given_entropy();
    // One area that holds all that invocations point into.
    const Bytes shared =
        process::private_memory(frames.size() + room_bytes, PROT_READ | PROT_WRITE);
    const Bytes room = shared.first(room_bytes);
    const Bytes given = shared.subspan(room_bytes);
    copy(frames, given);
    const process::Door door = load_image(image, stack_bytes);
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0 ||
        !process::confine(nowhere, debugged ? process::Debugged::yes : process::Debugged::no)) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    if (process::start_image(door, shared, entropy) != 0) {
        refuse_start("image-malformed", "the image refuses to start");
    }
    if (debugged) {
        asm volatile("int3");
    }
    ::_exit(give(door, given, room, debugged));
}

} // namespace authex::tee::native
