#pragma once
// Speaks to the kernel's TEE device, without a library. (Linux, `include/uapi/linux/tee.h`)

#include "tee/trustzone/client/client.hpp"
#include "tee/trustzone/client/driver.hpp"

namespace authex::tee::trustzone {

/// Its shared memory and sessions last as long as the device's descriptor is open; memory that was
/// registered, as long as the descriptor that came of it.
class DeviceClient final : public TeeClient {
  public:
    /// @param driver borrowed
    explicit DeviceClient(TeeDriver& driver) : driver_(driver) {}

    /// An OP-TEE.
    [[nodiscard]] bool is_there() override;
    SharedMemory share(std::size_t bytes) override;
    /// The kernel pins the pages, and wants them writable while it does so.
    SharedMemory register_memory(Bytes pages) override;
    std::uint32_t open(const Uuid& ta, std::uint32_t& session) override;
    std::uint32_t
    invoke(std::uint32_t session, std::uint32_t command, Parameters& parameters) override;
    void close(std::uint32_t session) override;

    /// Of what was registered last; < 0: nothing was.
    [[nodiscard]] int registered() const { return registered_; }

  private:
    /// @return TEE_GEN_CAP_…; 0: not even an OP-TEE
    [[nodiscard]] std::uint32_t capabilities();

    TeeDriver& driver_;
    int registered_ = -1;
};

} // namespace authex::tee::trustzone
