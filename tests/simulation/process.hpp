#pragma once
// A module's process: the real runtime with real code in it, and the two rings to its manager. It
// outlives its manager.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"
#include "simulation/program.hpp"
#include "tee/loader.hpp"
#include "tee/process/kept_area.hpp"

namespace authex::simulation {

/// Who is at work: a process, or the deployer.
using Actor = std::uint32_t;
constexpr Actor deployer_actor = 0;

class Process {
  public:
    static constexpr std::size_t in_bytes_max = 256 * 1024;

    struct Birth {
        Actor actor = deployer_actor;
        std::string module; ///< that its image is of, whatever its node calls it
        std::uint16_t deployment = 0;
        const Program* program = nullptr;
        tee::Sha256 identity{}; ///< of its image
        bool persists = false;  ///< its state outlives it
    };
    /// @param entropy 32 bytes
    Process(Birth birth, ByteView owner_key, ByteView entropy);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] Actor actor() const { return birth_.actor; }
    [[nodiscard]] const std::string& module() const { return birth_.module; }
    [[nodiscard]] std::uint16_t deployment() const { return birth_.deployment; }
    [[nodiscard]] const Program& program() const { return *birth_.program; }
    [[nodiscard]] const tee::Sha256& identity() const { return birth_.identity; }

    [[nodiscard]] std::size_t room() const;
    /// @pre frames.size() <= room()
    void feed(ByteView frames);
    [[nodiscard]] ByteView output() const { return {out_.get(), out_used_}; }
    void consume(std::size_t bytes);
    [[nodiscard]] bool has_input() const { return in_begin_ < in_.size(); }
    /// Handles what was fed, as far as its output has room.
    void run();
    /// Its host keeps there what the module seals for itself, before anybody sees what has come of
    /// it.
    void keep_in(tee::process::KeptArea area) { kept_.emplace(std::move(area)); }
    [[nodiscard]] bool keeps() const { return kept_.has_value(); }

    void kill() { alive_ = false; }
    [[nodiscard]] bool alive() const { return alive_; }
    /// Its node says that it has ended, and lets it run.
    void hide() { hidden_ = true; }
    [[nodiscard]] bool hidden() const { return hidden_; }
    /// It is killed when its host has kept a state next: what came of it is not handed over.
    bool dies_after_keeping = false;
    /// What is no frame was put into its ring, so that it may wait for the rest for ever, or it was
    /// told of another deployment, so that its manager will end it.
    bool spoiled = false;
    bool impostor = false;  ///< it was started in the place of another image
    bool scheduled = false; ///< its run() is among the world's events
    /// Report data that it gave in answers to handshakes: what its TEE makes evidence of.
    std::vector<std::vector<std::uint8_t>> reported;

  private:
    void note_reports(ByteView frames);
    std::size_t keep(ByteView frames);

    Birth birth_;
    std::unique_ptr<runtime::Runtime> runtime_;
    std::vector<std::uint8_t> owner_key_;
    std::vector<std::uint8_t> state_;
    std::vector<std::uint8_t> in_;
    std::size_t in_begin_ = 0;
    std::unique_ptr<std::uint8_t[]> out_;
    std::size_t out_used_ = 0;
    std::optional<tee::process::KeptArea> kept_;
    bool alive_ = true;
    bool hidden_ = false;
};

/// The process that runs at this moment; null: none does.
const Process* running_process();

} // namespace authex::simulation
