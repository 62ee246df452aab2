#pragma once
// Quotes from Intel's library in this process, where it is installed and AESM is not.
//       (Intel SGX ECDSA Quote Library Reference, §2: sgx_qe_get_target_info,
//       sgx_qe_get_quote_size, sgx_qe_get_quote; error numbers are those of quote3_error_t)

#include <memory>
#include <mutex>
#include <string>

#include "tee/sgx/quoting.hpp"

namespace authex::tee::sgx {

constexpr auto quote_library_name = "libsgx_dcap_ql.so.1";

class QuoteLibrary final : public Quoting {
  public:
    /// Loads it for the rest of the process. @error quote-library-missing: it, or a function of it
    static Expected<std::unique_ptr<QuoteLibrary>> open(const std::string& name);

    /// @error quote-library-refused: with Intel's number of the error
    [[nodiscard]] Expected<TargetInfo> target() override;
    /// @error quote-library-refused | quote-library-malformed
    [[nodiscard]] Expected<Evidence> quote(ByteView report) override;

  private:
    using GetTarget = std::uint32_t(void* target);
    using GetSize = std::uint32_t(std::uint32_t* size);
    using GetQuote = std::uint32_t(const void* report, std::uint32_t size, std::uint8_t* quote);

    QuoteLibrary() = default;

    std::mutex mutex_;
    GetTarget* get_target_ = nullptr;
    GetSize* get_size_ = nullptr;
    GetQuote* get_quote_ = nullptr;
};

} // namespace authex::tee::sgx
