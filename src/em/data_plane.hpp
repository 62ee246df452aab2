#pragma once
// The data plane of an event manager: one thread that moves frames between modules, peers, streams
// and timers. The control plane (gRPC) speaks to it through this class only.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "base/result.hpp"
#include "metrics/histogram.hpp"
#include "tee/loader.hpp"

namespace authex::em {

/// A module on this node.
struct ModuleName {
    std::uint16_t deployment = 0;
    std::string name;
    auto operator<=>(const ModuleName&) const = default;
};

/// How a connection passes through this node. Fields as in ConnectRequest of node.proto.
struct Route {
    std::uint16_t deployment = 0;
    std::uint16_t channel = 0;
    std::uint32_t epoch = 0;
    std::string source_module;
    std::string destination_module;
    std::string source_address;
    std::string destination_address;
    bool request = false;
    bool direct = false;
};

struct DirectResult {
    std::uint64_t expected = 0;
    std::vector<std::uint8_t> replies;
    Error refused = Error::none;
};

struct ConnectionCounters {
    std::uint16_t deployment = 0;
    std::uint16_t channel = 0;
    std::uint32_t epoch = 0;
    std::uint64_t waiting_frames = 0;
    std::uint64_t waiting_bytes = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t forwarded_bytes = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t retransmitted = 0;
    std::uint64_t refused = 0;
    std::map<Error, std::uint64_t> refused_by;
    std::string last_refusal;
};
/// Frames for a direct connection.
struct DeliverOrder {
    std::uint16_t channel = 0;
    std::vector<std::uint8_t> frames; ///< whole ones, one after another
    bool wait_reply = false;
    std::uint64_t replies_from = 0; ///< replies to smaller counters are not asked for any more
};
struct LinkState {
    std::string address;
    bool up = false;
    std::uint64_t since_us = 0;
    std::string error;
    std::uint64_t drops = 0; ///< how often it was up and broke
};
struct PeriodicState {
    std::uint16_t deployment = 0;
    std::string name;
    ModuleName module;
    std::uint16_t entry = 0;
    std::uint64_t every_us = 0;
    std::uint64_t fired = 0;
    std::uint64_t missed = 0;
};
struct EntryCount {
    ModuleName module;
    std::uint64_t entries = 0; ///< into its TEE, since its process was started
};
/// A module of which the manager takes nothing more: the disk does not keep it.
struct HeldUp {
    ModuleName module;
    std::string reason; ///< with the file's path
};
struct Snapshot {
    std::vector<ConnectionCounters> connections;
    std::vector<HeldUp> held_up;
    std::uint64_t disk_failures = 0; ///< vain attempts to have the disk keep something
    std::vector<EntryCount> entries; ///< of modules in processes
    std::vector<LinkState> links;
    std::vector<PeriodicState> periodic;
    std::uint64_t spill_bytes = 0;
    std::uint64_t spill_limit_bytes = 0;
    /// From the sender to the receiving module's acknowledgement; of each connection that begins
    /// here, one frame at a time is watched.
    metrics::Histogram delivery;
    /// From when a periodic call was due until it was made.
    metrics::Histogram lateness;
    std::uint64_t dropped_garbage = 0; ///< frames and bytes from peers that were no frames
};

/// Told on the data plane's thread; must not block.
class Observer {
  public:
    virtual ~Observer() = default;
    virtual void log_line(const ModuleName& module, std::uint8_t level, std::string text) = 0;
    virtual void module_ended(const ModuleName& module, const tee::Exit& exit) = 0;
    /// The module broke the rules of its ring or frames; it was killed.
    virtual void module_misbehaved(const ModuleName& module, const std::string& reason) = 0;
};

struct DataPlaneOptions {
    std::string listen = "127.0.0.1:0";    ///< where peers reach the event links
    std::string stream_bind = "127.0.0.1"; ///< address that modules' listening streams bind to
    std::filesystem::path state_directory; ///< waiting frames live here as mapped files
    std::uint64_t spill_limit_bytes = std::uint64_t{1} << 30U;
    /// Waiting frames outlive power cuts, too: a module's frames are taken when the disk has them.
    bool durable = false;
    std::string tls_certificate; ///< PEM; empty: links are plain TCP (frames are sealed already)
    std::string tls_key;
    std::string tls_authority;
    std::uint64_t node_id = 0; ///< said to peers, for people; 0: a random one
    /// A peer that was not heard of for so long is given up; it is asked before that.
    std::uint64_t dead_peer_us = 15'000'000;
    /// The longest wait for work in which the thread looks instead of sleeping: it does so while
    /// work comes as often and nobody else wants its processor. 0: it always sleeps.
    std::uint64_t spin_us = 200;
};

/// Every method is thread-safe and returns at once unless said otherwise; completions run on the
/// data plane's thread, each exactly once, with an error Diagnostic on deadline ("deadline"),
/// unknown module ("unknown-module") or its end ("module-ended").
class DataPlane {
  public:
    using Deadline = std::chrono::steady_clock::time_point;
    template <typename T>
    using Done = std::function<void(Expected<T>)>;

