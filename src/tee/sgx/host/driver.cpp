#include "tee/sgx/host/driver.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/ioctl.h>
#include <sys/mman.h>

namespace authex::tee::sgx {
namespace {

// Declared here, because the kernel's headers of a build machine may be older.

struct CreateArgument {
    std::uint64_t secs;
};
struct AddArgument {
    std::uint64_t pages;
    std::uint64_t offset;
    std::uint64_t length;
    std::uint64_t secinfo;
    std::uint64_t flags;
    std::uint64_t count;
};
struct InitialiseArgument {
    std::uint64_t sigstruct;
};

constexpr unsigned magic = 0xA4;
constexpr unsigned long create_call = _IOW(magic, 0x00, CreateArgument);
constexpr unsigned long add_call = _IOWR(magic, 0x01, AddArgument);
constexpr unsigned long initialise_call = _IOW(magic, 0x02, InitialiseArgument);
static_assert(create_call == 0x4008A400 && add_call == 0xC030A401 && initialise_call == 0x4008A402);
constexpr std::uint64_t measure = 1;

std::uint64_t address(const void* memory) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory));
}

void* pointer(std::uint64_t address) {
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
}

int mapped(void* found, std::uint64_t wanted) {
    if (found == MAP_FAILED) {
        return errno;
    }
    return found == pointer(wanted) ? 0 : EEXIST;
}

/// EINIT's own codes come back as positive numbers.
int result(int answer) {
    return answer < 0 ? errno : (answer > 0 ? EPERM : 0);
}

} // namespace

int KernelDriver::reserve(std::uint64_t base, std::uint64_t bytes) {
    return mapped(::mmap(pointer(base),
                         bytes,
                         PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
                         -1,
                         0),
                  base);
}

int KernelDriver::create(const std::uint8_t* secs) {
    CreateArgument argument{.secs = address(secs)};
    return result(::ioctl(device_, create_call, &argument));
}

int KernelDriver::add(ByteView pages,
                      std::uint64_t offset,
                      const std::uint8_t* secinfo,
                      std::uint64_t& done) {
    AddArgument argument{.pages = address(pages.data()),
                         .offset = offset,
                         .length = pages.size(),
                         .secinfo = address(secinfo),
                         .flags = measure,
                         .count = 0};
    const int answer = result(::ioctl(device_, add_call, &argument));
    done = argument.count;
    return answer;
}

int KernelDriver::initialise(const std::uint8_t* sigstruct) {
    InitialiseArgument argument{.sigstruct = address(sigstruct)};
    return result(::ioctl(device_, initialise_call, &argument));
}

int KernelDriver::map(std::uint64_t base, std::uint64_t bytes, int rights) {
    return mapped(::mmap(pointer(base), bytes, rights, MAP_SHARED | MAP_FIXED, device_, 0), base);
}

} // namespace authex::tee::sgx
