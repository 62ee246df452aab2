#pragma once
// What a node keeps over the death of its manager: the records of its control plane, the waiting
// frames of its connections, and the states of modules, in real files. It can be full, and it can
// be damaged.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "em/control/store.hpp"
#include "em/outbox.hpp"
#include "support/temporary_folder.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/link.hpp"

namespace authex::simulation {

class Disk final : public em::Store {
  public:
    Disk();
    ~Disk() override;
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    bool full = false;

    Expected<em::NodeRecords> load() override { return records_; }
    Expected<bool> put_identity(std::uint64_t node_id, std::uint64_t boot) override;
    Expected<bool> put(const em::Deployment& deployment) override;
    Expected<bool> put(const em::Module& module) override;
    Expected<bool> put(const em::Route& route) override;
    Expected<bool> put(const em::Periodic& periodic) override;
    Expected<bool> erase_module(const em::ModuleName& module) override;
    Expected<bool> erase_route(std::uint16_t deployment, std::uint16_t channel) override;
    Expected<bool> erase_periodic(std::uint16_t deployment, const std::string& name) override;
    Expected<bool> erase_all_of(std::uint16_t deployment) override;
    [[nodiscard]] std::filesystem::path folder(const em::ModuleName& module) const override {
        return folder_->path() / module.name;
    }
    Expected<bool> take_image(const em::ModuleName& module,
                              const std::filesystem::path& received) override;
    void clear_folder(const em::ModuleName&) override {}
    void remove_folder(const em::ModuleName& module) override { lose_state(module.name); }
    [[nodiscard]] std::vector<std::string> host_log(const em::ModuleName&,
                                                    std::size_t) const override {
        return {};
    }
    [[nodiscard]] std::filesystem::path incoming() const override { return "incoming"; }

    /// As em::open_outbox_file(): what is damaged is set aside.
    Expected<std::unique_ptr<em::Outbox>> open_outbox(const em::OutboxName& name,
                                                      em::SpillBudget& budget);
    void remove_outboxes(const em::OutboxName& name);
    /// Where the host of a module keeps its state. What was kept before is left.
    Expected<tee::process::KeptArea> keep_state(const std::string& module);
    /// Empty: nothing was kept.
    [[nodiscard]] std::string kept_state(const std::string& module) const;
    /// In the place of what is there: a process that has that goes on with what it had.
    void put_state(const std::string& module, const std::string& content) const;
    void lose_state(const std::string& module) const;
    /// Changes a byte of some outbox. @pre no manager has it open
    void damage(std::uint64_t which);
    /// Loses some outbox. @pre no manager has it open
    void lose(std::uint64_t which);

  private:
    friend class DiskFile;
    using Words = std::shared_ptr<std::vector<std::uint64_t>>;
    using Key = std::tuple<std::uint16_t, std::uint16_t, wire::Direction, std::uint32_t>;

    template <typename List, typename Item, typename Same>
    Expected<bool> put_in(List& list, const Item& item, const Same& same);
    [[nodiscard]] Expected<bool> written() const;

    [[nodiscard]] std::filesystem::path state_of(const std::string& module) const {
        return folder_->path() / module / tee::process::kept_file;
    }

    using Folder = std::unique_ptr<test::TemporaryFolder>;
    /// Empty but for folders, for the disks of later worlds.
    static std::vector<Folder>& spare_folders();

    Folder folder_;
    std::set<std::string> keepers_; ///< modules that may have files there
    em::NodeRecords records_;
    std::map<Key, Words> outboxes_;
};

} // namespace authex::simulation
