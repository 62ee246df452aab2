#pragma once
// Attributes as TAs give them, and keys that are made of them. (GP TEE Internal Core API 1.3.1,
// §5.6.4; OP-TEE OS 4.10, `utee_types.h`, `core/tee/tee_svc_cryp.c`)

#include "tee/trustzone/simulator/key_object.hpp"

namespace authex::tee::trustzone {

struct GivenAttribute {
    std::uint32_t id = 0;
    std::uint32_t value = 0; ///< where the attribute is a value
    ByteView bytes;          ///< else: memory that the TA may read
};

class GivenAttributes {
  public:
    /// @param at address of utee_attribute[count]
    /// @return tee_success, or why they are none
    std::uint32_t take(const Core& core, std::uint64_t at, std::uint64_t count);
    [[nodiscard]] std::span<const GivenAttribute> all() const {
        return std::span(given_).first(count_);
    }
    /// The first one. Null: none is given.
    [[nodiscard]] const GivenAttribute* find(std::uint32_t id) const;

  private:
    std::array<GivenAttribute, 16> given_{};
    std::size_t count_ = 0;
};

enum class Purpose : std::uint8_t { populate, make };
/// Whether they are what a key needs, and nothing else.
std::uint32_t check_attributes(const KeyKind& kind, const GivenAttributes& given, Purpose purpose);
/// Puts them into the key, whose size they may give.
std::uint32_t put_attributes(KeyObject& object, const GivenAttributes& given);

/// (handle, utee_attribute*, how many)
std::uint32_t populate_object(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
