#pragma once
// Names of addresses, from the symbols and sections of a program.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sancus_emulator/core.hpp"

namespace authex::sancus_emulator {

struct Symbol {
    std::string name;
    std::uint16_t address = 0;
    std::uint16_t size = 0; ///< 0: unknown; it then reaches to the next symbol
};

/// Whether the name is that of a bound of an enclave, `__sm_X_secret_end` and so on. Of symbols
/// with an absolute value these alone are places: a module for a device's registers has such
/// bounds.
[[nodiscard]] bool is_enclave_bound(std::string_view name);

class Symbols {
  public:
    Symbols() = default;
    /// @param symbols of code and data, in any order. Those that mark the bounds of an enclave
    /// named X, `__sm_X_public_start` and so on, name the enclave that begins there.
    explicit Symbols(std::vector<Symbol> symbols);

    /// `led_set`, or `led_set+0x4`. Empty: no symbol reaches there.
    [[nodiscard]] std::string at(std::uint16_t address) const;
    [[nodiscard]] std::optional<std::uint16_t> address_of(const std::string& name) const;
    /// Of the enclave whose text begins there; empty: unknown.
    [[nodiscard]] std::string enclave_at(std::uint16_t text_start) const;
    /// By the address at which their text begins.
    [[nodiscard]] const std::map<std::uint16_t, std::string>& enclaves() const { return enclaves_; }
    [[nodiscard]] std::size_t size() const { return symbols_.size(); }

  private:
    std::vector<Symbol> symbols_; ///< addresses rise
    std::map<std::uint16_t, std::string> enclaves_;
};

/// `0x6a10 (led_set+0x4)`, or without what is in brackets.
[[nodiscard]] std::string place(const Symbols& symbols, std::uint16_t address);
/// ``module 2 `led` ``, or `unprotected code` for id 0.
[[nodiscard]] std::string
module_name(const Symbols& symbols, const EnclaveTable& enclaves, std::uint16_t id);
/// What a program did, in one line: who, where, what, and to whom.
[[nodiscard]] std::string
describe(const Symbols& symbols, const EnclaveTable& enclaves, const Violation& violation);

} // namespace authex::sancus_emulator
