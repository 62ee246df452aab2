#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "descriptor/findings.hpp"
#include "descriptor/tree.hpp"
#include "descriptor/values.hpp"
#include "sancus_emulator/board.hpp"
#include "sancus_emulator/text.hpp"

namespace authex::sancus_emulator {
namespace {

using descriptor::Element;
using descriptor::Entry;
using descriptor::Findings;
using descriptor::MapReader;
using descriptor::quote;

/// Their order is that of DeviceKind.
const std::vector<std::string> kind_names = {"uart",
                                             "print-uart",
                                             "file-io",
                                             "button",
                                             "led",
                                             "digits",
                                             "lcd",
                                             "sensor",
                                             "timestamp",
                                             "random",
                                             "nmi"};

std::vector<std::string> keys_of(DeviceKind kind) {
    switch (kind) {
    case DeviceKind::uart:
        return {"kind", "address", "receive-vector", "transmit-vector", "serial", "physical"};
    case DeviceKind::print_uart:
    case DeviceKind::file_io:
        return {"kind", "address", "serial"};
    case DeviceKind::button:
    case DeviceKind::led:
        return {"kind", "pin", "active"};
    case DeviceKind::sensor:
        return {"kind", "address", "scale", "initial", "unit", "trace"};
    case DeviceKind::digits:
    case DeviceKind::lcd:
    case DeviceKind::timestamp:
    case DeviceKind::random:
        return {"kind", "address"};
    case DeviceKind::nmi:
        return {"kind"};
    }
    return {};
}

/// The bytes of registers, and what their address is a multiple of.
struct Registers {
    std::uint16_t bytes = 2;
    std::uint16_t alignment = 2;
};

Registers registers_of(DeviceKind kind) {
    switch (kind) {
    case DeviceKind::uart:
    case DeviceKind::print_uart:
    case DeviceKind::digits:
        return {8, 2};
    case DeviceKind::timestamp:
        return {8, 8};
    case DeviceKind::lcd:
        return {6, 2};
    case DeviceKind::file_io:
        return {4, 4};
    case DeviceKind::sensor:
    case DeviceKind::random:
        return {2, 2};
    case DeviceKind::button:
    case DeviceKind::led:
    case DeviceKind::nmi:
        return {0, 1};
    }
    return {};
}

Expected<std::string> read_small_file(const std::filesystem::path& path) {
    constexpr std::uintmax_t bytes_max = 16U << 20U;
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error) ||
        std::filesystem::file_size(path, error) > bytes_max) {
        return failure("file-unreadable",
                       fmt::format("{} is no file of at most 16 MiB", path.string()),
                       "paths are relative to the folder of the board file");
    }
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) {
        return failure("file-unreadable", fmt::format("{} cannot be read", path.string()));
    }
    return text.str();
}

class BoardReader {
  public:
    BoardReader(std::string file, std::filesystem::path folder, Findings& findings)
        : folder_(std::move(folder)), findings_(findings) {
        board_.file = std::move(file);
    }

    Board read(const Element& root);

  private:
    void read_core(const Element& element);
    void read_node_key(const MapReader& map);
    void read_memory(const Element& element);
    void read_devices(const Element& element);
    void read_device(const Entry& entry);
    void read_address(const MapReader& map, DevicePart& part);
    void read_line(const MapReader& map, DevicePart& part);
    void read_pin(const MapReader& map, DevicePart& part);
    void read_sensor(const MapReader& map, DevicePart& part);
    std::optional<std::size_t>
    choice(const MapReader& map, std::string_view key, const std::vector<std::string>& words);
    std::optional<std::uint64_t>
    integer(const MapReader& map, std::string_view key, descriptor::Range range);
    bool yes(const MapReader& map, std::string_view key);
    double number(const MapReader& map, std::string_view key, double otherwise);
    void error(const SourceRange& where, const Diagnostic& diagnostic);

    std::filesystem::path folder_;
    Findings& findings_;
    Board board_;
};

std::string quoted_key(std::string_view key) {
    return fmt::format("«{}»", key);
}

std::optional<std::size_t> BoardReader::choice(const MapReader& map,
                                               std::string_view key,
                                               const std::vector<std::string>& words) {
    const Element* element = map.find(key);
    return element == nullptr ? std::nullopt
                              : read_choice(*element, quoted_key(key), words, findings_);
}

