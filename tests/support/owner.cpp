#include "support/owner.hpp"

#include <stdexcept>

#include "crypto/noise_initiator.hpp"
#include "wire/control_owner.hpp"
#include "wire/seal.hpp"

namespace authex::test {
namespace {

constexpr crypto::DhKey owner_secret = {7, 1, 2, 3, 4, 5, 6};

void must(bool condition, const char* what) {
    if (!condition) {
        throw std::runtime_error(what);
    }
}

} // namespace

const crypto::DhKey& owner_public() {
    static const crypto::DhKey key = [] {
        crypto::DhKey made{};
        crypto::x25519_public(owner_secret, made);
        return made;
    }();
    return key;
}

std::array<std::uint8_t, wire::connection_key_bytes>
connection_key(std::uint16_t deployment, std::uint16_t channel, std::uint32_t epoch) {
    std::array<std::uint8_t, wire::connection_key_bytes> key{};
    Writer(key).u16(channel).u32(epoch).u16(deployment);
    return key;
}

void Owner::attest() {
    constexpr std::uint8_t prologue[] = {'a', 'u', 't', 'h', 'e', 'x', ' ', '1'};
    constexpr crypto::DhKey ephemeral = {9, 9, 9};
    crypto::NoiseInitiator initiator(prologue, owner_secret, ephemeral);
    std::vector<std::uint8_t> frame(wire::header_bytes + crypto::noise_first_overhead);
    must(initiator.write_first({}, Bytes(frame).subspan(wire::header_bytes)).has_value(), "noise");
    wire::write_header({.kind = wire::Kind::handshake,
                        .deployment = deployment_,
                        .length = static_cast<std::uint32_t>(crypto::noise_first_overhead)},
                       frame);
    std::vector<std::uint8_t> answer = exchange_(frame);
    Reader reader(ByteView(answer).subspan(wire::header_bytes));
    const Bytes second = Bytes(answer).subspan(wire::header_bytes + 2, reader.u16());
    ByteView limits;
    crypto::NoiseSession session;
    must(initiator.read_second(second, limits, session) == Error::none, "the handshake failed");
    must(to_module_.set(crypto::Algorithm::aes_256_gcm, session.initiator_to_responder) ==
             Error::none,
         "no control key");
    next_order_ = 0;
    const std::array<std::uint8_t, wire::seed_bytes> seed{1};
    order({.type = wire::ControlType::seed, .entropy = seed});
}

void Owner::order(const wire::ControlMessage& message) {
    std::array<std::uint8_t, wire::control_message_max_bytes> body{};
    const Result<std::size_t> size = wire::write_control(message, body);
    must(size.has_value(), "no order");
    std::vector<std::uint8_t> frame(wire::header_bytes + *size + wire::tag_bytes);
    wire::FrameHeader header{
        .kind = wire::Kind::control, .deployment = deployment_, .counter = next_order_++};
    must(wire::seal_frame(to_module_, header, ByteView(body).first(*size), frame) == Error::none,
         "no seal");
    const std::vector<std::uint8_t> answer = exchange_(frame);
    wire::FrameView view;
    must(wire::parse_frame(answer, view) == Error::none && view.header.kind == wire::Kind::control,
         "the module refused its owner");
}

void Owner::connect(std::uint16_t channel,
                    std::uint16_t endpoint,
                    bool source,
                    std::uint32_t epoch) {
    order({.type = wire::ControlType::set_connection,
           .connection = {.channel = channel,
                          .endpoint = endpoint,
                          .role = source ? wire::Role::source : wire::Role::destination,
                          .algorithm = crypto::Algorithm::aes_128_gcm,
                          .epoch = epoch,
                          .key = connection_key(deployment_, channel, epoch)}});
}

void Owner::disconnect(std::uint16_t channel) {
    order({.type = wire::ControlType::remove_connection, .connection = {.channel = channel}});
}

} // namespace authex::test
