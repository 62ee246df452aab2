#pragma once
// Moves frames between modules and peers and keeps them until they are acknowledged: the rules of
// delivery without sockets, clocks, files or threads, all of which are handed in. Single-threaded
// and deterministic. (DESIGN "Delivery")
//
// Acknowledgements and refusals pass between managers as the module wrote them. An acknowledgement
// names the epoch that the module counts under: one of another epoch than the route's is ignored.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "base/result.hpp"
#include "em/data_plane.hpp"
#include "em/outbox.hpp"
#include "metrics/histogram.hpp"
#include "wire/frame.hpp"

namespace authex::em {

using ModuleId = std::uint32_t;
using PeerId = std::uint32_t;
constexpr std::uint32_t no_id = 0xFFFFFFFF;
constexpr std::uint64_t never = ~std::uint64_t{0}; ///< a time

/// What the router needs of the world. Called from within the router's methods; must not call back.
class RouterOutside {
  public:
    virtual ~RouterOutside() = default;
    /// Bytes that fit towards the module now.
    virtual std::size_t module_room(ModuleId module) = 0;
    /// @pre frames.size() <= module_room(module)
    virtual void to_module(ModuleId module, ByteView frames) = 0;
    /// Bytes that the link takes now; 0 while it is down.
    virtual std::size_t peer_room(PeerId peer) = 0;
    /// Small frames may exceed the room; the link drops what is too much.
    virtual void to_peer(PeerId peer, ByteView frames) = 0;
    /// As to_peer, for an acknowledgement: may be held back for a moment, so that several leave
    /// together.
    virtual void answer_peer(PeerId peer, ByteView frames) = 0;
    /// The link to an address, opened and kept from now on.
    virtual PeerId peer_for(const std::string& address) = 0;
    virtual Expected<std::unique_ptr<Outbox>> open_outbox(const OutboxName& name,
                                                          SpillBudget& budget) = 0;
    /// Removes what is kept of the connection's epochs other than name.epoch (0: of all).
    virtual void remove_outboxes(const OutboxName& name) = 0;
    /// A frame of a kind that the router does not route. The body is the module's memory.
    virtual void service_frame(ModuleId module, const wire::FrameHeader& header, ByteView body) = 0;
    virtual void misbehaved(ModuleId module, std::string reason) = 0;
    /// A module's frames can go on: there is room in the connection that was full.
    virtual void unblocked(ModuleId module) = 0;
    /// Nothing of the connection waits: a node that can may carry what the one
    /// module sends to the other by itself. What it does not comes as before.
    /// @return false: it is no such node
    virtual bool
    may_stay_on_node(ModuleId /*source*/, std::uint16_t /*channel*/, ModuleId /*destination*/) {
        return false;
    }
    virtual void must_not_stay_on_node(ModuleId /*source*/, std::uint16_t /*channel*/) {}
    /// The disk does not take what the module has said: it stays in its ring, and is tried again.
    virtual void disk_failed(ModuleId /*module*/, const Diagnostic& /*reason*/) {}
    /// It has all of it now.
    virtual void disk_works(ModuleId /*module*/) {}
    /// direct_state() of the connection has changed.
    virtual void direct_changed(std::uint16_t deployment, std::uint16_t channel) = 0;
};

/// How a direct connection stands.
struct DirectState {
    std::uint64_t expected = 0;
    std::uint64_t refused_counter = 0;
    Error refused = Error::none;
};

class Router {
  public:
    /// Unacknowledged bytes of a connection on their way: what the receiving manager may have to
    /// hold for a slow module.
    static constexpr std::size_t window_bytes = 256 * 1024;

    Router(RouterOutside& outside, std::uint64_t spill_limit_bytes, std::uint64_t seed);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    void set_now(std::uint64_t now_us) { now_ = now_us; }
    void add_module(ModuleId id, const ModuleName& name);
    /// The module takes frames: those that wait for it go on from where it stands.
    void module_ready(ModuleId id);
    /// The module's connections may have been keyed: what it refused before is wanted now.
    void module_keyed(ModuleId id);
    void remove_module(ModuleId id);
    void peer_up(PeerId id);
    void peer_down(PeerId id);
    /// Forgets a link that no route leads to: one that a peer has opened.
    void remove_peer(PeerId id);

    /// @error frames-wait: another module is to begin where what the one before has said in this
    /// epoch has found no room yet | of the outbox
    Expected<bool> set_route(const Route& route);
    void remove_route(std::uint16_t deployment, std::uint16_t channel);
    void clear(std::uint16_t deployment);

    /// Takes frames that a module wrote. @return bytes that its ring can free. A rest that does not
    /// fit stays, and is presented again after unblocked().
    std::size_t from_module(ModuleId id, ByteView bytes);
    /// As DataPlane::go_on_with(). @return false: not all of it was taken; it may be said again
    bool go_on_with(ModuleId id, ByteView frames);
    /// Takes whole frames of a peer. @return false: no frames; the link must be closed.
    bool from_peer(PeerId id, ByteView frames);
    /// There is room again.
    void module_writable(ModuleId id);
    void peer_writable(PeerId id);
    /// True if frames wait for room at the module.
    [[nodiscard]] bool wants_room(ModuleId id) const;
    /// Sends what is ready. Call after each round.
    void flush();
    /// Retransmission; call when next_due() is reached. Times in µs.
    void on_time();
    [[nodiscard]] std::uint64_t next_due() const;