std::optional<std::uint64_t>
BoardReader::integer(const MapReader& map, std::string_view key, descriptor::Range range) {
    const Element* element = map.find(key);
    return element == nullptr ? std::nullopt
                              : read_integer(*element, quoted_key(key), range, findings_);
}

bool BoardReader::yes(const MapReader& map, std::string_view key) {
    const Element* element = map.find(key);
    return element != nullptr && read_bool(*element, quoted_key(key), findings_).value_or(false);
}

double BoardReader::number(const MapReader& map, std::string_view key, double otherwise) {
    const Element* element = map.find(key);
    const auto text =
        element == nullptr ? std::nullopt : read_text(*element, quoted_key(key), findings_);
    if (!text) {
        return otherwise;
    }
    const auto value = decimal_of(*text);
    if (!value) {
        findings_.error(element->where,
                        {"invalid-number",
                         fmt::format("{} is a number, not {}", quoted_key(key), quote(*text)),
                         "write it as «21.5»"});
    }
    return value.value_or(otherwise);
}

void BoardReader::error(const SourceRange& where, const Diagnostic& diagnostic) {
    findings_.error(where,
                    {"file-unreadable", to_text(diagnostic), diagnostic.fix, diagnostic.detail});
}

Board BoardReader::read(const Element& root) {
    const MapReader map(root,
                        "a board",
                        {"core", "node-key", "node-key-file", "memory", "clock", "aclk", "devices"},
                        findings_);
    board_.clock_hz = static_cast<std::uint32_t>(
        integer(map, "clock", {10'000, 1'000'000'000}).value_or(board_.clock_hz));
    board_.aclk_hz = static_cast<std::uint32_t>(
        integer(map, "aclk", {1, board_.clock_hz}).value_or(board_.aclk_hz));
    if (board_.aclk_hz > board_.clock_hz) {
        board_.aclk_hz = board_.clock_hz;
    }
    if (const Element* core = map.find("core")) {
        read_core(*core);
    }
    read_node_key(map);
    if (const Element* memory = map.find("memory")) {
        read_memory(*memory);
    }
    if (const Element* devices = map.find("devices")) {
        read_devices(*devices);
    }
    return std::move(board_);
}

void BoardReader::read_core(const Element& element) {
    const MapReader map(element,
                        "«core»",
                        {"variant",
                         "atomic-limit",
                         "rules",
                         "security",
                         "slots",
                         "reset-on-violation",
                         "cpu-off-ends"},
                        findings_);
    Configuration& core = board_.configuration;
    if (const auto index = choice(map, "variant", {"base", "legacy", "aion"})) {
        core.variant = static_cast<Variant>(*index);
    }
    core.atomic_limit = static_cast<std::uint16_t>(
        integer(map, "atomic-limit", {1, 0x7FFF}).value_or(core.atomic_limit));
    if (const auto index = choice(map, "rules", {"documented", "rtl"})) {
        core.rules = *index == 0 ? Rules::documented : Rules::rtl;
    }
    if (const auto index = choice(map, "security", {"128", "64"})) {
        core.security = *index == 0 ? Security::bits128 : Security::bits64;
    }
    core.slots = integer(map, "slots", {1, EnclaveTable::slots_max}).value_or(core.slots);
    core.reset_on_violation = yes(map, "reset-on-violation");
    core.cpu_off_ends = yes(map, "cpu-off-ends");
}

void BoardReader::read_node_key(const MapReader& map) {
    const Element* key = map.find("node-key");
    const Element* file = map.find("node-key-file");
    const std::size_t bytes = key_bytes(board_.configuration.security);
    const auto target = std::span(board_.configuration.node_key).first(bytes);
    if (key != nullptr && file != nullptr) {
        findings_.error(file->where,
                        {"two-keys", "there is both «node-key» and «node-key-file»", "remove one"});
    } else if (key != nullptr) {
        (void)read_hex(*key, "«node-key»", target, findings_);
    } else if (file != nullptr) {
        const auto path = read_path(*file, "«node-key-file»", findings_);
        if (!path) {
            return;
        }
        const auto text = read_small_file(folder_ / *path);
        if (!text) {
            error(file->where, text.error());
            return;
        }
        const auto content =
            bytes_of_hex(std::string_view(*text).substr(0, text->find_last_not_of(" \r\n\t") + 1));
        if (!content || content->size() != bytes) {
            findings_.error(file->where,
                            {"invalid-key",
                             fmt::format("the file {} holds no key", quote(path->string())),
                             fmt::format("a key is {} hexadecimal digits", 2 * bytes)});
            return;
        }
        copy(*content, target);
    }
}

