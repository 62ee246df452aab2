#pragma once
// Debugs a machine for who speaks GDB's remote protocol: bytes in, bytes out, no connection.
// Source: Debugging with GDB, appendix E. One thread, one process, all-stop.

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sancus_emulator/gdb/packets.hpp"
#include "sancus_emulator/machine.hpp"
#include "sancus_emulator/symbols.hpp"

namespace authex::sancus_emulator::gdb {

/// Observes the machine in place of `next`, to which it passes everything on. Not thread-safe.
class Server : public Observer {
  public:
    static constexpr std::size_t breakpoints_max = 256;
    static constexpr std::size_t watches_max = 32;

    /// The machine stands until a debugger lets it run. All are borrowed; the machine has no
    /// observer afterwards but this one. @param next may be nullptr
    Server(Machine& machine, const Symbols& symbols, Observer* next);
    ~Server() override;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// A debugger is there: the machine stands.
    void attach();
    /// It is gone: the machine goes on, without breakpoints.
    void detach();
    [[nodiscard]] bool is_attached() const { return attached_; }
    /// Bytes from the debugger, in pieces of any size.
    void take(std::string_view bytes);
    /// Bytes for the debugger since the last call.
    [[nodiscard]] std::string output();

    /// Lets the machine run up to `cycle`, if the debugger does.
    /// @return why it stands; nullopt: because of the debugger. What ends a program makes it stand
    /// for the debugger first, and is returned when it is to go on nevertheless.
    std::optional<Stop> run(std::uint64_t cycle);
    /// The program has ended. @param status as the debugger's user is told it
    void ended(int status);
    /// The debugger wants the end of everything.
    [[nodiscard]] bool kill_asked() const { return kill_asked_; }

    void instruction(const Core& core) override;
    void interrupt(const Core& core, unsigned vector) override;
    void violated(const Core& core, const Violation& violation) override;
    void was_reset(const Core& core) override;
    [[nodiscard]] bool wants_instructions() const override;
    [[nodiscard]] bool wants_stop() const override;

  private:
    enum class Signal : std::uint8_t { interrupt = 2, trap = 5, segv = 11, term = 15 };
    enum class State : std::uint8_t { halted, running, stepping };
    /// What a packet is answered with; nothing: the answer comes when the machine stands.
    using Answer = std::optional<std::string>;

    void take_item(const Item& item);
    void send(std::string_view payload);
    Answer answer(std::string_view packet);
    Answer resume(std::string_view packet);
    Answer resume_threads(std::string_view packet);
    Answer go(State state);
    [[nodiscard]] std::string registers_text() const;
    std::string set_registers(std::string_view text);
    void put(unsigned number, std::uint16_t value);
    [[nodiscard]] std::string read_one(Fields fields) const;
    std::string write_one(Fields fields);
    std::string read_range(Fields fields);
    std::string write_range(Fields fields, bool binary);
    std::string set_point(std::string_view packet);
    std::string set_breakpoint(std::uint16_t address, bool wanted);
    std::string set_watch(const Watch& watch, bool wanted);
    std::string query(std::string_view packet);
    [[nodiscard]] static std::string features(Fields fields);
    std::string monitor(std::string_view command);
    [[nodiscard]] std::string enclaves() const;

    Stop step(std::uint64_t cycle);
    std::optional<Stop> stood(Stop stop);
    [[nodiscard]] bool sleeps() const;
    /// The machine stands, and the debugger is told. @param more further parts of the packet
    void halt(Signal signal, const std::string& more = {});
    /// A line on the debugger's console, while the machine runs.
    void say(const std::string& line);
    [[nodiscard]] std::string watch_text(std::uint16_t address) const;

    Machine& machine_;
    const Symbols& symbols_;
    Observer* next_;
    PacketReader reader_;
    std::string output_;
    std::string last_packet_;
    std::string last_stop_;
    bool acknowledges_ = true;
    bool attached_ = false;
    bool kill_asked_ = false;
    State state_ = State::halted;
    bool fresh_ = false;   ///< resumed, and no instruction has executed since
    bool stepped_ = false; ///< the step that was asked for is done
    bool end_told_ = false;
    bool stops_at_violations_ = true;
    std::optional<Violation> violation_; ///< not told yet
    std::set<std::uint16_t> breakpoints_;
};

} // namespace authex::sancus_emulator::gdb
