#pragma once
// A state that goes over in the hands of the owner, where one of the two instances is on a TEE that
// could not seal it for the other: its owner may read it there. (docs/updates.md "Sancus")

#include <string>
#include <vector>

#include "deployer/state_transfer.hpp"

namespace authex::deployer {

struct EngineContext;

/// Between two instances of a module that are recorded so.
class StateRelay {
  public:
    StateRelay(const EngineContext& context, std::string from, std::string to)
        : context_(context), from_(std::move(from)), to_(std::move(to)) {}

    /// @param recipient what the next instance has made for this; unused where that is readable
    /// @error order-unanswered | as of the orders
    [[nodiscard]] Expected<bool> carry(const std::vector<StateChunk>& chunks,
                                       ByteView recipient) const;

  private:
    using Octets = std::vector<std::uint8_t>;

    [[nodiscard]] Expected<bool> read(Octets& state) const;
    [[nodiscard]] Expected<bool>
    write(const StateChunk& chunk, ByteView state, ByteView recipient) const;
    [[nodiscard]] Expected<Octets> sealed_for(ByteView recipient, ByteView chunk) const;

    const EngineContext& context_;
    const std::string from_;
    const std::string to_;
};

/// What fits into an instance at a time.
[[nodiscard]] TransferLimits limits_of(const tee::StateLayout& next);

} // namespace authex::deployer
