#include "deployer/credentials.hpp"

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

std::optional<std::array<std::uint8_t, 32>> parse_key(std::string_view text) {
    std::array<std::uint8_t, 32> key{};
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

Expected<std::array<std::uint8_t, 32>> new_secret() {
    std::array<std::uint8_t, 32> secret{};
    if (RAND_priv_bytes(secret.data(), static_cast<int>(secret.size())) != 1) {
        return failure("no-randomness", "the system gives no random numbers");
    }
    return secret;
}

std::string hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

Expected<bool> make_owner_key(const std::filesystem::path& file) {
    auto secret = new_secret();
    if (!secret) {
        return tl::make_unexpected(secret.error());
    }
    std::string text = hex(*secret) + "\n";
    const Expected<bool> written = create_file(file, text, FileAccess::owner_only);
    wipe(*secret);
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    return written;
}

} // namespace

OwnerKey::~OwnerKey() {
    wipe(secret);
}

Expected<OwnerKey> open_owner_key(const std::filesystem::path& state_directory) {
    const std::filesystem::path file = state_directory / "owner.key";
    const Expected<bool> folder = create_private_folder(state_directory);
    if (!folder) {
        return tl::make_unexpected(folder.error());
    }
    if (!std::filesystem::exists(file)) {
        // Another process may be making it at this moment: then its key is the one that counts.
        const Expected<bool> made = make_owner_key(file);
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
    const auto secret = parse_key(*text);
    wipe({reinterpret_cast<std::uint8_t*>(text->data()), text->size()});
    if (!secret) {
        return failure("owner-key-damaged",
                       fmt::format("{} does not hold 64 lower-case hex digits", file.string()),
                       "restore it from your backup; with another key the deployed modules cannot "
                       "be reached any more");
    }
    OwnerKey key;
    key.secret = *secret;
    crypto::x25519_public(key.secret, key.public_key);
    const std::filesystem::path public_file = state_directory / "owner.pub";
    if (!std::filesystem::exists(public_file)) {
        const auto written =
            create_file(public_file, hex(key.public_key) + "\n", FileAccess::everyone_reads);
        if (!written && written.error().code != "file-exists") {
            return tl::make_unexpected(written.error());
        }
    }
    return key;
}

Expected<TlsFiles> open_deployer_tls(const std::filesystem::path& state_directory) {
    const std::filesystem::path folder = state_directory / "tls";
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
    TlsFiles files{.authority = folder / "ca.crt",
                   .certificate = folder / "deployer.crt",
                   .key = folder / "deployer.key"};
    if (!std::filesystem::exists(files.certificate) || !std::filesystem::exists(files.key)) {
        const Expected<bool> issued = authority->issue(
            {.common_name = "authex deployer", .client = true}, files.certificate, files.key);
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
