#include "base/diagnostic.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace authex {
namespace {

const char* severity_name(Severity severity) {
    switch (severity) {
    case Severity::error:
        return "error";
    case Severity::warning:
        return "warning";
    case Severity::note:
        return "note";
    }
    return "error";
}

} // namespace

Diagnostic make_error(std::string code, std::string summary, std::string fix) {
    return {.severity = Severity::error,
            .code = std::move(code),
            .summary = std::move(summary),
            .detail = {},
            .fix = std::move(fix),
            .where = {}};
}

tl::unexpected<Diagnostic> failure(std::string code, std::string summary, std::string fix) {
    return tl::make_unexpected(make_error(std::move(code), std::move(summary), std::move(fix)));
}

nlohmann::json to_json(const Diagnostic& diagnostic) {
    nlohmann::json json = {{"severity", severity_name(diagnostic.severity)},
                           {"code", diagnostic.code},
                           {"summary", diagnostic.summary},
                           {"detail", diagnostic.detail},
                           {"fix", diagnostic.fix}};
    const SourceRange& where = diagnostic.where;
    if (!where.file.empty()) {
        json["where"] = {{"file", where.file},
                         {"line", where.line},
                         {"column", where.column},
                         {"length", where.length}};
    }
    return json;
}

std::string to_text(const Diagnostic& diagnostic) {
    std::string text;
    const SourceRange& where = diagnostic.where;
    if (!where.file.empty()) {
        text = where.line == 0 ? fmt::format("{}: ", where.file)
                               : fmt::format("{}:{}:{}: ", where.file, where.line, where.column);
    }
    text += fmt::format("{}: {}", severity_name(diagnostic.severity), diagnostic.summary);
    if (!diagnostic.detail.empty()) {
        text += "\n  " + diagnostic.detail;
    }
    if (!diagnostic.fix.empty()) {
        text += "\n  fix: " + diagnostic.fix;
    }
    return text;
}

} // namespace authex
