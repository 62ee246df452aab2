// What `authex doctor` has found.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/views.hpp"

namespace authex::cli {
namespace {

using deployer::Examined;

const char* word_of(Examined::Level level) {
    switch (level) {
    case Examined::Level::ok:
        return "ok";
    case Examined::Level::warning:
        return "warn";
    case Examined::Level::failure:
        return "fail";
    }
    return "fail";
}

std::string painted(Examined::Level level, const Terminal& terminal) {
    const Colour colour = level == Examined::Level::ok        ? Colour::green
                          : level == Examined::Level::warning ? Colour::yellow
                                                              : Colour::red;
    return terminal.paint(colour, fmt::format("{:<4}", word_of(level)));
}

std::size_t count(const std::vector<Examined>& all, Examined::Level level) {
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [level](const Examined& each) { return each.level == level; }));
}

} // namespace

std::string examined_text(const std::vector<Examined>& all, const Terminal& terminal) {
    std::size_t width = 0;
    for (const Examined& each : all) {
        width = std::max(width, each.what.size());
    }
    std::string text;
    std::string area;
    for (const Examined& each : all) {
        if (each.area != area) {
            area = each.area;
            text += (text.empty() ? "" : "\n") + terminal.paint(Colour::bold, area) + "\n";
        }
        text += fmt::format(
            "  {}  {:<{}}  {}\n", painted(each.level, terminal), each.what, width, each.text);
        if (!each.fix.empty()) {
            text += fmt::format("        {:<{}}  → {}\n", "", width, each.fix);
        }
    }
    return text + fmt::format("\n{} ok, {} to look at, {} to mend\n",
                              count(all, Examined::Level::ok),
                              count(all, Examined::Level::warning),
                              count(all, Examined::Level::failure));
}

nlohmann::json examined_json(const std::vector<Examined>& all) {
    nlohmann::json list = nlohmann::json::array();
    for (const Examined& each : all) {
        list.push_back({{"level", word_of(each.level)},
                        {"area", each.area},
                        {"what", each.what},
                        {"text", each.text},
                        {"fix", each.fix}});
    }
    return {{"checks", list}, {"sound", count(all, Examined::Level::failure) == 0}};
}

} // namespace authex::cli
