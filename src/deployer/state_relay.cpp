#include "deployer/state_relay.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "crypto/noise.hpp"
#include "deployer/engine.hpp"
#include "deployer/single_orders.hpp"
#include "tee/sancus/builder.hpp"

namespace authex::deployer {
namespace {

tl::unexpected<Diagnostic> unreadable(const std::string& module) {
    return failure("order-unanswered",
                   fmt::format("module {} says nothing of its state that can be read", module));
}

} // namespace

TransferLimits limits_of(const tee::StateLayout& next) {
    return next.readable ? TransferLimits{.chunk_bytes = tee::sancus::state_chunk_bytes,
                                          .pieces_bytes = tee::sancus::state_pieces_bytes}
                         : TransferLimits{};
}

Expected<bool> StateRelay::carry(const std::vector<StateChunk>& chunks, ByteView recipient) const {
    Octets state;
    Expected<bool> done = chunks.empty() ? Expected<bool>(true) : read(state);
    for (const StateChunk& chunk : chunks) {
        if (done) {
            done = write(chunk, state, recipient);
        }
    }
    wipe(Bytes(state));
    return done;
}

/// All of it, however little is said at a time.
Expected<bool> StateRelay::read(Octets& state) const {
    const bool readable = context_.state.module(from_)->layout.readable;
    crypto::DhKey secret{};
    crypto::DhKey own{};
    context_.outside.random(secret);
    crypto::x25519_public(secret, own);
    Expected<bool> done = true;
    std::size_t total = 1;
    while (done && state.size() < total) {
        wire::ControlMessage leave = simple(wire::ControlType::export_state);
        leave.recipient = readable ? ByteView() : ByteView(own);
        leave.offset = static_cast<std::uint32_t>(state.size());
        auto left = order_one(context_, from_, {leave});
        if (!left) {
            done = tl::make_unexpected(left.error());
            break;
        }
        Octets answer = std::move((*left)[0].data);
        Reader reader(answer);
        total = reader.u32();
        Bytes chunk = Bytes(answer).last(reader.remaining());
        const bool opened =
            readable ||
            crypto::noise_n_open(wire::state_prologue, secret, chunk, chunk) == Error::none;
        if (!reader.ok() || !opened || chunk.empty() || chunk.size() > total - state.size()) {
            done = unreadable(from_);
        } else {
            state.reserve(total); // it is wiped where it lies
            state.insert(state.end(), chunk.begin(), chunk.end());
        }
        wipe(Bytes(answer));
    }
    wipe(secret);
    return done;
}

Expected<bool>
StateRelay::write(const StateChunk& chunk, ByteView state, ByteView recipient) const {
    const tee::StateLayout& layout = context_.state.module(to_)->layout;
    if (chunk.offset > state.size()) {
        return unreadable(from_);
    }
    const ByteView left = state.subspan(chunk.offset);
    const ByteView bytes = left.first(std::min(left.size(), limits_of(layout).chunk_bytes));
    Octets sealed;
    if (!layout.readable) {
        auto made = sealed_for(recipient, bytes);
        if (!made) {
            return tl::make_unexpected(made.error());
        }
        sealed = std::move(*made);
    }
    wire::ControlMessage enter = simple(wire::ControlType::import_state);
    enter.version = context_.state.module(from_)->layout.version;
    enter.sealed = layout.readable ? bytes : ByteView(sealed);
    enter.pieces = chunk.pieces;
    const auto entered = order_one(context_, to_, {enter});
    return entered ? Expected<bool>(true) : tl::make_unexpected(entered.error());
}

Expected<std::vector<std::uint8_t>> StateRelay::sealed_for(ByteView recipient,
                                                           ByteView chunk) const {
    if (recipient.size() != crypto::dh_bytes) {
        return unreadable(to_);
    }
    Octets message(crypto::dh_bytes);
    message.insert(message.end(), chunk.begin(), chunk.end());
    message.resize(message.size() + crypto::tag_bytes);
    crypto::DhKey ephemeral{};
    context_.outside.random(ephemeral);
    const Error error = crypto::noise_n_seal(
        wire::state_prologue, recipient.first<crypto::dh_bytes>(), ephemeral, message);
    wipe(ephemeral);
    return error == Error::none ? Expected<Octets>(std::move(message)) : unreadable(to_);
}

} // namespace authex::deployer
