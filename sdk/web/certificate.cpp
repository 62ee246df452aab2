#include <authex/web/certificate.hpp>
#include <authex/web/der.hpp>
#include <authex/web/evidence.hpp>
#include <authex/web/names.hpp>

#include <bearssl/bearssl_ec.h>
#include <bearssl/bearssl_hash.h>

namespace authex::web {
namespace {

// Object identifiers, encoded. (RFC 5480 §2.1.1, RFC 5758 §3.2, RFC 5280 §4.2.1 and appendix A)
constexpr std::uint8_t oid_ec_public_key[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
constexpr std::uint8_t oid_p256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr std::uint8_t oid_ecdsa_with_sha256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
constexpr std::uint8_t oid_common_name[] = {0x55, 0x04, 0x03};
constexpr std::uint8_t oid_key_usage[] = {0x55, 0x1D, 0x0F};
constexpr std::uint8_t oid_subject_alt_name[] = {0x55, 0x1D, 0x11};
constexpr std::uint8_t oid_basic_constraints[] = {0x55, 0x1D, 0x13};
constexpr std::uint8_t oid_extended_key_usage[] = {0x55, 0x1D, 0x25};
constexpr std::uint8_t oid_server_auth[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};

/// Room behind the part that is signed: algorithm and signature.
constexpr std::size_t tail_max_bytes = 96;
constexpr std::size_t signature_max_bytes = 72;
constexpr std::size_t serial_bytes = 16;

void hash(ByteView data, std::uint8_t (&out)[key_hash_bytes]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, data.data(), data.size());
    br_sha256_out(&context, out);
}

void write_algorithm(DerWriter& out) {
    const std::size_t before = out.size();
    out.value(der::oid, oid_ecdsa_with_sha256);
    out.enclose(der::sequence, before);
}

void write_bit_string(DerWriter& out, ByteView bits) {
    const std::size_t before = out.size();
    constexpr std::uint8_t unused_bits[] = {0};
    out.bytes(bits);
    out.bytes(unused_bits);
    out.enclose(der::bit_string, before);
}

void write_key(DerWriter& out, ByteView point) {
    const std::size_t before = out.size();
    write_bit_string(out, point);
    const std::size_t behind = out.size();
    out.value(der::oid, oid_p256);
    out.value(der::oid, oid_ec_public_key);
    out.enclose(der::sequence, behind);
    out.enclose(der::sequence, before);
}

/// `value` stands in `out` since size() was `before`.
void enclose_extension(DerWriter& out, ByteView oid, bool critical, std::size_t before) {
    constexpr std::uint8_t yes[] = {0xFF};
    out.enclose(der::octet_string, before);
    if (critical) {
        out.value(der::boolean, yes);
    }
    out.value(der::oid, oid);
    out.enclose(der::sequence, before);
}

void write_extension(DerWriter& out, ByteView oid, bool critical, ByteView value) {
    const std::size_t before = out.size();
    out.bytes(value);
    enclose_extension(out, oid, critical, before);
}

CertificateFault write_names(DerWriter& out, ByteView names) {
    constexpr std::uint8_t dns_name = 2; // GeneralName (RFC 5280 §4.2.1.6)
    constexpr std::uint8_t ip_address = 7;
    const std::size_t before = out.size();
    bool any = false;
    for (ByteView text = take_name(names); !text.empty(); text = take_name(names)) {
        const Name name = read_name(text);
        any = true;
        if (name.kind == NameKind::none) {
            return CertificateFault::names;
        }
        if (name.kind == NameKind::dns) {
            out.value(der::context(dns_name), text);
        } else {
            out.value(der::context(ip_address), ByteView(name.address).first(name.address_bytes));
        }
    }
    if (!any) {
        return CertificateFault::names;
    }
    out.enclose(der::sequence, before);
    enclose_extension(out, oid_subject_alt_name, false, before);
    return CertificateFault::none;
}

/// As a server, and not as an authority: who trusts it trusts this key alone.
CertificateFault
write_extensions(DerWriter& out, const CertificateTerms& terms, ByteView key_hash) {
    constexpr std::uint8_t no_authority[] = {der::sequence, 0};
    constexpr std::uint8_t digital_signature[] = {der::bit_string, 2, 7, 0x80};
    const std::size_t before = out.size();
    if (!terms.evidence.empty()) {
        write_evidence(out, terms.evidence, key_hash);
        enclose_extension(out, oid_tagged_evidence, false, before);
    }
    const CertificateFault fault = write_names(out, terms.names);
    const std::size_t usage = out.size();
    out.value(der::oid, oid_server_auth);
    out.enclose(der::sequence, usage);
    enclose_extension(out, oid_extended_key_usage, false, usage);
    write_extension(out, oid_key_usage, true, digital_signature);
    write_extension(out, oid_basic_constraints, true, no_authority);
    out.enclose(der::sequence, before);
    out.enclose(der::constructed_context(3), before);
    return fault;
}

/// YYYY-MM-DD and a time of that day, as UTCTime until 2049. (RFC 5280 §4.1.2.5)
CertificateFault write_time(DerWriter& out, ByteView day, ByteView time) {
    std::uint8_t digits[8];
    std::size_t count = 0;
    for (std::size_t i = 0; i < day.size(); ++i) {
        const bool hyphen = i == 4 || i == 7;
        if (hyphen ? day[i] != '-' : day[i] < '0' || day[i] > '9' || count == sizeof digits) {
            return CertificateFault::dates;
        }
        if (!hyphen) {
            digits[count++] = day[i];
        }
    }
    const auto number = [&](std::size_t at) {
        return (digits[at] - unsigned{'0'}) * 10 + (digits[at + 1] - unsigned{'0'});
    };
    if (count != sizeof digits || number(4) - 1 > 11 || number(6) - 1 > 30 || number(0) < 19) {
        return CertificateFault::dates;
    }
    const unsigned year = number(0) * 100 + number(2);
    const bool short_year = year >= 1950 && year < 2050;
    const std::size_t before = out.size();
    out.bytes(time);
    out.bytes(ByteView(digits).subspan(short_year ? 2 : 0));
    out.enclose(short_year ? der::utc_time : der::generalized_time, before);
    return CertificateFault::none;
}

void write_subject(DerWriter& out, ByteView key_hash) {
    constexpr char hex[] = "0123456789abcdef";
    std::uint8_t name[] = "enclave 0123456789abcdef";
    for (std::size_t i = 0; i < 8; ++i) {
        name[8 + 2 * i] = static_cast<std::uint8_t>(hex[key_hash[i] >> 4U]);
        name[9 + 2 * i] = static_cast<std::uint8_t>(hex[key_hash[i] & 0x0FU]);
    }
    const std::size_t before = out.size();
    out.value(der::utf8_string, ByteView(name).first(sizeof name - 1));
    out.value(der::oid, oid_common_name);
    out.enclose(der::sequence, before);
    out.enclose(der::set, before);
    out.enclose(der::sequence, before);
}

/// Positive, and another for each key. (RFC 5280 §4.1.2.2)
void write_serial(DerWriter& out, ByteView key_hash) {
    std::uint8_t serial[serial_bytes];
    for (std::size_t i = 0; i < serial_bytes; ++i) {
        serial[i] = key_hash[key_hash_bytes - serial_bytes + i];
    }
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3FU) | 0x40U);
    out.value(der::integer, serial);
}

