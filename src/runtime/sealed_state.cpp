// State that one instance seals for the next: its owner, who carries it, cannot read it.
//                                                         (docs/protocol.md "Handing over", P70)
#include "runtime/runtime.hpp"

#if AUTHEX_WITH_SEALED_STATE

namespace authex::runtime {

static_assert(with_handlers || with_entries); // chunks are opened where their answers are written

Error Runtime::accept_state(Writer& data) {
    pause();
    control_.draw(state_secret_);
    accepts_state_ = true;
    crypto::DhKey own{};
    crypto::x25519_public(state_secret_, own);
    data.bytes(own);
    return Error::none;
}

Error Runtime::export_state(const wire::ControlMessage& message, Writer& data) {
    if (message.offset > state().size()) {
        return Error::malformed;
    }
    const std::size_t left = state().size() - message.offset;
    const std::size_t bytes =
        left < wire::state_chunk_max_bytes ? left : wire::state_chunk_max_bytes;
    // Sealed where it lies; the writer makes room for the key before and the tag behind.
    static constexpr std::uint8_t nothing[crypto::dh_bytes]{};
    data.u32(static_cast<std::uint32_t>(state().size()));
    const std::size_t begin = data.size();
    data.bytes(nothing)
        .bytes(state().subspan(message.offset, bytes))
        .bytes(ByteView(nothing).first(crypto::tag_bytes));
    if (!data.ok()) {
        return Error::no_space;
    }
    crypto::DhKey ephemeral{};
    control_.draw(ephemeral);
    const Error error = crypto::noise_n_seal(wire::state_prologue,
                                             message.recipient.first<crypto::dh_bytes>(),
                                             ephemeral,
                                             data.written().subspan(begin));
    wipe(ephemeral);
    return error;
}

Error Runtime::import_state(const wire::ControlMessage& message) {
    if (!accepts_state_) {
        return Error::wrong_role;
    }
    const Bytes opened = Bytes(result_).first(message.sealed.size());
    copy(message.sealed, opened);
    Bytes chunk;
    Error error = crypto::noise_n_open(wire::state_prologue, state_secret_, opened, chunk);
    if (error == Error::none) {
        error = take_pieces(message, chunk);
    }
    wipe(opened);
    return error;
}

} // namespace authex::runtime

#endif
