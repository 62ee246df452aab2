// authex-host: the process of one native module. Started by the loader in the module's folder:
//
//     authex-host NAME IMAGE-SHA256-HEX STACK-BYTES SPIN-US [recorded]
//
// NAME is for people who look at the list of processes. A module that is recorded begins with the
// random numbers of the file `entropy`. And, in a folder that replay.hpp describes:
//
//     authex-host --replay IMAGE-SHA256-HEX STACK-BYTES [debugged]

#include <array>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

#include <sys/random.h>

#include "tee/native/host/load.hpp"
#include "tee/native/host/replay.hpp"
#include "tee/process/host/prepare.hpp"
#include "tee/process/host/sandbox.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"

namespace authex::tee::native {
namespace {

using process::refuse_start;

constexpr std::uint64_t spin_us_max = 1'000'000;

struct Options {
    std::array<std::uint8_t, 32> image{};
    std::uint64_t stack_bytes = 0;
    std::uint32_t spin_us = 0;
    bool recorded = false;
};

Options parse_options(int count, char** arguments) {
    const bool recorded = count == 6 && std::strcmp(arguments[5], "recorded") == 0;
    if (count != 5 && !recorded) {
        refuse_start("host-usage",
                     "authex-host NAME IMAGE-SHA256-HEX STACK-BYTES SPIN-US [recorded]");
    }
    const auto spin_us = process::number(arguments[4], 10, spin_us_max);
    if (!spin_us) {
        refuse_start("host-usage", "SPIN-US is out of range");
    }
    return {.image = process::digest(arguments[2]),
            .stack_bytes = process::stack_size(arguments[3]),
            .spin_us = static_cast<std::uint32_t>(*spin_us),
            .recorded = recorded};
}

process::Entropy drawn_entropy() {
    process::Entropy entropy{};
    if (::getrandom(entropy.data(), entropy.size(), 0) != static_cast<ssize_t>(entropy.size())) {
        refuse_start("host-failed", "no random numbers");
    }
    return entropy;
}

[[noreturn]] void run(const Options& options) {
    const process::SharedArea area = process::open_rings();
    process::KeptArea kept = process::open_kept();
    const process::Door door = load_image(options.image, options.stack_bytes);
    const process::Entropy entropy = options.recorded ? process::given_entropy() : drawn_entropy();
    if (!process::confine(process::open_doorbell(), process::Debugged::no)) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    if (process::start_image(door, area.rings(), entropy) != 0) {
        refuse_start("image-malformed", "the image refuses to start");
    }
    ::close(process::answer_descriptor);
    process::ModuleEnd end(area, process::doorbell_descriptor);
    ::_exit(process::serve(
        door, end, kept, options.spin_us)); // nothing may be unmapped or flushed any more
}

} // namespace
} // namespace authex::tee::native

int main(int count, char** arguments) {
    namespace process = authex::tee::process;
    namespace native = authex::tee::native;
    if (count > 1 && std::strcmp(arguments[1], "--replay") == 0) {
        native::replay(count, arguments);
    }
    const native::Options options = native::parse_options(count, arguments);
    process::supervise(options.image);
    native::run(options);
}
