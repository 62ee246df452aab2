#include "tee/sgx/image/image_file.hpp"

#include <algorithm>

namespace authex::tee::sgx {
namespace {

constexpr std::array<std::uint8_t, 4> image_magic = {'A', 'X', 'S', 'G'};
constexpr std::uint32_t version = 1;
constexpr std::size_t program_at = sigstruct_bytes + 16;

} // namespace

bool parse_image_file(ByteView bytes, ImageFile& into) {
    Reader reader(bytes);
    into.sigstruct = reader.take(sigstruct_bytes);
    const ByteView found = reader.take(image_magic.size());
    const std::uint32_t found_version = reader.u32();
    into.stack_bytes = reader.u32();
    const std::uint32_t zero = reader.u32();
    into.program = reader.rest();
    return reader.ok() && std::equal(found.begin(), found.end(), image_magic.begin()) &&
           found_version == version && zero == 0;
}

std::vector<std::uint8_t> write_image_file(const ImageFile& parts) {
    std::vector<std::uint8_t> bytes(program_at + parts.program.size());
    Writer(bytes)
        .bytes(parts.sigstruct)
        .bytes(image_magic)
        .u32(version)
        .u32(parts.stack_bytes)
        .u32(0)
        .bytes(parts.program);
    return bytes;
}

} // namespace authex::tee::sgx
