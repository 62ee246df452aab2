#pragma once
// The kernel's TEE device, as a client speaks to it. (Linux, `include/uapi/linux/tee.h`)

#include "base/bytes.hpp"

namespace authex::tee::trustzone {

/// What a double replaces in tests.
class TeeDriver {
  public:
    /// ioctl. @return what it returns, ≥ 0, or −errno
    virtual int control(unsigned long request, void* argument) = 0;
    /// Maps shared memory that SHM_ALLOC has given a descriptor of, and closes that. Empty: not.
    virtual Bytes map(int descriptor, std::size_t bytes) = 0;

  protected:
    ~TeeDriver() = default; // nobody owns one through it
};

/// An open /dev/tee0; borrowed.
class KernelTeeDriver final : public TeeDriver {
  public:
    explicit KernelTeeDriver(int device) : device_(device) {}
    int control(unsigned long request, void* argument) override;
    Bytes map(int descriptor, std::size_t bytes) override;
    /// The device has another number from now on.
    void moved_to(int device) { device_ = device; }

  private:
    int device_;
};

} // namespace authex::tee::trustzone
