#include "tee/trustzone/simulator/key_attributes.hpp"

#include <algorithm>

#include "tee/trustzone/simulator/curve.hpp"

namespace authex::tee::trustzone {
namespace {

struct WireAttribute { ///< utee_attribute
    std::uint64_t a;   ///< address, or the value
    std::uint64_t b;   ///< bytes there
    std::uint32_t id;
};

/// Whether all attributes that a purpose asks for are among the found.
bool are_complete(const KeyKind& kind, std::uint32_t found, Purpose purpose) {
    bool any_other = false;
    bool all_others = true;
    for (std::size_t i = 0; i < kind.attributes.size(); ++i) {
        const AttributeKind& one = kind.attributes[i];
        const bool is_found = (found >> i & 1U) != 0;
        if (!is_found && (purpose == Purpose::populate ? one.needed : one.making_needs)) {
            return false;
        }
        if (!one.needed) {
            any_other = any_other || is_found;
            all_others = all_others && is_found;
        }
    }
    return purpose == Purpose::make || !any_other || all_others;
}

/// @return bits; 0: it is no curve that is here
std::uint64_t bits_of(const GivenAttribute& given) {
    if (given.id != ecc_curve) {
        return 8 * std::uint64_t{given.bytes.size()};
    }
    const Curve* const curve = curve_of(given.value);
    return curve != nullptr ? curve->bits : 0;
}

std::uint32_t put_one(KeyObject& object, Attribute& to, const GivenAttribute& given) {
    const bool is_secret = object.kind->attributes.size() == 1;
    if ((given.id & attribute_is_value) != 0) {
        to.value = given.value;
        to.present = true;
    } else if (is_secret) {
        if (8 * given.bytes.size() > object.kind->bits_max) {
            return tee_security;
        }
        to.set(given.bytes);
    } else {
        if (given.bytes.size() > attribute_bytes_max) {
            return tee_bad_parameters;
        }
        to.set_number(given.bytes);
    }
    return tee_success;
}

} // namespace

std::uint32_t GivenAttributes::take(const Core& core, std::uint64_t at, std::uint64_t count) {
    if (count > given_.size()) {
        return tee_out_of_memory;
    }
    for (count_ = 0; count_ < count; ++count_) {
        WireAttribute wire{};
        if (!core.memory.take(at + count_ * sizeof wire, wire)) {
            return tee_access_denied;
        }
        GivenAttribute& one = given_[count_];
        one = {.id = wire.id, .value = 0, .bytes = {}};
        if ((wire.id & attribute_is_value) != 0) {
            one.value = static_cast<std::uint32_t>(wire.a);
        } else if (const std::optional<ByteView> bytes = core.readable(wire.a, wire.b)) {
            one.bytes = *bytes;
        } else {
            return tee_access_denied;
        }
    }
    return tee_success;
}

const GivenAttribute* GivenAttributes::find(std::uint32_t id) const {
    const std::span<const GivenAttribute> given = all();
    const auto found = std::find_if(
        given.begin(), given.end(), [&](const GivenAttribute& one) { return one.id == id; });
    return found != given.end() ? &*found : nullptr;
}

std::uint32_t check_attributes(const KeyKind& kind, const GivenAttributes& given, Purpose purpose) {
    std::uint32_t found = 0;
    for (const GivenAttribute& one : given.all()) {
        const std::size_t place = kind.place_of(one.id);
        if (place == kind.attributes.size() || (found >> place & 1U) != 0 ||
            (purpose == Purpose::make && !kind.attributes[place].for_making)) {
            return tee_item_not_found;
        }
        found |= 1U << place;
    }
    return are_complete(kind, found, purpose) ? tee_success : tee_item_not_found;
}

std::uint32_t put_attributes(KeyObject& object, const GivenAttributes& given) {
    for (const GivenAttribute& one : given.all()) {
        const std::size_t place = object.kind->place_of(one.id);
        if (const std::uint32_t put = put_one(object, object.attributes[place], one)) {
            return put;
        }
        if (!object.kind->attributes[place].gives_size) {
            continue;
        }
        const std::uint64_t bits = bits_of(one);
        if (one.id == ecc_curve && bits == 0) {
            return tee_not_supported;
        }
        if (bits > object.bits_max) {
            return tee_bad_state;
        }
        if (!object.kind->may_have(bits)) {
            return tee_bad_parameters;
        }
        object.bits = static_cast<std::uint32_t>(bits);
    }
    return tee_success;
}

std::uint32_t populate_object(const Core& core, const Arguments& arguments) {
    KeyObject* const object = key_object(arguments[0]);
    if (object == nullptr) {
        return tee_bad_state;
    }
    if (object->initialized) {
        return tee_bad_parameters;
    }
    GivenAttributes given;
    if (const std::uint32_t taken = given.take(core, arguments[1], arguments[2])) {
        return taken;
    }
    if (const std::uint32_t wrong = check_attributes(*object->kind, given, Purpose::populate)) {
        return wrong;
    }
    const std::uint32_t put = put_attributes(*object, given);
    if (put == tee_success) {
        object->initialized = true;
    } else {
        object->clear();
    }
    return put;
}

} // namespace authex::tee::trustzone
