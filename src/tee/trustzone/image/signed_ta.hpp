#pragma once
// The file of a trusted application, as OP-TEE loads it from the normal world. (OP-TEE OS 4.10,
// `core/include/signed_hdr.h`, type SHDR_BOOTSTRAP_TA)
//
//   offset size field          little-endian
//        0    4 magic          0x4F545348
//        4    4 type           1: with UUID and version
//        8    4 bytes of the ELF file
//       12    4 algorithm      TEE_ALG_…
//       16    2 bytes of the hash, 32
//       18    2 bytes of the signature
//       20   32 hash           SHA-256 of bytes 0–19, UUID, version and ELF file
//       52    … signature      of the hash
//        …   16 UUID           octets as they are written
//        …    4 version        an older one than was ever loaded is refused
//        …    … ELF file

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "tee/trustzone/image/uuid.hpp"

namespace authex::tee::trustzone {

/// TEE_ALG_RSASSA_PKCS1_V1_5_SHA256: of the two that OP-TEE takes, the one that signs the same file
/// alike each time.
constexpr std::uint32_t algorithm_pkcs1 = 0x70004830;
constexpr std::uint32_t algorithm_pss = 0x70414930; ///< TEE_ALG_RSASSA_PKCS1_PSS_MGF1_SHA256
constexpr std::size_t signed_hash_bytes = 32;
constexpr std::size_t signature_bytes_max = 512; ///< RSA-4096

struct SignedTa {
    std::uint32_t algorithm = algorithm_pkcs1;
    std::array<std::uint8_t, signed_hash_bytes> hash{};
    ByteView signature;
    Uuid uuid{};
    std::uint32_t version = 0;
    ByteView elf;
};

/// All that is signed. @param signature_bytes the size that the signature has or will have
std::vector<std::uint8_t> signed_bytes(const SignedTa& ta, std::size_t signature_bytes);
using TaHash = std::array<std::uint8_t, signed_hash_bytes>;
/// SHA-256 of it.
TaHash signed_hash(const SignedTa& ta, std::size_t signature_bytes);

/// Borrows from the file. @return false: not such a file, or its hash does not hold. The signature
/// is not checked.
[[nodiscard]] bool parse_signed_ta(ByteView file, SignedTa& ta);
/// With its hash and the signature as they stand in `ta`.
std::vector<std::uint8_t> write_signed_ta(const SignedTa& ta);

} // namespace authex::tee::trustzone
