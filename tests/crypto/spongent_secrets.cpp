// Runs SPONGENT on secrets that valgrind's memcheck takes for undefined: it then reports every
// branch and every address that they decide. Argument: `branch` or `address`, which does one of
// them on purpose; or `nothing`.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include <valgrind/memcheck.h>

#include "crypto/spongent.hpp"

namespace {

using namespace authex;
using namespace authex::crypto::spongent;

template <typename T>
void make_secret(T& value) {
    VALGRIND_MAKE_MEM_UNDEFINED(&value, sizeof value);
}

/// Whether memcheck still follows every bit: else it would find nothing.
template <std::size_t size>
bool is_secret(const std::array<std::uint8_t, size>& value) {
    std::array<std::uint8_t, size> undefined{};
    VALGRIND_GET_VBITS(value.data(), undefined.data(), size);
    return std::all_of(
        undefined.begin(), undefined.end(), [](std::uint8_t bits) { return bits == 0xFF; });
}

/// @return whether body and tag still count as secrets
bool use() {
    std::array<std::uint8_t, key_bytes> key{1, 2, 3};
    std::array<std::uint8_t, tag_bytes> tag{};
    std::array<std::uint8_t, 5> associated{};
    std::array<std::uint8_t, 7> body{};
    make_secret(key);
    make_secret(associated);
    make_secret(body);
    wrap(key, associated, body, tag);
    volatile bool verified = unwrap(key, associated, body, tag);
    wrap(key, body, {}, tag);
    (void)verified;
    return is_secret(body) && is_secret(tag);
}

int leak(bool by_branch) {
    static const std::array<int, 256> table{1, 2, 3};
    volatile std::uint8_t secret = 7;
    VALGRIND_MAKE_MEM_UNDEFINED(const_cast<std::uint8_t*>(&secret), 1);
    if (!by_branch) {
        return table[secret];
    }
    if (secret == 9) {
        std::abort();
    }
    return 0;
}

} // namespace

int main(int count, char** arguments) {
    if (RUNNING_ON_VALGRIND == 0 || count != 2) {
        return 2;
    }
    const std::string_view what = arguments[1];
    if (what == "branch" || what == "address") {
        return leak(what == "branch");
    }
    return what == "nothing" && use() ? 0 : 4;
}
