#pragma once
// Private keys that are made where they are first needed.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <openssl/types.h>

#include "base/diagnostic.hpp"

namespace authex::tee {

using SharedKey = std::shared_ptr<EVP_PKEY>;

struct KeyKind {
    std::function<SharedKey()> make;
    std::function<bool(const EVP_PKEY&)> fits;
    std::string name;    ///< for people: "RSA key of 3072 bits with the exponent 3"
    std::string command; ///< that makes such a file
};

/// Reads a PEM file (mode 0600), or makes it where there is none. Two who start at once agree on
/// one key.
/// @error signing-key: unreadable, another kind of key, or others may read it
[[nodiscard]] Expected<SharedKey> open_key_file(const std::filesystem::path& file,
                                                const KeyKind& kind);

} // namespace authex::tee
