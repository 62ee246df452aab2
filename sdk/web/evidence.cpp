#include <authex/web/evidence.hpp>

namespace authex::web {
namespace {

// Initial bytes of CBOR. (RFC 8949 §3)
constexpr std::uint8_t cbor_map_of_1 = 0xA1;
constexpr std::uint8_t cbor_array_of_2 = 0x82;
constexpr std::uint8_t cbor_text_of_11 = 0x6B;
constexpr std::uint8_t cbor_bytes_u8 = 0x58;  ///< with their number in one byte
constexpr std::uint8_t cbor_bytes_u16 = 0x59; ///< in two
constexpr std::uint8_t cbor_tag_u16 = 0xD9;
/// Of the registry of CBOR tags at IANA: quote of an Intel TEE.
constexpr std::uint8_t tag_quote[] = {cbor_tag_u16, 60000 >> 8U, 60000 & 0xFFU};
/// Of the registry of named information hash algorithms at IANA.
constexpr std::uint8_t sha_256 = 1;
constexpr std::uint8_t hash_entry_bytes = 4 + key_hash_bytes;

} // namespace

void write_claims(ByteView key_hash, std::uint8_t (&out)[claims_bytes]) {
    Writer(out)
        .u8(cbor_map_of_1)
        .u8(cbor_text_of_11)
        .bytes(bytes_of_text("pubkey-hash"))
        .u8(cbor_bytes_u8)
        .u8(hash_entry_bytes)
        .u8(cbor_array_of_2)
        .u8(sha_256)
        .u8(cbor_bytes_u8)
        .u8(key_hash_bytes)
        .bytes(key_hash);
}

void write_evidence(DerWriter& out, ByteView evidence, ByteView key_hash) {
    std::uint8_t claims[claims_bytes];
    write_claims(key_hash, claims);
    const std::uint8_t head[] = {cbor_array_of_2,
                                 cbor_bytes_u16,
                                 static_cast<std::uint8_t>(evidence.size() >> 8U),
                                 static_cast<std::uint8_t>(evidence.size())};
    constexpr std::uint8_t claims_head[] = {cbor_bytes_u8, claims_bytes};
    out.bytes(claims);
    out.bytes(claims_head);
    out.bytes(evidence);
    out.bytes(head);
    out.bytes(tag_quote);
}

} // namespace authex::web
