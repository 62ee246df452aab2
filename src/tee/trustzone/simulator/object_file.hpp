#pragma once
// Where the persistent objects of one TA lie: a file `objects`, replaced whole by each change.
//
//   offset size field          little-endian
//        0    8 magic          "AUTHEXO1"
//        8   32 tag            HMAC-SHA-256 of what follows, under the TA's storage key
//       40    … objects        one after another: u32 bytes of the content, u32 bytes of the
//                              identifier, the identifier in 64 bytes, content
//
// The tag keeps others from making or mixing objects. It hides nothing, and an older file is as
// good as the newest.

#include <cstdint>

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

constexpr std::size_t object_id_bytes_max = 64; // TEE_OBJECT_ID_MAX_LEN
struct ObjectId {
    std::array<std::uint8_t, object_id_bytes_max> bytes{};
    std::uint32_t size = 0;
    bool operator==(const ObjectId&) const = default;
};

/// All objects of the TA while one system call lasts. One at a time in a process; other processes
/// wait.
class ObjectFile {
  public:
    explicit ObjectFile(const Core& core);
    ~ObjectFile();
    ObjectFile(const ObjectFile&) = delete;
    ObjectFile& operator=(const ObjectFile&) = delete;

    /// Why the objects are not there: tee_storage_not_available, tee_corrupt_object; else
    /// tee_success.
    [[nodiscard]] std::uint32_t state() const { return state_; }
    [[nodiscard]] bool has(const ObjectId& id) const;
    /// @pre has(id)
    [[nodiscard]] Bytes content(const ObjectId& id) const;
    /// Of this size from now on, made where there was none; what is new is zero.
    /// @return tee_success | tee_storage_no_space
    [[nodiscard]] std::uint32_t resize(const ObjectId& id, std::uint64_t bytes);
    void remove(const ObjectId& id);
    /// @pre has(from) and not has(to)
    void rename(const ObjectId& from, const ObjectId& to);
    /// Makes it last, whole or not at all. @return tee_success | tee_storage_not_available
    [[nodiscard]] std::uint32_t keep();

  private:
    [[nodiscard]] std::uint32_t load();
    [[nodiscard]] std::size_t find(const ObjectId& id) const;

    const Core& core_;
    int lock_ = -1;
    std::size_t size_ = 0; ///< of the file
    std::uint32_t state_;
};

} // namespace authex::tee::trustzone
