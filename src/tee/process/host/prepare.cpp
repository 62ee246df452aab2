#include "tee/process/host/prepare.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tee/process/shared_area.hpp"
#include "tee/process/supervisor.hpp"

namespace authex::tee::process {
namespace {

constexpr std::uint64_t stack_bytes_max = std::uint64_t{64} << 20U;
constexpr std::size_t stack_guard_bytes = std::size_t{16} << 20U;

} // namespace

void check_hash(ByteView image, const Digest& expected) {
    br_sha256_context context;
    Digest found{};
    br_sha256_init(&context);
    br_sha256_update(&context, image.data(), image.size());
    br_sha256_out(&context, found.data());
    if (found != expected) {
        refuse_start("image-mismatch", "the image is not the one that was to be started");
    }
}

std::optional<std::uint64_t> number(const char* text, int base, std::uint64_t max) {
    char* end = nullptr;
    errno = 0;
    const std::uint64_t value = std::strtoull(text, &end, base);
    const bool clean = errno == 0 && end != text && *end == '\0' && *text != '-' && *text != '+';
    return clean && value <= max ? std::optional(value) : std::nullopt;
}

Digest digest(const char* text) {
    Digest bytes{};
    if (std::strlen(text) != 2 * bytes.size()) {
        refuse_start("host-usage", "IMAGE-SHA256-HEX has not 64 digits");
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        const auto byte = number(digits, 16, 255);
        if (!byte) {
            refuse_start("host-usage", "IMAGE-SHA256-HEX is not hex");
        }
        bytes[i] = static_cast<std::uint8_t>(*byte);
    }
    return bytes;
}

std::uint64_t stack_size(const char* text) {
    const auto bytes = number(text, 10, stack_bytes_max);
    if (!bytes || *bytes == 0 || *bytes % page_bytes != 0) {
        refuse_start("host-usage", "STACK-BYTES is out of range");
    }
    return *bytes;
}

Bytes private_memory(std::size_t bytes, int rights) {
    if (bytes == 0) {
        return {};
    }
    void* const memory =
        ::mmap(nullptr, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        refuse_start("host-failed", "no memory");
    }
    return {static_cast<std::uint8_t*>(memory), bytes};
}

Bytes read_file(const char* name,
                std::uint64_t bytes_max,
                const char* unreadable,
                const char* too_large) {
    const int file = ::open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        refuse_start(unreadable, "a file of the module's folder cannot be read");
    }
    if (status.st_size < 0 || static_cast<std::uint64_t>(status.st_size) > bytes_max) {
        refuse_start(too_large, "a file of the module's folder is too large");
    }
    const Bytes bytes =
        private_memory(static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE);
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t count = ::read(file, bytes.data() + filled, bytes.size() - filled);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            refuse_start(unreadable, "a file of the module's folder cannot be read to its end");
        }
        filled += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    ::close(file);
    return bytes;
}

KeptArea open_kept() {
    const int file = ::open("state", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno == ENOENT) {
        return {};
    }
    KeptArea area = KeptArea::map(file);
    if (!area.mapped()) {
        refuse_start("module-files", "the file `state` cannot be mapped: it is damaged");
    }
    ::close(file);
    return area;
}

SharedArea open_rings() {
    const int file = ::open("rings", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    SharedArea area = SharedArea::map(file, End::module);
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

Entropy given_entropy() {
    Entropy entropy{};
    const Bytes file = read_file("entropy", entropy.size(), "module-files", "module-files");
    if (file.size() != entropy.size()) {
        refuse_start("module-files", "the file `entropy` has not 32 bytes");
    }
    copy(file, entropy);
    wipe(file);
    return entropy;
}

std::uint64_t make_stack(std::uint64_t bytes) {
    const auto size = static_cast<std::size_t>(bytes);
    const Bytes memory = private_memory(stack_guard_bytes + size + page_bytes, PROT_NONE);
    std::uint8_t* const stack = memory.data() + stack_guard_bytes;
    if (::mprotect(stack, size, PROT_READ | PROT_WRITE) != 0) {
        refuse_start("host-failed", "no memory for the stack");
    }
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(stack + size));
}

} // namespace authex::tee::process
