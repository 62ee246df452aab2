#pragma once
// A module on a board, between two threads: the data plane, which has its ModuleLink, and the
// board's. Frames wait in the same rings as those of modules with processes, in a file that
// outlives the manager: what the board has delivered is not lost with it.

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

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
    void failed(link::Failure failure) override;
    void lost() override;

    /// The module has come to an end; only the first one counts. `why` goes into its log, for
    /// people. Any thread. @return whether this is the first
    bool end(const Exit& exit, const std::string& why);
    [[nodiscard]] std::optional<Exit> exit() const;
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
    std::optional<Exit> exit_; ///< guarded by mutex_
};

/// The data plane's end. Destroying it leaves the module on the board.
class SancusLink final : public ModuleLink {
  public:
    /// @param wake tells the board's thread to look; @param kill begins the module's removal
    SancusLink(std::shared_ptr<Mailbox> mailbox,
               std::function<void()> wake,
               std::function<void()> kill,
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
    /// Where it lies: Placement, as image.hpp writes it.
    [[nodiscard]] std::vector<std::uint8_t> placement() const override { return placement_; }

  private:
    std::shared_ptr<Mailbox> mailbox_;
    process::ManagerEnd end_;
    std::function<void()> wake_;
    std::function<void()> kill_;
    std::vector<std::uint8_t> placement_;
    bool changed_ = false; ///< since the last notify()
};

} // namespace authex::tee::sancus
