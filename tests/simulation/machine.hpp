#pragma once
// A node: its TEE with the modules' processes, its disk and clock, and the manager's software,
// which can be killed. All but the TEE is the attacker's.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "em/control/manager.hpp"
#include "simulation/disk.hpp"
#include "simulation/plane.hpp"
#include "tee/native/evidence_key.hpp"

namespace authex::simulation {

class World;

/// What becomes of the deployer's next calls to a machine.
struct CallFault {
    enum class What : std::uint8_t { lose_request, lose_reply, delay_request, repeat_request };
    What what = What::lose_request;
    std::uint64_t value = 0; ///< µs
};
/// What becomes of the next frames between a lying manager and its modules.
struct FrameFault {
    enum class What : std::uint8_t { drop, repeat, swap, flip };
    What what = What::drop;
    std::uint64_t value = 0;
};

class Machine final : public PlaneOutside, public tee::Loader {
  public:
    Machine(World& world, std::size_t index);
    ~Machine() override;

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool is_up() const { return software_ != nullptr; }
    /// Starts the manager. It may fail, and is tried again then.
    void start();
    /// Kills the manager; modules go on. It starts again after the time.
    void kill(std::uint64_t down_us);
    /// One look of the manager at everything. @return whether anything moved.
    bool round();
    /// In the world's time.
    [[nodiscard]] std::uint64_t next_due() const;
    /// Runs it on the manager's thread, if there is a manager.
    void submit(std::function<void(em::Manager&)> work);
    [[nodiscard]] em::Router& router();
    [[nodiscard]] em::Manager* manager();
    [[nodiscard]] em::Snapshot snapshot();
    [[nodiscard]] std::size_t log_bytes() const;

    /// Null: none of this name runs.
    [[nodiscard]] std::shared_ptr<Process> process(const std::string& module) const;
    /// Ends what is not the module that its node calls it, and what waits for the rest of a frame.
    void end_impostors();
    [[nodiscard]] std::vector<std::shared_ptr<Process>> processes() const;
    /// Those whose state is kept, by the name that the node has for them.
    [[nodiscard]] std::map<std::string, std::shared_ptr<Process>> keepers() const;
    /// Its manager is told that it has ended, while it goes on: what it is sent still reaches it,
    /// and what it sends reaches everybody.
    void hide(const std::string& module);
    void end_hidden();
    /// Past the manager's router.
    void inject(const std::shared_ptr<Process>& process, ByteView frames);

    // PlaneOutside
    [[nodiscard]] std::uint64_t clock_us() const override;
    [[nodiscard]] std::string events_address() const override;
    std::size_t link_room(em::PeerId peer) override;
    void link_send(em::PeerId peer, ByteView frames) override;
    em::PeerId link_open(const std::string& address) override;
    Expected<std::unique_ptr<em::Outbox>> open_outbox(const em::OutboxName& name,
                                                      em::SpillBudget& budget) override {
        return disk.open_outbox(name, budget);
    }
    void remove_outboxes(const em::OutboxName& name) override { disk.remove_outboxes(name); }
    void give(const std::shared_ptr<Process>& process, ByteView frames) override;
    void took(const std::shared_ptr<Process>& process, ByteView frames) override;

    // tee::Loader
    [[nodiscard]] tee::TeeInfo info() const override;
    Expected<std::unique_ptr<tee::ModuleLink>> start(const tee::ModuleSpec& spec,
                                                     const std::filesystem::path& folder) override;
    Expected<std::unique_ptr<tee::ModuleLink>> adopt(const tee::ModuleSpec& spec,
                                                     const std::filesystem::path& folder) override;
    /// Only over report data that some process of this TEE gave, with that process' identity.
    Expected<std::vector<std::uint8_t>> evidence(const tee::ModuleSpec& spec,
                                                 ByteView report_data) override;

    Disk disk;
    std::uint64_t clock_ahead_us = 0;  ///< of its monotonic clock, which never goes back
    std::int64_t date_ahead_us = 0;    ///< of its date, which goes anywhere
    std::deque<CallFault> call_faults; ///< one for each of the next calls
    std::deque<FrameFault> frame_faults;
    std::deque<std::uint64_t> lies; ///< seeds; one for each of the next answers
    bool deployer_parted = false;
    /// Modules of these names are started with the image of another.
    std::map<std::string, std::string> impostors;
    std::map<std::string, std::vector<std::string>> copies; ///< of kept states, by module
    /// What is meant for modules of these names goes to another module.
    std::map<std::string, std::string> doubles;
    [[nodiscard]] std::string meant_for(const std::string& module) const {
        const auto found = doubles.find(module);
        return found == doubles.end() ? module : found->second;
    }

  private:
    struct Software;

    void wake(const std::shared_ptr<Process>& process);
    bool spread_hidden();
    void show_hidden(const std::shared_ptr<Process>& process, ByteView frame);
    void feed(const std::shared_ptr<Process>& process, ByteView frame);
    bool apply_frame_fault(const std::shared_ptr<Process>& process, ByteView frame);

    World& world_;
    std::size_t index_;
    std::string name_;
    const tee::native::EvidenceKey& key_;
    std::map<std::string, std::shared_ptr<Process>> processes_;
    std::vector<std::shared_ptr<Process>> ended_; ///< their evidence can still be asked for
    std::vector<std::shared_ptr<Process>> hidden_;
    std::unique_ptr<Software> software_;
    std::deque<std::function<void()>> tasks_; ///< of the manager's thread
    std::vector<std::uint8_t> held_back_;     ///< a frame that waits to be overtaken
};

} // namespace authex::simulation
