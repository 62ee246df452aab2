#include "tee/trustzone/simulator/key_object.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

// `tee_api_defines.h`
constexpr std::uint32_t usage_all = 0xFFFFFFFF;
constexpr std::uint32_t usage_extractable = 1;
constexpr std::uint32_t handle_is_initialized = 0x20000;

constexpr std::uint64_t first_handle = 0x1000;
std::array<KeyObject, 16> objects;

/// Whether a public key may be made of a pair.
bool is_public_part(std::uint32_t type, std::uint32_t of) {
    constexpr std::uint32_t pair = type_rsa_pair - type_rsa_public;
    return of == type + pair &&
           (type == type_rsa_public || type == type_ecdsa_public || type == type_ecdh_public);
}

} // namespace

void Attribute::set(ByteView content) {
    wipe(bytes);
    copy(content, bytes);
    size = content.size();
    present = true;
}

void Attribute::set_number(ByteView content) {
    const auto first =
        std::find_if(content.begin(), content.end(), [](std::uint8_t digit) { return digit != 0; });
    set({first, content.end()});
}

void KeyObject::set_secret(ByteView content) {
    attributes[0].set(content);
    bits = static_cast<std::uint32_t>(8 * content.size());
    initialized = true;
}

void KeyObject::clear() {
    for (Attribute& attribute : attributes) {
        wipe(attribute.bytes);
        attribute = {};
    }
    initialized = false;
    bits = 0;
}

bool is_key_object(std::uint64_t handle) {
    return handle >= first_handle;
}

KeyObject* key_object(std::uint64_t handle) {
    return handle >= first_handle && handle - first_handle < objects.size() &&
                   objects[handle - first_handle].kind != nullptr
               ? &objects[handle - first_handle]
               : nullptr;
}

std::uint32_t allocate_object(const Core& core, const Arguments& arguments) {
    const KeyKind* const kind = key_kind(arguments[0]);
    if (kind == nullptr || !kind->may_have(arguments[1])) {
        return tee_not_supported;
    }
    const auto place = std::find_if(
        objects.begin(), objects.end(), [](const KeyObject& one) { return one.kind == nullptr; });
    if (place == objects.end()) {
        return tee_out_of_memory;
    }
    const auto number = static_cast<std::uint32_t>(place - objects.begin());
    if (!core.memory.put(arguments[2], static_cast<std::uint32_t>(first_handle + number))) {
        return tee_access_denied;
    }
    place->clear();
    place->usage = usage_all;
    place->kind = kind;
    place->bits_max = static_cast<std::uint32_t>(arguments[1]);
    return tee_success;
}

std::uint32_t copy_object(const Arguments& arguments) {
    KeyObject* const to = key_object(arguments[0]);
    const KeyObject* const from = key_object(arguments[1]);
    if (to == nullptr || from == nullptr) {
        return tee_bad_state;
    }
    if (!from->initialized || to->initialized || to->bits_max < from->bits ||
        (to->kind != from->kind && !is_public_part(to->kind->type, from->kind->type))) {
        return tee_bad_parameters;
    }
    for (std::size_t i = 0; i < to->kind->attributes.size(); ++i) {
        to->attributes[i] = from->attribute(to->kind->attributes[i].id);
    }
    to->bits = from->bits;
    to->usage = from->usage;
    to->initialized = true;
    return tee_success;
}

std::uint32_t reset_object(const Arguments& arguments) {
    KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    object->clear();
    object->usage = usage_all;
    return tee_success;
}

std::uint32_t restrict_usage(const Arguments& arguments) {
    KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    object->usage &= static_cast<std::uint32_t>(arguments[1]);
    return tee_success;
}

std::uint32_t get_attribute(const Core& core, const Arguments& arguments) {
    const KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr) {
        return tee_item_not_found;
    }
    const bool may_see =
        (arguments[1] & attribute_is_public) != 0 || (object->usage & usage_extractable) != 0;
    if (!object->initialized || !may_see) {
        return tee_bad_parameters;
    }
    const std::size_t place = object->kind->place_of(arguments[1]);
    if (place == object->kind->attributes.size() || !object->attributes[place].present) {
        return tee_item_not_found;
    }
    const Attribute& attribute = object->attributes[place];
    const std::uint32_t value[2] = {attribute.value, 0};
    const bool is_value = (arguments[1] & attribute_is_value) != 0;
    const ByteView content =
        is_value ? ByteView(reinterpret_cast<const std::uint8_t*>(value), sizeof value)
                 : attribute.view();
    std::uint64_t room = 0;
    if (!core.memory.take(arguments[3], room) ||
        (!is_value && !core.memory.put(arguments[3], std::uint64_t{content.size()}))) {
        return tee_access_denied;
    }
    if (room < content.size() || arguments[2] == 0) {
        return tee_short_buffer;
    }
    return core.memory.put_all(arguments[2], content) ? tee_success : tee_access_denied;
}

std::uint32_t get_key_object_info(const Core& core, const Arguments& arguments) {
    const KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    const ObjectInfo info{.type = object->kind->type,
                          .object_bits = object->bits,
                          .object_bits_max = object->bits_max,
                          .usage = object->usage,
                          .flags = object->initialized ? handle_is_initialized : 0};
    return core.memory.put(arguments[1], info) ? tee_success : tee_access_denied;
}

std::uint32_t close_key_object(const Arguments& arguments) {
    KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    if (object->busy) {
        return tee_item_not_found;
    }
    object->clear();
    object->kind = nullptr;
    return tee_success;
}

void close_all_key_objects() {
    for (KeyObject& object : objects) {
        object.clear();
        object.kind = nullptr;
        object.busy = false;
    }
}

} // namespace authex::tee::trustzone
