#include "tee/trustzone/simulator/object_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_hmac.h>
#include <sys/file.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::array<std::uint8_t, 8> magic = {'A', 'U', 'T', 'H', 'E', 'X', 'O', '2'};
constexpr off_t number_at = magic.size();
constexpr std::size_t file_head_bytes = magic.size() + sizeof(std::uint64_t);
constexpr off_t slots_at = 4096;
constexpr std::size_t nowhere = ~std::size_t{0};

struct SlotHead {
    std::array<std::uint8_t, 32> tag;
    std::uint64_t number;
    std::uint32_t bytes;
} __attribute__((packed));
constexpr std::size_t head_bytes = sizeof(SlotHead);
static_assert(head_bytes == 44);

struct Head {
    std::uint32_t bytes;
    std::uint32_t id_bytes;
    std::array<std::uint8_t, object_id_bytes_max> id;
};
static_assert(sizeof(Head) == 72);

std::array<std::uint8_t, object_slot_bytes> slot;

Head head_at(std::size_t at) {
    Head head{};
    std::memcpy(&head, slot.data() + at, sizeof head);
    return head;
}

off_t place_of(std::uint64_t number) {
    return slots_at + static_cast<off_t>((number % 2) * object_slot_bytes);
}

auto tag_of(const Core& core, std::size_t size) {
    const auto key = derive(core.hardware_key, Subkey::storage, core.uuid);
    br_hmac_key_context keyed;
    br_hmac_key_init(&keyed, &br_sha256_vtable, key.data(), key.size());
    br_hmac_context context;
    br_hmac_init(&context, &keyed, 0);
    br_hmac_update(&context, slot.data() + sizeof(SlotHead::tag), size - sizeof(SlotHead::tag));
    decltype(SlotHead::tag) tag{};
    br_hmac_out(&context, tag.data());
    return tag;
}

/// @return how much of it there is; empty optional: it cannot be read
std::optional<std::size_t> read_at(int descriptor, Bytes into, off_t offset) {
    std::size_t filled = 0;
    while (filled < into.size()) {
        const ssize_t count = ::pread(descriptor,
                                      into.data() + filled,
                                      into.size() - filled,
                                      offset + static_cast<off_t>(filled));
        if (count < 0) {
            return std::nullopt;
        }
        if (count == 0) {
            break;
        }
        filled += static_cast<std::size_t>(count);
    }
    return filled;
}

/// And it stays there, whatever happens to the machine.
std::uint32_t write_at(int descriptor, ByteView from, off_t offset) {
    while (!from.empty()) {
        const ssize_t count = ::pwrite(descriptor, from.data(), from.size(), offset);
        if (count <= 0) {
            return errno == ENOSPC ? tee_storage_no_space : tee_storage_not_available;
        }
        from = from.subspan(static_cast<std::size_t>(count));
        offset += count;
    }
    return ::fdatasync(descriptor) == 0 ? tee_success : tee_storage_not_available;
}

} // namespace

ObjectFile::ObjectFile(const Core& core)
    : core_(core), size_(head_bytes), state_(tee_storage_not_available) {
    if (core.storage >= 0 && ::flock(core.storage, LOCK_EX) == 0) {
        state_ = load();
    }
}

ObjectFile::~ObjectFile() {
    if (core_.storage >= 0) {
        ::flock(core_.storage, LOCK_UN);
    }
}

