#pragma once
// The keys that a node will make for the modules of a program, computed without running it.

#include "sancus_emulator/loader.hpp"

namespace authex::sancus_emulator {

struct ModuleKeys {
    std::string name;
    Layout layout;
    Key key{};         ///< K(node, vendor, module)
    Key measurement{}; ///< what attestation by address compares: the same under the zero key
};

/// Of the modules that have the symbols of the Sancus compiler: for one named X
/// `__sm_X_public_start` and `_public_end`, `__sm_X_secret_start` and `_secret_end`. They are as
/// the program lies in its file: a program that changes a module's text before it protects it gets
/// another key.
/// @error no-modules | module-symbols: one of the four is missing, or no protect would take them |
/// module-text: the file has not all of its text
Expected<std::vector<ModuleKeys>>
module_keys(const Firmware& firmware, Security security, const Key& node_key, std::uint16_t vendor);

} // namespace authex::sancus_emulator
