#pragma once
// The data plane's thread: what its three source files share.

#include <atomic>
#include <deque>
#include <future>
#include <optional>
#include <thread>
#include <unordered_set>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "em/data_plane.hpp"
#include "em/peer_links.hpp"
#include "em/periodic.hpp"
#include "em/router.hpp"
#include "em/streams.hpp"
#include "tee/process/adaptive_spin.hpp"

namespace authex::em {

class Plane final : public DataPlane, RouterOutside, LinkEvents, StreamEvents {
  public:
    Plane(const DataPlaneOptions& options, Observer& observer);
    ~Plane() override;
    Plane(const Plane&) = delete;
    Plane& operator=(const Plane&) = delete;
    /// Listens and starts the thread. @error as PeerLinks::listen and TlsContext::open
    Expected<bool> start();

    [[nodiscard]] std::string events_address() const override { return address_; }
    void add_module(ModuleName module,
                    std::unique_ptr<tee::ModuleLink> link,
                    Deadline deadline,
                    Done<bool> done) override;
    std::unique_ptr<tee::ModuleLink> remove_module(const ModuleName& module) override;
    void control(ModuleName module,
                 std::vector<std::uint8_t> frames,
                 std::uint32_t answers,
                 Deadline deadline,
                 Done<std::vector<std::uint8_t>> done) override;
    void go_on_with(ModuleName module, std::vector<std::uint8_t> frames, Done<bool> done) override;
    void call(ModuleName module,
              std::uint16_t entry,
              std::vector<std::uint8_t> data,
              Deadline deadline,
              Done<std::vector<std::uint8_t>> done) override;
    Expected<bool> connect(const Route& route) override;
    void disconnect(std::uint16_t deployment, std::uint16_t channel) override;
    void deliver(std::uint16_t deployment,
                 DeliverOrder order,
                 Deadline deadline,
                 Done<DirectResult> done) override;
    Expected<bool> add_periodic(const std::string& name,
                                const ModuleName& module,
                                std::uint16_t entry,
                                std::uint64_t every_us) override;
    Expected<bool> remove_periodic(std::uint16_t deployment, const std::string& name) override;
    void clear(std::uint16_t deployment) override;
    Snapshot snapshot() override;

  private:
    using Timer = std::unique_ptr<asio::steady_timer>;
    struct PendingCall {
        Done<std::vector<std::uint8_t>> done; ///< empty: periodic
        std::string periodic;
        std::uint32_t ticks = 0; ///< of the periodic event
        Timer timer;
    };
    struct PendingControl {
        Done<std::vector<std::uint8_t>> done;
        std::vector<std::uint8_t> answers;
        std::uint32_t missing = 0;
        std::uint32_t unasked = 0; ///< answers after those
        Error refused = Error::none;
        Timer timer;
    };
    struct Hosted;
    struct DirectWait {
        std::uint16_t deployment = 0;
        std::uint16_t channel = 0;
        std::uint64_t number = 0;
        std::uint64_t after = 0;
        bool wait_reply = false;
        Done<DirectResult> done = {};
        Timer timer = {};
    };

