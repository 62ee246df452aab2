// Loaded before the C library into a program whose disk is to fail: as long as the first byte of
// the file AUTHEX_TEST_DISK is not 0, whoever waits for the disk is told that it failed.
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>

namespace {

bool fails() {
    static const volatile char* const first = [] {
        const char* const path = std::getenv("AUTHEX_TEST_DISK");
        const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
        void* const mapped = ::mmap(nullptr, 1, PROT_READ, MAP_SHARED, file, 0);
        ::close(file);
        return mapped == MAP_FAILED ? nullptr : static_cast<const char*>(mapped);
    }();
    return first != nullptr && *first != 0;
}

template <typename Function, typename... Arguments>
int unless_it_fails(const char* name, Arguments... arguments) {
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(arguments...);
}

} // namespace

extern "C" {
int msync(void* address, std::size_t bytes, int flags) {
    return unless_it_fails<int(void*, std::size_t, int)>("msync", address, bytes, flags);
}
int fsync(int file) {
    return unless_it_fails<int(int)>("fsync", file);
}
}
