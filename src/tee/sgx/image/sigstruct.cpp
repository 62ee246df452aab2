#include "tee/sgx/image/sigstruct.hpp"

#include <algorithm>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_rsa.h>

namespace authex::tee::sgx {
namespace {

constexpr std::array<std::uint8_t, 16> header = {6, 0, 0, 0, 0xE1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
constexpr std::array<std::uint8_t, 16> header2 = {
    1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0};
constexpr std::uint32_t exponent = 3;
constexpr std::size_t body_at = 900;
constexpr std::size_t signed_head_bytes = 128;

Measurement sha256(ByteView bytes) {
    Measurement hash{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes.data(), bytes.size());
    br_sha256_out(&context, hash.data());
    return hash;
}

Attributes read_attributes(Reader& reader) {
    const std::uint64_t flags = reader.u64();
    return {.flags = flags, .xfrm = reader.u64()};
}

RsaNumber big_endian(RsaNumber number) {
    std::reverse(number.begin(), number.end());
    return number;
}

} // namespace

bool parse_sigstruct(ByteView bytes, Sigstruct& into) {
    Reader reader(bytes);
    const ByteView first = reader.take(header.size());
    reader.u32(); // vendor: says nothing
    into.date = reader.u32();
    const ByteView second = reader.take(header2.size());
    reader.take(88); // software defined, reserved
    copy(reader.take(rsa_bytes), into.modulus);
    const std::uint32_t found_exponent = reader.u32();
    copy(reader.take(rsa_bytes), into.signature);
    into.misc_select = reader.u32();
    into.misc_mask = reader.u32();
    reader.take(20);
    into.attributes = read_attributes(reader);
    into.attributes_mask = read_attributes(reader);
    copy(reader.take(measurement_bytes), into.enclave_hash);
    reader.take(32);
    into.isv_prod_id = reader.u16();
    into.isv_svn = reader.u16();
    reader.take(12);
    copy(reader.take(rsa_bytes), into.q1);
    copy(reader.take(rsa_bytes), into.q2);
    return reader.done() && std::equal(first.begin(), first.end(), header.begin()) &&
           std::equal(second.begin(), second.end(), header2.begin()) && found_exponent == exponent;
}

void write_sigstruct(const Sigstruct& fields, Bytes bytes) {
    constexpr std::array<std::uint8_t, 88> zero{};
    const auto zeros = [&](std::size_t count) { return ByteView(zero).first(count); };
    Writer(bytes)
        .bytes(header)
        .u32(0)
        .u32(fields.date)
        .bytes(header2)
        .bytes(zeros(88))
        .bytes(fields.modulus)
        .u32(exponent)
        .bytes(fields.signature)
        .u32(fields.misc_select)
        .u32(fields.misc_mask)
        .bytes(zeros(20))
        .u64(fields.attributes.flags)
        .u64(fields.attributes.xfrm)
        .u64(fields.attributes_mask.flags)
        .u64(fields.attributes_mask.xfrm)
        .bytes(fields.enclave_hash)
        .bytes(zeros(32))
        .u16(fields.isv_prod_id)
        .u16(fields.isv_svn)
        .bytes(zeros(12))
        .bytes(fields.q1)
        .bytes(fields.q2);
}

std::array<std::uint8_t, signed_fields_bytes> signed_fields(ByteView sigstruct) {
    std::array<std::uint8_t, signed_fields_bytes> fields{};
    copy(sigstruct.first(signed_head_bytes), fields);
    copy(sigstruct.subspan(body_at, signed_fields_bytes - signed_head_bytes),
         Bytes(fields).subspan(signed_head_bytes));
    return fields;
}

bool signature_holds(ByteView sigstruct) {
    Sigstruct fields;
    if (!parse_sigstruct(sigstruct, fields)) {
        return false;
    }
    RsaNumber modulus = big_endian(fields.modulus);
    const RsaNumber signature = big_endian(fields.signature);
    std::array<std::uint8_t, 1> three = {exponent};
    const br_rsa_public_key key = {
        .n = modulus.data(), .nlen = modulus.size(), .e = three.data(), .elen = three.size()};
    Measurement signed_hash{};
    return br_rsa_i31_pkcs1_vrfy(signature.data(),
                                 signature.size(),
                                 BR_HASH_OID_SHA256,
                                 signed_hash.size(),
                                 &key,
                                 signed_hash.data()) == 1 &&
           signed_hash == sha256(signed_fields(sigstruct));
}

Measurement signer_of(const Sigstruct& fields) {
    return sha256(fields.modulus);
}

} // namespace authex::tee::sgx
