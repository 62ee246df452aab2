#pragma once
// The board that is asked for, and the keys that follow from its node key.

#include "sancus_emulator/board.hpp"
#include "sancus_emulator/program/options.hpp"

namespace authex::sancus_emulator {

/// The board, with the key that the command line gives in the place of its own.
/// @error as open_board() | file-unreadable | invalid-key
tl::expected<Board, std::vector<Diagnostic>> open_node(const NodeOptions& options);

/// Prints the keys of a vendor and of the modules of a firmware. @return the exit status
int show_keys(const KeysOptions& options);

} // namespace authex::sancus_emulator