    /// Takes the deployer's frames of a direct connection. @return counter after the last of them.
    /// @error unknown-connection | malformed-frames | outbox-full
    Expected<std::uint64_t>
    deliver(std::uint16_t deployment, std::uint16_t channel, ByteView frames);
    /// Replies before this counter are no longer needed.
    void drop_replies(std::uint16_t deployment, std::uint16_t channel, std::uint64_t before);
    [[nodiscard]] DirectState direct_state(std::uint16_t deployment, std::uint16_t channel) const;
    /// All replies that are kept and have counters below `before`. Empty also if none.
    [[nodiscard]] std::vector<std::uint8_t>
    replies(std::uint16_t deployment, std::uint16_t channel, std::uint64_t before) const;
    /// Whether the reply with this counter has come.
    [[nodiscard]] bool
    has_reply(std::uint16_t deployment, std::uint16_t channel, std::uint64_t counter) const;

    /// The node has carried events of the connection by itself.
    void carried(std::uint16_t deployment, const tee::Carried& events);
    void fill(Snapshot& snapshot) const;

  private:
    struct Connection;
    struct Lane;
    /// Where frames go: a module or a link, and the lanes that have something for it.
    struct Target {
        bool is_module = false;
        std::uint32_t id = no_id;
        bool up = false;
        bool dirty = false; ///< in dirty_
        bool wants_room = false;
        std::deque<Lane*> ready;
    };
    struct Module {
        ModuleName name;
        Target target;
        std::uint32_t cached_key = 0;
        Connection* cached = nullptr;
        std::size_t ahead = 0;   ///< bytes that were looked at but could not be freed
        std::uint64_t stall = 1; ///< number of the present stall of its ring
        bool retry = false;      ///< what was passed over may fit now
        bool alive = true;
        /// Lanes, by channel, with frames of it that may not outlive a power cut yet.
        std::set<std::pair<std::uint16_t, wire::Direction>> to_sync;
        std::uint64_t sync_again = never; ///< the disk has failed: when it is tried again
    };
    struct Timer {
        std::uint64_t due;
        std::uint32_t key;
        wire::Direction direction;
        bool operator>(const Timer& other) const { return due > other.due; }
    };

    Connection* find(std::uint16_t deployment, std::uint16_t channel) const;
    Connection* find_cached(Module& module, std::uint16_t channel);
    [[nodiscard]] Expected<bool> may_change(const Route& route) const;
    Expected<bool> open_lanes(Connection& connection);
    void resolve(Connection& connection);
    ModuleId module_named(std::uint16_t deployment, const std::string& name) const;
    void detach(Connection& connection);
    void forget_caches();
    Target* peer_target(PeerId id);

    [[nodiscard]] static bool refuses_its_owner(ByteView body);
    bool
    take_module_frame(Module& module, const wire::FrameHeader& header, ByteView frame, bool seen);
    bool sync_taken(Module& module);
    [[nodiscard]] std::uint64_t disk_due() const;
    /// Of a module's frame: it was passed over before, or left by a process of it that died.
    enum class Outgoing : std::uint8_t { fresh, seen, kept };
    bool take_outgoing(Module& module,
                       const wire::FrameHeader& header,
                       ByteView frame,
                       Outgoing outgoing);
    void take_module_answer(Module& module, const wire::FrameHeader& header, ByteView body);
    void fail(Module& module, std::string reason);
    bool take_peer_frame(PeerId id, const wire::FrameView& view, ByteView frame);
    void take_inbound(Lane& lane, PeerId id, ByteView frame);
    void answer_peer(const Lane& lane, const wire::FrameHeader& header, ByteView body);
    void remember_stranger(std::uint32_t key, wire::Direction direction, PeerId id);

    void count_taken(Lane& lane, std::uint64_t counter, std::size_t frame_bytes);
    void take_answer(Lane& lane, const wire::FrameHeader& header, ByteView body);
    void on_ack(Lane& lane, std::uint64_t counter, bool negative);
    void on_refusal(Lane& lane, std::uint64_t counter, std::uint8_t kind, Error cause);
    void unblock(Lane& lane);
    void let_stay(Lane& lane);
    void enqueue(Lane& lane);
    void mark_dirty(Target& target);
    void pump(Target& target);
    enum class Sent : std::uint8_t { all, more, no_room };
    Sent send_some(Lane& lane, Target& target);
    Sent send_pending(Lane& lane, Target& target);
    std::size_t room_of(const Target& target);
    void write(const Target& target, ByteView frames);
    void ask(Lane& lane);
    void resume(Lane& lane);
    void arm(Lane& lane, std::uint64_t due);
    void look_after(Lane& lane);
    [[nodiscard]] std::uint64_t spills_at(const Lane& lane) const;
    std::uint64_t jitter(std::uint64_t span);

    RouterOutside& outside_;
    SpillBudget budget_;
    std::uint64_t random_;
    std::uint64_t now_ = 0;
    std::unordered_map<std::uint32_t, std::unique_ptr<Connection>> connections_;
    std::unordered_map<ModuleId, std::unique_ptr<Module>> modules_;
    std::map<ModuleName, ModuleId> names_;
    std::unordered_map<PeerId, std::unique_ptr<Target>> peers_;
    std::vector<Target*> dirty_;
    std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
    /// Links on which frames came for which there is no route yet, by connection and direction.
    std::map<std::pair<std::uint32_t, wire::Direction>, PeerId> strangers_;
    std::set<ModuleId> held_up_; ///< modules whose frames the disk has not taken
    std::uint64_t dropped_garbage_ = 0;
    metrics::Histogram delivery_;
    // The last connection that a peer's frame belonged to.
    std::uint32_t peer_cached_key_ = 0;
    Connection* peer_cached_ = nullptr;
};

} // namespace authex::em
