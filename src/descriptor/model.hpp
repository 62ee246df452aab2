#pragma once
// The checked model of a descriptor. Plain values: every name is unique, every reference resolves,
// every number is in range. Paths stand as they were written, relative to Descriptor::directory.

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "crypto/aead.hpp"

namespace authex::descriptor {

enum class Tee : std::uint8_t { native, sgx, trustzone, sancus };
enum class Delivery : std::uint8_t { ordered, lossy };
/// Processors that trusted applications are built for.
enum class Machine : std::uint8_t { aarch64, x86_64 };

/// The word of the descriptor: "native", "sgx", "trustzone", "sancus".
[[nodiscard]] std::string_view to_string(Tee tee);
/// "aarch64" or "x86-64".
[[nodiscard]] std::string_view to_string(Machine machine);
/// "ordered" or "lossy".
[[nodiscard]] std::string_view to_string(Delivery delivery);
/// The word of the descriptor for an algorithm of a connection, e.g. "aes-128-gcm".
[[nodiscard]] std::string_view to_string(crypto::Algorithm algorithm);

/// A host and a TCP port. IPv6 hosts are held without brackets, in canonical form; host names in
/// lower case.
struct Address {
    std::string host;
    std::uint16_t port = 0; ///< 1..65535
    SourceRange where;
};
/// `host:port`, with brackets around IPv6.
[[nodiscard]] std::string to_string(const Address& address);

/// The owner of Sancus modules: what the node derives module keys from.
struct Vendor {
    std::uint16_t id = 0; ///< never 0, which Sancus keeps for unprotected code
    std::filesystem::path key_file;
    SourceRange where;
};

struct Node {
    std::string name;
    Tee tee = Tee::native;
    Address address;                                  ///< the control port
    std::optional<Address> events;                    ///< where peers reach it, if stated
    std::optional<Vendor> vendor;                     ///< present exactly for Sancus
    std::optional<std::filesystem::path> certificate; ///< PEM of the CA to trust for this node
    std::optional<std::filesystem::path> board; ///< Sancus: of the emulator that a developer starts
    /// TrustZone: its processor; x86-64 where a development machine simulates it.
    Machine machine = Machine::aarch64;
    /// TrustZone: PEM of the key under which its device attests, once that was enrolled.
    std::optional<std::filesystem::path> device_key;
    SourceRange where; ///< of its name
};

/// A name that was mentioned, and where.
struct Reference {
    std::string name;
    SourceRange where;
};

struct SourceFile {
    std::filesystem::path path; ///< .cpp .cc .c
    SourceRange where;
};

/// Where a secret comes from when it is handed to its module.
enum class SecretSource : std::uint8_t {
    file,        ///< the bytes of a file of the deployer
    environment, ///< the text of a variable of the deployer's environment
    generated,   ///< random bytes that the deployer makes
};

struct Secret {
    std::string name;
    SecretSource source = SecretSource::file;
    std::filesystem::path file;        ///< with `file`
    std::string variable;              ///< with `environment`
    std::uint16_t generated_bytes = 0; ///< with `generated`: 16 … 64
    SourceRange where;
};

/// A value of `config:`, as text.
struct Setting {
    std::string text; ///< at most wire::value_max_bytes
    SourceRange where;
};

/// Ends of connections that a module has room for where its `max` says nothing.
constexpr std::uint32_t default_connections = 64;
constexpr std::uint32_t default_connections_sancus = 4;
/// Largest body of a frame to or from a module on a microcontroller.
constexpr std::uint32_t body_max_sancus = 256;
/// Periods that the clock of a microcontroller keeps.
constexpr std::uint32_t periodic_max_sancus = 8;

/// Ceilings of a module; an absent one is the TEE's default.
struct Limits {
    std::optional<std::uint64_t> image_bytes;
    std::optional<std::uint64_t> stack_bytes;
    std::optional<std::uint32_t> connections;
    std::optional<std::uint32_t> body_bytes; ///< of an event, a request or an answer; Sancus
    SourceRange body_where;
    std::optional<std::uint32_t> keys; ///< of a connection, 1 or 2: with one, none turns; Sancus
    SourceRange keys_where;
};

/// A module that is on its node already; the application neither builds nor loads it.
struct External {
    std::array<std::uint8_t, 32> identity{};
    std::array<std::uint8_t, 16> key{}; ///< secret
    SourceRange where;
};

/// What a vendor says of an enclave, and signs. (Intel SDM vol. 3D, table 34-21: ISVPRODID, ISVSVN;
/// OP-TEE: version of the TA)
struct Enclave {
    std::uint16_t product = 0;               ///< SGX
    std::uint16_t svn = 0;                   ///< security version number
    bool debug = false;                      ///< SGX: the host may read it
    std::map<std::string, SourceRange> keys; ///< that were written, and where their values are
    SourceRange where;
};

struct Module {
    std::string name;
    Reference node;
    std::vector<SourceFile> sources; ///< empty exactly if `external` or `driver`
    std::optional<Reference> driver; ///< one that comes with Authex, instead of sources
    std::vector<Reference> devices;
    std::map<std::string, std::string> definitions; ///< -DNAME=value; an empty value is -DNAME
    std::vector<Reference> after;                   ///< modules to be deployed before; no cycles
    std::vector<Secret> secrets;
    std::map<std::string, Setting> config;
    Limits max;
    bool persist = false;                       ///< its state outlives its process
    std::chrono::milliseconds persist_every{0}; ///< it is sealed, 1 ms to 10 s; 0: after each batch
    SourceRange persist_where;                  ///< where that is said
    bool readable_state = false;    ///< by its owner, where it goes over from or to a Sancus node
    std::optional<Enclave> enclave; ///< only of SGX and TrustZone
    std::optional<External> external;
    SourceRange where; ///< of its name
};

/// `module.endpoint` or `module.7`.
struct EndpointReference {
    std::string module;
    std::string endpoint;            ///< empty if `id` is given
    std::optional<std::uint16_t> id; ///< the number, where the name is unknown
    SourceRange where;
};
/// As written: `db.increment`, `db.7`.
[[nodiscard]] std::string to_string(const EndpointReference& reference);

/// How old events and requests of a connection may be.
struct Deadline {
    std::chrono::microseconds within{}; ///< 1 ms … 1 h
    bool drops = false;                 ///< what is late; else it is given on, marked
    bool by_modules = false; ///< the time is what modules were told (AUTHEX_CLOCK), else the nodes'
    SourceRange where;
};

struct Connection {
    std::string name;                      ///< by default `from->to`, or `direct->to`
    std::optional<EndpointReference> from; ///< absent exactly if the deployer is the sender
    EndpointReference to;
    crypto::Algorithm algorithm = crypto::Algorithm::aes_128_gcm;
    Delivery delivery = Delivery::ordered;
    std::optional<Deadline> deadline;
    std::optional<std::array<std::uint8_t, 16>> key; ///< secret; given to join a foreign party
    std::optional<std::uint16_t> id;
    SourceRange where;

