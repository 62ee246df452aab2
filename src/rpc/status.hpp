#pragma once
// How a Diagnostic crosses a gRPC call: the status code says how to react, the message is for
// people, and the status details carry the Diagnostic's JSON, so that the client prints what the
// server meant.

#include <string>

#include <grpcpp/support/status.h>

#include "base/diagnostic.hpp"

namespace authex::rpc {

/// The Diagnostic as a status. Codes that no table entry names become UNKNOWN.
/// Texts are cut to a bounded size and made valid UTF-8, because a status travels in HTTP/2
/// trailers.
[[nodiscard]] grpc::Status to_status(const Diagnostic& diagnostic);

/// The Diagnostic that the server meant, or one made from code and message where the status is of
/// gRPC itself (no such host, deadline, broken connection) or of a foreign server.
/// @pre !status.ok()
[[nodiscard]] Diagnostic to_diagnostic(const grpc::Status& status);

/// The text with what is no UTF-8 replaced by U+FFFD: protobuf refuses other strings.
[[nodiscard]] std::string valid_utf8(const std::string& text);

} // namespace authex::rpc
