#include <authex/web/channel.hpp>

#include <bearssl/bearssl_aead.h>
#include <bearssl/bearssl_block.h>
#include <bearssl/bearssl_hash.h>

#ifndef AUTHEX_CPU_HAS_AES
#define AUTHEX_CPU_HAS_AES 0
#endif

/// BearSSL would ask the system for a seed. There is no system; open_tls() gives one.
extern "C" br_prng_seeder br_prng_seeder_system(const char** /*name*/) {
    return nullptr;
}

namespace authex::web {
namespace {

constexpr std::uint16_t suites[] = {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256};

/// So that clients do not speak HTTP/2. (RFC 7301)
const char* protocols[] = {"http/1.1"};

#if AUTHEX_CPU_HAS_AES
// Known of each processor that the image runs on, where to ask is forbidden.
void set_aes(br_ssl_engine_context& engine) {
    br_ssl_engine_set_aes_ctr(&engine, &br_aes_x86ni_ctr_vtable);
    br_ssl_engine_set_ghash(&engine, &br_ghash_pclmul);
}
#else
/// What the processor is best at. It is asked once: in a virtual machine each question (CPUID) is
/// an exit to the hypervisor.
void set_aes(br_ssl_engine_context& engine) {
    static const br_block_ctr_class* aes = nullptr;
    static br_ghash ghash = nullptr;
    if (aes == nullptr) {
        aes = br_aes_x86ni_ctr_get_vtable();
        ghash = br_ghash_pclmul_get();
        aes = aes != nullptr ? aes : &br_aes_ct64_ctr_vtable;
        ghash = ghash != nullptr ? ghash : &br_ghash_ctmul64;
    }
    br_ssl_engine_set_aes_ctr(&engine, aes);
    br_ssl_engine_set_ghash(&engine, ghash);
}
#endif

void set_ciphers(br_ssl_engine_context& engine) {
    set_aes(engine);
    br_ssl_engine_set_gcm(&engine, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
    br_ssl_engine_set_chacha20(&engine, &br_chacha20_ct_run);
    br_ssl_engine_set_poly1305(&engine, &br_poly1305_ctmul_run);
    br_ssl_engine_set_chapol(&engine, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
}

/// Of the two curves. BearSSL's own choice among all would bring the code of two more.
const br_ec_impl& on(int curve) {
    return curve == BR_EC_curve25519 ? br_ec_c25519_m31 : br_ec_p256_m31;
}

/// Curve25519 for who knows it, which is faster here, else P-256.
constexpr br_ec_impl curves = {
    .supported_curves = 1U << BR_EC_secp256r1 | 1U << BR_EC_curve25519,
    .generator = [](int curve, std::size_t* size) { return on(curve).generator(curve, size); },
    .order = [](int curve, std::size_t* size) { return on(curve).order(curve, size); },
    .xoff = [](int curve, std::size_t* size) { return on(curve).xoff(curve, size); },
    .mul = [](std::uint8_t* point,
              std::size_t point_size,
              const std::uint8_t* factor,
              std::size_t factor_size,
              int curve) { return on(curve).mul(point, point_size, factor, factor_size, curve); },
    .mulgen =
        [](std::uint8_t* point, const std::uint8_t* factor, std::size_t factor_size, int curve) {
            return on(curve).mulgen(point, factor, factor_size, curve);
        },
    .muladd = nullptr, // of signatures to verify, of which a server has none
};

std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

} // namespace

void Channel::open_tls(const Identity& identity, ByteView seed) {
    br_ssl_server_zero(&tls_);
    br_ssl_engine_context& engine = tls_.eng;
    br_ssl_engine_set_versions(&engine, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_prf_sha256(&engine, &br_tls12_sha256_prf);
    br_ssl_engine_set_suites(&engine, suites, 2);
    br_ssl_engine_set_hash(&engine, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_ec(&engine, &curves);
    set_ciphers(engine);
    br_ssl_server_set_single_ec(&tls_,
                                &identity.chain(),
                                1,
                                &identity.key(),
                                BR_KEYTYPE_SIGN,
                                0,
                                &br_ec_p256_m31,
                                &br_ecdsa_i31_sign_asn1);
    br_ssl_engine_set_protocol_names(&engine, protocols, 1);
    br_ssl_engine_add_flags(&engine, BR_OPT_NO_RENEGOTIATION | BR_OPT_ENFORCE_SERVER_PREFERENCES);
    br_ssl_engine_set_buffers_bidi(&engine, in_, sizeof in_, out_, sizeof out_);
    br_ssl_engine_inject_entropy(&engine, seed.data(), seed.size());
    (void)br_ssl_server_reset(&tls_);
    plain_ = false;
    closed_ = false;
}

void Channel::open_plain() {
    plain_ = true;
    closed_ = false;
    in_bytes_ = 0;
    out_bytes_ = 0;
}

std::size_t Channel::receive(ByteView bytes) {
    if (plain_) {
        const std::size_t count = closed_ ? 0 : smaller(bytes.size(), sizeof in_ - in_bytes_);
        copy(bytes.first(count), Bytes(in_).subspan(in_bytes_));
        in_bytes_ += count;
        return count;
    }
    std::size_t room = 0;
    std::uint8_t* const to = br_ssl_engine_recvrec_buf(&tls_.eng, &room);
    if (to == nullptr) {
        return 0;
    }
    const std::size_t count = smaller(bytes.size(), room);
    copy(bytes.first(count), {to, room});
    br_ssl_engine_recvrec_ack(&tls_.eng, count);
    return count;
}

ByteView Channel::readable() {
    if (plain_) {
        return ByteView(in_).first(in_bytes_);
    }
    std::size_t size = 0;
    const std::uint8_t* const from = br_ssl_engine_recvapp_buf(&tls_.eng, &size);
    return {from, from == nullptr ? 0 : size};
}

void Channel::read(std::size_t bytes) {
    if (plain_) {
        in_bytes_ -= bytes;
        copy(ByteView(in_).subspan(bytes, in_bytes_), in_);
    } else if (bytes != 0) {
        br_ssl_engine_recvapp_ack(&tls_.eng, bytes);
    }
}

std::size_t Channel::room() {
    if (plain_) {
        return closed_ ? 0 : record_max_bytes - out_bytes_;
    }
    std::size_t size = 0;
    return br_ssl_engine_sendapp_buf(&tls_.eng, &size) == nullptr ? 0 : size;
}

void Channel::write(ByteView bytes) {
    if (plain_) {
        copy(bytes, Bytes(out_).subspan(out_bytes_));
        out_bytes_ += bytes.size();
    } else if (!bytes.empty()) {
        std::size_t size = 0;
        std::uint8_t* const to = br_ssl_engine_sendapp_buf(&tls_.eng, &size);
        copy(bytes, {to, size});
        br_ssl_engine_sendapp_ack(&tls_.eng, bytes.size());
    }
}

void Channel::flush() {
    if (!plain_) {
        br_ssl_engine_flush(&tls_.eng, 0);
    }
}

void Channel::close() {
    closed_ = true;
    if (!plain_) {
        br_ssl_engine_close(&tls_.eng);
    }
}

ByteView Channel::pending() {
    if (plain_) {
        return ByteView(out_).first(out_bytes_);
    }
    std::size_t size = 0;
    const std::uint8_t* const from = br_ssl_engine_sendrec_buf(&tls_.eng, &size);
    return {from, from == nullptr ? 0 : size};
}

void Channel::sent(std::size_t bytes) {
    if (plain_) {
        out_bytes_ -= bytes;
        copy(ByteView(out_).subspan(bytes, out_bytes_), out_);
    } else {
        br_ssl_engine_sendrec_ack(&tls_.eng, bytes);
    }
}

bool Channel::over() const {
    return plain_ ? closed_ : br_ssl_engine_current_state(&tls_.eng) == BR_SSL_CLOSED;
}

} // namespace authex::web
