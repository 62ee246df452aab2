#pragma once
// Sockets that the emulator serves.

#include <string>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>

#include "base/diagnostic.hpp"

namespace authex::sancus_emulator {

/// For this user alone. A socket in that place that nobody serves any more is replaced.
/// @error socket: in use, or the system's word
Expected<asio::local::stream_protocol::acceptor> listen_unix(asio::io_context& io,
                                                             const std::string& path);

/// @param address [HOST:]PORT; without HOST 127.0.0.1; port 0: any that is free
/// @error socket
Expected<asio::ip::tcp::acceptor> listen_tcp(asio::io_context& io, const std::string& address);

} // namespace authex::sancus_emulator
