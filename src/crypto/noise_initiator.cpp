#include "crypto/noise_initiator.hpp"

namespace authex::crypto {

NoiseInitiator::NoiseInitiator(ByteView prologue,
                               DhKeyView static_secret,
                               DhKeyView ephemeral_secret)
    : state_(bytes_of_text(name_of_kn), prologue) {
    copy(static_secret, static_secret_);
    copy(ephemeral_secret, ephemeral_secret_);
    DhKey static_public{};
    x25519_public(static_secret_, static_public);
    state_.mix_hash(static_public);
}

NoiseInitiator::~NoiseInitiator() {
    wipe(static_secret_);
    wipe(ephemeral_secret_);
}

Result<std::size_t> NoiseInitiator::write_first(ByteView payload, Bytes message) {
    if (message.size() < noise_first_overhead + payload.size()) {
        return Error::no_space;
    }
    x25519_public(ephemeral_secret_, message.first<dh_bytes>());
    state_.mix_hash(message.first(dh_bytes));
    const Bytes body = message.subspan(dh_bytes, payload.size());
    copy(payload, body);
    state_.mix_hash(body);
    return noise_first_overhead + payload.size();
}

Error NoiseInitiator::read_second(Bytes message, ByteView& payload, NoiseSession& session) {
    if (message.size() < noise_second_overhead) {
        return Error::truncated;
    }
    const DhKeyView remote_ephemeral(message.data(), dh_bytes);
    state_.mix_hash(remote_ephemeral);
    DhKey shared{};
    const Error ee = x25519(ephemeral_secret_, remote_ephemeral, shared);
    state_.mix_key(shared);
    const Error se = x25519(static_secret_, remote_ephemeral, shared);
    state_.mix_key(shared);
    wipe(shared);
    if (ee != Error::none || se != Error::none) {
        return Error::malformed;
    }
    const Error error = state_.decrypt_and_hash(message.subspan(dh_bytes));
    if (error != Error::none) {
        return error;
    }
    payload = message.subspan(dh_bytes, message.size() - noise_second_overhead);
    state_.split(session);
    return Error::none;
}

} // namespace authex::crypto
