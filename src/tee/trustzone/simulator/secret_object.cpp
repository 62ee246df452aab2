#include "tee/trustzone/simulator/secret_object.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

// `tee_api_defines.h`
constexpr std::uint32_t attribute_secret_value = 0xC0000000;
constexpr std::uint32_t usage_all = 0xFFFFFFFF;
constexpr std::uint32_t usage_extractable = 1;
constexpr std::uint32_t handle_is_initialized = 0x20000;

struct Attribute { ///< utee_attribute, of memory
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint32_t id;
};

constexpr std::uint64_t first_handle = 0x1000;
std::array<SecretObject, 16> objects;

bool is_hmac(std::uint64_t type) {
    return type >= type_hmac_first && type <= type_hmac_last;
}

/// Of its most bits and of a key.
bool may_have(std::uint64_t type, std::uint64_t bits) {
    constexpr std::uint64_t hmac_bits_min = 64;
    return type == type_aes
               ? bits == 128 || bits == 192 || bits == 256
               : bits % 8 == 0 && bits >= hmac_bits_min && bits <= 8 * secret_bytes_max;
}

/// What a key may be made into. @return tee_success, or why not
std::uint32_t empty_object(std::uint64_t handle, SecretObject*& object) {
    object = secret_object(handle);
    return object == nullptr     ? tee_bad_state
           : object->initialized ? tee_bad_parameters
                                 : tee_success;
}

void fill(SecretObject& object, ByteView secret) {
    copy(secret, object.secret);
    object.bytes = secret.size();
    object.initialized = true;
}

} // namespace

bool is_secret_object(std::uint64_t handle) {
    return handle >= first_handle;
}

SecretObject* secret_object(std::uint64_t handle) {
    return handle >= first_handle && handle - first_handle < objects.size() &&
                   objects[handle - first_handle].allocated
               ? &objects[handle - first_handle]
               : nullptr;
}

std::uint32_t allocate_object(const Core& core, const Arguments& arguments) {
    const std::uint64_t type = arguments[0];
    if ((type != type_aes && !is_hmac(type)) || !may_have(type, arguments[1])) {
        return tee_not_supported;
    }
    const auto place = std::find_if(
        objects.begin(), objects.end(), [](const SecretObject& one) { return !one.allocated; });
    if (place == objects.end()) {
        return tee_out_of_memory;
    }
    const auto number = static_cast<std::uint32_t>(place - objects.begin());
    if (!core.memory.put(arguments[2], static_cast<std::uint32_t>(first_handle + number))) {
        return tee_access_denied;
    }
    *place = {.type = static_cast<std::uint32_t>(type),
              .bits_max = static_cast<std::uint32_t>(arguments[1]),
              .usage = usage_all,
              .allocated = true};
    return tee_success;
}

std::uint32_t populate_object(const Core& core, const Arguments& arguments) {
    SecretObject* object = nullptr;
    if (const std::uint32_t taken = empty_object(arguments[0], object)) {
        return taken;
    }
    Attribute attribute{};
    if (arguments[2] != 1) {
        return tee_bad_parameters; // the secret value, and nothing else
    }
    if (!core.memory.take(arguments[1], attribute)) {
        return tee_access_denied;
    }
    const std::optional<ByteView> secret = core.readable(attribute.address, attribute.bytes);
    if (!secret) {
        return tee_access_denied;
    }
    if (attribute.id != attribute_secret_value) {
        return tee_bad_parameters;
    }
    if (secret->size() > secret_bytes_max) {
        return tee_security;
    }
    if (8 * secret->size() > object->bits_max) {
        return tee_bad_state;
    }
    if (!may_have(object->type, 8 * secret->size())) {
        return tee_bad_parameters;
    }
    fill(*object, *secret);
    return tee_success;
}

std::uint32_t generate_key(Core& core, const Arguments& arguments) {
    SecretObject* const object = secret_object(arguments[0]);
    if (object == nullptr || object->initialized) {
        return tee_bad_state;
    }
    if (!may_have(object->type, arguments[1]) || arguments[1] > object->bits_max) {
        return tee_not_supported;
    }
    if (arguments[3] != 0) {
        return tee_bad_parameters; // nothing is to be said of such a key
    }
    std::array<std::uint8_t, secret_bytes_max> secret{};
    br_hmac_drbg_generate(&core.random, secret.data(), secret.size());
    fill(*object, ByteView(secret).first(static_cast<std::size_t>(arguments[1] / 8)));
    return tee_success;
}

std::uint32_t copy_object(const Arguments& arguments) {
    SecretObject* to = nullptr;
    const std::uint32_t taken = empty_object(arguments[0], to);
    const SecretObject* const from = secret_object(arguments[1]);
    if (taken == tee_bad_state || from == nullptr) {
        return tee_bad_state;
    }
    if (taken != tee_success || !from->initialized || to->type != from->type ||
        to->bits_max < 8 * from->bytes) {
        return tee_bad_parameters;
    }
    fill(*to, ByteView(from->secret).first(from->bytes));
    to->usage = from->usage;
    return tee_success;
}

std::uint32_t reset_object(const Arguments& arguments) {
    SecretObject* const object = secret_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    object->initialized = false;
    object->bytes = 0;
    object->usage = usage_all;
    wipe(object->secret);
    return tee_success;
}

std::uint32_t restrict_usage(const Arguments& arguments) {
    SecretObject* const object = secret_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    object->usage &= static_cast<std::uint32_t>(arguments[1]);
    return tee_success;
}

std::uint32_t get_attribute(const Core& core, const Arguments& arguments) {
    const SecretObject* const object = secret_object(arguments[0]);
    if (object == nullptr) {
        return tee_item_not_found;
    }
    if (!object->initialized || (object->usage & usage_extractable) == 0) {
        return tee_bad_parameters;
    }
    if (arguments[1] != attribute_secret_value) {
        return tee_item_not_found;
    }
    std::uint64_t room = 0;
    if (!core.memory.take(arguments[3], room) ||
        !core.memory.put(arguments[3], std::uint64_t{object->bytes})) {
        return tee_access_denied;
    }
    if (room < object->bytes || arguments[2] == 0) {
        return tee_short_buffer;
    }
    return core.memory.put_all(arguments[2], ByteView(object->secret).first(object->bytes))
               ? tee_success
               : tee_access_denied;
}

std::uint32_t get_secret_object_info(const Core& core, const Arguments& arguments) {
    const SecretObject* const object = secret_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    const ObjectInfo info{.type = object->type,
                          .object_bits = static_cast<std::uint32_t>(8 * object->bytes),
                          .object_bits_max = object->bits_max,
                          .usage = object->usage,
                          .flags = object->initialized ? handle_is_initialized : 0};
    return core.memory.put(arguments[1], info) ? tee_success : tee_access_denied;
}

std::uint32_t close_secret_object(const Arguments& arguments) {
    SecretObject* const object = secret_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    if (object->busy) {
        return tee_item_not_found;
    }
    wipe(object->secret);
    *object = {};
    return tee_success;
}

void close_all_secret_objects() {
    wipe({reinterpret_cast<std::uint8_t*>(objects.data()), sizeof objects});
    objects = {};
}

} // namespace authex::tee::trustzone
