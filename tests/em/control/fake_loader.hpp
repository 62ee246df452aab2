#pragma once
// A loader whose modules are objects in the test's process: they say hello, echo calls, answer
// handshakes with a fixed report data, and end when they are told to.

#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tee/loader.hpp"
#include "wire/frame.hpp"

namespace authex::test {

/// Entries of every fake module.
enum FakeEntry : std::uint16_t {
    fake_echo = 0,
    fake_log = 1,
    fake_exit = 2,
    fake_silent = 3,
    fake_server = 4, ///< reports until it has been given evidence
};

/// Outlives its links, as a real module's process does.
class FakeProcess {
  public:
    explicit FakeProcess(bool answers_hello);
    ~FakeProcess();
    FakeProcess(const FakeProcess&) = delete;
    FakeProcess& operator=(const FakeProcess&) = delete;

    void end(tee::Exit how);
    [[nodiscard]] std::optional<tee::Exit> exit() const;
    [[nodiscard]] int exit_fd() const { return exit_fd_; }
    [[nodiscard]] int doorbell_fd() const { return doorbell_fd_; }

    std::optional<ByteView> readable();
    void consume(std::size_t count);
    std::optional<Bytes> writable();
    void commit(std::size_t count);
    void drain() const;
    /// What `fake_server` was given.
    [[nodiscard]] std::string certificate_evidence() const;
    /// Writes log lines of its own accord.
    void log(const std::string& text);

  private:
    void take(const wire::FrameHeader& header, ByteView body);
    void emit(wire::FrameHeader header, ByteView body);

    mutable std::mutex mutex_;
    bool answers_hello_;
    std::vector<std::uint8_t> in_;
    std::vector<std::uint8_t> window_;
    std::vector<std::uint8_t> out_;
    std::vector<std::uint8_t> seen_; ///< what readable() showed last
    std::optional<tee::Exit> exit_;
    std::string certificate_evidence_;
    int exit_fd_;
    int doorbell_fd_;
};

class FakeLoader final : public tee::Loader {
  public:
    static constexpr std::uint32_t image_bytes_max = 1 << 20;

    [[nodiscard]] tee::TeeInfo info() const override;
    Expected<std::unique_ptr<tee::ModuleLink>> start(const tee::ModuleSpec& spec,
                                                     const std::filesystem::path& folder) override;
    Expected<std::unique_ptr<tee::ModuleLink>> adopt(const tee::ModuleSpec& spec,
                                                     const std::filesystem::path& folder) override;
    /// "evidence of <name>: " and the report data.
    Expected<std::vector<std::uint8_t>> evidence(const tee::ModuleSpec& spec,
                                                 ByteView report_data) override;

    /// The report and " of <name>", and before that what is to happen meanwhile; as by the
    /// interface where makes_certificates is not set.
    Expected<std::vector<std::uint8_t>> certificate_evidence(const tee::ModuleSpec& spec,
                                                             ByteView report) override;
    bool makes_certificates = true;
    std::function<void()> while_certifying;

    /// The process that was started last under the name; null: none.
    [[nodiscard]] std::shared_ptr<FakeProcess> process(const std::string& name);
    [[nodiscard]] int starts(const std::string& name);
    /// Modules of this name start, and say nothing.
    void make_silent(const std::string& name);
    /// What the module was started with last, for a recording.
    [[nodiscard]] std::optional<std::array<std::uint8_t, 32>> entropy(const std::string& name);
    void set_replayable(bool replayable) { replayable_ = replayable; }
    [[nodiscard]] std::optional<Diagnostic> trouble() override;
    void set_trouble(std::optional<Diagnostic> trouble);
    /// Starting a module of this name takes until let_go().
    void hold(const std::string& name);
    void let_go();
    /// Whether such a start has begun.
    [[nodiscard]] bool is_starting();
    /// Modules of this name cannot be started.
    void make_broken(const std::string& name);

  private:
    std::mutex mutex_;
    std::condition_variable let_go_;
    std::string held_;
    bool is_starting_ = false;
    std::optional<Diagnostic> trouble_;
    std::map<std::string, std::shared_ptr<FakeProcess>> processes_;
    std::map<std::string, int> starts_;
    std::map<std::string, std::optional<std::array<std::uint8_t, 32>>> entropies_;
    bool replayable_ = true;
    std::set<std::string> silent_;
    std::set<std::string> broken_;
};

/// What handshakes are answered with: 32 bytes.
inline constexpr std::uint8_t fake_report_byte = 0x5A;

} // namespace authex::test
