#pragma once
// Fetches collateral from a caching service over HTTPS.
//                (Intel SGX PCCS, API version 4; Intel SGX PCS, API version 4, for what is in it)

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "tee/sgx/verifier/collateral.hpp"

namespace authex::tee::sgx {

struct ServiceAddress {
    std::string url;                 ///< https://host:port, without a path
    std::filesystem::path authority; ///< PEM, of the service's certificate; empty: the system's
};

/// All that is fetched is signed up to Intel's root: the service can only be out of date, or
/// silent. Remembers what it has fetched for an hour. Thread-safe.
class CollateralService {
  public:
    explicit CollateralService(ServiceAddress address);

    /// For the platform that has made the quote. Gives up after ten seconds of silence.
    /// @error quote-malformed | pck-extension: the quote does not say what platform |
    /// collateral-missing: the service cannot be reached, or has it not
    [[nodiscard]] Expected<Collateral> fetch(ByteView quote);

    /// Whether it answers at all, asked for what does not depend on a platform.
    /// @error collateral-missing
    [[nodiscard]] Expected<bool> probe() const;

  private:
    struct Kept {
        Collateral collateral;
        std::chrono::steady_clock::time_point since;
    };

    ServiceAddress address_;
    std::mutex mutex_;
    std::map<std::string, Kept> kept_; ///< by platform
};

} // namespace authex::tee::sgx
