#include "rpc/status.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace authex::rpc {
namespace {

/// gRPC refuses trailers above 8 KiB by default; the message and three texts, escaped and in
/// base64, stay below.
constexpr std::size_t text_max_bytes = 512;

struct CodeOf {
    std::string_view diagnostic;
    grpc::StatusCode status;
};

constexpr std::array codes{
    CodeOf{"bad-request", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"bad-name", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"bad-period", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"malformed-frames", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"address", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"deadline-missing", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"image-digest", grpc::StatusCode::DATA_LOSS},
    CodeOf{"image-size", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"image-too-large", grpc::StatusCode::INVALID_ARGUMENT},
    CodeOf{"unknown-module", grpc::StatusCode::NOT_FOUND},
    CodeOf{"unknown-connection", grpc::StatusCode::NOT_FOUND},
    CodeOf{"unknown-periodic", grpc::StatusCode::NOT_FOUND},
    CodeOf{"deployment-taken", grpc::StatusCode::ALREADY_EXISTS},
    CodeOf{"duplicate-name", grpc::StatusCode::ALREADY_EXISTS},
    CodeOf{"duplicate-module", grpc::StatusCode::ALREADY_EXISTS},
    CodeOf{"module-differs", grpc::StatusCode::ALREADY_EXISTS},
    CodeOf{"not-owner", grpc::StatusCode::PERMISSION_DENIED},
    CodeOf{"role-too-low", grpc::StatusCode::PERMISSION_DENIED},
    CodeOf{"certificate-missing", grpc::StatusCode::UNAUTHENTICATED},
    CodeOf{"certificate-foreign", grpc::StatusCode::UNAUTHENTICATED},
    CodeOf{"certificate-without-role", grpc::StatusCode::UNAUTHENTICATED},
    CodeOf{"certificate-revoked", grpc::StatusCode::UNAUTHENTICATED},
    CodeOf{"certificate-expired", grpc::StatusCode::UNAUTHENTICATED},
    CodeOf{"no-hello", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"module-not-running", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"another-process", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"module-ended", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"protocol-version", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"entry-refused", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"not-replayable", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"image-differs", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"recording-lost", grpc::StatusCode::RESOURCE_EXHAUSTED},
    CodeOf{"order-refused", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"busy", grpc::StatusCode::UNAVAILABLE},
    CodeOf{"stopping", grpc::StatusCode::UNAVAILABLE},
    CodeOf{"deadline", grpc::StatusCode::DEADLINE_EXCEEDED},
    CodeOf{"call-refused", grpc::StatusCode::RESOURCE_EXHAUSTED},
    CodeOf{"limit", grpc::StatusCode::RESOURCE_EXHAUSTED},
    CodeOf{"frames-wait", grpc::StatusCode::FAILED_PRECONDITION},
    CodeOf{"outbox-full", grpc::StatusCode::RESOURCE_EXHAUSTED},
    CodeOf{"outbox-no-space", grpc::StatusCode::RESOURCE_EXHAUSTED},
    CodeOf{"store", grpc::StatusCode::RESOURCE_EXHAUSTED},
};

/// Short, valid UTF-8, and without control characters, which JSON would blow up and terminals obey.
std::string bounded(std::string text) {
    if (text.size() > text_max_bytes) {
        text = text.substr(0, text_max_bytes) + "…";
    }
    for (char& c : text) {
        c = (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F ? ' ' : c;
    }
    return valid_utf8(text);
}

struct NameOf {
    grpc::StatusCode status;
    std::string_view code;
    std::string_view fix;
};

/// What gRPC's own failures mean here.
constexpr std::array own_failures{
    NameOf{grpc::StatusCode::UNAVAILABLE,
           "node-unreachable",
           "check that authex-em runs there, the address and, with TLS, the certificates"},
    NameOf{grpc::StatusCode::DEADLINE_EXCEEDED, "deadline", "try again, or allow more time"},
    NameOf{grpc::StatusCode::UNIMPLEMENTED,
           "protocol-version",
           "use the same release of authex and authex-em"},
    NameOf{grpc::StatusCode::RESOURCE_EXHAUSTED, "limit", "try again later"},
    NameOf{grpc::StatusCode::CANCELLED, "cancelled", ""},
};

} // namespace

std::string valid_utf8(const std::string& text) {
    const bool ascii = std::all_of(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii) {
        return text;
    }
    // nlohmann's writer knows how to mend it.
    const std::string quoted =
        nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return nlohmann::json::parse(quoted).get<std::string>();
}

grpc::Status to_status(const Diagnostic& diagnostic) {
    grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
    for (const CodeOf& entry : codes) {
        if (entry.diagnostic == diagnostic.code) {
            code = entry.status;
        }
    }
    Diagnostic sent = diagnostic;
    for (std::string* text : {&sent.summary, &sent.detail, &sent.fix}) {
        *text = bounded(std::move(*text));
    }
    return {code, sent.summary, to_json(sent).dump()};
}

Diagnostic to_diagnostic(const grpc::Status& status) {
    const nlohmann::json json =
        nlohmann::json::parse(status.error_details(), nullptr, /*allow_exceptions=*/false);
    // The node may be anybody's: what it says is shown, and written as JSON again.
    const auto text = [&](const char* key) {
        const auto found = json.find(key);
        return found != json.end() && found->is_string() ? bounded(found->get<std::string>())
                                                         : std::string();
    };
    const std::string message = bounded(status.error_message());
    if (json.is_object() && !text("code").empty() && !text("summary").empty()) {
        Diagnostic diagnostic = make_error(text("code"), text("summary"), text("fix"));
        diagnostic.detail = text("detail");
        return diagnostic;
    }
    for (const NameOf& own : own_failures) {
        if (own.status == status.error_code()) {
            return make_error(std::string(own.code), message, std::string(own.fix));
        }
    }
    return make_error("call-failed",
                      message.empty() ? "the call failed without a reason" : message);
}

} // namespace authex::rpc
