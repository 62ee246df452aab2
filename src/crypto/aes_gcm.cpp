#include "crypto/aes_gcm.hpp"

#include <new>

#include <bearssl/bearssl_aead.h>
#include <bearssl/bearssl_block.h>
#include <bearssl/bearssl_hash.h>

#ifndef AUTHEX_CPU_HAS_AES
#define AUTHEX_CPU_HAS_AES 0
#endif

namespace authex::crypto::aes_gcm {
namespace {

struct State {
    br_gcm_context gcm; // points at `cipher`
    union {
        br_aes_gen_ctr_keys any;
        const br_block_ctr_class* vtable;
    } cipher;
};
static_assert(sizeof(State) <= AUTHEX_AEAD_STATE_BYTES);
static_assert(alignof(State) <= 16);

State& in(Bytes state) {
    return *std::launder(reinterpret_cast<State*>(state.data()));
}

#if AUTHEX_CPU_HAS_AES
// Known of each processor that the image runs on, where to ask is forbidden.
const br_block_ctr_class* fastest_cipher() {
    return &br_aes_x86ni_ctr_vtable;
}

br_ghash fastest_ghash() {
    return br_ghash_pclmul;
}
#else
/// What the processor is best at. It is asked once: in a virtual machine each question (CPUID) is
/// an exit to the hypervisor. Threads that ask at the same time find the same.
template <typename T>
T fastest(T& known, T hardware_if_any(), T software) {
    T found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (found == nullptr) {
        const T hardware = hardware_if_any();
        found = hardware != nullptr ? hardware : software;
        __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    }
    return found;
}

const br_block_ctr_class* fastest_cipher() {
    static const br_block_ctr_class* known = nullptr;
    return fastest(known, br_aes_x86ni_ctr_get_vtable, &br_aes_ct64_ctr_vtable);
}

br_ghash fastest_ghash() {
    static br_ghash known = nullptr;
    return fastest(known, br_ghash_pclmul_get, br_ghash{br_ghash_ctmul64});
}
#endif

void begin(State& state, NonceView nonce, ByteView associated) {
    br_gcm_reset(&state.gcm, nonce.data(), nonce.size());
    br_gcm_aad_inject(&state.gcm, associated.data(), associated.size());
    br_gcm_flip(&state.gcm);
}

} // namespace

void set(ByteView key, Bytes state) {
    State& fresh = *new (state.data()) State{};
    const br_block_ctr_class* cipher = fastest_cipher();
    cipher->init(&fresh.cipher.vtable, key.data(), key.size());
    br_gcm_init(&fresh.gcm, &fresh.cipher.vtable, fastest_ghash());
}

void seal(Bytes state, NonceView nonce, ByteView associated, Bytes body, Tag tag) {
    State& s = in(state);
    begin(s, nonce, associated);
    br_gcm_run(&s.gcm, 1, body.data(), body.size());
    br_gcm_get_tag(&s.gcm, tag.data());
}

bool open(Bytes state, NonceView nonce, ByteView associated, Bytes body, TagView tag) {
    State& s = in(state);
    begin(s, nonce, associated);
    br_gcm_run(&s.gcm, 0, body.data(), body.size());
    if (br_gcm_check_tag(&s.gcm, tag.data()) == 1) {
        return true;
    }
    wipe(body);
    return false;
}

} // namespace authex::crypto::aes_gcm
