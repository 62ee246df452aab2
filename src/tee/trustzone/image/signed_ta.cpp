#include "tee/trustzone/image/signed_ta.hpp"

#include <algorithm>

#include <bearssl/bearssl_hash.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::uint32_t magic = 0x4F545348;
constexpr std::uint32_t type_with_version = 1;
constexpr std::size_t header_bytes = 20;

using SignedHeader = std::array<std::uint8_t, header_bytes>;

SignedHeader header_of(const SignedTa& ta, std::size_t signature_bytes) {
    SignedHeader header{};
    Writer(header)
        .u32(magic)
        .u32(type_with_version)
        .u32(static_cast<std::uint32_t>(ta.elf.size()))
        .u32(ta.algorithm)
        .u16(signed_hash_bytes)
        .u16(static_cast<std::uint16_t>(signature_bytes));
    return header;
}

} // namespace

std::vector<std::uint8_t> signed_bytes(const SignedTa& ta, std::size_t signature_bytes) {
    const SignedHeader header = header_of(ta, signature_bytes);
    std::vector<std::uint8_t> all(header.begin(), header.end());
    all.insert(all.end(), ta.uuid.begin(), ta.uuid.end());
    const ByteView version = bytes_of(ta.version);
    all.insert(all.end(), version.begin(), version.end());
    all.insert(all.end(), ta.elf.begin(), ta.elf.end());
    return all;
}

TaHash signed_hash(const SignedTa& ta, std::size_t signature_bytes) {
    const SignedHeader header = header_of(ta, signature_bytes);
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, header.data(), header.size());
    br_sha256_update(&context, ta.uuid.data(), ta.uuid.size());
    br_sha256_update(&context, &ta.version, sizeof ta.version);
    br_sha256_update(&context, ta.elf.data(), ta.elf.size());
    TaHash hash{};
    br_sha256_out(&context, hash.data());
    return hash;
}

bool parse_signed_ta(ByteView file, SignedTa& ta) {
    Reader reader(file);
    const std::uint32_t found_magic = reader.u32();
    const std::uint32_t type = reader.u32();
    const std::uint32_t elf_bytes = reader.u32();
    ta.algorithm = reader.u32();
    const std::uint16_t hash_bytes = reader.u16();
    const std::uint16_t signature_bytes = reader.u16();
    const ByteView hash = reader.take(signed_hash_bytes);
    ta.signature = reader.take(signature_bytes);
    const ByteView uuid = reader.take(ta.uuid.size());
    ta.version = reader.u32();
    ta.elf = reader.take(elf_bytes);
    if (!reader.done() || found_magic != magic || type != type_with_version ||
        hash_bytes != signed_hash_bytes || signature_bytes > signature_bytes_max ||
        (ta.algorithm != algorithm_pkcs1 && ta.algorithm != algorithm_pss)) {
        return false;
    }
    copy(hash, ta.hash);
    copy(uuid, ta.uuid);
    return signed_hash(ta, signature_bytes) == ta.hash;
}

std::vector<std::uint8_t> write_signed_ta(const SignedTa& ta) {
    std::vector<std::uint8_t> file;
    const auto append = [&](ByteView bytes) {
        file.insert(file.end(), bytes.begin(), bytes.end());
    };
    append(header_of(ta, ta.signature.size()));
    append(ta.hash);
    append(ta.signature);
    append(ta.uuid);
    append(bytes_of(ta.version));
    append(ta.elf);
    return file;
}

} // namespace authex::tee::trustzone
