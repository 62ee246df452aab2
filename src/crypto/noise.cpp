#include "crypto/noise.hpp"

namespace authex::crypto {
namespace {

constexpr char name_of_n[] = "Noise_N_25519_AESGCM_SHA256";
static_assert(sizeof name_of_kn - 1 <= hash_bytes && sizeof name_of_n < sizeof name_of_kn);

/// §12.4 AESGCM, n = 0: the first and only message under a key of the handshake.
constexpr std::array<std::uint8_t, nonce_bytes> first_nonce{};

} // namespace

NoiseSession::~NoiseSession() {
    wipe(initiator_to_responder);
    wipe(responder_to_initiator);
    wipe(handshake_hash);
}

NoiseSymmetricState::NoiseSymmetricState(ByteView protocol_name, ByteView prologue) {
    copy(protocol_name, hash_);
    chaining_key_ = hash_;
    mix_hash(prologue);
}

NoiseSymmetricState::~NoiseSymmetricState() {
    wipe(chaining_key_);
    wipe(hash_);
    wipe(key_);
}

void NoiseSymmetricState::mix_hash(ByteView data) {
    hash_ = sha256(hash_, data);
}

void NoiseSymmetricState::mix_key(ByteView input_key_material) {
    std::array<std::uint8_t, 2 * hash_bytes> keys{};
    hkdf_sha256(chaining_key_, input_key_material, {}, keys);
    copy(ByteView(keys).first(hash_bytes), chaining_key_);
    copy(ByteView(keys).subspan(hash_bytes), key_);
    wipe(keys);
}

Error NoiseSymmetricState::encrypt_and_hash(Bytes body_and_tag) {
    AeadKey key;
    (void)key.set(Algorithm::aes_256_gcm, key_); // without a key, seal() refuses
    const Error error = key.seal(first_nonce,
                                 hash_,
                                 body_and_tag.first(body_and_tag.size() - tag_bytes),
                                 body_and_tag.last<tag_bytes>());
    mix_hash(body_and_tag);
    return error;
}

Error NoiseSymmetricState::decrypt_and_hash(Bytes body_and_tag) {
    const Hash associated = hash_;
    mix_hash(body_and_tag);
    AeadKey key;
    (void)key.set(Algorithm::aes_256_gcm, key_); // without a key, open() refuses
    return key.open(first_nonce,
                    associated,
                    body_and_tag.first(body_and_tag.size() - tag_bytes),
                    body_and_tag.last<tag_bytes>());
}

void NoiseSymmetricState::split(NoiseSession& session) const {
    std::array<std::uint8_t, 2 * hash_bytes> keys{};
    hkdf_sha256(chaining_key_, {}, {}, keys);
    copy(ByteView(keys).first(hash_bytes), session.initiator_to_responder);
    copy(ByteView(keys).subspan(hash_bytes), session.responder_to_initiator);
    wipe(keys);
    session.handshake_hash = hash_;
}

NoiseResponder::NoiseResponder(ByteView prologue,
                               DhKeyView initiator_static_public,
                               DhKeyView ephemeral_secret)
    : state_(bytes_of_text(name_of_kn), prologue) {
    copy(initiator_static_public, initiator_static_);
    copy(ephemeral_secret, ephemeral_secret_);
    state_.mix_hash(initiator_static_);
}

NoiseResponder::~NoiseResponder() {
    wipe(ephemeral_secret_);
}

Error NoiseResponder::read_first(ByteView message, ByteView& payload) {
    if (message.size() < noise_first_overhead) {
        return Error::truncated;
    }
    copy(message.first(dh_bytes), initiator_ephemeral_);
    state_.mix_hash(initiator_ephemeral_);
    payload = message.subspan(dh_bytes);
    state_.mix_hash(payload);
    return Error::none;
}

Result<std::size_t>
NoiseResponder::write_second(ByteView payload, Bytes message, NoiseSession& session) {
    if (message.size() < noise_second_overhead + payload.size()) {
        return Error::no_space;
    }
    x25519_public(ephemeral_secret_, message.first<dh_bytes>());
    state_.mix_hash(message.first(dh_bytes));
    DhKey shared{};
    const Error ee = x25519(ephemeral_secret_, initiator_ephemeral_, shared);
    state_.mix_key(shared);
    const Error se = x25519(ephemeral_secret_, initiator_static_, shared);
    state_.mix_key(shared);
    wipe(shared);
    if (ee != Error::none || se != Error::none) {
        return Error::malformed;
    }
    const Bytes body_and_tag = message.subspan(dh_bytes, payload.size() + tag_bytes);
    copy(payload, body_and_tag);
    const Error error = state_.encrypt_and_hash(body_and_tag);
    if (error != Error::none) {
        return error;
    }
    state_.split(session);
    return noise_second_overhead + payload.size();
}

namespace {

/// `<- s`, `-> e, es`, by either end: `own` and `other` are its secret and the other's public key.
Error n_keys(NoiseSymmetricState& state,
             DhKeyView recipient,
             DhKeyView ephemeral,
             DhKeyView own,
             DhKeyView other) {
    state.mix_hash(recipient);
    state.mix_hash(ephemeral);
    DhKey shared{};
    const Error error = x25519(own, other, shared);
    state.mix_key(shared);
    wipe(shared);
    return error;
}

} // namespace

Error noise_n_seal(ByteView prologue,
                   DhKeyView recipient,
                   DhKeyView ephemeral_secret,
                   Bytes message) {
    NoiseSymmetricState state(bytes_of_text(name_of_n), prologue);
    const auto ephemeral = message.first<dh_bytes>();
    x25519_public(ephemeral_secret, ephemeral);
    const Error error = n_keys(state, recipient, ephemeral, ephemeral_secret, recipient);
    return error != Error::none ? error : state.encrypt_and_hash(message.subspan(dh_bytes));
}

Error noise_n_open(ByteView prologue, DhKeyView secret, Bytes message, Bytes& payload) {
    if (message.size() < noise_n_overhead) {
        return Error::truncated;
    }
    DhKey recipient{};
    x25519_public(secret, recipient);
    NoiseSymmetricState state(bytes_of_text(name_of_n), prologue);
    const DhKeyView ephemeral(message.data(), dh_bytes);
    const Error error = n_keys(state, recipient, ephemeral, secret, ephemeral);
    if (error != Error::none) {
        return error;
    }
    payload = message.subspan(dh_bytes, message.size() - noise_n_overhead);
    return state.decrypt_and_hash(message.subspan(dh_bytes));
}

} // namespace authex::crypto
