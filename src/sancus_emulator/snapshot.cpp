// A machine as bytes, little-endian:
//
//   8   "AXSANCUS"
//   2   version: 2
//   …   the board: what must be the same where it is restored
//   …   memory, core, enclaves, then each device: u32 length and what it saves
#include <algorithm>

#include "sancus_emulator/machine.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::array<std::uint8_t, 8> magic = {'A', 'X', 'S', 'A', 'N', 'C', 'U', 'S'};
constexpr std::uint16_t version = 2;

ByteView view(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::vector<std::uint8_t> board_of(const Configuration& configuration,
                                   const std::vector<NamedDevice>& devices) {
    std::vector<std::uint8_t> buffer(64 * (devices.size() + 1));
    Writer writer(buffer);
    writer.u16(configuration.map.data_start)
        .u32(configuration.map.data_bytes)
        .u32(configuration.map.program_start)
        .u8(static_cast<std::uint8_t>(configuration.slots))
        .u8(static_cast<std::uint8_t>(configuration.security))
        .u8(static_cast<std::uint8_t>(configuration.variant))
        .u16(configuration.atomic_limit);
    constexpr std::size_t longest = 63;
    for (const NamedDevice& named : devices) {
        const ByteView name = view(named.name).first(std::min(named.name.size(), longest));
        writer.u8(static_cast<std::uint8_t>(name.size())).bytes(name);
    }
    buffer.resize(writer.size());
    return buffer;
}

void save_core(const Core& core, Writer& writer) {
    writer.bytes(core.memory.bytes);
    for (const std::uint16_t value : core.r) {
        writer.u16(value);
    }
    writer.u64(core.cycle).u16(core.stack_guard).u16(core.generator);
    writer.u8(core.domain).u8(core.came_from).u8(core.interrupts_seen ? 1 : 0);
    writer.u16(core.current_id).u16(core.previous_id).u16(core.enclaves.next_id());
    AtomicityMonitor monitor = core.monitor;
    monitor.visit([&writer](auto value) { writer.u16(static_cast<std::uint16_t>(value)); });
    writer.u64(core.monitored).u8(core.entering ? 1 : 0).u8(core.dozing ? 1 : 0);
    writer.bytes(core.node_key);
    for (const Enclave& enclave : core.enclaves.all()) {
        writer.u8(enclave.enabled ? 1 : 0).u16(enclave.id);
        writer.u16(enclave.layout.text_start).u16(enclave.layout.text_end);
        writer.u16(enclave.layout.data_start).u16(enclave.layout.data_end);
        writer.bytes(enclave.key);
    }
}

/// A domain that the table can name.
Domain domain_of(std::uint8_t byte, const EnclaveTable& enclaves) {
    return byte <= enclaves.all().size() ? byte : nobody;
}

void load_key(Reader& reader, Key& key) {
    const ByteView bytes = reader.take(key.size());
    std::copy(bytes.begin(), bytes.end(), key.begin());
}

void load_core(Core& core, Reader& reader) {
    const ByteView memory = reader.take(address_space);
    std::copy(memory.begin(), memory.end(), core.memory.bytes.begin());
    for (std::uint16_t& value : core.r) {
        value = reader.u16();
    }
    core.r[reg::pc] &= 0xFFFEU;
    core.r[reg::sp] &= 0xFFFEU;
    core.r[reg::cg] = 0;
    core.cycle = reader.u64();
    core.stack_guard = reader.u16();
    core.generator = reader.u16();
    core.domain = domain_of(reader.u8(), core.enclaves);
    core.came_from = domain_of(reader.u8(), core.enclaves);
    core.came_from = core.came_from == nobody ? unprotected : core.came_from;
    core.interrupts_seen = reader.u8() != 0;
    core.current_id = reader.u16();
    core.previous_id = reader.u16();
    core.enclaves.set_next_id(reader.u16());
    core.monitor.visit([&reader](auto& value) {
        value = static_cast<std::remove_reference_t<decltype(value)>>(reader.u16());
    });
    core.monitored = reader.u64();
    core.entering = reader.u8() != 0;
    core.dozing = reader.u8() != 0;
    load_key(reader, core.node_key);
    for (std::size_t slot = 1; slot <= core.enclaves.all().size(); ++slot) {
        Enclave& enclave = core.enclaves.at(static_cast<Domain>(slot));
        enclave.enabled = reader.u8() != 0;
        enclave.id = reader.u16();
        enclave.layout.text_start = reader.u16();
        enclave.layout.text_end = reader.u16();
        enclave.layout.data_start = reader.u16();
        enclave.layout.data_end = reader.u16();
        load_key(reader, enclave.key);
    }
    core.bad_fetch.reset();
    core.violation.reset();
    core.unmask();
    core.reclassify();
}

bool save_all(const Core& core,
              const std::vector<NamedDevice>& devices,
              ByteView board,
              Writer& writer) {
    writer.bytes(magic).u16(version).u16(static_cast<std::uint16_t>(board.size())).bytes(board);
    save_core(core, writer);
    for (const NamedDevice& named : devices) {
        const std::size_t length_at = writer.size();
        writer.u32(0);
        named.device->save(writer);
        if (writer.ok()) {
            const std::size_t length = writer.size() - length_at - sizeof(std::uint32_t);
            Writer(writer.written().subspan(length_at)).u32(static_cast<std::uint32_t>(length));
        }
    }
    return writer.ok();
}

} // namespace

std::vector<std::uint8_t> Machine::snapshot() const {
    const auto board = board_of(configuration_, bus_.devices());
    std::vector<std::uint8_t> buffer(2 * address_space);
    for (;;) {
        Writer writer(buffer);
        if (save_all(*core_, bus_.devices(), board, writer)) {
            buffer.resize(writer.size());
            return buffer;
        }
        buffer.assign(2 * buffer.size(), 0);
    }
}

Expected<bool> Machine::restore(ByteView snapshot) {
    const auto malformed = [this] {
        reset();
        return failure("snapshot-malformed",
                       "this is no snapshot of a machine, or it is damaged",
                       "make it again with --snapshot");
    };
    executed_ = false;
    bus_.restored();
    Reader reader(snapshot);
    const ByteView head = reader.take(magic.size());
    if (!reader.ok() || !std::equal(head.begin(), head.end(), magic.begin()) ||
        reader.u16() != version) {
        return malformed();
    }
    const auto board = board_of(configuration_, bus_.devices());
    const ByteView saved_board = reader.take(reader.u16());
    if (!reader.ok()) {
        return malformed();
    }
    if (!std::equal(saved_board.begin(), saved_board.end(), board.begin(), board.end())) {
        return failure("snapshot-of-another-board",
                       "the snapshot was made on another board",
                       "restore it on the board that it was made on");
    }
    load_core(*core_, reader);
    for (const NamedDevice& named : bus_.devices()) {
        Reader own(reader.take(reader.u32()));
        named.device->load(own);
        if (!own.done()) {
            return malformed();
        }
    }
    return reader.done() ? Expected<bool>(true) : malformed();
}

} // namespace authex::sancus_emulator
