#pragma once
// What the control plane keeps on disk: its records and the modules' folders.

#include <filesystem>
#include <memory>

#include "em/control/records.hpp"

namespace authex::em {

/// Not thread-safe. Every change is there whole after the death of the process, or not at all. All
/// errors have the code "store".
class Store {
  public:
    virtual ~Store() = default;
    virtual Expected<NodeRecords> load() = 0;
    virtual Expected<bool> put_identity(std::uint64_t node_id, std::uint64_t boot) = 0;
    virtual Expected<bool> put(const Deployment& deployment) = 0;
    virtual Expected<bool> put(const Module& module) = 0;
    virtual Expected<bool> put(const Route& route) = 0;
    virtual Expected<bool> put(const Periodic& periodic) = 0;
    virtual Expected<bool> erase_module(const ModuleName& module) = 0;
    virtual Expected<bool> erase_route(std::uint16_t deployment, std::uint16_t channel) = 0;
    virtual Expected<bool> erase_periodic(std::uint16_t deployment, const std::string& name) = 0;
    /// Erases all of the deployment but its own record.
    virtual Expected<bool> erase_all_of(std::uint16_t deployment) = 0;

    /// The module's own folder, for its image and what the loader keeps beside it.
    [[nodiscard]] virtual std::filesystem::path folder(const ModuleName& module) const = 0;
    /// Moves the file into the module's folder as `image`, in place of an earlier one.
    virtual Expected<bool> take_image(const ModuleName& module,
                                      const std::filesystem::path& received) = 0;
    /// Removes what is in the folder, but for a state that was kept: it outlives its image.
    virtual void clear_folder(const ModuleName& module) = 0;
    /// Removes the folder with all that is in it.
    virtual void remove_folder(const ModuleName& module) = 0;
    /// The last lines of the `log` that a module's host leaves in the folder (tee/loader.hpp); none
    /// if it left none.
    [[nodiscard]] virtual std::vector<std::string> host_log(const ModuleName& module,
                                                            std::size_t count) const = 0;
    /// A folder on the same file system for images that are on their way; empty after open.
    [[nodiscard]] virtual std::filesystem::path incoming() const = 0;
};

/// An SQLite file `node.db`, folders `modules/` and `incoming/` in the state directory.
/// @param durable what was put outlives power cuts, too
/// @error store: cannot be made or opened, is damaged, is of another format
Expected<std::unique_ptr<Store>> open_store(const std::filesystem::path& state_directory,
                                            bool durable = false);

} // namespace authex::em
