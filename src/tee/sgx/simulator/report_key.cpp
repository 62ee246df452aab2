#include "tee/sgx/simulator/report_key.hpp"

#include <algorithm>

#include <bearssl/bearssl_block.h>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t block_bytes = 16;
using Block = std::array<std::uint8_t, block_bytes>;
constexpr std::uint16_t key_name_report = 3;

void encrypt(const br_aes_ct64_cbcenc_keys& keys, Block& block) {
    Block zero{};
    br_aes_ct64_cbcenc_run(&keys, zero.data(), block.data(), block.size());
}

/// Multiplication by x in GF(2^128). (SP 800-38B §5.3, subkeys)
Block doubled(const Block& block) {
    Block result{};
    for (std::size_t i = 0; i < block_bytes; ++i) {
        const unsigned next = i + 1 < block_bytes ? block[i + 1] >> 7U : 0;
        result[i] = static_cast<std::uint8_t>((unsigned{block[i]} << 1U) | next);
    }
    result[block_bytes - 1] ^= (block[0] & 0x80U) != 0 ? 0x87 : 0;
    return result;
}

void add(Block& to, ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        to[i] ^= bytes[i];
    }
}

} // namespace

DerivedKey cmac(const DerivedKey& key, ByteView message) {
    br_aes_ct64_cbcenc_keys keys;
    br_aes_ct64_cbcenc_init(&keys, key.data(), key.size());
    Block subkey{};
    encrypt(keys, subkey);
    subkey = doubled(subkey);
    Block state{};
    while (message.size() > block_bytes) {
        add(state, message.first(block_bytes));
        encrypt(keys, state);
        message = message.subspan(block_bytes);
    }
    add(state, message);
    if (message.size() < block_bytes) {
        state[message.size()] ^= 0x80;
        subkey = doubled(subkey);
    }
    add(state, subkey);
    encrypt(keys, state);
    return state;
}

Target parse_target(ByteView bytes) {
    Reader reader(bytes);
    Target target;
    copy(reader.take(measurement_bytes), target.mrenclave);
    target.attributes.flags = reader.u64();
    target.attributes.xfrm = reader.u64();
    reader.take(4);
    target.misc_select = reader.u32();
    return target;
}

void write_target(const Target& target, Bytes bytes) {
    std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
    Writer(bytes)
        .bytes(target.mrenclave)
        .u64(target.attributes.flags)
        .u64(target.attributes.xfrm)
        .u32(0)
        .u32(target.misc_select);
}

DerivedKey report_key(const CpuKey& root,
                      const Target& target,
                      std::span<const std::uint8_t, key_id_bytes> key_id) {
    std::array<std::uint8_t, 2 + measurement_bytes + 16 + 4 + key_id_bytes> inputs{};
    Writer(inputs)
        .u16(key_name_report)
        .bytes(target.mrenclave)
        .u64(target.attributes.flags)
        .u64(target.attributes.xfrm)
        .u32(target.misc_select)
        .bytes(key_id);
    return cmac(root, inputs);
}

void write_report(const CpuKey& root, const Target& target, const ReportBody& body, Bytes out) {
    // The hardware draws the id anew at each start; the key's own root is as good.
    const std::array<std::uint8_t, key_id_bytes> key_id{};
    write_report_body(body, out.first(report_body_bytes));
    Writer(out.subspan(report_body_bytes))
        .bytes(key_id)
        .bytes(cmac(report_key(root, target, key_id), out.first(report_body_bytes)));
}

bool report_holds(const CpuKey& root, const Target& target, ByteView report) {
    const ByteView key_id = report.subspan(report_body_bytes, key_id_bytes);
    const ByteView mac = report.subspan(report_body_bytes + key_id_bytes, key_bytes);
    const DerivedKey key = report_key(root, target, key_id.first<key_id_bytes>());
    return equal_constant_time(cmac(key, report.first(report_body_bytes)), mac);
}

} // namespace authex::tee::sgx
