#pragma once
// Signatures of a vendor's key that is elsewhere, such as in a hardware security module: what is to
// be signed goes into a folder, the signature is found there.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee {

/// No signature has more.
constexpr std::size_t distant_signature_bytes_max = 512;

class DistantSignature {
  public:
    /// @param folder made where there is none. @param name of the module
    DistantSignature(const std::filesystem::path& folder, std::string name)
        : request_(folder / (name + ".to-sign")), file_(folder / (name + ".sig")),
          name_(std::move(name)) {}

    /// The bytes of `name`.sig; of a longer file, one more than the most. Empty: there is none.
    [[nodiscard]] std::vector<std::uint8_t> read() const;

    /// Writes `name`.to-sign, and says what is to be done with it. Always fails.
    /// @error signature-missing | file-unwritable
    [[nodiscard]] tl::unexpected<Diagnostic> ask(ByteView message) const;

  private:
    std::filesystem::path request_;
    std::filesystem::path file_;
    std::string name_;
};

} // namespace authex::tee
