#include "deployer/recovery.hpp"

#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/rand.h>

#include "base/bytes.hpp"
#include "crypto/x25519.hpp"
#include "deployer/credentials.hpp"
#include "deployer/private_file.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kind_key = "authex-recovery";
constexpr int format_version = 1;

/// What the file holds.
struct Kit {
    KeyBytes secret{};
    KeyBytes owner{}; ///< public key of index 0
    std::string authority;
    std::string authority_key;

    Kit() = default;
    Kit(const Kit&) = default;
    Kit& operator=(const Kit&) = default;
    ~Kit() {
        wipe(secret);
        wipe_text(authority_key);
    }
};

void wipe_texts(nlohmann::json& json) {
    for (nlohmann::json& each : json) {
        if (each.is_string()) {
            wipe_text(each.get_ref<std::string&>());
        }
    }
}

Expected<Secret> read_public_file(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<std::uint8_t> text((std::istreambuf_iterator<char>(stream)),
                                   std::istreambuf_iterator<char>());
    if (!stream.is_open() || stream.bad() || text.empty()) {
        return failure("file-unreadable", fmt::format("cannot read {}", file.string()));
    }
    return Secret(std::move(text));
}

Expected<bool> write_kit(const Kit& kit, const fs::path& file) {
    constexpr int indent = 2;
    nlohmann::json json = {{kind_key, format_version},
                           {"secret", key_text(kit.secret)},
                           {"owner", key_text(kit.owner)},
                           {"authority", kit.authority},
                           {"authority-key", kit.authority_key}};
    std::string text = json.dump(indent) + "\n";
    Expected<bool> written = create_file(file, text, FileAccess::owner_only);
    wipe_text(text);
    wipe_texts(json);
    return written;
}

Expected<Kit> read_kit(const fs::path& file) {
    const auto content = read_private_file(file);
    if (!content) {
        return tl::make_unexpected(content.error());
    }
    nlohmann::json json = nlohmann::json::parse(content->text(), nullptr, false);
    const auto field = [&](const char* name) {
        return json.is_object() && json.contains(name) && json[name].is_string()
                   ? json[name].get<std::string>()
                   : std::string();
    };
    const bool known =
        json.is_object() && json.contains(kind_key) && json[kind_key] == format_version;
    auto secret = parse_key(field("secret"));
    const auto owner = parse_key(field("owner"));
    Kit kit;
    kit.authority = field("authority");
    kit.authority_key = field("authority-key");
    wipe_texts(json);
    if (!known || !secret || !owner || kit.authority.empty() || kit.authority_key.empty()) {
        return failure(
            "recovery-file-damaged",
            fmt::format("{} is no recovery file of this release, or damaged", file.string()),
            "use the file that authex init --recovery-key has written");
    }
    kit.secret = *secret;
    kit.owner = *owner;
    wipe(*secret);
    return kit;
}

/// Writes a file, or finds the same there. @error owner-key-exists: another is there
Expected<bool> keep(const fs::path& file, const std::string& content, FileAccess access) {
    if (fs::exists(file)) {
        const auto there =
            access == FileAccess::owner_only ? read_private_file(file) : read_public_file(file);
        return there && there->text() == content
                   ? Expected<bool>(true)
                   : failure("owner-key-exists",
                             fmt::format("{} is there already, and another", file.string()),
                             "recover into an empty state directory: move the old one away, or "
                             "name another with --state");
    }
    return create_file(file, content, access);
}

} // namespace

Expected<bool> make_recovery_key(const fs::path& state_directory, const fs::path& file) {
    const auto owner = open_owner_key(state_directory);
    if (!owner) {
        return tl::make_unexpected(owner.error());
    }
    if (owner->recovery_key) {
        return failure("recovery-key-exists",
                       "this application has a recovery key already",
                       "its file was written when it was made; docs/recovery.md tells how to "
                       "change both owner keys");
    }
    const auto tls = open_deployer_tls(state_directory);
    if (!tls) {
        return tl::make_unexpected(tls.error());
    }
    const auto authority = read_public_file(tls->authority);
    const auto authority_key = read_private_file(state_directory / "tls" / "ca.key");
    if (!authority || !authority_key) {
        return tl::make_unexpected(authority ? authority_key.error() : authority.error());
    }
    Kit kit;
    kit.owner = owner->public_key;
    kit.authority = authority->text();
    kit.authority_key = authority_key->text();
    if (RAND_priv_bytes(kit.secret.data(), static_cast<int>(kit.secret.size())) != 1) {
        return failure("no-randomness", "the system gives no random numbers");
    }
    KeyBytes public_key{};
    crypto::x25519_public(kit.secret, public_key);
    const Expected<bool> written = write_kit(kit, file);
    return written ? create_file(state_directory / "recovery.pub",
                                 key_text(public_key) + "\n",
                                 FileAccess::everyone_reads)
                   : written;
}

Expected<bool> use_recovery_key(const fs::path& state_directory, const fs::path& file) {
    const auto kit = read_kit(file);
    if (!kit) {
        return tl::make_unexpected(kit.error());
    }
    KeyBytes public_key{};
    crypto::x25519_public(kit->secret, public_key);
    std::string secret = key_text(kit->secret) + "\n";
    const fs::path tls = state_directory / "tls";
    Expected<bool> done = create_private_folder(state_directory);
    const auto then = [&](auto&& next) {
        if (done) {
            done = next();
        }
    };
    // Of a folder that is another owner's, nothing is changed.
    const fs::path owner_key = state_directory / "owner.key";
    if (fs::exists(owner_key)) {
        then([&] { return keep(owner_key, secret, FileAccess::owner_only); });
    }
    then([&] { return create_private_folder(tls); });
    then([&] {
        return keep(
            state_directory / "owner.pub", key_text(kit->owner) + "\n", FileAccess::everyone_reads);
    });
    then([&] {
        return keep(state_directory / "recovery.pub",
                    key_text(public_key) + "\n",
                    FileAccess::everyone_reads);
    });
    then([&] { return keep(tls / "ca.key", kit->authority_key, FileAccess::owner_only); });
    then([&] { return keep(tls / "ca.crt", kit->authority, FileAccess::everyone_reads); });
    // Last: with it the folder is whole.
    then([&] { return keep(owner_key, secret, FileAccess::owner_only); });
    wipe_text(secret);
    return done;
}

} // namespace authex::deployer
