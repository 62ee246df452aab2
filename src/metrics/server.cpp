#include "metrics/server.hpp"

#include <chrono>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>

#include "metrics/exposition.hpp"

namespace authex::metrics {
namespace {

using asio::ip::tcp;

/// Prometheus' own requests have some 300 bytes.
constexpr std::size_t request_max_bytes = 8192;

std::string response(std::string_view status, std::string_view type, std::string_view body) {
    return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
                       "Cache-Control: no-store\r\nConnection: close\r\n\r\n{}",
                       status,
                       type,
                       body.size(),
                       body);
}

/// @param line `METHOD target HTTP/1.x`
std::string answer(std::string_view line, const std::function<std::string()>& render) {
    constexpr std::string_view plain = "text/plain; charset=utf-8";
    const std::size_t first = line.find(' ');
    const std::size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
    if (second == line.npos || !line.substr(second + 1).starts_with("HTTP/1.")) {
        return response("400 Bad Request", plain, "this is no HTTP request\n");
    }
    if (line.substr(0, first) != "GET") {
        return response("405 Method Not Allowed\r\nAllow: GET", plain, "only GET\n");
    }
    const std::string_view target = line.substr(first + 1, second - first - 1);
    if (target.substr(0, target.find('?')) != "/metrics") {
        return response("404 Not Found", plain, "metrics are at /metrics\n");
    }
    return response("200 OK", content_type, render());
}

/// One request and its answer.
class Client : public std::enable_shared_from_this<Client> {
  public:
    Client(tcp::socket socket, const std::function<std::string()>& render)
        : socket_(std::move(socket)), deadline_(socket_.get_executor()), render_(render) {}

    void start(std::uint64_t us_max) {
        deadline_.expires_after(std::chrono::microseconds(us_max));
        deadline_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
            if (!cancelled) {
                asio::error_code ignored;
                self->socket_.close(ignored);
            }
        });
        asio::async_read_until(
            socket_,
            asio::dynamic_buffer(request_, request_max_bytes),
            "\r\n\r\n",
            [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                // A request that is too long is answered too; one that broke off is not.
                if (!error || error == asio::error::not_found) {
                    self->reply();
                } else {
                    self->deadline_.cancel();
                }
            });
    }

  private:
    void reply() {
        response_ = answer(std::string_view(request_).substr(0, request_.find("\r\n")), render_);
        asio::async_write(socket_,
                          asio::buffer(response_),
                          [self = shared_from_this()](const asio::error_code&, std::size_t) {
                              asio::error_code ignored;
                              self->socket_.shutdown(tcp::socket::shutdown_both, ignored);
                              self->deadline_.cancel();
                          });
    }

    tcp::socket socket_;
    asio::steady_timer deadline_;
    const std::function<std::string()>& render_;
    std::string request_;
    std::string response_;
};

Expected<std::pair<std::string, std::string>> split_address(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
        return failure("address",
                       fmt::format("\"{}\" is no host:port", address),
                       "write it as 127.0.0.1:9464 or [::1]:9464");
    }
    const bool bracketed = address.front() == '[' && address[colon - 1] == ']';
    return std::make_pair(bracketed ? address.substr(1, colon - 2) : address.substr(0, colon),
                          address.substr(colon + 1));
}

class HttpServer final : public Server {
  public:
    HttpServer(ServerOptions options, std::function<std::string()> render)
        : options_(std::move(options)), render_(std::move(render)), acceptor_(io_) {}
    ~HttpServer() override {
        io_.stop();
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    Expected<bool> start() {
        const auto parts = split_address(options_.listen);
        if (!parts) {
            return tl::make_unexpected(parts.error());
        }
        asio::error_code error;
        tcp::resolver resolver(io_);
        const auto found =
            resolver.resolve(parts->first, parts->second, tcp::resolver::passive, error);
        if (!error && !found.empty()) {
            const tcp::endpoint endpoint = *found.begin();
            acceptor_.open(endpoint.protocol(), error);
            if (!error) {
                acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
                acceptor_.bind(endpoint, error);
            }
            if (!error) {
                acceptor_.listen(tcp::acceptor::max_listen_connections, error);
            }
        }
        if (error || !acceptor_.is_open()) {
            return failure(
                "listen",
                fmt::format("metrics cannot be served on {}: {}", options_.listen, error.message()),
                "choose another --metrics address (ss -ltnp shows who has it)");
        }
        const std::string host = options_.listen.substr(0, options_.listen.rfind(':'));
        address_ = fmt::format("{}:{}", host, acceptor_.local_endpoint(error).port());
        accept();
        thread_ = std::thread([this] { io_.run(); });
        return true;
    }
    [[nodiscard]] std::string address() const override { return address_; }

  private:
    void accept() {
        acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
            std::erase_if(clients_, [](const auto& client) { return client.expired(); });
            if (!error && clients_.size() < options_.clients_max) {
                const auto client = std::make_shared<Client>(std::move(socket), render_);
                clients_.push_back(client);
                client->start(options_.client_us_max);
            }
            if (error) {
                // Out of descriptors, most likely: not at once again.
                retry_.expires_after(std::chrono::milliseconds(100));
                retry_.async_wait([this](const asio::error_code&) { accept(); });
            } else {
                accept();
            }
        });
    }

    ServerOptions options_;
    std::function<std::string()> render_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer retry_{io_};
    std::vector<std::weak_ptr<Client>> clients_;
    std::string address_;
    std::thread thread_;
};

} // namespace

Expected<std::unique_ptr<Server>> Server::open(const ServerOptions& options,
                                               std::function<std::string()> render) {
    auto server = std::make_unique<HttpServer>(options, std::move(render));
    const Expected<bool> started = server->start();
    if (!started) {
        return tl::make_unexpected(started.error());
    }
    return server;
}

} // namespace authex::metrics
