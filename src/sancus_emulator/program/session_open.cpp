// How a session comes to be.
#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <sys/random.h>

#include "descriptor/findings.hpp"
#include "sancus_emulator/program/files.hpp"
#include "sancus_emulator/program/node.hpp"
#include "sancus_emulator/program/session.hpp"

namespace authex::sancus_emulator {
namespace {

using descriptor::quote;

/// NAME=END
struct Assignment {
    std::string name;
    std::string end;
};

std::optional<Assignment> assignment_of(const std::string& text) {
    const std::size_t equals = text.find('=');
    return equals == std::string::npos || equals == 0
               ? std::nullopt
               : std::optional(Assignment{text.substr(0, equals), text.substr(equals + 1)});
}

} // namespace

Session::Session(const Options& options)
    : options_(options), reporter_(options.json, options.quiet), signals_(io_, SIGINT, SIGTERM) {}

Session::~Session() = default;

std::unique_ptr<Session> Session::open(const Options& options, int& exit_status) {
    std::unique_ptr<Session> session(new Session(options));
    for (const auto opened : {&Session::open_board,
                              &Session::open_machine,
                              &Session::open_outputs,
                              &Session::open_state,
                              &Session::open_lines,
                              &Session::open_control,
                              &Session::open_gdb}) {
        exit_status = (session.get()->*opened)();
        if (exit_status != 0) {
            return nullptr;
        }
    }
    return session;
}

int Session::open_board() {
    auto board = open_node(options_.node);
    if (!board) {
        for (const Diagnostic& diagnostic : board.error()) {
            reporter_.error(diagnostic);
        }
        return exit_usage;
    }
    board_ = std::move(*board);
    Configuration& configuration = board_.configuration;
    if (!options_.core.empty()) {
        configuration.variant = options_.core == "legacy" ? Variant::legacy
                                : options_.core == "aion" ? Variant::aion
                                                          : Variant::base;
    }
    configuration.rules = options_.rtl_quirks ? Rules::rtl : configuration.rules;
    configuration.cpu_off_ends = configuration.cpu_off_ends || options_.cpu_off_ends;
    options_.hz = options_.board_hz ? board_.clock_hz : options_.hz;
    limit_ = options_.cycles.value_or(never);
    if (options_.seconds) {
        limit_ = static_cast<std::uint64_t>(*options_.seconds * board_.clock_hz);
    }
    return 0;
}

std::string Session::end_of_line(const NamedPort& port) const {
    std::string end = port.end;
    for (const std::string& text : options_.serial) {
        const auto assignment = assignment_of(text);
        end = assignment && assignment->name == port.name ? assignment->end : end;
    }
    return end;
}

int Session::open_machine() {
    const bool live =
        !options_.control.empty() ||
        std::any_of(options_.serial.begin(), options_.serial.end(), [](const std::string& text) {
            const auto assignment = assignment_of(text);
            return assignment && sancus_emulator::is_live(assignment->end);
        });
    if (live && options_.deterministic) {
        return fail(make_error("not-deterministic",
                               "what comes from a terminal, a socket or `control` makes two runs "
                               "differ",
                               "leave --deterministic out, or give inputs with --inputs and "
                               "--serial NAME=file:IN,OUT"),
                    exit_usage);
    }
    RandomSeed seed{};
    if (options_.seed) {
        Writer(seed).u64(*options_.seed);
    } else if (live &&
               ::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
        return fail(make_error("random", "the system gives no random numbers"), exit_failed);
    }
    auto devices = make_devices(board_, &physical_, seed);
    if (!devices) {
        return fail(devices.error(), exit_usage);
    }
    ports_ = std::move(devices->ports);
    machine_ = std::make_unique<Machine>(board_.configuration, std::move(devices->devices));
    if (!options_.firmware.empty()) {
        const auto content = read_file(options_.firmware);
        if (!content) {
            return fail(content.error(), exit_usage);
        }
        auto firmware = read_firmware(view(*content), options_.firmware);
        if (!firmware) {
            return fail(firmware.error(), exit_usage);
        }
        firmware_ = std::move(*firmware);
        if (const auto loaded = load_firmware(*machine_, firmware_); !loaded) {
            return fail(loaded.error(), exit_usage);
        }
    }
    watcher_ = std::make_unique<Watcher>(firmware_.symbols, reporter_, options_.stop_on_violation);
    panel_ = std::make_unique<Panel>(*machine_, firmware_.symbols, *watcher_);
    driver_ = panel_.get();
    return 0;
}

int Session::open_outputs() {
    if (!options_.physical.empty()) {
        if (const auto opened = physical_.open(options_.physical); !opened) {
            return fail(opened.error(), exit_usage);
        }
    }
    if (!options_.trace.empty()) {
        if (const auto opened = watcher_->write_trace(options_.trace); !opened) {
            return fail(opened.error(), exit_usage);
        }
    }
    machine_->observe(watcher_.get());
    return 0;
}

int Session::open_state() {
    if (!options_.restore.empty()) {
        const auto content = read_file(options_.restore);
        if (!content) {
            return fail(content.error(), exit_usage);
        }
        if (const auto restored = machine_->restore(view(*content)); !restored) {
            return fail(restored.error(), exit_usage);
        }
    }
    if (options_.inputs.empty()) {
        return 0;
    }
    const auto text = read_file(options_.inputs);
    if (!text) {
        return fail(text.error(), exit_usage);
    }
    auto events = read_physical_trace(*text, options_.inputs);
    if (!events) {
        return fail(events.error(), exit_usage);
    }
    inputs_ = std::move(*events);
    std::erase_if(inputs_, [](const PhysicalEvent& event) { return event.output; });
    for (const PhysicalEvent& event : inputs_) {
        if (machine_->devices().find(event.device) == nullptr) {
            return fail(make_error("device-unknown",
                                   fmt::format("{}: the board has no device {}",
                                               options_.inputs,
                                               quote(event.device)),
                                   "take the board on which the file was written"),
                        exit_usage);
        }
    }
    return 0;
}

int Session::open_lines() {
    for (const std::string& text : options_.serial) {
        const auto assignment = assignment_of(text);
        const bool known =
            assignment && std::any_of(ports_.begin(), ports_.end(), [&](const NamedPort& port) {
                return port.name == assignment->name;
            });
        if (known) {
            continue;
        }
        std::vector<std::string> names;
        for (const NamedPort& port : ports_) {
            names.push_back(port.name);
        }
        return fail(make_error("serial-unknown",
                               fmt::format("--serial {}: no line of the board", quote(text)),
                               names.empty() ? "the board has none"
                                             : "write NAME=END with " + descriptor::join(names)),
                    exit_usage);
    }
    for (const NamedPort& port : ports_) {
        const LineContext context{io_, *port.port, [this] { return machine_->core().cycle; }};
        auto end = make_end(end_of_line(port), context);
        if (!end) {
            return fail(end.error(),
                        end.error().code == "serial-unknown" ? exit_usage : exit_failed);
        }
        if (*end == nullptr) {
            continue;
        }
        port.port->attach(end->get());
        if (const std::string place = (*end)->place(); !place.empty()) {
            reporter_.say("line",
                          fmt::format("{} is on {}", port.name, place),
                          {{"name", port.name}, {"place", place}});
        }
        lines_.push_back({port.port, std::move(*end)});
    }
    return 0;
}

int Session::open_control() {
    if (options_.control.empty()) {
        return 0;
    }
    auto control = ControlServer::open(io_, options_.control, *panel_);
    if (!control) {
        return fail(control.error(), exit_failed);
    }
    control_ = std::move(*control);
    physical_.listen([this](const PhysicalEvent& event) { control_->happened(event); });
    reporter_.say("control", "control is on " + options_.control, {{"path", options_.control}});
    return 0;
}

int Session::open_gdb() {
    if (options_.gdb.empty()) {
        return 0;
    }
    gdb_ = std::make_unique<gdb::Server>(*machine_, firmware_.symbols, watcher_.get());
    auto port = GdbPort::open(io_, options_.gdb, *gdb_, *panel_);
    if (!port) {
        return fail(port.error(), exit_failed);
    }
    gdb_port_ = std::move(*port);
    driver_ = gdb_port_.get();
    reporter_.say(
        "gdb", "waiting for a debugger on " + gdb_port_->place(), {{"place", gdb_port_->place()}});
    return 0;
}

} // namespace authex::sancus_emulator
