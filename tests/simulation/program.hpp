#pragma once
// A module's code in this process: its endpoint records, and the memory of its state, which is
// swapped when another instance runs.

#include <authex/abi.h>

#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace authex::simulation {

class Program {
  public:
    /// Registers itself; lives as long as the process.
    Program(std::string name, std::span<const authex_endpoint> records, Bytes state);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    static const Program& named(const std::string& name);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::span<const authex_endpoint> records() const { return records_; }
    [[nodiscard]] const std::vector<std::uint8_t>& initial_state() const { return initial_; }
    /// What the code reads and writes.
    [[nodiscard]] Bytes state() const { return state_; }

  private:
    std::string name_;
    std::span<const authex_endpoint> records_;
    Bytes state_;
    std::vector<std::uint8_t> initial_;
};

} // namespace authex::simulation
