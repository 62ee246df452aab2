#pragma once
// Where the persistent objects of one TA lie: a file with two slots. A change writes all of them
// into the slot that does not count, and then the number, which makes it the one that does.
//
//       offset size field          little-endian
//            0    8 magic          "AUTHEXO2"
//            8    8 number         of changes; slot number % 2 counts; 0: there are no objects
//         4096    … slot 0         of 1 MiB
//    1,052,672    … slot 1
//
// A slot:
//            0   32 tag            HMAC-SHA-256 under the TA's storage key, of what follows
//           32    8 number
//           40    4 bytes          of the objects
//           44    … objects        one after another: u32 bytes of the content, u32 bytes of the
//                                  identifier, the identifier in 64 bytes, content
//
// The tag keeps others from making or mixing objects, and shows what was written in part. It hides
// nothing, and an older file is as good as the newest.

#include <cstdint>

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

constexpr std::size_t object_id_bytes_max = 64; // TEE_OBJECT_ID_MAX_LEN
constexpr std::size_t object_slot_bytes = std::size_t{1} << 20U;
constexpr std::size_t object_file_bytes_max = 4096 + 2 * object_slot_bytes;

struct ObjectId {
    std::array<std::uint8_t, object_id_bytes_max> bytes{};
    std::uint32_t size = 0;
    bool operator==(const ObjectId&) const = default;
};

/// All objects of the TA while one system call lasts. One at a time in a process; other processes
/// wait. It makes no system calls but flock, pread, pwrite and fdatasync of the descriptor.
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
    /// Makes it last, whole or not at all. @return tee_success | tee_storage_no_space |
    /// tee_storage_not_available
    [[nodiscard]] std::uint32_t keep();

  private:
    [[nodiscard]] std::uint32_t load();
    [[nodiscard]] std::size_t find(const ObjectId& id) const;

    const Core& core_;
    std::uint64_t number_ = 0;
    std::size_t size_; ///< of the slot, as far as it is filled
    std::uint32_t state_;
};

} // namespace authex::tee::trustzone
