#pragma once
// How a service manager hears that this one serves: sd_notify(3).

#include <string_view>

#include "base/diagnostic.hpp"

namespace authex::em {

/// Sends one datagram, e.g. "READY=1", to the AF_UNIX socket that the environment variable
/// NOTIFY_SOCKET names: a path, or `@` and an abstract name. Without the variable nothing is to be
/// told.                                                             (sd_notify(3),
/// "NOTIFY_SOCKET")
/// @return whether there was somebody to tell. @error ready: the socket cannot be reached
Expected<bool> tell_service_manager(std::string_view state);

} // namespace authex::em
