#include "tee/trustzone/client/driver.hpp"

#include <cerrno>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>

namespace authex::tee::trustzone {

int KernelTeeDriver::control(unsigned long request, void* argument) {
    for (;;) {
        const int result = ::ioctl(device_, request, argument);
        if (result >= 0 || errno != EINTR) {
            return result >= 0 ? result : -errno;
        }
    }
}

Bytes KernelTeeDriver::map(int descriptor, std::size_t bytes) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    return memory == MAP_FAILED ? Bytes() : Bytes(static_cast<std::uint8_t*>(memory), bytes);
}

} // namespace authex::tee::trustzone
