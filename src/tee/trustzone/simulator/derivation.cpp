#include "tee/trustzone/simulator/derivation.hpp"

#include <bearssl/bearssl_kdf.h>

#include "tee/trustzone/simulator/curve.hpp"
#include "tee/trustzone/simulator/key_attributes.hpp"
#include "tee/trustzone/simulator/operation.hpp"

namespace authex::tee::trustzone {
namespace {

/// Of the standard, and numbers that OP-TEE has for the same.
enum DerivationAttribute : std::uint32_t {
    hkdf_salt = 0xD0000946,
    hkdf_salt_of_optee = 0xD00002C0,
    hkdf_info = 0xD0000A46,
    hkdf_info_of_optee = 0xD00003C0,
    hkdf_hash = 0xF0000B46,
    key_bytes = 0xF0000C46,
    key_bytes_of_optee = 0xF00004C0,
};

bool fits(const KeyObject& made, std::size_t bytes) {
    return 8 * bytes <= made.kind->bits_max;
}

std::uint32_t agree(const KeyObject& own, const GivenAttributes& given, KeyObject& made) {
    const std::span<const GivenAttribute> point = given.all();
    const Curve* const curve = curve_of(own.attribute(ecc_curve).value);
    const ByteView number = own.attribute(ecc_private).view();
    if (point.size() != 2 || point[0].id != ecc_x || point[1].id != ecc_y || curve == nullptr ||
        !fits(made, curve->bytes) || !is_private_value(*curve, number)) {
        return tee_bad_parameters;
    }
    std::optional<Point> shared = point_of(*curve, point[0].bytes, point[1].bytes);
    if (!shared ||
        br_ec_get_default()->mul(
            shared->bytes.data(), shared->size, number.data(), number.size(), curve->bearssl) ==
            0) {
        return tee_bad_parameters; // it does not lie on the curve
    }
    made.set_secret(ByteView(shared->bytes).subspan(1, curve->bytes));
    wipe(shared->bytes);
    return tee_success;
}

struct Expansion {
    ByteView salt;
    ByteView info;
    std::uint32_t hash = 0x50000004; ///< SHA-256, where the TA says none
    std::optional<std::size_t> bytes;
};

/// False: an attribute is none of HKDF's. The first of each counts.
bool read(const GivenAttributes& given, Expansion& out) {
    bool all_known = true;
    const std::span<const GivenAttribute> all = given.all();
    for (std::size_t i = all.size(); i-- > 0;) {
        switch (all[i].id) {
        case hkdf_salt:
        case hkdf_salt_of_optee:
            out.salt = all[i].bytes;
            break;
        case hkdf_info:
        case hkdf_info_of_optee:
            out.info = all[i].bytes;
            break;
        case hkdf_hash:
            out.hash = all[i].value;
            break;
        case key_bytes:
        case key_bytes_of_optee:
            out.bytes = all[i].value;
            break;
        default:
            all_known = false;
        }
    }
    return all_known && out.bytes;
}

std::uint32_t expand(const KeyObject& own, const GivenAttributes& given, KeyObject& made) {
    Expansion wanted;
    if (!read(given, wanted) || !fits(made, *wanted.bytes)) {
        return tee_bad_parameters;
    }
    const br_hash_class* const hash =
        class_of(wanted.hash) == Class::digest ? hash_of(wanted.hash) : nullptr;
    constexpr std::size_t blocks_max = 255;
    if (hash == nullptr || *wanted.bytes > blocks_max * bytes_of(*hash)) {
        return hash == nullptr ? tee_not_supported : tee_bad_parameters;
    }
    std::array<std::uint8_t, attribute_bytes_max> out{};
    br_hkdf_context context;
    br_hkdf_init(&context, hash, wanted.salt.data(), wanted.salt.size());
    br_hkdf_inject(&context, own.attributes[0].bytes.data(), own.attributes[0].size);
    br_hkdf_flip(&context);
    (void)br_hkdf_produce(
        &context, wanted.info.data(), wanted.info.size(), out.data(), *wanted.bytes);
    made.set_secret(ByteView(out).first(*wanted.bytes));
    wipe(out);
    return tee_success;
}

} // namespace

std::uint32_t derive_key(const Core& core, const Arguments& arguments) {
    const Operation* const operation = operation_of(arguments);
    if (operation == nullptr) {
        return tee_bad_parameters;
    }
    GivenAttributes given;
    if (const std::uint32_t taken = given.take(core, arguments[1], arguments[2])) {
        return taken;
    }
    KeyObject* const made = key_object(arguments[3]);
    if (made == nullptr) {
        return tee_bad_state;
    }
    if (operation->kind() != Class::derivation || !made->kind->is_secret()) {
        return tee_not_supported;
    }
    const KeyObject* const own = operation->filled_key();
    if (own == nullptr || made->initialized) {
        return tee_bad_parameters;
    }
    return operation->algorithm == ecdh ? agree(*own, given, *made) : expand(*own, given, *made);
}

} // namespace authex::tee::trustzone
