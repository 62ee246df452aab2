// No secret of SPONGENT decides about a branch or an address, as valgrind sees it.
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace authex::crypto::spongent {
namespace {

/// @return the exit status: 9 if memcheck found something
int under_valgrind(const std::string& argument) {
    const std::string command = "'" AUTHEX_VALGRIND "' -q --error-exitcode=9 '" AUTHEX_BINARY_DIR
                                "/bin/spongent_secrets' " +
                                argument;
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ConstantTime, NoSecretOfSpongentDecidesAboutABranchOrAnAddress) {
    EXPECT_EQ(under_valgrind("nothing"), 0);
}

TEST(ConstantTime, ABranchAndAnAddressThatASecretDecidesAreFound) {
    EXPECT_EQ(under_valgrind("branch"), 9);
    EXPECT_EQ(under_valgrind("address"), 9);
}

} // namespace
} // namespace authex::crypto::spongent
