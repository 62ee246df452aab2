#pragma once
// The TCP port at which a debugger finds the machine.

#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "base/diagnostic.hpp"
#include "sancus_emulator/gdb/server.hpp"
#include "sancus_emulator/program/panel.hpp"

namespace authex::sancus_emulator {

/// One debugger at a time: who comes while another is there is turned away.
class GdbPort : public Driver {
  public:
    /// @param address as of listen_tcp(). @param server borrowed, as is the panel, which can hold
    /// the machine too. @error socket
    static Expected<std::unique_ptr<GdbPort>>
    open(asio::io_context& io, const std::string& address, gdb::Server& server, const Panel& panel);
    ~GdbPort() override;
    GdbPort(const GdbPort&) = delete;
    GdbPort& operator=(const GdbPort&) = delete;

    /// HOST:PORT
    [[nodiscard]] std::string place() const;
    std::optional<Stop> run(Machine& machine, std::uint64_t cycle) override;
    /// Tells the debugger that the program has ended, if it waits for news.
    void finish(int status);

  private:
    class State;
    explicit GdbPort(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace authex::sancus_emulator
