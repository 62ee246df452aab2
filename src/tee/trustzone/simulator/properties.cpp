#include "tee/trustzone/simulator/properties.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include <bearssl/bearssl_hash.h>

namespace authex::tee::trustzone {
namespace {

// `tee_api_defines.h`
constexpr std::uint64_t set_tee = 0xFFFFFFFD;
constexpr std::uint64_t set_client = 0xFFFFFFFE;
constexpr std::uint64_t set_ta = 0xFFFFFFFF;

/// `user_ta_header.h`
enum class Type : std::uint32_t { boolean = 0, u32 = 1, uuid = 2, identity = 3, string = 4 };

constexpr std::size_t value_bytes_max = 64;
struct Value {
    std::array<std::uint8_t, value_bytes_max> bytes{};
    std::size_t size = 0;
};

template <std::uint32_t number>
Value word(const Core& /*core*/) {
    return {.bytes = {static_cast<std::uint8_t>(number),
                      static_cast<std::uint8_t>(number >> 8U),
                      static_cast<std::uint8_t>(number >> 16U),
                      static_cast<std::uint8_t>(number >> 24U)},
            .size = 4};
}

/// With its zero.
Value text(std::string_view content) {
    Value value;
    std::copy(content.begin(), content.end(), value.bytes.begin());
    value.size = content.size() + 1;
    return value;
}

Value ta_uuid(const Core& core) {
    Value value;
    std::copy(core.uuid.begin(), core.uuid.end(), value.bytes.begin());
    value.size = core.uuid.size();
    return value;
}

/// Login of the public, whose UUID is nil.
Value client_identity(const Core& /*core*/) {
    return {.bytes = {}, .size = 4 + 16};
}

/// Of the die's number, made a UUID of version 5 in OP-TEE's way.
Value device_id(const Core& core) {
    constexpr char label[] = {'O', 'P', 'T', 'E', 'E'};
    constexpr std::size_t die_id_bytes = 12;
    const auto die_id = derive(core.hardware_key, Subkey::die_id, {});
    std::array<std::uint8_t, 32> hash{};
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, label, sizeof label);
    br_sha256_update(&context, die_id.data(), die_id_bytes);
    br_sha256_out(&context, hash.data());
    Value value;
    value.size = 16;
    std::copy_n(hash.begin(), value.size, value.bytes.begin());
    value.bytes[7] = static_cast<std::uint8_t>((value.bytes[7] & 0x0FU) | 0x50U);
    value.bytes[8] = static_cast<std::uint8_t>((value.bytes[8] & 0x3FU) | 0x80U);
    return value;
}

struct Property {
    std::string_view name; ///< of a literal, which ends with a zero
    Type type;
    Value (*value)(const Core& core);
};

constexpr Property of_client[] = {
    {"gpd.client.identity", Type::identity, client_identity},
    {"gpd.client.endian", Type::u32, word<0>},
};
constexpr Property of_ta[] = {
    {"gpd.ta.appID", Type::uuid, ta_uuid},
};
constexpr std::uint32_t protected_by_ree = 100; // GP TEE Internal Core API 1.3, §4.7.4
constexpr Property of_tee[] = {
    {"gpd.tee.apiversion", Type::string, [](const Core&) { return text("GPD-1.1-dev"); }},
    {"gpd.tee.description", Type::string, [](const Core&) { return text("Authex simulation"); }},
    {"gpd.tee.deviceID", Type::uuid, device_id},
    {"gpd.tee.systemTime.protectionLevel", Type::u32, word<protected_by_ree>},
    {"gpd.tee.TAPersistentTime.protectionLevel", Type::u32, word<protected_by_ree>},
    {"gpd.tee.cryptography.ecc",
     Type::boolean,
     [](const Core&) { return Value{.bytes = {0}, .size = 1}; }}, // no operations are there
    {"gpd.tee.trustedStorage.antiRollback.protectionLevel", Type::u32, word<protected_by_ree>},
    {"gpd.tee.trustedos.implementation.version",
     Type::string,
     [](const Core&) { return text("simulated"); }},
    {"gpd.tee.trustedos.implementation.binaryversion", Type::u32, word<0>},
    {"gpd.tee.trustedos.manufacturer", Type::string, [](const Core&) { return text("Authex"); }},
    {"gpd.tee.firmware.implementation.version",
     Type::string,
     [](const Core&) { return text("FW_IMPL_UNDEF"); }},
    {"gpd.tee.firmware.implementation.binaryversion", Type::u32, word<0>},
    {"gpd.tee.firmware.manufacturer",
     Type::string,
     [](const Core&) { return text("FW_MAN_UNDEF"); }},
};

std::span<const Property> properties_of(std::uint64_t set) {
    return set == set_client ? std::span<const Property>(of_client)
           : set == set_ta   ? std::span<const Property>(of_ta)
           : set == set_tee  ? std::span<const Property>(of_tee)
                             : std::span<const Property>();
}

/// Writes what fits into the room that the TA has, and how much it is.
std::uint32_t
give(const TaMemory& memory, std::uint64_t to, std::uint64_t room_at, ByteView content) {
    if (to == 0 || room_at == 0) {
        return tee_success;
    }
    std::uint32_t room = 0;
    if (!memory.take(room_at, room) ||
        !memory.put(room_at, static_cast<std::uint32_t>(content.size()))) {
        return tee_access_denied;
    }
    if (room < content.size()) {
        return tee_short_buffer;
    }
    return memory.put_all(to, content) ? tee_success : tee_access_denied;
}

} // namespace

std::uint32_t get_property(const Core& core, const Arguments& arguments) {
    const std::span<const Property> all = properties_of(arguments[0]);
    if (arguments[1] >= all.size()) {
        return tee_item_not_found;
    }
    const Property& property = all[static_cast<std::size_t>(arguments[1])];
    if (arguments[6] != 0 &&
        !core.memory.put(arguments[6], static_cast<std::uint32_t>(property.type))) {
        return tee_access_denied;
    }
    const Value value = property.value(core);
    const std::uint32_t given =
        give(core.memory, arguments[4], arguments[5], ByteView(value.bytes).first(value.size));
    if (given != tee_success) {
        return given;
    }
    const ByteView name(reinterpret_cast<const std::uint8_t*>(property.name.data()),
                        property.name.size() + 1);
    return give(core.memory, arguments[2], arguments[3], name);
}

std::uint32_t get_property_index(const Core& core, const Arguments& arguments) {
    const std::span<const Property> all = properties_of(arguments[0]);
    if (all.empty()) {
        return tee_item_not_found;
    }
    if (arguments[1] == 0 || arguments[2] == 0) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> given = core.memory.readable(arguments[1], arguments[2]);
    if (!given) {
        return tee_access_denied;
    }
    // The last byte counts as a zero, whatever it is.
    std::string_view name(reinterpret_cast<const char*>(given->data()), given->size() - 1);
    name = name.substr(0, std::min(name.find('\0'), name.size()));
    for (std::uint32_t i = 0; i < all.size(); ++i) {
        if (all[i].name == name) {
            return core.memory.put(arguments[3], i) ? tee_success : tee_access_denied;
        }
    }
    return tee_item_not_found;
}

} // namespace authex::tee::trustzone
