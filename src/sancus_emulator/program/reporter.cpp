#include "sancus_emulator/program/reporter.hpp"

#include <iostream>

namespace authex::sancus_emulator {
namespace {

std::string dump(const auto& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace

void Reporter::say(const std::string& event,
                   const std::string& text,
                   nlohmann::ordered_json facts) const {
    if (quiet_) {
        return;
    }
    if (!json_) {
        std::cerr << "authex-sancus: " << text << '\n';
        return;
    }
    nlohmann::ordered_json line = {{"event", event}};
    line.update(facts);
    std::cerr << dump(line) << '\n';
}

void Reporter::error(const Diagnostic& diagnostic) const {
    if (!json_) {
        std::cerr << "authex-sancus: " << to_text(diagnostic) << '\n';
        return;
    }
    nlohmann::json line = to_json(diagnostic);
    line["event"] = "error";
    std::cerr << dump(line) << '\n';
}

} // namespace authex::sancus_emulator
