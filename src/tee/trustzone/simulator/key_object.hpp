#pragma once
// Keys that a TA makes: transient objects. (GP TEE Internal Core API 1.3.1, §5.5 and §5.6; OP-TEE
// OS 4.10, `core/tee/tee_svc_cryp.c`)

#include "tee/trustzone/simulator/core.hpp"
#include "tee/trustzone/simulator/key_kind.hpp"

namespace authex::tee::trustzone {

struct Attribute {
    bool present = false;
    std::size_t size = 0;
    std::uint32_t value = 0; ///< where the attribute is a value
    std::array<std::uint8_t, attribute_bytes_max> bytes{};

    [[nodiscard]] ByteView view() const { return ByteView(bytes).first(size); }
    /// @pre at most attribute_bytes_max
    void set(ByteView content);
    /// A number loses its leading zeros.
    void set_number(ByteView content);
};

struct KeyObject {
    const KeyKind* kind = nullptr; ///< null: there is none
    std::uint32_t bits = 0;
    std::uint32_t bits_max = 0;
    std::uint32_t usage = 0;
    bool initialized = false;
    bool busy = false;                                ///< it is the key of an operation
    std::array<Attribute, attributes_max> attributes; ///< as its kind has them

    /// @pre such a key has it
    [[nodiscard]] Attribute& attribute(std::uint32_t id) { return attributes[kind->place_of(id)]; }
    [[nodiscard]] const Attribute& attribute(std::uint32_t id) const {
        return attributes[kind->place_of(id)];
    }
    /// Of a key of one secret.
    [[nodiscard]] ByteView secret() const { return attributes[0].view(); }
    void set_secret(ByteView content);
    /// Of all but kind, room and usage.
    void clear();
};

/// Handles of such objects are none of persistent ones.
[[nodiscard]] bool is_key_object(std::uint64_t handle);
/// Null: none of the TA's.
KeyObject* key_object(std::uint64_t handle);

/// (type, most bits, u32* handle)
std::uint32_t allocate_object(const Core& core, const Arguments& arguments);
/// (to, from)
std::uint32_t copy_object(const Arguments& arguments);
/// (handle)
std::uint32_t reset_object(const Arguments& arguments);
/// (handle, usage)
std::uint32_t restrict_usage(const Arguments& arguments);
/// (handle, attribute, buffer, u64* its room)
std::uint32_t get_attribute(const Core& core, const Arguments& arguments);
/// (handle, utee_object_info*)
std::uint32_t get_key_object_info(const Core& core, const Arguments& arguments);
/// (handle)
std::uint32_t close_key_object(const Arguments& arguments);
/// As the TA's end does.
void close_all_key_objects();

} // namespace authex::tee::trustzone
