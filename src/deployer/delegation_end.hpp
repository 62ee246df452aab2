#pragma once
// A delegate's state comes home, or its owner goes on without it.            (docs/watch.md)

#include <filesystem>

#include "base/diagnostic.hpp"
#include "deployer/state.hpp"
#include "deployer/state_marks.hpp"

namespace authex::deployer {

/// What a delegate may have changed of a state, as its owner goes on with it. All else must be what
/// the owner gave: identities, pinned keys, ends of connections; epochs and incarnations only grow.
/// @error not-a-successor
Expected<Change> come_home(const State& here, const State& there);

/// Takes the state of the delegate's folder back, with its journal; the folder is of no use then,
/// nor is its certificate, once the nodes are told. May be called again after it was killed.
/// @error not-delegated | other-delegation | not-a-successor | state-… | of the files
Expected<Delegation> take_back(const std::filesystem::path& state_directory,
                               const std::filesystem::path& folder);

/// Goes on without the delegate, whose folder is lost or not to be trusted: its certificate is
/// revoked (nodes are to be told), its key goes into no image any more, and nothing is sealed under
/// a key that it may have had. Where it has the state: from the state here.
/// @error no-delegate | state-…
Expected<bool> revoke_delegate(const std::filesystem::path& state_directory);

} // namespace authex::deployer
