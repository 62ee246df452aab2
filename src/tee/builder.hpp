#pragma once
// The deployer's side of building: sources in, measured image out. One implementation a TEE, in
// src/tee/<tee>/builder.*.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/endpoint.hpp"
#include "tee/state_layout.hpp"

namespace authex::tee {

/// Who signs images, where a TEE wants that: a key at hand, or one elsewhere, such as in a hardware
/// security module.
struct Signing {
    std::filesystem::path key;        ///< private, PEM; made where there is none
    std::filesystem::path public_key; ///< PEM; where it is named, it is used in place of `key`
    std::filesystem::path signatures; ///< with `public_key`: <module>.to-sign out, <module>.sig in
};

/// What an image says of itself besides its identity, in the words of its TEE: {"isv_svn", "2"}.
struct Label {
    std::string name;
    std::string value;
};

struct BuildSpec {
    std::string module;
    std::vector<std::filesystem::path> sources; ///< absolute or relative to `root`; .cpp .cc .c
    std::string driver; ///< one that comes with Authex, instead of sources; where the TEE has such
    std::filesystem::path root;                     ///< the application's folder
    std::map<std::string, std::string> definitions; ///< -DNAME=value
    std::array<std::uint8_t, 32> owner_key{}; ///< X25519 public key of the application, compiled in
    /// A second one beside it, for recovery (docs/recovery.md); it differs from the first.
    std::optional<std::array<std::uint8_t, 32>> recovery_key;
    /// That of a delegate, who heals and re-attests (docs/watch.md).
    std::optional<std::array<std::uint8_t, 32>> delegate_key;
    bool persists = false;             ///< its state outlives its process (docs/state.md)
    unsigned persist_every_ms = 0;     ///< at most 10,000; 0: it is sealed after each batch
    bool readable_state = false;       ///< Sancus: it hands over, its owner reading along
    std::uint32_t max_connections = 0; ///< 0: the TEE's default
    std::uint32_t max_body_bytes = 0;  ///< 0: the TEE's default; Sancus
    std::uint32_t max_keys = 0;        ///< of a connection, 1 or 2, which 0 is, too; Sancus
    /// A connection of it is sealed with SPONGENT-128; else that is left out, where the TEE has
    /// AES.
    bool spongent = true;
    std::uint64_t max_image_bytes = 0; ///< 0: no ceiling; exceeding one fails the build
    std::uint32_t stack_bytes = 0;     ///< 0: the TEE's default; where the image has the stack
    std::vector<std::string> devices;  ///< that the module owns alone; where the TEE has such
    std::uint16_t vendor_id = 0;       ///< Sancus: whose module it is
    Signing signing;                   ///< SGX, TrustZone
    std::uint16_t product = 0;         ///< SGX
    std::uint16_t svn = 0; ///< SGX: security version number; TrustZone: version of the TA
    bool debug = false;    ///< SGX: an enclave that its host may read
    std::string machine;   ///< TrustZone: "aarch64" or "x86-64"; empty: the former
    /// What a TEE's builder says to its port beside that.
    std::map<std::string, std::string> port_definitions;
    bool symbols = false; ///< also make Image::symbols, which takes longer
};

struct Image {
    std::filesystem::path path; ///< in the cache; content never changes
    std::vector<std::uint8_t>
        identity; ///< what attestation must show (native: SHA-256 of the file)
    /// The same image, with what debuggers read; empty where it was not asked for, or where the
    /// compiler makes another image with it.
    std::filesystem::path symbols;
    std::uint64_t bytes = 0;
    std::vector<Label> labels;                   ///< may be empty
    std::vector<descriptor::Endpoint> endpoints; ///< names and ids, read from the image
    StateLayout state;   ///< empty also where the TEE's modules do not hand theirs over
    bool cached = false; ///< nothing had to be compiled
};

class Builder {
  public:
    virtual ~Builder() = default;
    /// Thread-safe. Reproducible byte for byte from any folder. Compiler messages are passed
    /// through as they are in `detail`.
    /// @error compiler-missing | compile-failed | link-failed | image-too-large |
    /// endpoint-duplicate | too-many-endpoints
    [[nodiscard]] virtual Expected<Image> build(const BuildSpec& spec) = 0;
};

} // namespace authex::tee
