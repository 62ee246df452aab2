#pragma once
// The driver of Linux for SGX, call by call.  (arch/x86/include/uapi/asm/sgx.h;
// Documentation/arch/x86/sgx.rst; Linux 5.11 and later)

#include <cstdint>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

/// One enclave in the making. Calls answer 0 or an errno.
class Driver {
  public:
    Driver() = default;
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    /// Address space of nobody, exactly there.
    virtual int reserve(std::uint64_t base, std::uint64_t bytes) = 0;
    /// ECREATE. @param secs a page, page-aligned
    virtual int create(const std::uint8_t* secs) = 0;
    /// EADD and EEXTEND. @param pages page-aligned, whole pages; secinfo: 64 bytes, 64-aligned
    /// @param done bytes that were added, also where the call was interrupted (EINTR)
    virtual int
    add(ByteView pages, std::uint64_t offset, const std::uint8_t* secinfo, std::uint64_t& done) = 0;
    /// EINIT. @param sigstruct a page, page-aligned
    virtual int initialise(const std::uint8_t* sigstruct) = 0;
    /// Maps pages of the enclave. @param rights PROT_…, of which each page must have all
    virtual int map(std::uint64_t address, std::uint64_t bytes, int rights) = 0;

  protected:
    ~Driver() = default; // nobody owns one through this
};

/// The kernel's. One enclave in a process.
class KernelDriver final : public Driver {
  public:
    /// @param device an open /dev/sgx_enclave; stays open as long as the enclave lives
    explicit KernelDriver(int device) : device_(device) {}
    int reserve(std::uint64_t base, std::uint64_t bytes) override;
    int create(const std::uint8_t* secs) override;
    int add(ByteView pages,
            std::uint64_t offset,
            const std::uint8_t* secinfo,
            std::uint64_t& done) override;
    int initialise(const std::uint8_t* sigstruct) override;
    int map(std::uint64_t address, std::uint64_t bytes, int rights) override;

  private:
    int device_;
};

} // namespace authex::tee::sgx
