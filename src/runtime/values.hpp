#pragma once
// Configuration and secrets that the owner gave to the module, by kind and name. (docs/protocol.md
// P44 …)

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/control.hpp"

namespace authex::runtime {

/// Packed records in one array: kind u8, name length u8, value length u16, name, value. Wipes what
/// it forgets.
class ValueTable {
  public:
    ValueTable() = default;
    ValueTable(const ValueTable&) = delete;
    ValueTable& operator=(const ValueTable&) = delete;
    ~ValueTable() { clear(); }

    /// Sets a value or replaces it. @pre lengths within the limits of wire/control.hpp
    /// @error no_space: what was there stays
    [[nodiscard]] Error set(const wire::NamedValue& named);
    /// None of this name is no error: the owner may say it again.
    void remove(wire::ValueKind kind, ByteView name);
    void clear();
    /// @param value valid until the next change. @error not_set: empty
    [[nodiscard]] Error find(wire::ValueKind kind, ByteView name, ByteView& value) const;

  private:
    struct Record {
        std::size_t begin = 0;
        std::size_t name_bytes = 0;
        std::size_t value_bytes = 0;
        [[nodiscard]] std::size_t name_begin() const { return begin + wire::value_overhead_bytes; }
        [[nodiscard]] std::size_t end() const { return name_begin() + name_bytes + value_bytes; }
    };
    [[nodiscard]] Record record_at(std::size_t begin) const;
    /// One that begins at used_ where there is none.
    [[nodiscard]] Record search(wire::ValueKind kind, ByteView name) const;

    std::array<std::uint8_t, wire::values_total_max_bytes> bytes_{};
    std::size_t used_ = 0;
};

} // namespace authex::runtime
