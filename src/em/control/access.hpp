#pragma once
// Who a client is: the authority that signed its certificate, its role, and whether it was revoked.
//
// An owner is an authority: all certificates of one application's authority speak for the same
// owner, each as far as its role goes. Revoked serial numbers are kept for each authority, in a
// file of the state directory, and only ever grow; they hold from the next call on.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "em/control/methods.hpp"
#include "em/control/records.hpp"

namespace authex::em {

/// A client that may be heard.
struct Identity {
    Owner owner;
    rpc::Role role = rpc::Role::owner;
    std::string name;   ///< common name, for logs
    std::string serial; ///< hexadecimal; empty on plaintext
    std::chrono::system_clock::time_point valid_until =
        std::chrono::system_clock::time_point::max();
};

/// Thread-safe.
class Access {
  public:
    /// Serial numbers that an authority may revoke.
    static constexpr std::size_t revoked_max = 4096;

    /// @param authority PEM certificates that sign clients'; empty: plaintext, where every caller
    /// is the owner `local_owner`
    /// @param revoked_file is made where it is missing
    /// @error tls | store
    static Expected<std::unique_ptr<Access>> open(const std::filesystem::path& authority,
                                                  const std::filesystem::path& revoked_file);
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

    [[nodiscard]] bool plaintext() const;
    /// @param pem the client's certificate, whose chain TLS has checked.
    /// @error certificate-missing | certificate-foreign: of no authority here, or not directly |
    /// certificate-without-role | as still_valid()
    [[nodiscard]] Expected<Identity> identify(const std::string& pem) const;
    /// @error role-too-low
    [[nodiscard]] static Expected<bool> check(const Identity& identity, Method method);

    /// Adds to what is revoked. @param serials in hexadecimal @error bad-request | limit | store
    Expected<bool> revoke(const Owner& owner, const std::vector<std::string>& serials);
    /// Whether a client that was heard before may still be: connections and streams stay for long.
    /// @error certificate-revoked | certificate-expired
    [[nodiscard]] Expected<bool> still_valid(const Identity& identity) const;
    [[nodiscard]] std::size_t revoked_count(const Owner& owner) const;

  private:
    struct Authorities;
    Access();
    Expected<bool> read_revoked();
    [[nodiscard]] Expected<Identity> read_certificate(const std::string& pem) const;

    std::unique_ptr<const Authorities> authorities_;
    std::filesystem::path revoked_file_;
    mutable std::mutex mutex_;
    std::map<Owner, std::set<std::string>> revoked_;
    mutable std::map<std::string, Identity>
        known_; ///< by certificate: signatures are slow to check
};

} // namespace authex::em