    virtual ~DataPlane() = default;
    static Expected<std::unique_ptr<DataPlane>> open(const DataPlaneOptions& options,
                                                     Observer& observer);

    /// host:port that the event links really listen on.
    [[nodiscard]] virtual std::string events_address() const = 0;

    /// Takes over a started or adopted module and asks it whether it is there; done when it answers
    /// hello.
    virtual void add_module(ModuleName module,
                            std::unique_ptr<tee::ModuleLink> link,
                            Deadline deadline,
                            Done<bool> done) = 0;
    /// Forgets the module (routes stay) and hands its link back. Its listening streams are closed,
    /// its timers dropped. Blocks until done.
    virtual std::unique_ptr<tee::ModuleLink> remove_module(const ModuleName& module) = 0;

    /// Sends handshake/control frames, done with `answers` frames of those kinds from the module,
    /// concatenated. One at a time a module. Each has one answer, in their order; one that comes
    /// after the deadline, or that nobody has asked for, is dropped.
    /// @error malformed-frames: they are none, or fewer than `answers` | order-refused | busy |
    /// deadline | unknown-module
    virtual void control(ModuleName module,
                         std::vector<std::uint8_t> frames,
                         std::uint32_t answers,
                         Deadline deadline,
                         Done<std::vector<std::uint8_t>> done) = 0;
    /// Frames that an earlier process of the module has left, and that may not have been taken:
    /// events, requests and replies among them are kept and sent as if the module of now had
    /// written them; those that were taken before change nothing. The rest is dropped.
    /// @error kept-state: there is no room for all of them
    virtual void
    go_on_with(ModuleName module, std::vector<std::uint8_t> frames, Done<bool> done) = 0;
    /// Calls an entry; done with the result's body. A negative result is an error with code
    /// "entry-refused" and the Error's text.
    virtual void call(ModuleName module,
                      std::uint16_t entry,
                      std::vector<std::uint8_t> data,
                      Deadline deadline,
                      Done<std::vector<std::uint8_t>> done) = 0;
    /// Sets or replaces a route. A new epoch drops what waits under the old one. Blocks until done.
    virtual Expected<bool> connect(const Route& route) = 0;
    virtual void disconnect(std::uint16_t deployment, std::uint16_t channel) = 0;
    /// Frames of a direct connection; done when the module has taken the last of them and, with
    /// wait_reply, its reply is there.
    virtual void deliver(std::uint16_t deployment,
                         DeliverOrder order,
                         Deadline deadline,
                         Done<DirectResult> done) = 0;
    virtual Expected<bool> add_periodic(const std::string& name,
                                        const ModuleName& module,
                                        std::uint16_t entry,
                                        std::uint64_t every_us) = 0;
    virtual Expected<bool> remove_periodic(std::uint16_t deployment, const std::string& name) = 0;
    /// Removes routes, waiting frames and periodic events of a deployment (not its modules). Blocks
    /// until done.
    virtual void clear(std::uint16_t deployment) = 0;
    /// Blocks until done.
    virtual Snapshot snapshot() = 0;
};

} // namespace authex::em
