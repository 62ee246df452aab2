#include "sancus_emulator/program/sockets.hpp"

#include <charconv>
#include <filesystem>
#include <optional>

#include <asio/ip/address.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

namespace authex::sancus_emulator {
namespace {

using asio::ip::tcp;
using asio::local::stream_protocol;

tl::unexpected<Diagnostic>
cannot(const std::string& what, const std::string& why, std::string fix = {}) {
    return failure("socket", fmt::format("{}: {}", what, why), std::move(fix));
}

/// Removes a socket that nobody serves. @return false: somebody does, or it is no socket
bool make_room(asio::io_context& io, const std::string& path) {
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
        return true;
    }
    if (status.type() != std::filesystem::file_type::socket) {
        return false;
    }
    stream_protocol::socket probe(io);
    asio::error_code refused;
    probe.connect(stream_protocol::endpoint(path), refused);
    return refused == asio::error::connection_refused && std::filesystem::remove(path, error);
}

std::optional<tcp::endpoint> endpoint_of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::string host = colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon);
    const std::string digits = colon == std::string::npos ? text : text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    asio::error_code unknown;
    const auto address = asio::ip::make_address(host, unknown);
    if (error != std::errc{} || end != digits.data() + digits.size() || unknown) {
        return std::nullopt;
    }
    return tcp::endpoint(address, port);
}

} // namespace

Expected<stream_protocol::acceptor> listen_unix(asio::io_context& io, const std::string& path) {
    constexpr std::size_t path_bytes_max = 107; // sockaddr_un, unix(7)
    if (path.empty() || path.size() > path_bytes_max) {
        return cannot(path,
                      fmt::format("the path of a socket has 1 to {} bytes", path_bytes_max),
                      "take a shorter one");
    }
    if (!make_room(io, path)) {
        return cannot(path, "it is there already", "end who serves it, or take another path");
    }
    stream_protocol::acceptor acceptor(io);
    asio::error_code error;
    acceptor.open(stream_protocol(), error);
    const mode_t before = ::umask(S_IRWXG | S_IRWXO);
    if (!error) {
        acceptor.bind(stream_protocol::endpoint(path), error);
    }
    ::umask(before);
    if (!error) {
        acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        return cannot(path, error.message(), "take a path in a folder that can be written");
    }
    return acceptor;
}

Expected<tcp::acceptor> listen_tcp(asio::io_context& io, const std::string& address) {
    const auto endpoint = endpoint_of(address);
    if (!endpoint) {
        return cannot(address,
                      "this is no address",
                      "write PORT for 127.0.0.1, or HOST:PORT with a numeric host; port 0 is any");
    }
    tcp::acceptor acceptor(io);
    asio::error_code error;
    acceptor.open(endpoint->protocol(), error);
    if (!error) {
        acceptor.set_option(asio::socket_base::reuse_address(true), error);
        acceptor.bind(*endpoint, error);
    }
    if (!error) {
        acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        return cannot(address, error.message(), "take another port");
    }
    return acceptor;
}

} // namespace authex::sancus_emulator
