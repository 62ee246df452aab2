#pragma once
// Images for Sancus: the runtime without Noise, AES, timers, streams, values and the sending of
// requests, SPONGENT by the processor's instructions, and no place yet (image.hpp).

#include <memory>

#include "descriptor/model.hpp"
#include "tee/builder.hpp"
#include "tee/compile/image_builder.hpp"

namespace authex::tee::sancus {

/// Largest body of a frame to or from a module where its descriptor says nothing, and at all.
constexpr std::uint32_t body_bytes = descriptor::body_max_sancus;
/// What a module has room for where its descriptor says nothing; more do not fit into the answer to
/// an audit.
constexpr std::uint32_t connections_default = descriptor::default_connections_sancus;
constexpr std::uint32_t connections_max = 6;
constexpr std::uint32_t stack_default_bytes = 384;

/// So much of a state, and of what is to be done with it, goes into a module at a time, which has
/// little room: state_chunk_max_bytes and state_pieces_max_bytes of wire/control.hpp, there.
constexpr std::uint32_t state_chunk_bytes = 32;
constexpr std::uint32_t state_pieces_bytes = 48;

/// An image's identity is empty: what hardware measures depends on its place. @error as
/// tee::Builder; also unknown-device | device-conflict: two that are not of one block |
/// too-many-connections | driver-hands-over
std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths);

} // namespace authex::tee::sancus
