// No secret of SPONGENT decides about a branch or an address, as valgrind sees it. It does not know
// AVX-512: there the processor's steps are compared, and addresses are constants or the round's
// number, in a loop without branches.
#include <array>
#include <cstdlib>
#include <string>

#include "crypto/spongent.hpp"
#include "crypto/trace.hpp"

namespace authex::crypto::spongent {
namespace {

/// Absorbs a word into a state that differs from others in one byte.
template <typename Level>
bool absorbs_with_avx512(std::size_t byte, std::uint8_t bits) {
    std::array<std::uint8_t, Level::key_bytes> key{4, 5, 6};
    key[byte] = static_cast<std::uint8_t>(key[byte] ^ bits);
    Duplex<Level> duplex(Variant::avx512);
    duplex.absorb_phase(key, true);
    (void)::raise(SIGTRAP);
    duplex.absorb(std::uint16_t{bits}, false);
    authex_trace_ends();
    return true;
}

TEST(ConstantTime, AbsorbingIntoSpongentWithAvx512TakesTheSameStepsWhateverTheState) {
    if (!carried(Variant::avx512)) {
        GTEST_SKIP() << "not on this processor";
    }
    test::expect_same_steps(absorbs_with_avx512<Level128>, {15});
    test::expect_same_steps(absorbs_with_avx512<Level64>, {7});
}

/// @return the exit status: 9 if memcheck found something, 3 if its processor has no such variant
int under_valgrind(const std::string& argument) {
    const std::string command = "'" AUTHEX_VALGRIND "' -q --error-exitcode=9 '" AUTHEX_BINARY_DIR
                                "/bin/spongent_secrets' " +
                                argument;
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ConstantTime, NoSecretOfSpongentInWordsDecidesAboutABranchOrAnAddress) {
    EXPECT_EQ(under_valgrind("0"), 0);
}

TEST(ConstantTime, NoSecretOfSpongentWithPextDecidesAboutABranchOrAnAddress) {
    const int status = under_valgrind("1");
    if (!carried(Variant::bmi2) && status == 3) {
        GTEST_SKIP() << "not on this processor";
    }
    EXPECT_EQ(status, 0);
}

TEST(ConstantTime, ABranchAndAnAddressThatASecretDecidesAreFound) {
    EXPECT_EQ(under_valgrind("branch"), 9);
    EXPECT_EQ(under_valgrind("address"), 9);
}

} // namespace
} // namespace authex::crypto::spongent