CertificateFault write_to_be_signed(DerWriter& out, const CertificateTerms& terms, ByteView point) {
    std::uint8_t key_hash[key_hash_bytes];
    hash_key(point, key_hash);
    const CertificateFault names = write_extensions(out, terms, key_hash);
    write_key(out, point);
    write_subject(out, key_hash);
    const std::size_t validity = out.size();
    const CertificateFault until = write_time(out, terms.valid_until, bytes_of_text("235959Z"));
    const CertificateFault from = write_time(out, terms.valid_from, bytes_of_text("000000Z"));
    out.enclose(der::sequence, validity);
    write_subject(out, key_hash);
    write_algorithm(out);
    write_serial(out, key_hash);
    constexpr std::uint8_t version_3[] = {2};
    const std::size_t version = out.size();
    out.value(der::integer, version_3);
    out.enclose(der::constructed_context(0), version);
    out.enclose(der::sequence, 0);
    return names != CertificateFault::none ? names : until != CertificateFault::none ? until : from;
}

} // namespace

void hash_key(ByteView point, std::uint8_t (&out)[key_hash_bytes]) {
    std::uint8_t key_info[key_info_bytes];
    DerWriter writer(key_info);
    write_key(writer, point);
    hash(key_info, out);
}

std::size_t sign(ByteView secret, ByteView data, Bytes signature) {
    std::uint8_t digest[key_hash_bytes];
    hash(data, digest);
    std::uint8_t scalar[secret_bytes];
    copy(secret, scalar);
    const br_ec_private_key key = {BR_EC_secp256r1, scalar, secret_bytes};
    const std::size_t size =
        br_ecdsa_i31_sign_asn1(&br_ec_p256_m31, &br_sha256_vtable, digest, &key, signature.data());
    wipe(scalar);
    return size;
}

Certificate
write_certificate(const CertificateTerms& terms, ByteView secret, ByteView point, Bytes room) {
    if (room.size() < tail_max_bytes) {
        return {.fault = CertificateFault::room, .der = {}};
    }
    DerWriter out(room.first(room.size() - tail_max_bytes));
    const CertificateFault fault = write_to_be_signed(out, terms, point);
    if (fault != CertificateFault::none) {
        return {.fault = fault, .der = {}};
    }
    std::uint8_t signature[signature_max_bytes];
    const std::size_t signature_bytes = sign(secret, out.written(), signature);
    std::uint8_t tail_room[tail_max_bytes];
    DerWriter tail(tail_room);
    write_bit_string(tail, ByteView(signature).first(signature_bytes));
    write_algorithm(tail);
    copy(tail.written(), room.subspan(room.size() - tail_max_bytes));
    out.header(der::sequence, out.size() + tail.size());
    if (!out.ok()) {
        return {.fault = CertificateFault::room, .der = {}};
    }
    const std::size_t begin = room.size() - tail_max_bytes - out.size();
    return {.fault = CertificateFault::none, .der = room.subspan(begin, out.size() + tail.size())};
}

void write_pem(ByteView der, Writer& out) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t line_bytes = 48;
    out.bytes(bytes_of_text("-----BEGIN CERTIFICATE-----\n"));
    for (std::size_t i = 0; i < der.size(); i += 3) {
        const std::size_t count = der.size() - i < 3 ? der.size() - i : 3;
        std::uint32_t bits = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            bits = (bits << 8U) | (j < count ? der[i + j] : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            const char digit = digits[(bits >> (18 - 6 * j)) & 0x3FU];
            out.u8(static_cast<std::uint8_t>(j <= count ? digit : '='));
        }
        if (i % line_bytes == line_bytes - 3 || i + 3 >= der.size()) {
            out.u8('\n');
        }
    }
    out.bytes(bytes_of_text("-----END CERTIFICATE-----\n"));
}

} // namespace authex::web
