#pragma once
// The manager's words as messages of node.proto, and back.

#include "authex/v1/node.pb.h"
#include "em/control/manager.hpp"

namespace authex::em {

void fill(const Module& module, v1::ModuleStatus& message);
void fill(const Greeting& greeting, v1::HelloReply& message);
void fill(const Route& route, v1::ConnectRequest& message);
void fill(const NodeStatus& status, v1::StatusReply& message);
void fill(const std::vector<metrics::Family>& families, v1::MetricsReply& message);
void fill(const LogEntry& line, v1::LogLine& message);

/// @error bad-request: the digest has another size than 32, the id is none, more devices than a
/// module can have
[[nodiscard]] Expected<LoadOrder> load_order_of(const v1::LoadSpec& message);
[[nodiscard]] ProcessName process_of(const v1::ModuleRequest& message);
[[nodiscard]] Expected<Route> route_of(const v1::ConnectRequest& message);

} // namespace authex::em