void BoardReader::read_memory(const Element& element) {
    const MapReader map(element, "«memory»", {"data", "program"}, findings_);
    MemoryMap& memory = board_.configuration.map;
    const auto size = [&](std::string_view key, descriptor::Range range, std::uint64_t otherwise) {
        const Element* given = map.find(key);
        const auto bytes =
            given == nullptr ? std::nullopt : read_size(*given, quoted_key(key), range, findings_);
        if (bytes && *bytes % 2 != 0) {
            findings_.error(given->where,
                            {"odd-size", quoted_key(key) + " is a whole number of words"});
        }
        return static_cast<std::uint32_t>(bytes.value_or(otherwise) & ~std::uint64_t{1});
    };
    const std::uint32_t first = MemoryMap::peripherals_end;
    memory.data_bytes = size("data", {128, address_space - first - 512}, memory.data_bytes);
    const std::uint32_t program =
        size("program", {512, address_space - first}, address_space - memory.program_start);
    memory.program_start = static_cast<std::uint32_t>(address_space - program);
    if (memory.data_start + memory.data_bytes > memory.program_start) {
        findings_.error(
            element.where,
            {"memory-overlap",
             fmt::format("data memory ends at 0x{:04x}, program memory begins at 0x{:04x}",
                         memory.data_start + memory.data_bytes,
                         memory.program_start),
             "data begins at 0x0200, program memory ends at 0xffff: make one smaller"});
    }
}

void BoardReader::read_devices(const Element& element) {
    for (const Entry& entry : read_entries(element, "«devices»", findings_)) {
        read_device(entry);
    }
}

void BoardReader::read_device(const Entry& entry) {
    DevicePart part;
    part.name = entry.key->text;
    part.where = entry.key->where;
    (void)read_name(*entry.key, "name of a device", findings_);
    static const std::set<std::string> built_in = {
        "watchdog", "multiplier", "timer", "gpio", "reset"};
    if (built_in.contains(part.name)) {
        findings_.error(part.where,
                        {"name-taken",
                         fmt::format("every core has a {}", quote(part.name)),
                         "give this device another name"});
    }
    const std::string what = fmt::format("device {}", quote(part.name));
    if (entry.value->kind != Element::Kind::map) {
        (void)MapReader(*entry.value, what, {"kind"}, findings_);
        return;
    }
    const Element* kind = nullptr;
    for (const Entry& inner : entry.value->entries) {
        kind = inner.key->text == "kind" ? inner.value.get() : kind;
    }
    if (kind == nullptr) {
        findings_.error(part.where,
                        {"missing-key",
                         what + " has no «kind»",
                         "write one of " + descriptor::join(kind_names)});
        return;
    }
    const auto index = read_choice(*kind, "«kind»", kind_names, findings_);
    if (!index) {
        return;
    }
    part.kind = static_cast<DeviceKind>(*index);
    for (const DevicePart& other : board_.devices) {
        if (part.kind == DeviceKind::nmi && other.kind == part.kind) {
            findings_.error(part.where,
                            {"pin-clash",
                             fmt::format("the NMI pin has {} already", quote(other.name)),
                             "remove one"});
        }
    }
    const MapReader map(*entry.value, what, keys_of(part.kind), findings_);
    read_address(map, part);
    read_line(map, part);
    read_pin(map, part);
    if (part.kind == DeviceKind::sensor) {
        read_sensor(map, part);
    }
    board_.devices.push_back(std::move(part));
}

void BoardReader::read_address(const MapReader& map, DevicePart& part) {
    const Registers registers = registers_of(part.kind);
    if (registers.bytes == 0) {
        return;
    }
    const Element* element = map.require("address", part.where);
    if (element == nullptr) {
        return;
    }
    const std::uint64_t last = MemoryMap::peripherals_end - registers.bytes;
    const auto address = read_integer(*element, "«address»", {0, last}, findings_);
    if (!address) {
        return;
    }
    part.address = static_cast<std::uint16_t>(*address);
    if (part.address % registers.alignment != 0) {
        findings_.error(element->where,
                        {"misaligned",
                         fmt::format("the address of a {} is a multiple of {}",
                                     kind_names.at(static_cast<std::size_t>(part.kind)),
                                     registers.alignment)});
    }
}