std::uint32_t ObjectFile::load() {
    std::array<std::uint8_t, file_head_bytes> head{};
    const auto head_read = read_at(core_.storage, head, 0);
    if (!head_read) {
        return tee_storage_not_available;
    }
    if (head == decltype(head){}) {
        return tee_success; // none yet: no change has come so far
    }
    std::memcpy(&number_, head.data() + number_at, sizeof number_);
    if (*head_read < head.size() || !std::equal(magic.begin(), magic.end(), head.begin()) ||
        number_ == 0) {
        return tee_corrupt_object;
    }
    const auto read = read_at(core_.storage, slot, place_of(number_));
    if (!read) {
        return tee_storage_not_available;
    }
    SlotHead stated{};
    std::memcpy(&stated, slot.data(), sizeof stated);
    if (*read < head_bytes || stated.number != number_ || stated.bytes > *read - head_bytes) {
        return tee_corrupt_object;
    }
    size_ = head_bytes + stated.bytes;
    return tag_of(core_, size_) == stated.tag ? tee_success : tee_corrupt_object;
}

/// What the tag vouches for is as this class has written it.
std::size_t ObjectFile::find(const ObjectId& id) const {
    for (std::size_t at = head_bytes; at < size_;) {
        const Head head = head_at(at);
        if (head.id_bytes == id.size && head.id == id.bytes) {
            return at;
        }
        at += sizeof(Head) + head.bytes;
    }
    return nowhere;
}

bool ObjectFile::has(const ObjectId& id) const {
    return find(id) != nowhere;
}

Bytes ObjectFile::content(const ObjectId& id) const {
    const std::size_t at = find(id);
    return Bytes(slot).subspan(at + sizeof(Head), head_at(at).bytes);
}

std::uint32_t ObjectFile::resize(const ObjectId& id, std::uint64_t bytes) {
    std::size_t at = find(id);
    const std::size_t had = at == nowhere ? 0 : head_at(at).bytes;
    const std::size_t head_needed = at == nowhere ? sizeof(Head) : 0;
    if (bytes > had && bytes - had > slot.size() - size_ - head_needed) {
        return tee_storage_no_space;
    }
    if (at == nowhere) {
        at = size_;
        size_ += sizeof(Head);
    }
    const auto wanted = static_cast<std::size_t>(bytes);
    std::uint8_t* const end = slot.data() + at + sizeof(Head) + had;
    std::memmove(slot.data() + at + sizeof(Head) + wanted,
                 end,
                 static_cast<std::size_t>(slot.data() + size_ - end));
    if (wanted > had) {
        std::memset(end, 0, wanted - had);
    }
    size_ = size_ - had + wanted;
    const Head head{
        .bytes = static_cast<std::uint32_t>(wanted), .id_bytes = id.size, .id = id.bytes};
    std::memcpy(slot.data() + at, &head, sizeof head);
    return tee_success;
}

void ObjectFile::remove(const ObjectId& id) {
    const std::size_t at = find(id);
    const std::size_t bytes = sizeof(Head) + head_at(at).bytes;
    std::memmove(slot.data() + at, slot.data() + at + bytes, size_ - at - bytes);
    size_ -= bytes;
}

void ObjectFile::rename(const ObjectId& from, const ObjectId& to) {
    const std::size_t at = find(from);
    Head head = head_at(at);
    head.id_bytes = to.size;
    head.id = to.bytes;
    std::memcpy(slot.data() + at, &head, sizeof head);
}

std::uint32_t ObjectFile::keep() {
    const std::uint64_t number = number_ + 1;
    SlotHead head{
        .tag = {}, .number = number, .bytes = static_cast<std::uint32_t>(size_ - head_bytes)};
    std::memcpy(slot.data(), &head, sizeof head);
    const auto tag = tag_of(core_, size_);
    std::copy(tag.begin(), tag.end(), slot.begin());
    const std::uint32_t written =
        write_at(core_.storage, ByteView(slot).first(size_), place_of(number));
    if (written != tee_success) {
        return written;
    }
    std::array<std::uint8_t, file_head_bytes> file_head{};
    std::copy(magic.begin(), magic.end(), file_head.begin());
    std::memcpy(file_head.data() + number_at, &number, sizeof number);
    const std::uint32_t counted = write_at(core_.storage, file_head, 0);
    number_ = counted == tee_success ? number : number_;
    return counted;
}

} // namespace authex::tee::trustzone
