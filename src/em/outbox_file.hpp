#pragma once
// An outbox's memory as a mapped file: what the manager wrote is there after its kill.

#include <filesystem>
#include <memory>

#include "em/outbox.hpp"

namespace authex::em {

/// The file of an outbox: "<deployment>-<channel>/<f|b>-<epoch>.outbox".
std::filesystem::path outbox_path(const std::filesystem::path& directory, const OutboxName& name);

class FileStore final : public OutboxStore {
  public:
    /// Maps the file if there is one. @param durable what it keeps survives power cuts, too
    /// @error outbox-file: it cannot be opened or mapped
    static Expected<std::unique_ptr<FileStore>> open(const std::filesystem::path& path,
                                                     bool durable);
    ~FileStore() override;
    FileStore(const FileStore&) = delete;
    FileStore& operator=(const FileStore&) = delete;

    Bytes bytes() override { return mapped_; }
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override;
    [[nodiscard]] bool is_durable() const override { return durable_; }
    Expected<bool> sync() override;

  private:
    FileStore(std::filesystem::path path, bool durable)
        : path_(std::move(path)), durable_(durable), named_(!durable) {}
    void unmap();
    bool write_anew();

    std::filesystem::path path_;
    bool durable_;
    bool named_; ///< durable: the disk has the file that is mapped under its name
    /// Durable: the kernel may take for written what the disk does not have. It tells of a page
    /// that it could not write once, to who asked then. (fsync(2), ERRORS)
    bool doubtful_ = false;
    Bytes mapped_;
};

/// Opens the outbox's file. One that is damaged is set aside as "<file>.damaged" and a new one is
/// made; `note` then says so. @error outbox-file | outbox-no-space
Expected<std::unique_ptr<Outbox>> open_outbox_file(const std::filesystem::path& directory,
                                                   const OutboxName& name,
                                                   SpillBudget& budget,
                                                   bool durable,
                                                   std::string& note);
/// Removes the files of the connection's other epochs, of all its epochs with `name.epoch` 0.
void remove_outbox_files(const std::filesystem::path& directory, const OutboxName& name);

} // namespace authex::em
