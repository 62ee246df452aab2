#pragma once
// The file that is deployed of an enclave: the vendor's word, the little that the program does not
// say of itself, the program.
//
//   0     SIGSTRUCT                     1808 bytes (sigstruct.hpp)
//   1808  "AXSG"                        4
//   1812  version, 1                    4, little-endian, as the next
//   1816  bytes of stack                4, whole pages
//   1820  zero                          4
//   1824  ELF                           the rest

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "tee/sgx/image/sigstruct.hpp"

namespace authex::tee::sgx {

struct ImageFile {
    ByteView sigstruct; ///< sigstruct_bytes; borrowed, as the program
    std::uint32_t stack_bytes = 0;
    ByteView program;
};

/// @return whether it is one; what lies in it is judged elsewhere
[[nodiscard]] bool parse_image_file(ByteView bytes, ImageFile& into);

[[nodiscard]] std::vector<std::uint8_t> write_image_file(const ImageFile& parts);

} // namespace authex::tee::sgx
