#pragma once
// `authex enclave`: what an image of SGX is, whoever made it.

#include <filesystem>

namespace CLI {
class App;
} // namespace CLI

namespace authex::cli {

struct EnclaveArguments {
    std::filesystem::path file;      ///< an image of Authex, or SGXS
    std::filesystem::path sigstruct; ///< beside SGXS; may be empty
    std::filesystem::path sgxs_out;  ///< where to write the stream; empty: nowhere
};

/// Declares the options on the command `enclave`.
void declare_enclave(CLI::App& command, EnclaveArguments& arguments);

/// Prints it. @return exit status: 0; 1 where a signature or measurement does not hold, or a file
/// is none
[[nodiscard]] int show_enclave(const EnclaveArguments& arguments, bool json);

} // namespace authex::cli
