#pragma once
// A server that is told things over HTTP.

#include <string>
#include <thread>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

namespace authex::test {

/// Takes one request after another, and answers each with the next of these.
class HttpReceiver {
  public:
    explicit HttpReceiver(std::vector<std::string> answers)
        : acceptor_(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          thread_([this, answers = std::move(answers)] {
              for (const std::string& answer : answers) {
                  asio::ip::tcp::socket socket(io_);
                  acceptor_.accept(socket);
                  std::string request;
                  asio::read_until(socket, asio::dynamic_buffer(request), "}");
                  requests.push_back(request);
                  asio::write(socket, asio::buffer(answer));
              }
          }) {}
    [[nodiscard]] std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
    }
    void join() { thread_.join(); }

    std::vector<std::string> requests;

  private:
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_;
    std::jthread thread_;
};

} // namespace authex::test
