#pragma once
// The disk below mapped files, as tests see it: msync() asks it first.

#include <cstddef>
#include <functional>

namespace authex::test {

/// Told of what is to be on the disk now. @return 0: it goes there, or an errno. Empty: all goes.
extern std::function<int(const void*, std::size_t)> on_sync;

} // namespace authex::test
