#include "sancus_emulator/program/gdb_port.hpp"

#include <array>

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>

#include "sancus_emulator/program/sockets.hpp"

namespace authex::sancus_emulator {
namespace {

using asio::ip::tcp;

/// Takes no more from the debugger while it has not taken what is for it. Lives as long as
/// something is going on with it.
class Debugger : public std::enable_shared_from_this<Debugger> {
  public:
    Debugger(tcp::socket socket, gdb::Server& server)
        : socket_(std::move(socket)), server_(server) {
        asio::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
    }

    void begin() {
        server_.attach();
        read();
    }
    void flush() {
        unsent_ += server_.output();
        if (unsent_.empty() || !going_.empty() || !open_) {
            return;
        }
        going_.swap(unsent_);
        asio::async_write(socket_,
                          asio::buffer(going_),
                          [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                              self->going_.clear();
                              if (error) {
                                  self->lose();
                                  return;
                              }
                              self->flush();
                              self->read();
                          });
    }
    /// What there is to say, as far as it goes out at once.
    void finish() {
        unsent_ += server_.output();
        asio::error_code ignored;
        if (going_.empty() && open_) {
            socket_.non_blocking(true, ignored);
            socket_.write_some(asio::buffer(unsent_), ignored);
        }
        close();
    }
    void close() {
        asio::error_code ignored;
        socket_.close(ignored);
        open_ = false;
    }
    [[nodiscard]] bool is_open() const { return open_; }

  private:
    void read() {
        if (reading_ || !going_.empty() || !open_) {
            return;
        }
        reading_ = true;
        socket_.async_read_some(
            asio::buffer(input_),
            [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
                self->reading_ = false;
                if (error) {
                    self->lose();
                    return;
                }
                self->server_.take({self->input_.data(), size});
                self->flush();
                self->read();
            });
    }
    void lose() {
        if (open_) {
            close();
            server_.detach();
        }
    }

    tcp::socket socket_;
    gdb::Server& server_;
    std::array<char, 4096> input_{};
    std::string unsent_;
    std::string going_;
    bool reading_ = false;
    bool open_ = true;
};

} // namespace

class GdbPort::State {
  public:
    State(tcp::acceptor acceptor, gdb::Server& server, const Panel& panel)
        : acceptor_(std::move(acceptor)), server_(server), panel_(panel) {
        accept();
    }

    [[nodiscard]] std::string place() const {
        asio::error_code ignored;
        const auto endpoint = acceptor_.local_endpoint(ignored);
        const std::string host = endpoint.address().to_string();
        return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                          : fmt::format("{}:{}", host, endpoint.port());
    }
    std::optional<Stop> run(std::uint64_t cycle) {
        if (panel_.paused()) {
            return std::nullopt;
        }
        const auto stop = server_.run(cycle);
        if (connection_ != nullptr) {
            connection_->flush();
        }
        return stop;
    }
    void finish(int status) {
        server_.ended(status);
        if (connection_ != nullptr) {
            connection_->finish();
        }
    }
    void close() {
        asio::error_code ignored;
        acceptor_.close(ignored);
        if (connection_ != nullptr) {
            connection_->close();
        }
    }

  private:
    void accept() {
        acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
            if (error == asio::error::operation_aborted) {
                return;
            }
            const bool busy = connection_ != nullptr && connection_->is_open();
            if (!error && !busy) {
                connection_ = std::make_shared<Debugger>(std::move(socket), server_);
                connection_->begin();
            }
            accept();
        });
    }

    tcp::acceptor acceptor_;
    gdb::Server& server_;
    const Panel& panel_;
    std::shared_ptr<Debugger> connection_;
};

GdbPort::GdbPort(std::unique_ptr<State> state) : state_(std::move(state)) {}

GdbPort::~GdbPort() {
    state_->close();
}

Expected<std::unique_ptr<GdbPort>> GdbPort::open(asio::io_context& io,
                                                 const std::string& address,
                                                 gdb::Server& server,
                                                 const Panel& panel) {
    auto acceptor = listen_tcp(io, address);
    if (!acceptor) {
        return tl::unexpected(acceptor.error());
    }
    return std::unique_ptr<GdbPort>(
        new GdbPort(std::make_unique<State>(std::move(*acceptor), server, panel)));
}

std::string GdbPort::place() const {
    return state_->place();
}

std::optional<Stop> GdbPort::run(Machine& machine, std::uint64_t cycle) {
    (void)machine;
    return state_->run(cycle);
}

void GdbPort::finish(int status) {
    state_->finish(status);
}

} // namespace authex::sancus_emulator
