#include "tee/process/disk.hpp"

#include <cerrno>

namespace authex::test {
std::function<int(const void*, std::size_t)> on_sync;
} // namespace authex::test

extern "C" {
int __real_msync(void* address, std::size_t bytes, int flags);
int __wrap_msync(void* address, std::size_t bytes, int flags) {
    errno = authex::test::on_sync ? authex::test::on_sync(address, bytes) : 0;
    return errno != 0 ? -1 : __real_msync(address, bytes, flags);
}
}
