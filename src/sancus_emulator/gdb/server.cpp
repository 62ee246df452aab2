// What the machine does for a debugger: running, standing, and saying why.
#include "sancus_emulator/gdb/server.hpp"

#include <utility>

#include <fmt/format.h>

namespace authex::sancus_emulator::gdb {

Server::Server(Machine& machine, const Symbols& symbols, Observer* next)
    : machine_(machine), symbols_(symbols), next_(next) {
    machine_.observe(this);
}

Server::~Server() {
    machine_.observe(next_);
}

void Server::attach() {
    attached_ = true;
    acknowledges_ = true;
    state_ = State::halted;
    reader_ = PacketReader();
    output_.clear();
    last_packet_.clear();
    last_stop_ = "T05";
}

void Server::detach() {
    if (!attached_) {
        return;
    }
    attached_ = false;
    state_ = State::running;
    fresh_ = true;
    violation_.reset();
    breakpoints_.clear();
    machine_.clear_breakpoints();
    machine_.core().set_watches({});
}

void Server::take(std::string_view bytes) {
    for (const char byte : bytes) {
        if (const auto item = reader_.take(byte); item && attached_) {
            take_item(*item);
        }
    }
}

void Server::take_item(const Item& item) {
    switch (item.kind) {
    case Item::Kind::packet:
        output_ += acknowledges_ ? "+" : "";
        if (const Answer text = answer(item.payload)) {
            send(*text);
        }
        break;
    case Item::Kind::damaged:
        output_ += acknowledges_ ? "-" : "";
        break;
    case Item::Kind::oversized:
        output_ += acknowledges_ ? "+" : "";
        send("E16");
        break;
    case Item::Kind::interrupt:
        if (state_ != State::halted) {
            halt(Signal::interrupt);
        }
        break;
    case Item::Kind::acknowledged:
        break;
    case Item::Kind::refused:
        output_ += acknowledges_ ? last_packet_ : "";
        break;
    }
}

void Server::send(std::string_view payload) {
    last_packet_ = frame(payload);
    output_ += last_packet_;
}

std::string Server::output() {
    return std::exchange(output_, {});
}

void Server::say(const std::string& line) {
    send("O" + hex(line + "\n"));
}

void Server::halt(Signal signal, const std::string& more) {
    state_ = State::halted;
    last_stop_ = fmt::format("T{:02x}{}", static_cast<unsigned>(signal), more);
    send(last_stop_);
}

void Server::ended(int status) {
    if (attached_ && state_ != State::halted) {
        state_ = State::halted;
        send(fmt::format("W{:02x}", status & 0xFF));
    }
}

bool Server::sleeps() const {
    return (machine_.core().r[reg::sr] & status::cpu_off) != 0;
}

std::optional<Stop> Server::run(std::uint64_t cycle) {
    if (state_ == State::halted) {
        return std::nullopt;
    }
    const Core& core = machine_.core();
    if (!fresh_ && !sleeps() && breakpoints_.contains(core.r[reg::pc])) {
        halt(Signal::trap);
        return std::nullopt;
    }
    const std::uint64_t before = core.cycle;
    const Stop stop = state_ == State::stepping ? step(cycle) : machine_.run(cycle);
    fresh_ = fresh_ && core.cycle == before;
    return stood(stop);
}

Stop Server::step(std::uint64_t cycle) {
    while (machine_.core().cycle < cycle) {
        const bool slept = sleeps();
        if (const Stop stop = machine_.step(); stop != Stop::limit) {
            return stop;
        }
        stepped_ = !slept || !sleeps();
        if (stepped_) {
            break;
        }
    }
    return Stop::limit;
}

std::optional<Stop> Server::stood(Stop stop) {
    const bool end_told = std::exchange(end_told_, false);
    if (violation_) {
        say(fmt::format("violation in cycle {}: {}",
                        violation_->cycle,
                        describe(symbols_, machine_.core().enclaves, *violation_)));
        violation_.reset();
        halt(Signal::segv);
        return std::nullopt;
    }
    switch (stop) {
    case Stop::limit:
        if (!std::exchange(stepped_, false)) {
            return stop;
        }
        halt(Signal::trap);
        return std::nullopt;
    case Stop::breakpoint:
        halt(Signal::trap);
        return std::nullopt;
    case Stop::watched: {
        const std::uint16_t address = machine_.core().watched.value_or(0);
        halt(Signal::trap, watch_text(address));
        return std::nullopt;
    }
    case Stop::off:
    case Stop::bad_fetch:
        if (end_told || !attached_) {
            return stop;
        }
        end_told_ = true;
        say(stop == Stop::off ? "the program has ended (CPUOFF)"
                              : "the program has left program memory");
        halt(stop == Stop::off ? Signal::term : Signal::segv);
        return std::nullopt;
    case Stop::asleep:
    case Stop::observer:
        return stop;
    }
    return stop;
}

std::string Server::watch_text(std::uint16_t address) const {
    for (const Watch& watch : machine_.core().watches) {
        if (address >= watch.address && address - watch.address < watch.size) {
            const char* kind = !watch.reads ? "watch" : !watch.writes ? "rwatch" : "awatch";
            return fmt::format("{}:{:x};", kind, address);
        }
    }
    return {};
}

void Server::instruction(const Core& core) {
    if (next_ != nullptr) {
        next_->instruction(core);
    }
}

void Server::interrupt(const Core& core, unsigned vector) {
    if (next_ != nullptr) {
        next_->interrupt(core, vector);
    }
}

void Server::violated(const Core& core, const Violation& violation) {
    if (next_ != nullptr) {
        next_->violated(core, violation);
    }
    if (attached_ && stops_at_violations_) {
        violation_ = violation;
    }
}

void Server::was_reset(const Core& core) {
    if (next_ != nullptr) {
        next_->was_reset(core);
    }
}

bool Server::wants_instructions() const {
    return next_ != nullptr && next_->wants_instructions();
}

bool Server::wants_stop() const {
    return violation_.has_value() || (next_ != nullptr && next_->wants_stop());
}

} // namespace authex::sancus_emulator::gdb
