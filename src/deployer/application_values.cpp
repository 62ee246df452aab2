// Configuration and secrets of the application's modules.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "deployer/owned_application.hpp"
#include "deployer/private_file.hpp"
#include "deployer/state_marks.hpp"

namespace authex::deployer {

/// Only where modules may be configured: nothing else needs files or variables to be there.
ValuesOfModules OwnedApplication::values(const Selection& selection, const State& state) const {
    ValuesOfModules values;
    const bool all =
        selection.modules.empty() && selection.connections.empty() && selection.periodic.empty();
    for (const descriptor::Module& module : descriptor_.modules) {
        const bool chosen =
            all || std::find(selection.modules.begin(), selection.modules.end(), module.name) !=
                       selection.modules.end();
        if (selection.attest && chosen && outside_.values != nullptr) {
            const auto given = outside_.values->find(module.name);
            values.emplace(module.name,
                           given == outside_.values->end() ? ModuleValues() : given->second);
        } else if (selection.attest && chosen) {
            values.emplace(
                module.name,
                values_of(module, {descriptor_, outside_.owner, state, outside_.environment}));
        }
    }
    return values;
}

Expected<bool> OwnedApplication::turn_secret(const std::string& module, const std::string& name) {
    auto state = open_to_change();
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    const std::string key = secret_key(module, name);
    const auto known = (*state)->turned().find(key);
    const std::uint32_t turns = known == (*state)->turned().end() ? 0 : known->second;
    if (turns == std::numeric_limits<std::uint32_t>::max()) {
        return failure("secret-exhausted",
                       fmt::format("{} was turned too often", key),
                       "give the secret another name");
    }
    Change change;
    change.turned[key] = turns + 1;
    return (*state)->commit(change);
}

Outcome<bool> OwnedApplication::set_secret(const std::string& module,
                                           const std::string& name,
                                           std::optional<ByteView> value) {
    Expected<bool> may = no_delegates();
    may = may ? may_change(outside_.state_directory) : may;
    if (!may) {
        return failed(may.error());
    }
    const descriptor::Module* stated = descriptor_.find_module(module);
    if (stated == nullptr) {
        return failed(
            make_error("unknown-module", fmt::format("the descriptor has no module {}", module)));
    }
    const auto secret = std::find_if(stated->secrets.begin(),
                                     stated->secrets.end(),
                                     [&](const auto& each) { return each.name == name; });
    if (secret == stated->secrets.end()) {
        return failed(make_error("unknown-secret",
                                 fmt::format("module {} has no secret {}", module, name),
                                 "name it in the descriptor: secrets: { … }"));
    }
    Expected<bool> set = true;
    switch (secret->source) {
    case descriptor::SecretSource::environment:
        set = failure("secret-elsewhere",
                      fmt::format("secret {} comes from the environment", name),
                      fmt::format("{}=… authex up", secret->variable));
        break;
    case descriptor::SecretSource::generated:
        set = value ? failure("secret-generated",
                              fmt::format("secret {} is generated", name),
                              "leave the value out: a new one is made")
                    : turn_secret(module, name);
        break;
    case descriptor::SecretSource::file:
        if (!value) {
            set = failure("payload-missing",
                          fmt::format("secret {} comes from a file: it needs a value", name),
                          "give it with --file, or - for standard input");
        } else if (value->size() > wire::value_max_bytes) {
            set = failure("value-too-large",
                          fmt::format("secret {} has {} bytes", name, value->size()),
                          fmt::format("a value has at most {}", wire::value_max_bytes));
        } else {
            set = replace_file(descriptor_.directory / secret->file,
                               {reinterpret_cast<const char*>(value->data()), value->size()},
                               FileAccess::owner_only);
        }
        break;
    }
    if (!set) {
        return failed(set.error());
    }
    {
        auto state = outside_.open_state(StateUse::look);
        if (!state) {
            return failed(state.error());
        }
        const ModuleRecord* record = (*state)->module(module);
        if (record == nullptr || record->attested_at_us == 0 || record->disabled) {
            return false;
        }
    }
    const auto done = up({.load = false,
                          .connect = false,
                          .register_periodic = false,
                          .remove_stale = false,
                          .modules = {module}});
    return done ? Outcome<bool>(true) : tl::make_unexpected(done.error());
}

} // namespace authex::deployer
