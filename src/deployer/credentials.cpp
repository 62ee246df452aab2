#include "deployer/credentials.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rand.h>

#include "base/bytes.hpp"
#include "crypto/x25519.hpp"
#include "deployer/certificates.hpp"
#include "deployer/private_file.hpp"

namespace authex::deployer {
namespace {

Expected<std::array<std::uint8_t, 32>> new_secret() {
    std::array<std::uint8_t, 32> secret{};
    if (RAND_priv_bytes(secret.data(), static_cast<int>(secret.size())) != 1) {
        return failure("no-randomness", "the system gives no random numbers");
    }
    return secret;
}

constexpr const char* owner_file = "owner.key";
constexpr const char* delegate_file = "delegate.key";
constexpr const char* delegate_public_file = "delegate.pub";

Expected<bool> make_secret_key(const std::filesystem::path& file) {
    auto secret = new_secret();
    if (!secret) {
        return tl::make_unexpected(secret.error());
    }
    std::string text = key_text(*secret) + "\n";
    Expected<bool> written = create_file(file, text, FileAccess::owner_only);
    wipe(*secret);
    wipe_text(text);
    return written;
}

/// Also one that is not there, or that event managers take for no client's.
bool ends_soon(const std::filesystem::path& certificate) {
    constexpr auto month = std::chrono::hours(24 * 30);
    const auto facts = read_certificate(certificate);
    return !facts || !facts->role || facts->valid_until < std::chrono::system_clock::now() + month;
}

Expected<std::optional<KeyBytes>> read_public(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) {
        return std::optional<KeyBytes>();
    }
    std::ifstream stream(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    const auto key = parse_key(text);
    if (!key) {
        return failure(
            "owner-key-damaged",
            fmt::format("{} does not hold 64 lower-case hex digits", file.string()),
            "restore it from your backup; without it the deployed modules cannot be built again");
    }
    return key;
}

/// Which of the public keys the secret belongs to.
Expected<bool> find_index(const std::filesystem::path& state_directory, OwnerKey& key) {
    KeyBytes own{};
    crypto::x25519_public(key.secret, own);
    const auto first = read_public(state_directory / "owner.pub");
    const auto recovery = read_public(state_directory / "recovery.pub");
    const auto delegate = read_public(state_directory / delegate_public_file);
    for (const auto* read : {&first, &recovery, &delegate}) {
        if (!*read) {
            return tl::make_unexpected(read->error());
        }
    }
    key.recovery_key = *recovery;
    key.delegate_key = *delegate;
    key.public_key = first->value_or(own);
    key.index = key.public_key == own ? 0 : key.recovery_key == own ? 1 : wire::delegate_index;
    const bool belongs = is_delegate(state_directory)
                             ? key.is_delegates() && key.delegate_key == own
                             : !key.is_delegates();
    if (!belongs || key.recovery_key == key.public_key) {
        return failure("owner-key-mismatch",
                       fmt::format("the key in {} belongs to none of its public keys",
                                   state_directory.string()),
                       "restore the files from your backup, all together");
    }
    if (!*first) {
        // Another process may be writing the same at this moment.
        auto written = create_file(state_directory / "owner.pub",
                                   key_text(key.public_key) + "\n",
                                   FileAccess::everyone_reads);
        if (!written && written.error().code != "file-exists") {
            return written;
        }
    }
    return true;
}

} // namespace

std::optional<KeyBytes> parse_key(std::string_view text) {
    KeyBytes key{};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    if (text.size() != 2 * key.size()) {
        return std::nullopt;
    }
    const auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    for (std::size_t i = 0; i < key.size(); ++i) {
        const int high = digit(text[2 * i]);
        const int low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        key[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return key;
}

std::string key_text(const KeyBytes& key) {
    return fmt::format("{:02x}", fmt::join(key, ""));
}

OwnerKey::~OwnerKey() {
    wipe(secret);
}

bool is_guest(const std::filesystem::path& state_directory) {
    const std::filesystem::path tls = state_directory / "tls";
    return std::filesystem::exists(tls / "ca.crt") &&
           std::filesystem::exists(tls / "deployer.crt") &&
           !std::filesystem::exists(tls / "ca.key");
}

bool is_delegate(const std::filesystem::path& state_directory) {
    return std::filesystem::exists(state_directory / "delegation.json");
}

Expected<bool> make_delegate_key(const std::filesystem::path& state_directory) {
    const std::filesystem::path file = state_directory / delegate_file;
    Expected<bool> done = create_private_folder(state_directory);
    if (done && !std::filesystem::exists(file)) {
        done = make_secret_key(file);
    }
    const auto text = done ? read_delegate_key(state_directory) : tl::make_unexpected(done.error());
    auto secret = text ? parse_key(text->text()) : std::nullopt;
    if (!secret) {
        return text ? failure(
                          "owner-key-damaged",
                          fmt::format("{} does not hold 64 lower-case hex digits", file.string()),
                          "remove it: another is made")
                    : tl::make_unexpected(text.error());
    }
    KeyBytes public_key{};
    crypto::x25519_public(*secret, public_key);
    wipe(*secret);
    return replace_file(state_directory / delegate_public_file,
                        key_text(public_key) + "\n",
                        FileAccess::everyone_reads);
}

Expected<Secret> read_delegate_key(const std::filesystem::path& state_directory) {
    return read_private_file(state_directory / delegate_file);
}

void forget_delegate_key(const std::filesystem::path& state_directory) {
    std::error_code none;
    std::filesystem::remove(state_directory / delegate_public_file, none);
    std::filesystem::remove(state_directory / delegate_file, none);
}

Expected<OwnerKey> open_owner_key(const std::filesystem::path& state_directory) {
    const std::filesystem::path file =
        state_directory / (is_delegate(state_directory) ? delegate_file : owner_file);
    const Expected<bool> folder = create_private_folder(state_directory);
    if (!folder) {
        return tl::make_unexpected(folder.error());
    }
    if (!std::filesystem::exists(file) && is_guest(state_directory)) {
        return failure(
            "no-owner-key",
            fmt::format("{} has a certificate, but no owner key", state_directory.string()),
            "only the owner builds, attests and connects");
    }
    if (!std::filesystem::exists(file) && std::filesystem::exists(state_directory / "owner.pub")) {
        return failure("owner-key-missing",
                       fmt::format("{} is gone, and owner.pub is there", file.string()),
                       "restore it from your backup, or use the recovery key: docs/recovery.md. To "
                       "begin anew, as another owner, remove owner.pub too");
    }
    if (!std::filesystem::exists(file)) {
        // Another process may be making it at this moment: then its key is the one that counts.
        const Expected<bool> made = make_secret_key(file);
        if (!made && made.error().code != "file-exists") {
            return tl::make_unexpected(made.error());
        }
    }
    auto text = read_private_file(file);
    if (!text) {
        if (text.error().code == "file-readable-by-others") {
            text.error().code = "owner-key-readable-by-others";
        }
        return tl::make_unexpected(text.error());
    }
    auto secret = parse_key(text->text());
    if (!secret) {
        return failure("owner-key-damaged",
                       fmt::format("{} does not hold 64 lower-case hex digits", file.string()),
                       "restore it from your backup; with another key the deployed modules cannot "
                       "be reached any more");
    }
    OwnerKey key;
    key.secret = *secret;
    wipe(*secret);
    const Expected<bool> found = find_index(state_directory, key);
    if (!found) {
        return tl::make_unexpected(found.error());
    }
    return key;
}

Expected<TlsFiles> open_deployer_tls(const std::filesystem::path& state_directory) {
    const std::filesystem::path folder = state_directory / "tls";
    TlsFiles files{.authority = folder / "ca.crt",
                   .certificate = folder / "deployer.crt",
                   .key = folder / "deployer.key"};
    if (is_guest(state_directory)) {
        return files;
    }
    const Expected<bool> made = create_private_folder(folder);
    if (!made) {
        return tl::make_unexpected(made.error());
    }
    // Two first starts at once would pair the key of one with the certificate of the other.
    const auto lock = FolderLock::take(folder);
    if (!lock) {
        return tl::make_unexpected(lock.error());
    }
    const auto authority = open_authority(folder);
    if (!authority) {
        return tl::make_unexpected(authority.error());
    }
    if (!std::filesystem::exists(files.key) || ends_soon(files.certificate)) {
        const Expected<bool> issued = authority->issue({.common_name = "authex deployer",
                                                        .hosts = {},
                                                        .client = true,
                                                        .role = rpc::Role::owner},
                                                       files.certificate,
                                                       files.key);
        if (!issued) {
            return tl::make_unexpected(issued.error());
        }
    }
    return files;
}

Expected<TlsFiles> make_node_bundle(const std::filesystem::path& state_directory,
                                    const std::string& node,
                                    const std::vector<std::string>& hosts,
                                    const std::filesystem::path& directory) {
    const auto deployer = open_deployer_tls(state_directory);
    if (!deployer) {
        return tl::make_unexpected(deployer.error());
    }
    const auto authority = open_authority(state_directory / "tls");
    if (!authority) {
        return tl::make_unexpected(authority.error());
    }
    const Expected<bool> folder = create_private_folder(directory);
    if (!folder) {
        return tl::make_unexpected(folder.error());
    }
    TlsFiles files{.authority = directory / "ca.crt",
                   .certificate = directory / "node.crt",
                   .key = directory / "node.key"};
    std::error_code error;
    std::filesystem::copy_file(deployer->authority,
                               files.authority,
                               std::filesystem::copy_options::overwrite_existing,
                               error);
    if (error) {
        return failure(
            "file-unwritable",
            fmt::format("cannot write {}: {}", files.authority.string(), error.message()));
    }
    const Expected<bool> issued =
        authority->issue({.common_name = node, .hosts = hosts, .server = true, .client = true},
                         files.certificate,
                         files.key);
    if (!issued) {
        return tl::make_unexpected(issued.error());
    }
    return files;
}

} // namespace authex::deployer
