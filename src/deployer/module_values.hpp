#pragma once
// Configuration and secrets of modules: from where the descriptor says they are, to what is handed
// over, and what of it a module has already. (docs/security.md "Configuration and secrets")

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "deployer/credentials.hpp"
#include "deployer/secret.hpp"
#include "deployer/state.hpp"
#include "descriptor/model.hpp"
#include "wire/control.hpp"

namespace authex::deployer {

/// A value as a module is to have it.
struct ModuleValue {
    wire::ValueKind kind = wire::ValueKind::config;
    std::string name;
    Secret bytes;
    std::vector<std::uint8_t> mac; ///< of kind, name and bytes, under a key of the owner's
};

/// Of one module, or why they cannot be had.
using ModuleValues = Expected<std::vector<ModuleValue>>;
/// By module; one that has neither `config` nor `secrets` may be left out.
using ValuesOfModules = std::map<std::string, ModuleValues>;

/// A variable of the deployer's environment; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

struct ValueSources {
    const descriptor::Descriptor& descriptor;
    const OwnerKey& owner;
    const State& state; ///< how often generated secrets were turned
    const Environment& environment;
};

/// Reads all that the descriptor names for the module. Secrets' files are for their owner alone.
/// @error secret-unavailable | file-unreadable | file-readable-by-others | value-too-large
[[nodiscard]] ModuleValues values_of(const descriptor::Module& module, const ValueSources& sources);

/// What the state remembers of a value that was given.
[[nodiscard]] GivenValue remembered(const ModuleValue& value);
/// Whether the module has it, the very same.
[[nodiscard]] bool is_given(const std::vector<GivenValue>& given, const ModuleValue& value);
/// Whether something was given under each name that the descriptor has for the module.
[[nodiscard]] bool all_names_given(const std::vector<GivenValue>& given,
                                   const descriptor::Module& module);

/// "config limit", "secret api-token".
[[nodiscard]] std::string to_string(wire::ValueKind kind, const std::string& name);
/// The key of a secret in State::turned().
[[nodiscard]] std::string secret_key(const std::string& module, const std::string& secret);

} // namespace authex::deployer
