#pragma once
// Quotes from Intel's service on the machine, AESM, over its socket.
//       (linux-sgx, psw/ae/aesm_service: one request a connection; length, then a protocol buffer)

#include <filesystem>
#include <mutex>
#include <vector>

#include "tee/sgx/quoting.hpp"

namespace authex::tee::sgx {

constexpr auto aesm_socket = "/var/run/aesmd/aesm.socket";

class Aesm final : public Quoting {
  public:
    explicit Aesm(std::filesystem::path socket = aesm_socket) : socket_(std::move(socket)) {}

    /// @error aesm-missing: nobody answers on the socket | aesm-refused: with Intel's number of the
    /// error | aesm-malformed
    [[nodiscard]] Expected<TargetInfo> target() override;
    /// The quote is cut to its length. @error as target()
    [[nodiscard]] Expected<Evidence> quote(ByteView report) override;

  private:
    Expected<TargetInfo> prepare();

    std::filesystem::path socket_;
    std::mutex mutex_;
    std::vector<std::uint8_t>
        key_id_; ///< of the attestation key that AESM offers; empty: not asked yet
};

} // namespace authex::tee::sgx
