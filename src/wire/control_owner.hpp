#pragma once
// The owner's part of wire/control.hpp: writes orders, reads answers. No image carries it.

#include "wire/control.hpp"

namespace authex::wire {

/// @error no_space | malformed: a seed that has not seed_bytes, a name of no or too many bytes |
/// too_large: a value. @return bytes written.
[[nodiscard]] Result<std::size_t> write_control(const ControlMessage& message, Bytes out);

/// The fixed part of an answer.
struct ControlAnswer {
    ControlType type = ControlType::audit;
    std::uint64_t answers = 0; ///< counter of the control frame that is answered
    Error error = Error::none;
    ByteView data;
};
/// @error truncated | unknown_kind
[[nodiscard]] Error parse_answer(ByteView body, ControlAnswer& answer);

/// One connection as the module sees it; on the wire in this order.
struct AuditEntry {
    std::uint16_t channel = 0;
    std::uint16_t endpoint = 0;
    Role role = Role::source;
    std::uint32_t epoch = 0;
    std::uint64_t sent = 0;     ///< frames sealed by this end
    std::uint64_t accepted = 0; ///< frames opened and taken by this end
    std::uint64_t refused = 0;  ///< frames of this channel refused, all causes
    std::uint64_t expected = 0; ///< next counter that this end takes
};
/// @error truncated | malformed: the role
[[nodiscard]] Error parse_audit_entry(Reader& reader, AuditEntry& entry);

} // namespace authex::wire
