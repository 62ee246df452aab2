#pragma once
// A module on a board, between two threads: the data plane, which has its ModuleLink, and the
// board's. Frames wait in the same rings as those of modules with processes, in a file that
// outlives the manager: what the board has delivered is not lost with it.

#include <array>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tee/loader.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/manager_end.hpp"
#include "tee/process/module_end.hpp"
#include "tee/sancus/board.hpp"

namespace authex::tee::sancus {

/// The board's end of it.
class Mailbox final : public SlotUser {
  public:
    /// Lays out new rings in the module's folder. @error module-files
    static Expected<std::shared_ptr<Mailbox>> make(const std::filesystem::path& directory);
    /// Finds those of an earlier manager. @error module-files
    static Expected<std::shared_ptr<Mailbox>> find(const std::filesystem::path& directory);

    bool take(ByteView frame) override;
    ByteView next() override;
    void sent() override;
    void counted(std::uint8_t index, std::uint32_t calls, std::uint32_t missed) override;
    void carried(const Carried& events) override;
    void failed(link::Failure failure) override;
    void lost() override;

    /// The module has come to an end; only the first one counts. `why` goes into its log, for
    /// people. Any thread. @return whether this is the first
    bool end(const Exit& exit, const std::string& why);
    [[nodiscard]] std::optional<Exit> exit() const;
    /// Of the periodic entry with this index, on its board.
    [[nodiscard]] PeriodicCounts counts(std::size_t index) const;
    void forget_counts(std::size_t index);
    /// Since the last call.
    [[nodiscard]] std::vector<Carried> take_carried();
    /// Its board has no room for another connection that stays there.
    void no_more_routes() { routes_left_ = false; }
    [[nodiscard]] bool routes_left() const { return routes_left_; }
    /// A line for people, in the module's log. Any thread.
    void note(const std::string& line);
    [[nodiscard]] int exit_fd() const { return exit_fd_.get(); }
    [[nodiscard]] int doorbell_fd() const { return bell_.listens.get(); }
    [[nodiscard]] const process::SharedArea& area() const { return area_; }
    /// Called once when the module was seen failing, on the board's thread: it is to be removed.
    void on_failure(std::function<void()> action) { on_failure_ = std::move(action); }

  private:
    struct Bell {
        process::Descriptor listens; ///< a pipe
        process::Descriptor rings;
    };
    Mailbox(std::filesystem::path log, process::SharedArea area, Bell bell);
    static Expected<std::shared_ptr<Mailbox>> open(const std::filesystem::path& directory);

    std::filesystem::path log_;
    process::SharedArea area_;
    Bell bell_;
    process::Descriptor exit_fd_; ///< eventfd
    process::ModuleEnd end_;
    std::size_t next_bytes_ = 0; ///< of the frame that next() gave
    std::function<void()> on_failure_;
    mutable std::mutex mutex_;
    std::optional<Exit> exit_; ///< guarded by mutex_, as the counts
    std::array<PeriodicCounts, link::periodic_max> counts_{};
    std::vector<Carried> carried_; ///< guarded by mutex_; one a channel
    std::atomic<bool> routes_left_{true};
};

/// The data plane's end. Destroying it leaves the module on the board.
class SancusLink final : public ModuleLink {
  public:
    struct Controls {
        std::function<void()> wake; ///< tells the board's thread to look
        std::function<void()> kill; ///< begins the module's removal
        /// Lets the board call an entry; 0 ms: no more.
        std::function<void(std::uint8_t index, std::uint16_t entry, std::uint32_t every_ms)> every;
        /// Lets the board carry events of the channel to the module in that slot;
        /// slots_max: no more.
        std::function<void(std::uint16_t channel, std::uint8_t destination)> route;
        const Board* board = nullptr;
        std::uint8_t slot = 0;
        /// Nothing is called yet: no earlier manager has had the module.
        bool fresh = true;
    };
    SancusLink(std::shared_ptr<Mailbox> mailbox,
               Controls controls,
               std::vector<std::uint8_t> placement);

    std::optional<ByteView> readable() override { return end_.readable(); }
    void consume(std::size_t count) override;
    std::optional<Bytes> writable() override { return end_.writable(); }
    void commit(std::size_t count) override;
    void notify() override;
    bool prepare_sleep(bool want_room) override { return end_.prepare_sleep(want_room); }
    [[nodiscard]] int doorbell_fd() const override { return mailbox_->doorbell_fd(); }
    void drain_doorbell() override;
    [[nodiscard]] int exit_fd() const override { return mailbox_->exit_fd(); }
    std::optional<Exit> exit() override { return mailbox_->exit(); }
    void kill() override;
    [[nodiscard]] std::optional<OwnClock> own_clock() const override;
    void set_periodic(const std::vector<PeriodicCall>& calls) override;
    [[nodiscard]] PeriodicCounts periodic_counts(const std::string& name) const override;
    bool carry_to(std::uint16_t channel, ModuleLink& destination) override;
    void carry_no_more(std::uint16_t channel) override;
    std::vector<Carried> take_carried() override { return mailbox_->take_carried(); }
    /// Where it lies: Placement, as image.hpp writes it.
    [[nodiscard]] std::vector<std::uint8_t> placement() const override { return placement_; }

  private:
    std::shared_ptr<Mailbox> mailbox_;
    process::ManagerEnd end_;
    [[nodiscard]] std::size_t index_of(const std::string& name) const;

    Controls controls_;
    std::array<std::optional<PeriodicCall>, link::periodic_max> periodic_; ///< by index
    std::vector<std::uint8_t> placement_;
    bool changed_ = false; ///< since the last notify()
};

} // namespace authex::tee::sancus
