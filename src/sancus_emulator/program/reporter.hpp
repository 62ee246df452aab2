#pragma once
// What the emulator says on standard error: as text, or as lines of JSON.

#include <string>

#include <nlohmann/json.hpp>

#include "base/diagnostic.hpp"

namespace authex::sancus_emulator {

class Reporter {
  public:
    Reporter(bool json, bool quiet) : json_(json), quiet_(quiet) {}

    /// @param facts the same as the text, for programs; gets a member "event"
    void say(const std::string& event, const std::string& text, nlohmann::ordered_json facts) const;
    void error(const Diagnostic& diagnostic) const;

  private:
    bool json_;
    bool quiet_;
};

} // namespace authex::sancus_emulator
