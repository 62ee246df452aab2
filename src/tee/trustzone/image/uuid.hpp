#pragma once
// UUIDs of TAs.                                                                        (RFC 9562)

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "tee/trustzone/port/optee/abi.hpp"

namespace authex::tee::trustzone {

/// As octets, in the order in which they are written.
using Uuid = std::array<std::uint8_t, 16>;

/// Version 5: of a name in a name space. (§5.5)
Uuid named_uuid(const Uuid& space, ByteView name);
/// That of a module: of its name in the name space of the application, which its owner key is.
Uuid module_uuid(ByteView owner_key, std::string_view module);
/// Of the head of an image, whose integers are in the machine's order. (GP Internal Core API 3.2.4)
Uuid uuid_of(const optee::TaHead& head);
/// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", lower case.
std::string to_text(const Uuid& uuid);

} // namespace authex::tee::trustzone
