#include "deployer/delegation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "crypto/kdf.hpp"
#include "deployer/image_store.hpp"
#include "deployer/private_file.hpp"
#include "deployer/state_copy.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int values_version = 1;

/// What of the descriptor's files whoever attests reads, in the order of the descriptor.
template <typename Visit>
void each_file(descriptor::Descriptor& descriptor, Visit visit) {
    const auto look = [&](std::optional<fs::path>& file) {
        if (file) {
            visit(*file);
        }
    };
    for (descriptor::Node& node : descriptor.nodes) {
        look(node.certificate);
        look(node.device_key);
    }
    look(descriptor.policy.root);
    look(descriptor.policy.collateral);
    if (descriptor.policy.pccs) {
        look(descriptor.policy.pccs->authority);
    }
}

Expected<bool> copy_files(descriptor::Descriptor descriptor, const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    std::size_t number = 0;
    fs::path failed;
    each_file(descriptor, [&](const fs::path& file) {
        if (!error) {
            failed = file;
            fs::copy(descriptor.directory / file,
                     folder / std::to_string(number++),
                     fs::copy_options::recursive,
                     error);
        }
    });
    return error ? failure("file-unreadable",
                           fmt::format("cannot copy {}: {}", failed.string(), error.message()))
                 : Expected<bool>(true);
}

Expected<bool> copy_images(const State& state, const fs::path& from, const fs::path& to) {
    for (const auto& [name, module] : state.modules()) {
        if (module.image_sha256.empty()) {
            continue;
        }
        const fs::path image = kept_image(from, module.image_sha256);
        const Expected<bool> kept =
            fs::exists(image)
                ? keep_image(to, image, module.image_sha256)
                : failure("image-missing",
                          fmt::format("the image of module {} is not in {}", name, from.string()),
                          "run authex up");
        if (!kept) {
            return kept;
        }
    }
    return true;
}

