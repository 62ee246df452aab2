#include "tee/trustzone/simulator/rsa_padding.hpp"

#include <algorithm>
#include <array>

#include <bearssl/bearssl_rsa.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t hash_bytes_max = 64;
using Digest = std::array<std::uint8_t, hash_bytes_max>;

class Hasher {
  public:
    explicit Hasher(const br_hash_class& hash) { hash.init(&context_.vtable); }
    void add(ByteView data) { context_.vtable->update(&context_.vtable, data.data(), data.size()); }
    void end(Digest& out) { context_.vtable->out(&context_.vtable, out.data()); }

  private:
    br_hash_compat_context context_{};
};

/// XORs the mask that MGF1 makes of the seed, which is a digest of that hash. (§B.2.1)
void mask(const br_hash_class& hash, ByteView seed, Bytes over) {
    std::size_t done = 0;
    for (std::uint32_t counter = 0; done < over.size(); ++counter) {
        const std::uint8_t number[4] = {static_cast<std::uint8_t>(counter >> 24U),
                                        static_cast<std::uint8_t>(counter >> 16U),
                                        static_cast<std::uint8_t>(counter >> 8U),
                                        static_cast<std::uint8_t>(counter)};
        Digest block{};
        Hasher hasher(hash);
        hasher.add(seed);
        hasher.add(number);
        hasher.end(block);
        for (std::size_t i = 0; i < seed.size() && done < over.size(); ++i, ++done) {
            over[done] = static_cast<std::uint8_t>(over[done] ^ block[i]);
        }
    }
}

/// Of eight zeros, the digest and the salt.
Digest salted(const br_hash_class& hash, ByteView digest, ByteView salt) {
    static constexpr std::uint8_t padding[8]{};
    Digest out{};
    Hasher hasher(hash);
    hasher.add(padding);
    hasher.add(digest);
    hasher.add(salt);
    hasher.end(out);
    return out;
}

/// Length, then the octets of the identifier.
const unsigned char* identifier_of(const br_hash_class& hash) {
    switch ((hash.desc >> BR_HASHDESC_ID_OFF) & BR_HASHDESC_ID_MASK) {
    case br_sha1_ID:
        return BR_HASH_OID_SHA1;
    case br_sha224_ID:
        return BR_HASH_OID_SHA224;
    case br_sha256_ID:
        return BR_HASH_OID_SHA256;
    case br_sha384_ID:
        return BR_HASH_OID_SHA384;
    default:
        return BR_HASH_OID_SHA512;
    }
}

/// maskedDB ‖ H ‖ 0xBC, in the last octets of what is as long as the modulus.
struct Pss {
    Bytes before; ///< none or one, which is zero
    Bytes masked;
    Bytes digest;
    std::uint8_t* trailer = nullptr;
    std::uint8_t first_bits = 0; ///< those that the first octet of `masked` may have
};
constexpr std::uint8_t pss_trailer = 0xBC;

/// False: there is no room.
bool split(
    std::size_t hash_bytes, std::size_t salt_bytes, std::size_t bits, Bytes encoded, Pss& out) {
    const std::size_t used_bits = bits - 1;
    const std::size_t used = (used_bits + 7) / 8;
    if (bits == 0 || encoded.size() < used || used < hash_bytes + salt_bytes + 2) {
        return false;
    }
    const Bytes whole = encoded.last(used);
    out.before = encoded.first(encoded.size() - used);
    out.masked = whole.first(used - hash_bytes - 1);
    out.digest = whole.subspan(out.masked.size(), hash_bytes);
    out.trailer = &whole[used - 1];
    out.first_bits = static_cast<std::uint8_t>(0xFFU >> (8 * used - used_bits));
    return true;
}

} // namespace

bool encode_pkcs1(const br_hash_class& hash, ByteView digest, Bytes to) {
    constexpr std::size_t info_bytes = 10; // of DigestInfo, besides identifier and digest
    constexpr std::size_t padding_min = 8;
    const unsigned char* const identifier = identifier_of(hash);
    const std::size_t identifier_bytes = identifier[0];
    const std::size_t info = info_bytes + identifier_bytes + digest.size();
    if (to.size() < 3 + padding_min + info) {
        return false;
    }
    const std::size_t padding = to.size() - 3 - info;
    const auto octet = [](std::size_t number) { return static_cast<std::uint8_t>(number); };
    to[0] = 0;
    to[1] = 1;
    std::fill_n(to.begin() + 2, padding, std::uint8_t{0xFF});
    to[2 + padding] = 0;
    Writer writer(to.last(info));
    for (const std::uint8_t one : {std::uint8_t{0x30},
                                   octet(info - 2),
                                   std::uint8_t{0x30},
                                   octet(identifier_bytes + 4),
                                   std::uint8_t{6},
                                   octet(identifier_bytes)}) {
        writer.u8(one);
    }
    writer.bytes({identifier + 1, identifier_bytes});
    for (const std::uint8_t one :
         {std::uint8_t{5}, std::uint8_t{0}, std::uint8_t{4}, octet(digest.size())}) {
        writer.u8(one);
    }
    writer.bytes(digest);
    return true;
}

bool encode_pss(
    const br_hash_class& hash, ByteView digest, ByteView salt, std::size_t bits, Bytes to) {
    Pss parts;
    if (!split(digest.size(), salt.size(), bits, to, parts)) {
        return false;
    }
    std::fill(to.begin(), to.end(), std::uint8_t{0});
    *parts.trailer = pss_trailer;
    copy(ByteView(salted(hash, digest, salt)).first(parts.digest.size()), parts.digest);
    parts.masked[parts.masked.size() - salt.size() - 1] = 1;
    copy(salt, parts.masked.last(salt.size()));
    mask(hash, parts.digest, parts.masked);
    parts.masked[0] = static_cast<std::uint8_t>(parts.masked[0] & parts.first_bits);
    return true;
}

bool is_pss(const br_hash_class& hash,
            ByteView digest,
            std::size_t salt_bytes,
            std::size_t bits,
            Bytes encoded) {
    Pss parts;
    if (!split(digest.size(), salt_bytes, bits, encoded, parts) || *parts.trailer != pss_trailer ||
        (parts.masked[0] & ~parts.first_bits & 0xFF) != 0 ||
        (!parts.before.empty() && parts.before[0] != 0)) {
        return false;
    }
    mask(hash, parts.digest, parts.masked);
    parts.masked[0] = static_cast<std::uint8_t>(parts.masked[0] & parts.first_bits);
    const ByteView padding = parts.masked.first(parts.masked.size() - salt_bytes);
    const Digest expected = salted(hash, digest, parts.masked.last(salt_bytes));
    return padding.back() == 1 &&
           std::all_of(
               padding.begin(), padding.end() - 1, [](std::uint8_t octet) { return octet == 0; }) &&
           std::equal(parts.digest.begin(), parts.digest.end(), expected.begin());
}

} // namespace authex::tee::trustzone
