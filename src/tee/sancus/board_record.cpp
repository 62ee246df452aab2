#include "tee/sancus/board_record.hpp"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace authex::tee::sancus {
namespace {

// u32 magic, u32 boot, u8 slot, u8 slot of the gate, then words: number, text, data, gate, number
// as placed; SHA-256 of the image.
constexpr std::uint32_t magic = 0x31425841; // "AXB1"
constexpr std::size_t record_bytes = 4 + 4 + 2 + 5 * 2 + 32;

} // namespace

bool write_record(const std::filesystem::path& directory, const BoardRecord& record) {
    std::array<std::uint8_t, record_bytes> bytes{};
    Writer writer(bytes);
    writer.u32(magic).u32(record.boot).u8(record.slot).u8(record.gate_slot).u16(record.id);
    writer.u16(record.placement.text).u16(record.placement.data);
    writer.u16(record.placement.gate).u16(record.placement.id).bytes(record.image);
    const std::filesystem::path path = directory / board_record_file;
    std::filesystem::path part = path;
    part += ".part";
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    file.close();
    std::error_code error;
    if (file) {
        std::filesystem::rename(part, path, error);
    }
    return file && !error;
}

std::optional<BoardRecord> read_record(const std::filesystem::path& directory) {
    std::ifstream file(directory / board_record_file, std::ios::binary);
    const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    Reader reader(bytes);
    BoardRecord record;
    const bool ours = reader.u32() == magic;
    record.boot = reader.u32();
    record.slot = reader.u8();
    record.gate_slot = reader.u8();
    record.id = reader.u16();
    record.placement.text = reader.u16();
    record.placement.data = reader.u16();
    record.placement.gate = reader.u16();
    record.placement.id = reader.u16();
    const ByteView image = reader.take(record.image.size());
    if (!ours || !reader.done() || record.slot >= link::slots_max ||
        record.gate_slot > link::slots_max) {
        return std::nullopt;
    }
    copy(image, record.image);
    return record;
}

} // namespace authex::tee::sancus
