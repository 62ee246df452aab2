#pragma once
// Modules of a node whose TEE is a microcontroller with Sancus.

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>

#include "tee/loader.hpp"
#include "tee/sancus/board.hpp"
#include "tee/sancus/board_record.hpp"
#include "tee/sancus/module_link.hpp"

namespace authex::tee::sancus {

struct LoaderOptions {
    BoardOptions board;
    bool simulated = false;
    /// For the first look whether the board is there.
    std::chrono::milliseconds patience{10'000};
};

/// Thread-safe; the links that it makes are not, and must not outlive it. start() takes the time
/// that the image needs on the line.
class SancusLoader final : public Loader {
  public:
    /// @error as Board::facts
    static Expected<std::unique_ptr<SancusLoader>> open(LoaderOptions options);

    [[nodiscard]] TeeInfo info() const override;
    /// board-silent, or as open() where the line is away
    [[nodiscard]] std::optional<Diagnostic> trouble() override { return board_.trouble(); }
    /// @error image-unreadable | image-mismatch | image-malformed | board-silent | board-reset |
    /// board-full: no memory or no room for another enclave | board-refused | module-files
    Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// @error not-running: also where the board was reset since | image-mismatch | board-silent |
    /// module-files
    Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// Nothing: a module on Sancus vouches for itself, under a key that only its own text has.
    Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                 ByteView report_data) override;

    [[nodiscard]] Board& board() { return board_; }

  private:
    explicit SancusLoader(LoaderOptions options);

    Expected<BoardRecord> load(const ModuleSpec& spec, const SancusImage& image);
    Expected<BoardRecord> reserve(const SancusImage& image);
    Expected<bool> fill(const SancusImage& image, BoardRecord& record);
    Expected<bool> protect(const SancusImage& image, BoardRecord& record);
    Expected<bool> write(std::uint16_t address, ByteView bytes);
    Expected<bool> reserve_slot(std::uint8_t& slot,
                                std::uint16_t text_bytes,
                                std::uint16_t data_bytes,
                                Placement& placement);
    Expected<Reply> must(link::Code code, std::vector<std::uint8_t> arguments);
    bool evict_orphans();
    void remove(const BoardRecord& record);
    std::unique_ptr<ModuleLink> attach(const ModuleSpec& spec,
                                       const BoardRecord& record,
                                       const std::shared_ptr<Mailbox>& mailbox,
                                       bool fresh);
    void route(const std::shared_ptr<Mailbox>& mailbox,
               std::uint8_t slot,
               std::uint16_t channel,
               std::uint8_t destination);
    void every(const std::shared_ptr<Mailbox>& mailbox, std::vector<std::uint8_t> arguments);

    bool simulated_;
    std::mutex mutex_; ///< one module is loaded after the other
    Board board_;
};

} // namespace authex::tee::sancus
