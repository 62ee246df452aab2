#pragma once
// A module in a process of its own, as its manager sees it.

#include <filesystem>
#include <memory>

#include "tee/loader.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/manager_end.hpp"
#include "tee/process/process_record.hpp"

namespace authex::tee::process {

/// Names of the files in a module's folder.
constexpr const char* image_file = "image";       ///< what runs; written by who made the folder
constexpr const char* rings_file = "rings";       ///< shared_area.hpp
constexpr const char* doorbell_file = "doorbell"; ///< named pipe: the module wakes the manager
constexpr const char* process_file = "process";   ///< process_record.hpp
constexpr const char* log_file = "log";           ///< what the module's host says
constexpr const char* kept_file = "state";        ///< kept_area.hpp; outlives the process

class ProcessLink final : public ModuleLink {
  public:
    /// The process whose record lies in `directory`, running or ended.
    /// @error not-running: no record of this run of the machine | module-files: the record, rings
    /// or doorbell are damaged or cannot be opened
    static Expected<std::unique_ptr<ProcessLink>> open(const std::filesystem::path& directory);

    std::optional<ByteView> readable() override { return end_.readable(); }
    void consume(std::size_t count) override { end_.consume(count); }
    std::optional<Bytes> writable() override { return end_.writable(); }
    void commit(std::size_t count) override { end_.commit(count); }
    void notify() override { end_.notify(); }
    bool prepare_sleep(bool want_room) override { return end_.prepare_sleep(want_room); }
    [[nodiscard]] std::optional<std::uint64_t> entries() const override { return end_.entries(); }
    void give_time() override { end_.give_time(); }
    [[nodiscard]] int doorbell_fd() const override { return doorbell_.get(); }
    void drain_doorbell() override;
    [[nodiscard]] int exit_fd() const override { return supervisor_.get(); }
    std::optional<Exit> exit() override;
    void kill() override;

    /// As it was when the link was opened.
    [[nodiscard]] const ProcessRecord& record() const { return record_; }

  private:
    ProcessLink(SharedArea area, Descriptor doorbell, Descriptor file, const ProcessRecord& record);
    Expected<bool> find_processes();

    SharedArea area_;
    ManagerEnd end_;
    Descriptor doorbell_;
    Descriptor record_file_;
    ProcessRecord record_;
    Descriptor supervisor_; ///< pidfd; where it had ended already, an event that stays
    bool supervisor_ended_ = false;
    Descriptor module_; ///< pidfd; not open where it had ended already
};

} // namespace authex::tee::process
