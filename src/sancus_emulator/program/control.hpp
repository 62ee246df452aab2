#pragma once
// The Unix socket that a running emulator serves: each line is a request, each answer a line of
// JSON (panel.hpp). After `watch` the connection gets each physical event too, in the form of
// physical_trace.hpp.

#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "base/diagnostic.hpp"
#include "sancus_emulator/device.hpp"
#include "sancus_emulator/program/panel.hpp"

namespace authex::sancus_emulator {

class ControlServer {
  public:
    /// @param panel borrowed. @error socket
    static Expected<std::unique_ptr<ControlServer>>
    open(asio::io_context& io, const std::string& path, Panel& panel);
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    /// Tells those who watch.
    void happened(const PhysicalEvent& event);

  private:
    class State;
    explicit ControlServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace authex::sancus_emulator
