#pragma once
// Bytes that only a passphrase opens.                                    (docs/backup.md)
//
//   offset  size
//        0    14  "authex export\n"
//       14     2  version: 1
//       16     1  log2 of scrypt's N                                          (RFC 7914 §6)
//       17     1  scrypt's r
//       18     1  scrypt's p
//       19    16  salt
//       35    12  nonce
//       47     …  AES-256-GCM of the content, then the tag of 16 bytes; all before is associated
//                 data                                                     (NIST SP 800-38D)

#include <cstdint>
#include <string>
#include <string_view>

#include "base/diagnostic.hpp"

namespace authex::deployer {

/// @param passphrase not empty.
/// @error no-randomness | out-of-memory: scrypt needs 128 MiB
[[nodiscard]] Expected<std::string> seal_file(std::string_view content,
                                              std::string_view passphrase);

/// @error export-malformed: no such file | export-newer | export-unopened: the passphrase is wrong
/// or the file was changed | out-of-memory
[[nodiscard]] Expected<std::string> open_file(std::string_view sealed, std::string_view passphrase);

} // namespace authex::deployer
