#pragma once
// A delegate: another machine that heals and re-attests what is deployed, without the owner key.
// (docs/watch.md "A delegate", docs/security.md)
//
// Its folder is a state directory. It has the state and nobody else changes it meanwhile:
//
//   delegation.json     what makes it a delegate's (state_marks.hpp)
//   state.db            copy_to_hand_on() of the owner's
//   delegate.key        its own X25519 key; owner.pub, recovery.pub, delegate.pub beside it
//   tls/                a certificate of the role operator
//   values              configuration and secrets of modules, CBOR, mode 0600
//   images/             what is deployed
//   files/N             certificates and the like that the descriptor names, in its order
//
// Neither owner.key nor ca.key, nor a key that signs enclaves or from which those of Sancus modules
// are derived is in it.

#include <filesystem>
#include <functional>
#include <string>

#include "base/diagnostic.hpp"
#include "deployer/credentials.hpp"
#include "deployer/module_values.hpp"
#include "deployer/role_certificates.hpp"
#include "deployer/state.hpp"
#include "deployer/state_marks.hpp"
#include "descriptor/model.hpp"
#include "tee/verifier.hpp"

namespace authex::deployer {

struct DelegationRequest {
    const descriptor::Descriptor& descriptor; ///< as it is deployed
    const OwnerKey& owner;
    const ValuesOfModules& values;
    std::filesystem::path state_directory; ///< of the owner
    std::filesystem::path images;
    std::filesystem::path folder; ///< of the delegate; must not be there, or be empty
    int days = 90;                ///< of its certificate
    Delegation delegation;
};

/// Writes the folder, and marks the owner's state as given away. What fails leaves no delegate.
/// @error folder-not-empty | role-exists | image-missing | file-unwritable | of the values
Expected<RoleCertificate> delegate_state(State& state, const DelegationRequest& request);

// In a delegate's folder.

/// Makes the descriptor name the files of the folder.
void use_delegated_files(descriptor::Descriptor& descriptor,
                         const std::filesystem::path& state_directory);
/// As the owner had them. @error file-unreadable | file-readable-by-others | delegation-damaged
Expected<ValuesOfModules> delegated_values(const std::filesystem::path& state_directory);
/// What a module shows that lies where it lay when the owner had its key.
/// @error placement-unknown | state-…
Expected<tee::Placed> place_as_before(const std::filesystem::path& state_directory,
                                      const std::string& node,
                                      ByteView image,
                                      ByteView placement);

} // namespace authex::deployer
