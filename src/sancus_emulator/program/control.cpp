#include "sancus_emulator/program/control.hpp"

#include <algorithm>
#include <list>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>
#include <asio/write.hpp>

#include "sancus_emulator/physical_trace.hpp"
#include "sancus_emulator/program/sockets.hpp"

namespace authex::sancus_emulator {
namespace {

using Protocol = asio::local::stream_protocol;

constexpr std::size_t request_bytes_max = 4096;
/// What waits for a client that does not read; beyond it is dropped.
constexpr std::size_t unread_max = 1U << 20U;

/// Lives as long as something is going on with it.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Protocol::socket socket, Panel& panel)
        : socket_(std::move(socket)), panel_(panel), request_(request_bytes_max) {}

    void read() {
        asio::async_read_until(
            socket_,
            request_,
            '\n',
            [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
                if (error) {
                    self->close();
                    return;
                }
                self->take(size);
                self->read();
            });
    }
    void send(std::string line) {
        if (unsent_.size() + line.size() > unread_max) {
            close();
            return;
        }
        unsent_ += line + "\n";
        write();
    }
    void close() {
        asio::error_code ignored;
        socket_.close(ignored);
        open_ = false;
    }
    [[nodiscard]] bool watches() const { return watches_ && open_; }
    [[nodiscard]] bool is_open() const { return open_; }

  private:
    void take(std::size_t size) {
        const auto* data = static_cast<const char*>(request_.data().data());
        std::string line(data, size - 1);
        request_.consume(size);
        if (!line.empty() && line.back() == '\r') {
            line.pop_back();
        }
        send(panel_.answer(line).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        watches_ = watches_ || line == "watch";
    }
    void write() {
        if (!going_.empty() || unsent_.empty() || !open_) {
            return;
        }
        going_.swap(unsent_);
        asio::async_write(socket_,
                          asio::buffer(going_),
                          [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                              self->going_.clear();
                              if (error) {
                                  self->close();
                                  return;
                              }
                              self->write();
                          });
    }

    Protocol::socket socket_;
    Panel& panel_;
    asio::streambuf request_;
    std::string unsent_;
    std::string going_;
    bool watches_ = false;
    bool open_ = true;
};

} // namespace

class ControlServer::State {
  public:
    State(Protocol::acceptor acceptor, std::string path, Panel& panel)
        : acceptor_(std::move(acceptor)), path_(std::move(path)), panel_(panel) {
        accept();
    }
    ~State() { ::unlink(path_.c_str()); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void happened(const PhysicalEvent& event) {
        std::erase_if(connections_, [](const auto& connection) { return !connection->is_open(); });
        for (const auto& connection : connections_) {
            if (connection->watches()) {
                connection->send(to_line(event));
            }
        }
    }
    void close() {
        asio::error_code ignored;
        acceptor_.close(ignored);
        for (const auto& connection : connections_) {
            connection->close();
        }
    }

  private:
    void accept() {
        acceptor_.async_accept([this](const asio::error_code& error, Protocol::socket socket) {
            if (error == asio::error::operation_aborted) {
                return;
            }
            if (!error) {
                std::erase_if(connections_,
                              [](const auto& connection) { return !connection->is_open(); });
                connections_.push_back(std::make_shared<Connection>(std::move(socket), panel_));
                connections_.back()->read();
            }
            accept();
        });
    }

    Protocol::acceptor acceptor_;
    std::string path_;
    Panel& panel_;
    std::list<std::shared_ptr<Connection>> connections_;
};

ControlServer::ControlServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

ControlServer::~ControlServer() {
    state_->close();
}

Expected<std::unique_ptr<ControlServer>>
ControlServer::open(asio::io_context& io, const std::string& path, Panel& panel) {
    auto acceptor = listen_unix(io, path);
    if (!acceptor) {
        return tl::unexpected(acceptor.error());
    }
    return std::unique_ptr<ControlServer>(
        new ControlServer(std::make_unique<State>(std::move(*acceptor), path, panel)));
}

void ControlServer::happened(const PhysicalEvent& event) {
    state_->happened(event);
}

} // namespace authex::sancus_emulator
