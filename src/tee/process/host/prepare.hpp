#pragma once
// What a host does before a module's code runs. Whatever is wrong ends the process through
// refuse_start.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/shared_area.hpp"

namespace authex::tee::process {

using Digest = std::array<std::uint8_t, 32>;
using Entropy = std::array<std::uint8_t, 32>;

/// Empty optional: no number, or above `max`.
std::optional<std::uint64_t> number(const char* text, int base, std::uint64_t max);
/// From 64 hexadecimal digits.
Digest digest(const char* text);
/// Whole pages, at most 64 MiB.
std::uint64_t stack_size(const char* text);

/// Zeroed, for this process only; may be empty. @param rights PROT_…
Bytes private_memory(std::size_t bytes, int rights);
/// A private copy of a whole file of the working folder.
/// @param unreadable, too_large codes of refusals
Bytes read_file(const char* name,
                std::uint64_t bytes_max,
                const char* unreadable,
                const char* too_large);
/// Refuses what is not the image that was asked for.
void check_hash(ByteView image, const Digest& expected);
/// The module's end of the file `rings`, mapped.
SharedArea open_rings();
/// The file `state`, mapped; not mapped where there is none.
KeptArea open_kept();
/// The named pipe `doorbell`.
int open_doorbell();
/// From the file `entropy`.
Entropy given_entropy();

/// The module's stack between memory that nothing may touch: much below it, because a function with
/// large variables steps far. @return its top
std::uint64_t make_stack(std::uint64_t bytes);

} // namespace authex::tee::process
