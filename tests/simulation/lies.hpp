#pragma once
// What a lying manager makes of an answer to the deployer.

#include "authex/v1/node.pb.h"

namespace authex::simulation {

class World;

void lie(v1::HelloReply& reply, std::uint64_t seed, World& world);
void lie(v1::ModuleStatus& reply, std::uint64_t seed, World& world);
void lie(v1::StatusReply& reply, std::uint64_t seed, World& world);
/// Also with frames and evidence of earlier answers.
void lie(v1::ControlReply& reply, std::uint64_t seed, World& world);
/// Also one that the node gave before.
void lie(v1::KeptStateReply& reply, std::uint64_t seed, World& world);
void lie(v1::DeliverReply& reply, std::uint64_t seed, World& world);
/// Others say nothing that could be a lie.
template <typename Reply>
void lie(Reply&, std::uint64_t, World&) {}

} // namespace authex::simulation
