#include "deployer/module_values.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "crypto/hmac.hpp"
#include "deployer/private_file.hpp"

namespace authex::deployer {
namespace {

ByteView bytes_of_text(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A secret's text is wiped where it is not needed any more.
Secret take(std::string text) {
    Secret secret(bytes_of_text(text));
    wipe_text(text);
    return secret;
}

/// RFC 5869 with the owner's secret as key material: it differs by application, module, name and
/// turn, and nothing has to be stored. (docs/decisions/0014)
Secret generated(const descriptor::Module& module,
                 const descriptor::Secret& secret,
                 const ValueSources& sources) {
    constexpr std::string_view salt = "authex generated secret v1";
    const std::string key = secret_key(module.name, secret.name);
    const auto turned = sources.state.turned().find(key);
    const std::uint32_t turn = turned == sources.state.turned().end() ? 0 : turned->second;
    const std::string info = fmt::format("{}/{}/{}", sources.descriptor.application, key, turn);
    std::vector<std::uint8_t> bytes(secret.generated_bytes);
    crypto::hkdf_sha256({reinterpret_cast<const std::uint8_t*>(salt.data()), salt.size()},
                        sources.owner.secret,
                        bytes_of_text(info),
                        bytes);
    Secret made(bytes);
    wipe(bytes);
    return made;
}

Expected<Secret> read_secret(const descriptor::Module& module,
                             const descriptor::Secret& secret,
                             const ValueSources& sources) {
    switch (secret.source) {
    case descriptor::SecretSource::file: {
        return read_private_file(sources.descriptor.directory / secret.file);
    }
    case descriptor::SecretSource::environment: {
        auto text = sources.environment(secret.variable);
        if (!text) {
            return failure("secret-unavailable",
                           fmt::format("the environment variable {} is not set", secret.variable),
                           fmt::format("set it: {}=… authex up", secret.variable));
        }
        return take(std::move(*text));
    }
    case descriptor::SecretSource::generated:
        return generated(module, secret, sources);
    }
    return failure("secret-unavailable", "the secret comes from nowhere");
}

std::vector<std::uint8_t> mac_of(const ModuleValue& value, const OwnerKey& owner) {
    constexpr std::string_view salt = "authex given value v1";
    std::array<std::uint8_t, 32> key{};
    crypto::hkdf_sha256(
        {reinterpret_cast<const std::uint8_t*>(salt.data()), salt.size()}, owner.secret, {}, key);
    std::vector<std::uint8_t> message{static_cast<std::uint8_t>(value.kind),
                                      static_cast<std::uint8_t>(value.name.size())};
    message.insert(message.end(), value.name.begin(), value.name.end());
    message.insert(message.end(), value.bytes.view().begin(), value.bytes.view().end());
    const crypto::Hash mac = crypto::hmac_sha256(key, message);
    wipe(key);
    wipe(message);
    return {mac.begin(), mac.end()};
}

Diagnostic placed(Diagnostic problem, const descriptor::Module& module, const std::string& name) {
    problem.summary = fmt::format("secret {} of module {}: {}", name, module.name, problem.summary);
    return problem;
}

Expected<bool> check_sizes(const descriptor::Module& module,
                           const std::vector<ModuleValue>& values) {
    std::size_t bytes = 0;
    for (const ModuleValue& value : values) {
        const std::size_t size = value.bytes.view().size();
        if (size > wire::value_max_bytes) {
            return failure("value-too-large",
                           fmt::format("{} of module {} has {} bytes",
                                       to_string(value.kind, value.name),
                                       module.name,
                                       size),
                           fmt::format("a value has at most {}", wire::value_max_bytes));
        }
        bytes += wire::value_overhead_bytes + value.name.size() + size;
    }
    constexpr std::size_t most = wire::values_total_max_bytes;
    if (bytes > most) {
        return failure("value-too-large",
                       fmt::format("configuration and secrets of module {} have {} bytes together",
                                   module.name,
                                   bytes),
                       fmt::format("a module takes {}", most));
    }
    return true;
}

} // namespace

std::string to_string(wire::ValueKind kind, const std::string& name) {
    return fmt::format("{} {}", kind == wire::ValueKind::secret ? "secret" : "config", name);
}

std::string secret_key(const std::string& module, const std::string& secret) {
    return fmt::format("{}/{}", module, secret);
}

ModuleValues values_of(const descriptor::Module& module, const ValueSources& sources) {
    std::vector<ModuleValue> values;
    for (const auto& [name, setting] : module.config) {
        values.push_back({.kind = wire::ValueKind::config,
                          .name = name,
                          .bytes = Secret(bytes_of_text(setting.text))});
    }
    for (const descriptor::Secret& secret : module.secrets) {
        auto bytes = read_secret(module, secret, sources);
        if (!bytes) {
            Diagnostic problem = placed(bytes.error(), module, secret.name);
            problem.where = secret.where;
            return tl::make_unexpected(std::move(problem));
        }
        values.push_back(
            {.kind = wire::ValueKind::secret, .name = secret.name, .bytes = std::move(*bytes)});
    }
    const Expected<bool> fits = check_sizes(module, values);
    if (!fits) {
        Diagnostic problem = fits.error();
        problem.where = module.where;
        return tl::make_unexpected(std::move(problem));
    }
    for (ModuleValue& value : values) {
        value.mac = mac_of(value, sources.owner);
    }
    return values;
}

GivenValue remembered(const ModuleValue& value) {
    return {.secret = value.kind == wire::ValueKind::secret, .name = value.name, .mac = value.mac};
}

bool is_given(const std::vector<GivenValue>& given, const ModuleValue& value) {
    return std::any_of(given.begin(), given.end(), [&](const GivenValue& each) {
        return each.is(value.kind == wire::ValueKind::secret, value.name) && each.mac == value.mac;
    });
}

bool all_names_given(const std::vector<GivenValue>& given, const descriptor::Module& module) {
    const auto has = [&](bool secret, const std::string& name) {
        return std::any_of(given.begin(), given.end(), [&](const GivenValue& each) {
            return each.is(secret, name) && !each.mac.empty();
        });
    };
    return std::all_of(module.config.begin(),
                       module.config.end(),
                       [&](const auto& each) { return has(false, each.first); }) &&
           std::all_of(module.secrets.begin(), module.secrets.end(), [&](const auto& each) {
               return has(true, each.name);
           });
}

} // namespace authex::deployer
