#pragma once
// A skeleton's module as its manager sees it.

#include <memory>
#include <utility>

#include "tee/loader.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/skeleton/enclave.hpp"

namespace authex::tee::skeleton {

/// The module works in notify(), so whatever it writes is there when notify() returns: its doorbell
/// never rings, and nobody sleeps before all of it is read.
class SkeletonLink final : public ModuleLink {
  public:
    /// @param doorbell an eventfd
    SkeletonLink(std::shared_ptr<Enclave> enclave, process::Descriptor doorbell)
        : enclave_(std::move(enclave)), doorbell_(std::move(doorbell)) {}

    std::optional<ByteView> readable() override { return enclave_->readable(); }
    void consume(std::size_t count) override { enclave_->consume(count); }
    std::optional<Bytes> writable() override;
    void commit(std::size_t count) override { enclave_->commit(count); }
    void notify() override { enclave_->run(); }

    bool prepare_sleep(bool want_room) override;
    [[nodiscard]] int doorbell_fd() const override { return doorbell_.get(); }
    void drain_doorbell() override {}

    [[nodiscard]] int exit_fd() const override { return enclave_->exit_fd(); }
    std::optional<Exit> exit() override { return enclave_->exit(); }
    void kill() override;

  private:
    std::shared_ptr<Enclave> enclave_;
    process::Descriptor doorbell_;
    std::size_t room_seen_ = 0; ///< at the last writable()
};

} // namespace authex::tee::skeleton
