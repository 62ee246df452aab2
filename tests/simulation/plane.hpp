#pragma once
// The data plane of a simulated manager: the real router, timers and records around it, without
// sockets and threads. It does what src/em/plane_*.cpp and peer_links.cpp do, in rounds.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "em/data_plane.hpp"
#include "em/periodic.hpp"
#include "em/router.hpp"
#include "simulation/module_link.hpp"

namespace authex::simulation {

/// What a plane needs of its machine. Outlives it.
class PlaneOutside {
  public:
    virtual ~PlaneOutside() = default;
    [[nodiscard]] virtual std::uint64_t clock_us() const = 0;
    [[nodiscard]] virtual std::string events_address() const = 0;
    virtual std::size_t link_room(em::PeerId peer) = 0;
    virtual void link_send(em::PeerId peer, ByteView frames) = 0;
    virtual em::PeerId link_open(const std::string& address) = 0;
    virtual Expected<std::unique_ptr<em::Outbox>> open_outbox(const em::OutboxName& name,
                                                              em::SpillBudget& budget) = 0;
    virtual void remove_outboxes(const em::OutboxName& name) = 0;
    /// Frames for a process; it wakes. @pre they fit
    virtual void give(const std::shared_ptr<Process>& process, ByteView frames) = 0;
    /// A process has written these, and has room again.
    virtual void took(const std::shared_ptr<Process>& process, ByteView frames) = 0;
};

class Plane final : public em::DataPlane, em::RouterOutside {
  public:
    Plane(PlaneOutside& outside,
          em::Observer& observer,
          std::uint64_t spill_limit_bytes,
          std::uint64_t seed);

    [[nodiscard]] std::string events_address() const override { return outside_.events_address(); }
    void add_module(em::ModuleName module,
                    std::unique_ptr<tee::ModuleLink> link,
                    Deadline deadline,
                    Done<bool> done) override;
    std::unique_ptr<tee::ModuleLink> remove_module(const em::ModuleName& module) override;
    void control(em::ModuleName module,
                 std::vector<std::uint8_t> frames,
                 std::uint32_t answers,
                 Deadline deadline,
                 Done<std::vector<std::uint8_t>> done) override;
    void
    go_on_with(em::ModuleName module, std::vector<std::uint8_t> frames, Done<bool> done) override;
    void call(em::ModuleName module,
              std::uint16_t entry,
              std::vector<std::uint8_t> data,
              Deadline deadline,
              Done<std::vector<std::uint8_t>> done) override;
    Expected<bool> connect(const em::Route& route) override;
    void disconnect(std::uint16_t deployment, std::uint16_t channel) override;
    void deliver(std::uint16_t deployment,
                 em::DeliverOrder order,
                 Deadline deadline,
                 Done<em::DirectResult> done) override;
    Expected<bool> add_periodic(const std::string& name,
                                const em::ModuleName& module,
                                std::uint16_t entry,
                                std::uint64_t every_us) override;
    Expected<bool> remove_periodic(std::uint16_t deployment, const std::string& name) override;
    void clear(std::uint16_t deployment) override;
    em::Snapshot snapshot() override;

    /// One look at everything. @return whether anything moved.
    bool round();
    /// When round() has something to do though nothing moved, by the machine's clock.
    [[nodiscard]] std::uint64_t next_due() const;
    [[nodiscard]] em::Router& router() { return router_; }

  private:
    struct PendingControl {
        std::uint64_t number = 0;
        Done<std::vector<std::uint8_t>> done;
        std::vector<std::uint8_t> answers;
        std::uint32_t missing = 0;
        Error refused = Error::none;
    };
    struct PendingCall {
        Done<std::vector<std::uint8_t>> done; ///< empty: periodic
        std::string periodic;
    };
    struct Hosted {
        em::ModuleId id = em::no_id;
        em::ModuleName name;
        std::unique_ptr<ModuleLink> link;
        Done<bool> greeted;
        std::optional<PendingControl> control;
        std::map<std::uint64_t, PendingCall> calls;
        std::set<std::string> periodic_running;
        std::deque<std::vector<std::uint8_t>> urgent; ///< own frames that did not fit
        std::string failure;
        bool ready = false;
        bool alive = true;
    };
    struct DirectWait {
        std::uint16_t deployment = 0;
        std::uint16_t channel = 0;
        std::uint64_t number = 0;
        std::uint64_t after = 0;
        bool wait_reply = false;
        Done<em::DirectResult> done;
    };

    Hosted* find(const em::ModuleName& name);
    Hosted* find(em::ModuleId id);
    void host(em::ModuleName name, std::unique_ptr<tee::ModuleLink> link, Done<bool> done);
    bool service(Hosted& module);
    void end_module(Hosted& module, const Diagnostic& reason);
    void check_failures();
    void check_directs();
    void run_timers();
    void send(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void send_bytes(Hosted& module, ByteView frame);
    bool drain_urgent(Hosted& module);
    bool fire(const em::PeriodicState& periodic);
    void take_control_answer(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void take_control_refusal(Hosted& module, ByteView body);
    void one_order_less(Hosted& module);
    void take_result(Hosted& module, const wire::FrameHeader& header, ByteView body);
    void at(Deadline deadline, std::function<void()> action);
    template <typename T>
    void complete(Done<T> done, Expected<T> value);

    std::size_t module_room(em::ModuleId module) override;
    void to_module(em::ModuleId module, ByteView frames) override;
    std::size_t peer_room(em::PeerId peer) override { return outside_.link_room(peer); }
    void to_peer(em::PeerId peer, ByteView frames) override { outside_.link_send(peer, frames); }
    void answer_peer(em::PeerId peer, ByteView frames) override {
        outside_.link_send(peer, frames);
    }
    em::PeerId peer_for(const std::string& address) override { return outside_.link_open(address); }
    Expected<std::unique_ptr<em::Outbox>> open_outbox(const em::OutboxName& name,
                                                      em::SpillBudget& budget) override {
        return outside_.open_outbox(name, budget);
    }
    void remove_outboxes(const em::OutboxName& name) override { outside_.remove_outboxes(name); }
    void
    service_frame(em::ModuleId module, const wire::FrameHeader& header, ByteView body) override;
    void misbehaved(em::ModuleId module, std::string reason) override;
    void unblocked(em::ModuleId) override {}
    void direct_changed(std::uint16_t, std::uint16_t) override { directs_changed_ = true; }

    PlaneOutside& outside_;
    em::Observer& observer_;
    em::Router router_;
    em::PeriodicCalls periodic_;
    em::ModuleTimers timers_;
    std::vector<std::unique_ptr<Hosted>> hosted_; ///< by ModuleId; null where removed
    std::deque<std::function<void()>> tasks_;
    std::multimap<std::uint64_t, std::function<void()>> alarms_;
    std::vector<em::ModuleId> newly_ready_;
    std::vector<em::ModuleId> newly_keyed_;
    std::vector<em::ModuleId> failed_;
    std::vector<DirectWait> direct_waits_;
    bool directs_changed_ = false;
    std::uint64_t next_number_; ///< no number of an earlier manager comes again
};

} // namespace authex::simulation
