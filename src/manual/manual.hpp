#pragma once
// Manual pages in mdoc(7), of which the lists of commands and options come from the programs' own
// parsers, so that they cannot differ from what the programs take.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/diagnostic.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace authex::manual {

/// Text as mdoc shows it: nothing in it is a macro or an escape.
[[nodiscard]] std::string escape(std::string_view text);

/// The options and positional arguments of a command, those of its groups too, as one tagged list;
/// empty if there are none.
[[nodiscard]] std::string list_options(const CLI::App& app);

/// The commands of a program, each with its options, in sections by group.
[[nodiscard]] std::string list_commands(const CLI::App& app);

/// A whole page. In `source`, the lines
///   @AUTHEX_OPTIONS@ @AUTHEX_COMMANDS@ @AUTHEX_EM_OPTIONS@
///   @AUTHEX_SANCUS_OPTIONS@ @AUTHEX_SANCUS_COMMANDS@
/// stand for the lists, and @VERSION@ anywhere for the version.
/// @error manual-placeholder: a word between two @ that is none of these
[[nodiscard]] Expected<std::string> make_page(std::string_view source);

/// The completion script of authex-sancus for a shell: bash, zsh or fish.
[[nodiscard]] std::string sancus_completion(const std::string& shell);

} // namespace authex::manual
