#pragma once
// A process behind the manager's interface to modules.

#include <memory>
#include <vector>

#include "simulation/process.hpp"
#include "tee/loader.hpp"

namespace authex::simulation {

class ModuleLink final : public tee::ModuleLink {
  public:
    explicit ModuleLink(std::shared_ptr<Process> process) : process_(std::move(process)) {}
    [[nodiscard]] const std::shared_ptr<Process>& process() const { return process_; }

    std::optional<ByteView> readable() override { return process_->output(); }
    void consume(std::size_t count) override { process_->consume(count); }
    std::optional<Bytes> writable() override {
        window_.resize(process_->room());
        return Bytes(window_);
    }
    void commit(std::size_t count) override { process_->feed(ByteView(window_).first(count)); }
    void notify() override {}
    bool prepare_sleep(bool) override { return true; }
    [[nodiscard]] int doorbell_fd() const override { return -1; }
    void drain_doorbell() override {}
    [[nodiscard]] int exit_fd() const override { return -1; }
    std::optional<tee::Exit> exit() override {
        constexpr int killed = 9; // SIGKILL
        return process_->alive() && !process_->hidden()
                   ? std::nullopt
                   : std::optional(tee::Exit{.signalled = true, .code = killed});
    }
    void kill() override { process_->kill(); }

  private:
    std::shared_ptr<Process> process_;
    std::vector<std::uint8_t> window_;
};

} // namespace authex::simulation
