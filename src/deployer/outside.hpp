#pragma once
// What an application needs of the world. All of it is handed in, so that tests and simulations run
// the same code over nodes, clocks and random numbers of their own.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "deployer/application.hpp"
#include "deployer/credentials.hpp"
#include "deployer/module_values.hpp"
#include "deployer/node.hpp"
#include "deployer/secret.hpp"
#include "deployer/state.hpp"
#include "descriptor/model.hpp"
#include "tee/builder.hpp"
#include "tee/verifier.hpp"

namespace authex::deployer {

struct Outside {
    /// A node that is to be spoken to; does not wait for it.
    std::function<Expected<std::unique_ptr<Node>>(const std::string& name,
                                                  const std::string& address)>
        reach;
    std::shared_ptr<Executor> executor;
    std::function<std::chrono::system_clock::time_point()> now;
    std::function<void(Bytes)> random; ///< fit for keys
    /// Lets so much time pass; null where none does.
    std::function<void(std::chrono::milliseconds)> wait;
    /// Null: this version has none for the TEE. They live as long as this.
    std::function<tee::Builder*(descriptor::Tee)> builder;
    std::function<const tee::Verifier*(descriptor::Tee)> verifier;
    /// What a module shows that lies where its node says, on a TEE that measures that; may be null
    /// where no node is of one.
    std::function<Expected<tee::Placed>(
        const descriptor::Node&, ByteView image, ByteView placement)>
        place;
    std::function<Expected<std::unique_ptr<State>>(StateUse)> open_state;
    std::filesystem::path state_directory;
    std::filesystem::path images; ///< folder of what is deployed (image_store.hpp); empty: nowhere
    OwnerKey owner;               ///< or a delegate's
    bool has_owner_key = true;    ///< else it is a guest's, and `owner` is nothing
    /// Of all modules, as a delegate has them; null: from where the descriptor says they are.
    std::shared_ptr<const ValuesOfModules> values;
    std::vector<std::string> revoked; ///< serial numbers that every node is told
    /// Who signs images of this TEE.
    std::function<tee::Signing(descriptor::Tee)> signing;
    Environment environment;
};

/// Of its clock.
[[nodiscard]] std::uint64_t unix_time_us(const Outside& outside);

/// Of a connection or of a kept state, wire::connection_key_bytes long: nobody has it yet.
[[nodiscard]] Secret fresh_key(const Outside& outside);

/// The real one: gRPC, threads, clock, the system's random numbers, files.
Expected<Outside> make_outside(const Options& options, const descriptor::Descriptor& descriptor);

/// An application over any world. `options` say progress, warnings and the descriptor's name.
std::unique_ptr<Application>
make_application(Options options, descriptor::Descriptor descriptor, Outside outside);

} // namespace authex::deployer