Json::binary_t binary(ByteView bytes) {
    return Json::binary_t(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

Expected<bool> write_values(const ValuesOfModules& values, const fs::path& file) {
    Json modules = Json::object();
    for (const auto& [name, of_module] : values) {
        if (!of_module) {
            return tl::make_unexpected(of_module.error());
        }
        Json& list = modules[name] = Json::array();
        for (const ModuleValue& value : *of_module) {
            list.push_back({{"secret", value.kind == wire::ValueKind::secret},
                            {"name", value.name},
                            {"value", binary(value.bytes.view())},
                            {"mac", binary(value.mac)}});
        }
    }
    Json json = {{"version", values_version}, {"modules", std::move(modules)}};
    std::string content;
    Json::to_cbor(json, content);
    Expected<bool> written = create_file(file, content, FileAccess::owner_only);
    wipe_text(content);
    for (Json& list : json["modules"]) {
        for (Json& each : list) {
            wipe(each["value"].get_binary());
        }
    }
    return written;
}

tl::unexpected<Diagnostic> damaged(const fs::path& file) {
    return failure("delegation-damaged",
                   fmt::format("{} is not what authex delegate writes", file.string()),
                   "let the owner make the folder anew");
}

Expected<bool> write_keys(const DelegationRequest& request) {
    const auto secret = read_delegate_key(request.state_directory);
    if (!secret) {
        return tl::make_unexpected(secret.error());
    }
    Expected<bool> done =
        create_file(request.folder / "delegate.key", secret->text(), FileAccess::owner_only);
    const auto publish = [&](const char* name, const std::optional<KeyBytes>& key) {
        if (done && key) {
            done = create_file(
                request.folder / name, key_text(*key) + "\n", FileAccess::everyone_reads);
        }
    };
    publish("owner.pub", request.owner.public_key);
    publish("recovery.pub", request.owner.recovery_key);
    publish("delegate.pub", request.owner.delegate_key);
    return done;
}

Expected<bool> write_state(State& state, const fs::path& file) {
    const auto copied = copy_to_hand_on(state);
    const auto bytes = copied ? (*copied)->bytes() : tl::make_unexpected(copied.error());
    if (!bytes) {
        return tl::make_unexpected(bytes.error());
    }
    const Secret content((ByteView(*bytes)));
    return create_file(file, content.text(), FileAccess::owner_only);
}

Expected<bool> write_folder(State& state, const DelegationRequest& request) {
    Expected<bool> done = write_keys(request);
    const auto then = [&](auto&& next) {
        if (done) {
            done = next();
        }
    };
    then([&] { return write_values(request.values, request.folder / "values"); });
    then([&] { return copy_files(request.descriptor, request.folder / "files"); });
    then([&] { return copy_images(state, request.images, request.folder / "images"); });
    then([&] { return write_state(state, request.folder / "state.db"); });
    // From here on nobody changes the state but the delegate, and he only when the folder is whole.
    then([&] {
        return write_delegation(delegated_mark(request.state_directory), request.delegation);
    });
    then([&] { return write_delegation(request.folder / "delegation.json", request.delegation); });
    return done;
}

} // namespace

Expected<RoleCertificate> delegate_state(State& state, const DelegationRequest& request) {
    std::error_code error;
    if (fs::exists(request.folder, error) && !fs::is_empty(request.folder, error)) {
        return failure("folder-not-empty",
                       fmt::format("{} is there already, and not empty", request.folder.string()),
                       "name another folder");
    }
    auto certificate = add_role(request.state_directory,
                                {.name = request.delegation.name,
                                 .role = rpc::Role::operating,
                                 .days = request.days,
                                 .directory = request.folder});
    if (!certificate) {
        return certificate;
    }
    const Expected<bool> written = write_folder(state, request);
    if (!written) {
        (void)revoke_role(request.state_directory, request.delegation.name);
        fs::remove_all(request.folder, error);
        fs::remove(delegated_mark(request.state_directory), error);
        return tl::make_unexpected(written.error());
    }
    return certificate;
}

void use_delegated_files(descriptor::Descriptor& descriptor, const fs::path& state_directory) {
    descriptor.directory = fs::absolute(state_directory) / "files";
    std::size_t number = 0;
    each_file(descriptor, [&](fs::path& file) { file = std::to_string(number++); });
}

Expected<ValuesOfModules> delegated_values(const fs::path& state_directory) {
    const fs::path file = state_directory / "values";
    const auto content = read_private_file(file);
    if (!content) {
        return tl::make_unexpected(content.error());
    }
    Json json = Json::from_cbor(content->text(), true, false);
    if (!json.is_object() || json.value("version", 0) != values_version ||
        !json.contains("modules") || !json["modules"].is_object()) {
        return damaged(file);
    }
    ValuesOfModules values;
    for (auto& [name, list] : json["modules"].items()) {
        std::vector<ModuleValue> of_module;
        for (Json& each : list) {
            const bool whole =
                each.is_object() && each.contains("secret") && each["secret"].is_boolean() &&
                each.contains("name") && each["name"].is_string() && each.contains("value") &&
                each["value"].is_binary() && each.contains("mac") && each["mac"].is_binary();
            if (!whole) {
                return damaged(file);
            }
            of_module.push_back({.kind = each["secret"].get<bool>() ? wire::ValueKind::secret
                                                                    : wire::ValueKind::config,
                                 .name = each["name"],
                                 .bytes = Secret(ByteView(each["value"].get_binary())),
                                 .mac = each["mac"].get_binary()});
            wipe(each["value"].get_binary());
        }
        values.emplace(name, std::move(of_module));
    }
    return values;
}

Expected<tee::Placed> place_as_before(const fs::path& state_directory,
                                      const std::string& node,
                                      ByteView image,
                                      ByteView placement) {
    const auto state = State::open(state_directory, StateUse::look);
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    const crypto::Hash digest = crypto::sha256(image);
    for (const auto& [name, module] : (*state)->modules()) {
        if (module.node == node && std::ranges::equal(module.image_sha256, digest) &&
            std::ranges::equal(module.placement, placement)) {
            const ByteView key = module.module_key.view();
            return tee::Placed{.identity = module.identity,
                               .module_key = {key.begin(), key.end()},
                               .simulated = module.simulated};
        }
    }
    return failure("placement-unknown",
                   fmt::format("a module of node {} lies elsewhere than it did, and a delegate has "
                               "its key for that place alone",
                               node),
                   "the owner has the vendor key: authex delegate --take-back DIR, and authex up");
}

} // namespace authex::deployer