    [[nodiscard]] bool direct() const { return !from.has_value(); }
};

struct Periodic {
    std::string name;        ///< by default `module.entry`
    EndpointReference entry; ///< `where` is that of the entry
    SourceRange module_where;
    std::chrono::microseconds every{};
    SourceRange where;
};

/// A service that caches what quotes are checked with. (Intel SGX PCCS, API version 4)
struct CollateralService {
    std::string url;                                ///< https://host:port, without a path
    std::optional<std::filesystem::path> authority; ///< PEM; else the system's
};

/// Which evidence of SGX is taken.
struct Policy {
    bool allow_debug = false;
    std::vector<std::string> tcb; ///< TCB statuses taken besides UpToDate; may be empty
    /// Where given, a status of software hardening is taken only if all its advisories are here.
    std::optional<std::vector<std::string>> mitigated;
    std::uint32_t evaluation = 0; ///< the least TCB evaluation of the collateral
    std::uint16_t svn = 0;        ///< the least security version of an enclave
    /// Certificate that is trusted in place of Intel's root.
    std::optional<std::filesystem::path> root;
    /// Folder with what quotes of hardware are checked with.
    std::optional<std::filesystem::path> collateral;
    std::optional<CollateralService> pccs; ///< never together with `collateral`
    SourceRange where;                     ///< line 0: there is no `policy`
};

/// Who signs the images of a TEE: a private key at hand, or one elsewhere whose signatures are
/// brought here.
struct Signing {
    std::optional<std::filesystem::path> key;
    std::optional<std::filesystem::path> public_key; ///< present exactly if `signatures` is
    std::optional<std::filesystem::path> signatures; ///< folder
    SourceRange where;
};

struct Descriptor {
    std::string application;
    std::filesystem::path file;
    std::filesystem::path directory; ///< what all relative paths start from
    std::string text;                ///< that it was read from
    std::vector<Node> nodes;         ///< in the order of the file, as are all lists here
    std::vector<Module> modules;
    std::vector<Connection> connections;
    std::vector<Periodic> periodic;
    bool simulation_allowed = false;
    Policy policy;
    /// SGX and TrustZone; for one that is not here the deployer makes a key of its own.
    std::map<Tee, Signing> signing;

    /// Nullptr if there is none of that name. The pointer lives as long as the lists are unchanged.
    [[nodiscard]] const Node* find_node(std::string_view name) const;
    [[nodiscard]] const Module* find_module(std::string_view name) const;
    [[nodiscard]] const Connection* find_connection(std::string_view name) const;
};

} // namespace authex::descriptor
