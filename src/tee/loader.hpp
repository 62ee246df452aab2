#pragma once
// The manager's side of a TEE: how modules are started, found again, spoken to, and how evidence is
// made. One implementation a TEE, in src/tee/<tee>/loader.*; TEEs whose modules live in processes
// share src/tee/process.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee {

using Sha256 = std::array<std::uint8_t, 32>;

/// How a module ended.
struct Exit {
    bool signalled = false;
    int code = 0; ///< exit status, or the signal's number
};
/// "exit status 3", "killed by signal 11 (SIGSEGV)".
std::string to_text(const Exit& exit);

/// An entry that is called again and again.
struct PeriodicCall {
    std::string name; ///< its own, of all of the module
    std::uint16_t entry = 0;
    std::uint64_t every_us = 0;
};
struct PeriodicCounts {
    std::uint64_t fired = 0;
    std::uint64_t missed = 0;
};
/// What the clock of a node can do that calls entries by itself.
struct OwnClock {
    std::uint64_t unit_us = 1; ///< periods are multiples of it
    std::uint64_t period_us_min = 0;
    std::uint64_t period_us_max = 0;
    std::size_t calls_max = 0; ///< on the whole node
};

/// Events that a node carried from one of its modules to another by itself.
struct Carried {
    std::uint16_t channel = 0;
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    std::uint64_t next = 0; ///< counter after the last of them
};

/// A running module as its manager sees it: two rings of frames, a doorbell, and its end. All of it
/// is untrusted in both directions; every view must be copied before it is judged. Not thread-safe:
/// one thread owns the object. Destroying the object leaves the module running: a manager that
/// restarts adopts it.
class ModuleLink {
  public:
    virtual ~ModuleLink() = default;

    /// Frames that the module wrote and that were not consumed yet: contiguous, possibly with a cut
    /// last frame. Empty optional: the ring is corrupt (positions that cannot be); the module must
    /// be treated as failed.
    virtual std::optional<ByteView> readable() = 0;
    /// Frees the first `count` bytes of readable().
    virtual void consume(std::size_t count) = 0;
    /// Contiguous free room towards the module. Empty optional: the ring is corrupt.
    virtual std::optional<Bytes> writable() = 0;
    /// Publishes the first `count` bytes of writable().
    virtual void commit(std::size_t count) = 0;
    /// Wakes the module if it sleeps and something was committed or consumed since. Cheap when it
    /// is awake.
    virtual void notify() = 0;

    /// Announces that the manager will sleep until the doorbell rings. @return false: there is
    /// something to read, or (with `want_room`) room to write, so do not sleep.
    virtual bool prepare_sleep(bool want_room) = 0;
    /// Readable when the module rang. Owned by this object.
    [[nodiscard]] virtual int doorbell_fd() const = 0;
    /// Empties the doorbell. Call when doorbell_fd() is readable.
    virtual void drain_doorbell() = 0;

    /// How often its process has entered the module since it was started, as the process says.
    /// Empty: it has none.
    [[nodiscard]] virtual std::optional<std::uint64_t> entries() const { return std::nullopt; }

    /// From now on its process tells the module the time before it gives it anything, once a
    /// millisecond at most. Nothing where a module has no process.
    virtual void give_time() {}

    /// On a node whose own clock calls entries; empty: its manager does.
    [[nodiscard]] virtual std::optional<OwnClock> own_clock() const { return std::nullopt; }
    /// All the calls that the clock makes for this module from now on. Does not wait for it.
    /// @pre own_clock(), and each is within it
    virtual void set_periodic(const std::vector<PeriodicCall>& /*calls*/) {}
    /// As the node last said. @param name of a call that was set
    [[nodiscard]] virtual PeriodicCounts periodic_counts(const std::string& /*name*/) const {
        return {};
    }

    /// Lets the node carry the module's events of the channel to the other module without its
    /// manager, as far as it can. What it cannot comes through the rings, in order; then say it
    /// again when all of that was acknowledged. @return false: it is no such node
    virtual bool carry_to(std::uint16_t /*channel*/, ModuleLink& /*destination*/) { return false; }
    virtual void carry_no_more(std::uint16_t /*channel*/) {}
    /// What the node has carried since the last call.
    virtual std::vector<Carried> take_carried() { return {}; }

    /// Where the module lies, on a TEE that measures that: for its verifier to read. Else empty.
    [[nodiscard]] virtual std::vector<std::uint8_t> placement() const { return {}; }

    /// Readable when the module's process has ended. Owned by this object.
    [[nodiscard]] virtual int exit_fd() const = 0;
    /// How it ended, once exit_fd() is readable; empty while it runs.
    virtual std::optional<Exit> exit() = 0;
    /// Ends the process at once. The exit is seen through exit_fd() as any other.
    virtual void kill() = 0;
};

/// What to start.
struct ModuleSpec {
    std::string name;
    std::uint16_t deployment = 0;
    Sha256 image_sha256{};
    std::uint32_t stack_bytes = 0; ///< 0: the TEE's default
    std::vector<std::string> devices;
    /// What the module seals of its state outlives its process. Where modules live in processes.
    bool keeps_state = false;
    bool durable = false; ///< through power cuts, too
    /// What the module's first generator is fed with, in place of random numbers of the node: for
    /// recordings. Only where TeeInfo::replayable.
    std::optional<std::array<std::uint8_t, 32>> entropy;
};

struct TeeInfo {
    std::string name; ///< "native", "sgx", "trustzone", "sancus"
    bool simulated = false;
    bool replayable = false; ///< takes ModuleSpec::entropy; only what is simulated may
    std::vector<std::uint8_t> evidence_key;
    std::uint32_t max_body_bytes = 0;
    std::uint32_t max_image_bytes = 0;
};

/// start() and evidence() may take seconds, and are called on one thread, all else on another;
/// adopt() not while one of them is at work.
class Loader {
  public:
    virtual ~Loader() = default;
    [[nodiscard]] virtual TeeInfo info() const = 0;
    /// Why the node's modules are out of reach at present, though they may run: what they have
    /// beside the manager is away. Empty: they are not.
    [[nodiscard]] virtual std::optional<Diagnostic> trouble() { return std::nullopt; }
    /// Starts the image that lies at `<directory>/image`. The directory is the module's own, made
    /// by the caller, kept until the module is removed; rings, doorbell, log and exit status live
    /// in it as files so that adopt() finds them.
    virtual Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                        const std::filesystem::path& directory) = 0;
    /// Finds a module that an earlier manager started, running or ended. @error not-running: no
    /// trace of a process
    virtual Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                        const std::filesystem::path& directory) = 0;
    /// Evidence for a module of this node over the report data that the module gave in its
    /// handshake answer, 32 bytes, and what its TEE has made of them behind it (runtime/port.hpp).
    virtual Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                         ByteView report_data) = 0;
    /// Evidence for the certificate of a server in a module, over the report that the module has
    /// made (AUTHEX_KIND_EVIDENCE), in the form that clients read. Called as evidence() is.
    /// @error certificate-evidence: this TEE makes none
    virtual Expected<std::vector<std::uint8_t>> certificate_evidence(const ModuleSpec& /*spec*/,
                                                                     ByteView /*report*/) {
        return failure("certificate-evidence",
                       "modules of this TEE have no evidence in their certificates");
    }
};

} // namespace authex::tee
