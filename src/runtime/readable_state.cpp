// State that goes over in the hands of its owner, inside his sealed orders and their answers: on a
// TEE where he can compute every key of a module.         (docs/protocol.md "Handing over", P88)
#include "runtime/runtime.hpp"

#if AUTHEX_WITH_HANDOVER && !AUTHEX_WITH_SEALED_STATE

namespace authex::runtime {

Error Runtime::accept_state(Writer& /*data*/) {
    pause();
    accepts_state_ = true;
    return Error::none;
}

Error Runtime::export_state(const wire::ControlMessage& message, Writer& data) {
    if (message.offset > state().size()) {
        return Error::malformed;
    }
    const Bytes left = state().subspan(message.offset);
    data.u32(static_cast<std::uint32_t>(state().size()))
        .bytes(left.first(left.size() < wire::state_chunk_max_bytes ? left.size()
                                                                    : wire::state_chunk_max_bytes));
    return data.ok() ? Error::none : Error::no_space;
}

Error Runtime::import_state(const wire::ControlMessage& message) {
    return accepts_state_ ? take_pieces(message, message.sealed) : Error::wrong_role;
}

} // namespace authex::runtime

#endif