void BoardReader::read_line(const MapReader& map, DevicePart& part) {
    constexpr descriptor::Range maskable = {0, 12}; // 13 to 15 are the core's own
    const auto vector = [&](std::string_view key) -> std::optional<unsigned> {
        const auto value = integer(map, key, maskable);
        return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
    };
    part.receive_vector = vector("receive-vector");
    part.transmit_vector = vector("transmit-vector");
    part.physical = yes(map, "physical");
    if (const Element* serial = map.find("serial")) {
        part.serial = read_text(*serial, "«serial»", findings_).value_or(part.serial);
    }
}

void BoardReader::read_pin(const MapReader& map, DevicePart& part) {
    if (const auto index = choice(map, "active", {"high", "low"})) {
        part.active_high = *index == 0;
    }
    if (part.kind != DeviceKind::button && part.kind != DeviceKind::led) {
        return;
    }
    const Element* element = map.require("pin", part.where);
    const auto text = element == nullptr ? std::nullopt : read_text(*element, "«pin»", findings_);
    if (!text) {
        return;
    }
    const bool is_pin = text->size() == 4 && (*text)[0] == 'P' && (*text)[1] >= '1' &&
                        (*text)[1] <= '6' && (*text)[2] == '.' && (*text)[3] >= '0' &&
                        (*text)[3] <= '7';
    if (!is_pin) {
        findings_.error(
            element->where,
            {"invalid-pin", fmt::format("{} is no pin", quote(*text)), "write «P1.0» to «P6.7»"});
        return;
    }
    part.pin = {static_cast<unsigned>((*text)[1] - '0'), static_cast<unsigned>((*text)[3] - '0')};
    for (const DevicePart& other : board_.devices) {
        if (other.kind == part.kind && other.pin == part.pin) {
            findings_.error(element->where,
                            {"pin-clash",
                             fmt::format("pin {} has {} already", *text, quote(other.name)),
                             "take another pin"});
        }
    }
}

void BoardReader::read_sensor(const MapReader& map, DevicePart& part) {
    part.scale = number(map, "scale", 1);
    part.initial = number(map, "initial", 0);
    if (const Element* unit = map.find("unit")) {
        part.unit = read_text(*unit, "«unit»", findings_).value_or("");
    }
    const Element* trace = map.find("trace");
    const auto path = trace == nullptr ? std::nullopt : read_path(*trace, "«trace»", findings_);
    if (!path) {
        return;
    }
    const auto text = read_small_file(folder_ / *path);
    if (!text) {
        error(trace->where, text.error());
        return;
    }
    auto points = read_sensor_trace(*text, path->string(), board_.clock_hz);
    if (!points) {
        error(trace->where, points.error());
        return;
    }
    part.trace = std::move(*points);
}

} // namespace

tl::expected<Board, std::vector<Diagnostic>>
parse_board(std::string_view text, const std::string& file, const std::filesystem::path& folder) {
    Findings findings;
    const descriptor::ElementPointer root = descriptor::read_tree(text, file, findings);
    Board board;
    if (root != nullptr) {
        board = BoardReader(file, folder, findings).read(*root);
    }
    if (findings.has_errors()) {
        return tl::unexpected(findings.take());
    }
    return board;
}

tl::expected<Board, std::vector<Diagnostic>> open_board(const std::string& name) {
    std::vector<std::string> names;
    for (const BuiltInBoard& board : built_in_boards()) {
        if (board.name == name) {
            return parse_board(board.text, "board " + name, ".");
        }
        names.emplace_back(board.name);
    }
    const auto text = read_small_file(name);
    if (!text) {
        Diagnostic diagnostic = make_error(
            "board-unknown",
            fmt::format("{} is neither a board that is built in nor a file", quote(name)),
            descriptor::suggest(name, names, "built in are"));
        return tl::unexpected(std::vector{std::move(diagnostic)});
    }
    return parse_board(*text, name, std::filesystem::path(name).parent_path());
}

} // namespace authex::sancus_emulator
