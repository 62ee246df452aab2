#pragma once
// A client that speaks HTTP by hand.

#include <string>

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

namespace authex::test {

/// A client with a socket of its own.
class HttpClient {
  public:
    explicit HttpClient(const std::string& address) : socket_(io_) {
        const std::size_t colon = address.rfind(':');
        asio::ip::tcp::resolver resolver(io_);
        asio::connect(socket_,
                      resolver.resolve(address.substr(0, colon), address.substr(colon + 1)));
    }
    void say(const std::string& text) {
        asio::error_code ignored;
        asio::write(socket_, asio::buffer(text), ignored);
    }
    /// All that the server says until it closes.
    std::string rest() {
        std::string text;
        asio::error_code ended;
        asio::read(socket_, asio::dynamic_buffer(text), ended);
        return text;
    }
    std::string get(const std::string& request) {
        say(request);
        return rest();
    }

  private:
    asio::io_context io_;
    asio::ip::tcp::socket socket_;
};

} // namespace authex::test
