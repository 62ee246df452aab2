#pragma once
// What is missing on this machine or on the nodes, and what mends it.          (DESIGN "CLI
// contract": doctor)

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deployer/credentials.hpp"
#include "deployer/outside.hpp"
#include "descriptor/model.hpp"

namespace authex::deployer {

struct Examined {
    enum class Level : std::uint8_t { ok, warning, failure };
    Level level = Level::ok;
    std::string
        area; ///< toolchain | kernel | devices | disk | keys | certificates | nodes | collateral
    std::string what; ///< e.g. "clang++-14", "node cloud"
    std::string text; ///< what was found
    std::string fix;  ///< what to do next; empty where nothing is to be done
};

/// Compiler, linker and libraries that build modules; what the kernel must have; devices of TEEs;
/// room on the disks of the folders, which need not exist.
[[nodiscard]] std::vector<Examined> examine_machine(const std::filesystem::path& state_directory,
                                                    const descriptor::Descriptor* descriptor);

/// Owner key and certificates of the state directory, as they are: nothing is made.
[[nodiscard]] std::vector<Examined> examine_keys(const std::filesystem::path& state_directory,
                                                 std::chrono::system_clock::time_point now);

/// Each node of the descriptor: reached, of this version, its clock right, its certificate not near
/// its end; one that does not answer on this machine: whether its port is free.
[[nodiscard]] std::vector<Examined> examine_nodes(const descriptor::Descriptor& descriptor,
                                                  const std::filesystem::path& state_directory,
                                                  const Outside& outside);

/// What quotes of SGX are checked with: there, by the trusted root, and not near its end. Nothing
/// where the descriptor has no node with SGX.
[[nodiscard]] std::vector<Examined> examine_collateral(const descriptor::Descriptor& descriptor,
                                                       std::chrono::system_clock::time_point now);

/// When the first certificate of a PEM file ends. @error file-unreadable | tls
[[nodiscard]] Expected<std::chrono::system_clock::time_point>
end_of_certificate(const std::filesystem::path& file);

} // namespace authex::deployer