    // plane_loop.cpp
    void run();
    bool round();
    bool service(Hosted& module);
    void run_timers();
    void sleep();
    bool ready_to_sleep();
    bool settle(Hosted& module);
    void activate(Hosted& module);
    void glance_at(Hosted& module);
    void touch(Hosted& module);
    bool refresh_room(Hosted& module);
    void send(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void send_bytes(Hosted& module, ByteView frames);
    void drain_urgent(Hosted& module);
    void publish();
    std::size_t module_room(ModuleId module) override;
    void to_module(ModuleId module, ByteView frames) override;
    std::size_t peer_room(PeerId peer) override { return links_.room(peer); }
    void to_peer(PeerId peer, ByteView frames) override { links_.send(peer, frames); }
    void answer_peer(PeerId peer, ByteView frames) override {
        links_.send_soon(peer, frames, now_us_);
    }
    PeerId peer_for(const std::string& address) override { return links_.open(address); }
    Expected<std::unique_ptr<Outbox>> open_outbox(const OutboxName& name,
                                                  SpillBudget& budget) override;
    void remove_outboxes(const OutboxName& name) override;
    bool may_stay_on_node(ModuleId source, std::uint16_t channel, ModuleId destination) override;
    void must_not_stay_on_node(ModuleId source, std::uint16_t channel) override;
    void unblocked(ModuleId module) override;
    void disk_failed(ModuleId module, const Diagnostic& reason) override;
    void disk_works(ModuleId module) override;
    void direct_changed(std::uint16_t deployment, std::uint16_t channel) override;
    void link_up(PeerId peer) override { router_.peer_up(peer); }
    void link_down(PeerId peer) override { router_.peer_down(peer); }
    void link_gone(PeerId peer) override { router_.remove_peer(peer); }
    bool link_frames(PeerId peer, ByteView frames) override {
        worked_ = true;
        return router_.from_peer(peer, frames);
    }
    void link_writable(PeerId peer) override { router_.peer_writable(peer); }
    bool stream_room(ModuleId module, std::size_t frame_bytes) override;
    void stream_frame(ModuleId module, const wire::FrameHeader& header, ByteView body) override;
    void stream_log(ModuleId module, std::string text) override;

    // plane_modules.cpp
    void service_frame(ModuleId id, const wire::FrameHeader& header, ByteView body) override;
    void misbehaved(ModuleId module, std::string reason) override;
    void take_result(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void take_control_answer(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void take_control_refusal(Hosted& module, ByteView body);
    static bool is_unclaimed(Hosted& module);
    void await_answers(Hosted& module,
                       std::uint32_t orders,
                       std::uint32_t answers,
                       Deadline deadline,
                       Done<std::vector<std::uint8_t>> done);
    void one_order_less(Hosted& module);
    void take_listen(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void take_hello(Hosted& module, ByteView body);
    void take_timer(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void take_log(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void watch(Hosted& module);
    void watch_doorbell(Hosted& module);
    void rang(Hosted& module);
    void watch_exit(Hosted& module);
    void end_module(Hosted& module, const Diagnostic& reason);
    void host(ModuleName name,
              std::unique_ptr<tee::ModuleLink> link,
              Deadline deadline,
              Done<bool> done);
    std::unique_ptr<tee::ModuleLink> unhost(const ModuleName& name);
    void start_call(const ModuleName& name,
                    std::uint16_t entry,
                    const std::vector<std::uint8_t>& data,
                    Deadline deadline,
                    Done<std::vector<std::uint8_t>> done);
    bool fire(const PeriodicState& periodic, std::uint32_t ticks);
    void set_own_clocks();
    void check_failures();
    void check_directs();
    void fill(Snapshot& snapshot, Hosted& module);
    Hosted* find(ModuleId id);
    Hosted* find(const ModuleName& name);
    Timer at(Deadline deadline, std::function<void()> action);

    template <typename Action>
    auto blocking(Action action) -> decltype(action());
    template <typename Action>
    void later(Action action);
    /// Runs `done` from the loop, where it may use every method.
    template <typename T>
    void complete(Done<T> done, Expected<T> value);

    DataPlaneOptions options_;
    Observer& observer_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    std::unique_ptr<TlsContext> tls_;
    Router router_;
    PeerLinks links_;
    Streams streams_;
    PeriodicCalls periodic_;
    ModuleTimers timers_;
    asio::steady_timer wake_;
    std::string address_;

    std::vector<std::unique_ptr<Hosted>> hosted_; ///< by ModuleId; null where removed
    std::vector<Hosted*> active_;                 ///< looked at in every round
    std::vector<Hosted*> touched_;                ///< to be committed and woken
    std::vector<Hosted*> stalled_;                ///< looked at every millisecond
    std::vector<Hosted*> failed_;
    std::vector<std::unique_ptr<Hosted>> graveyard_;
    std::vector<ModuleId> newly_ready_; ///< to be told to the router, which is busy
    std::vector<ModuleId> newly_keyed_; ///< likewise
    std::vector<DirectWait> direct_waits_;
    std::uint64_t disk_failures_ = 0;
    bool directs_changed_ = false;
    bool worked_ = false;
    bool poll_soon_ = false;
    tee::process::AdaptiveSpin spin_;
    std::uint64_t next_call_ = monotonic_us(); ///< no number of an earlier manager comes again
    std::uint64_t round_ = 0;
    std::uint64_t now_us_ = 0;
    std::uint64_t wake_at_ = ~std::uint64_t{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

struct Plane::Hosted {
    explicit Hosted(asio::io_context& io) : doorbell(io), ended(io) {}
    ModuleId id = no_id;
    ModuleName name;
    std::unique_ptr<tee::ModuleLink> link;
    asio::posix::stream_descriptor doorbell;
    asio::posix::stream_descriptor ended;
    Bytes room;                       ///< the link's writable(), as of the last look
    std::size_t used = 0;             ///< of `room`, not committed yet
    std::vector<std::uint8_t> urgent; ///< the manager's own frames that did not fit
    std::size_t urgent_begin = 0;
    Done<bool> greeted;
    Timer greeting_timer;
    std::optional<PendingControl> control;
    /// Answers to come that nobody waits for: they are not those to what is said next.
    std::uint32_t unclaimed = 0;
    std::unordered_map<std::uint64_t, PendingCall> calls;
    std::unordered_set<std::string> periodic_running;
    std::string failure;
    std::string held_up; ///< why the disk does not take what it has said
    std::uint32_t idle_rounds = 0;
    std::uint32_t awake_refusals = 0;
    std::uint32_t idle_rings = 0; ///< since it last wrote a frame or made room
    Timer rest;                   ///< its doorbell is not watched until then
    bool ready = false;
    bool alive = true; ///< its frames are taken
    bool active = false;
    bool touched = false;
    bool stalled = false;
    bool resting = false;
    bool log_limited = false;
};

template <typename Action>
void Plane::later(Action action) {
    asio::post(io_, std::move(action));
}

template <typename Action>
auto Plane::blocking(Action action) -> decltype(action()) {
    if (std::this_thread::get_id() == thread_.get_id()) {
        return action();
    }
    std::packaged_task<decltype(action())()> task(std::move(action));
    auto future = task.get_future();
    asio::post(io_, [&task] { task(); });
    return future.get();
}

template <typename T>
void Plane::complete(Done<T> done, Expected<T> value) {
    if (done) {
        poll_soon_ = true;
        asio::post(io_, [done = std::move(done), value = std::move(value)]() mutable {
            done(std::move(value));
        });
    }
}

} // namespace authex::em
