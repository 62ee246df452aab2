// Runs a program for which every wait for the disk fails: without_disk PROGRAM ARGUMENT…
#include <array>
#include <cerrno>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tee/process/host/filter.hpp"

int main(int count, char** words) {
    using namespace authex::tee::process;
    std::array filter = {
        load(number_offset), unless_equal(SYS_msync, 1), verdict(SECCOMP_RET_ERRNO | EIO), allow};
    const sock_fprog program{.len = filter.size(), .filter = filter.data()};
    if (count < 2 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        return 126;
    }
    ::execv(words[1], words + 1);
    return 127;
}
