#include "tee/trustzone/image/uuid.hpp"

#include <algorithm>

#include <bearssl/bearssl_hash.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace authex::tee::trustzone {
namespace {

/// Name space of all applications of Authex: a random UUID, never to be changed.
constexpr Uuid applications = {
    0x5b, 0x0e, 0x8d, 0x1c, 0x27, 0x4a, 0x4f, 0x63, 0x9d, 0x52, 0xb1, 0x3f, 0x6e, 0xa4, 0x08, 0xc7};

} // namespace

Uuid named_uuid(const Uuid& space, ByteView name) {
    br_sha1_context context;
    br_sha1_init(&context);
    br_sha1_update(&context, space.data(), space.size());
    br_sha1_update(&context, name.data(), name.size());
    std::array<std::uint8_t, br_sha1_SIZE> digest{};
    br_sha1_out(&context, digest.data());
    Uuid uuid{};
    std::copy_n(digest.begin(), uuid.size(), uuid.begin());
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0FU) | 0x50U);
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3FU) | 0x80U);
    return uuid;
}

Uuid module_uuid(ByteView owner_key, std::string_view module) {
    return named_uuid(named_uuid(applications, owner_key),
                      {reinterpret_cast<const std::uint8_t*>(module.data()), module.size()});
}

Uuid uuid_of(const optee::TaHead& head) {
    Uuid uuid{};
    for (unsigned i = 0; i < 4; ++i) {
        uuid[i] = static_cast<std::uint8_t>(head.time_low >> (24 - 8 * i));
    }
    uuid[4] = static_cast<std::uint8_t>(head.time_mid >> 8U);
    uuid[5] = static_cast<std::uint8_t>(head.time_mid);
    uuid[6] = static_cast<std::uint8_t>(head.time_high_and_version >> 8U);
    uuid[7] = static_cast<std::uint8_t>(head.time_high_and_version);
    std::copy_n(head.clock_and_node, 8, uuid.begin() + 8);
    return uuid;
}

std::string to_text(const Uuid& uuid) {
    std::string text = fmt::format("{:02x}", fmt::join(uuid, ""));
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) {
        text.insert(dash, 1, '-');
    }
    return text;
}

} // namespace authex::tee::trustzone
