// authex-host: the process of one native module. Started by the loader in the module's folder:
//
//     authex-host NAME IMAGE-SHA256-HEX STACK-BYTES SPIN-US
//
// NAME is for people who look at the list of processes.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "tee/native/host/image.hpp"
#include "tee/native/host/sandbox.hpp"
#include "tee/native/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"

namespace authex::tee::native {
namespace {

using process::refuse_start;

constexpr std::uint64_t stack_bytes_max = std::uint64_t{64} << 20U;
constexpr std::size_t stack_guard_bytes = std::size_t{16} << 20U;
constexpr std::uint64_t spin_us_max = 1'000'000;

struct Options {
    std::array<std::uint8_t, 32> image{};
    std::uint64_t stack_bytes = 0;
    std::uint32_t spin_us = 0;
};

std::optional<std::uint64_t> number(const char* text, int base, std::uint64_t max) {
    char* end = nullptr;
    errno = 0;
    const std::uint64_t value = std::strtoull(text, &end, base);
    const bool clean = errno == 0 && end != text && *end == '\0' && *text != '-' && *text != '+';
    return clean && value <= max ? std::optional(value) : std::nullopt;
}

Options parse_options(int count, char** arguments) {
    if (count != 5 || std::strlen(arguments[2]) != 64) {
        refuse_start("host-usage", "authex-host NAME IMAGE-SHA256-HEX STACK-BYTES SPIN-US");
    }
    Options options;
    for (std::size_t i = 0; i < options.image.size(); ++i) {
        const char digits[3] = {arguments[2][2 * i], arguments[2][2 * i + 1], '\0'};
        const auto byte = number(digits, 16, 255);
        if (!byte) {
            refuse_start("host-usage", "IMAGE-SHA256-HEX is not hex");
        }
        options.image[i] = static_cast<std::uint8_t>(*byte);
    }
    const auto stack = number(arguments[3], 10, stack_bytes_max);
    const auto spin_us = number(arguments[4], 10, spin_us_max);
    if (!stack || !spin_us || *stack == 0 || *stack % process::page_bytes != 0) {
        refuse_start("host-usage", "STACK-BYTES or SPIN-US is out of range");
    }
    options.stack_bytes = *stack;
    options.spin_us = static_cast<std::uint32_t>(*spin_us);
    return options;
}

void* private_memory(std::size_t bytes, int rights) {
    void* const memory =
        ::mmap(nullptr, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        refuse_start("host-failed", "no memory");
    }
    return memory;
}

/// A private copy of the whole image: what is hashed is what runs, whatever happens to the file.
Bytes read_image() {
    const int file = ::open("image", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        refuse_start("image-unreadable", "the image cannot be read");
    }
    if (status.st_size <= 0 || static_cast<std::uint64_t>(status.st_size) > image_bytes_max) {
        refuse_start("image-malformed", "the image is empty or too large");
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    auto* const bytes = static_cast<std::uint8_t*>(private_memory(size, PROT_READ | PROT_WRITE));
    std::size_t filled = 0;
    while (filled < size) {
        const ssize_t count = ::read(file, bytes + filled, size - filled);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            refuse_start("image-unreadable", "the image cannot be read to its end");
        }
        filled += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    ::close(file);
    return {bytes, size};
}

void check_hash(ByteView image, ByteView expected) {
    br_sha256_context context;
    std::array<std::uint8_t, 32> digest{};
    br_sha256_init(&context);
    br_sha256_update(&context, image.data(), image.size());
    br_sha256_out(&context, digest.data());
    if (!std::equal(digest.begin(), digest.end(), expected.begin(), expected.end())) {
        refuse_start("image-mismatch", "the image is not the one that was to be started");
    }
}

std::uint64_t load_image(ByteView expected) {
    const Bytes file = read_image();
    check_hash(file, expected);
    const ImagePlan plan = plan_image(file);
    if (plan.refusal != nullptr) {
        refuse_start("image-malformed", plan.refusal);
    }
    if (!place_image(file, plan)) {
        refuse_start("host-failed", "the image's place in memory is taken");
    }
    ::munmap(file.data(), file.size());
    return plan.entry;
}

/// The module's stack between memory that nothing may touch: much below it, because a function with
/// large variables steps far. @return its top
std::uint64_t make_stack(std::uint64_t bytes) {
    const auto size = static_cast<std::size_t>(bytes);
    auto* const memory = static_cast<std::uint8_t*>(
        private_memory(stack_guard_bytes + size + process::page_bytes, PROT_NONE));
    if (::mprotect(memory + stack_guard_bytes, size, PROT_READ | PROT_WRITE) != 0) {
        refuse_start("host-failed", "no memory for the stack");
    }
    return static_cast<std::uint64_t>(
        reinterpret_cast<std::uintptr_t>(memory + stack_guard_bytes + size));
}

process::SharedArea open_rings() {
    const int file = ::open("rings", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    process::SharedArea area = process::SharedArea::map(file, process::End::module);
    if (!area.mapped()) {
        refuse_start("module-files", "the rings cannot be mapped");
    }
    return area;
}

int open_doorbell() {
    const int doorbell = ::open("doorbell", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (doorbell < 0) {
        refuse_start("module-files", "the doorbell cannot be opened");
    }
    return doorbell;
}

[[noreturn]] void run(const Options& options) {
    const process::SharedArea area = open_rings();
    const Door door{.entry = load_image(options.image),
                    .stack_top = make_stack(options.stack_bytes)};
    std::array<std::uint8_t, 32> entropy{};
    if (::getrandom(entropy.data(), entropy.size(), 0) != static_cast<ssize_t>(entropy.size())) {
        refuse_start("host-failed", "no random numbers");
    }
    if (!confine(open_doorbell())) {
        refuse_start("host-failed", "the process cannot be confined");
    }
    if (start_image(door, area.rings(), entropy) != 0) {
        refuse_start("image-malformed", "the image refuses to start");
    }
    ::close(answer_descriptor);
    process::ModuleEnd end(area, doorbell_descriptor);
    ::_exit(serve(door, end, options.spin_us)); // nothing may be unmapped or flushed any more
}

} // namespace
} // namespace authex::tee::native

int main(int count, char** arguments) {
    using namespace authex::tee;
    const native::Options options = native::parse_options(count, arguments);
    process::supervise(options.image);
    native::run(options);
}
