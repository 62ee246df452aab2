#include "tee/trustzone/simulator/object_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_hmac.h>
#include <sys/file.h>

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;
constexpr std::array<std::uint8_t, 8> magic = {'A', 'U', 'T', 'H', 'E', 'X', 'O', '1'};
constexpr std::size_t tag_bytes = 32;
constexpr std::size_t head_bytes = magic.size() + tag_bytes;
constexpr const char* file_name = "objects";
constexpr const char* next_name = "objects.next";
constexpr std::size_t nowhere = ~std::size_t{0};

struct Head {
    std::uint32_t bytes;
    std::uint32_t id_bytes;
    std::array<std::uint8_t, object_id_bytes_max> id;
};
static_assert(sizeof(Head) == 72);

std::array<std::uint8_t, file_bytes_max> file;

Head head_at(std::size_t at) {
    Head head{};
    std::memcpy(&head, file.data() + at, sizeof head);
    return head;
}

std::array<std::uint8_t, tag_bytes> tag_of(const Core& core, std::size_t size) {
    const auto key = derive(core.hardware_key, Subkey::storage, core.uuid);
    br_hmac_key_context keyed;
    br_hmac_key_init(&keyed, &br_sha256_vtable, key.data(), key.size());
    br_hmac_context context;
    br_hmac_init(&context, &keyed, 0);
    br_hmac_update(&context, file.data() + head_bytes, size - head_bytes);
    std::array<std::uint8_t, tag_bytes> tag{};
    br_hmac_out(&context, tag.data());
    return tag;
}

bool read_whole(int descriptor, std::size_t& size) {
    for (size = 0; size < file.size();) {
        const ssize_t count = ::read(descriptor, file.data() + size, file.size() - size);
        if (count <= 0) {
            return count == 0;
        }
        size += static_cast<std::size_t>(count);
    }
    return false;
}

bool write_whole(int descriptor, std::size_t size) {
    for (std::size_t at = 0; at < size;) {
        const ssize_t count = ::write(descriptor, file.data() + at, size - at);
        if (count <= 0) {
            return false;
        }
        at += static_cast<std::size_t>(count);
    }
    return ::fsync(descriptor) == 0;
}

} // namespace

ObjectFile::ObjectFile(const Core& core) : core_(core), state_(tee_storage_not_available) {
    lock_ = core.storage < 0 ? -1 : ::openat(core.storage, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_ >= 0 && ::flock(lock_, LOCK_EX) == 0) {
        state_ = load();
    }
}

ObjectFile::~ObjectFile() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

std::uint32_t ObjectFile::load() {
    const int descriptor = ::openat(core_.storage, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        size_ = head_bytes; // none yet
        return errno == ENOENT ? tee_success : tee_storage_not_available;
    }
    const bool read = read_whole(descriptor, size_);
    ::close(descriptor);
    if (!read) {
        return tee_storage_not_available;
    }
    if (size_ < head_bytes || !std::equal(magic.begin(), magic.end(), file.begin())) {
        return tee_corrupt_object;
    }
    const auto tag = tag_of(core_, size_);
    return std::equal(tag.begin(), tag.end(), file.begin() + magic.size()) ? tee_success
                                                                           : tee_corrupt_object;
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
    return Bytes(file).subspan(at + sizeof(Head), head_at(at).bytes);
}

std::uint32_t ObjectFile::resize(const ObjectId& id, std::uint64_t bytes) {
    std::size_t at = find(id);
    const std::size_t had = at == nowhere ? 0 : head_at(at).bytes;
    const std::size_t head_needed = at == nowhere ? sizeof(Head) : 0;
    if (bytes > had && bytes - had > file.size() - size_ - head_needed) {
        return tee_storage_no_space;
    }
    if (at == nowhere) {
        at = size_;
        size_ += sizeof(Head);
    }
    const auto wanted = static_cast<std::size_t>(bytes);
    std::uint8_t* const end = file.data() + at + sizeof(Head) + had;
    std::memmove(file.data() + at + sizeof(Head) + wanted,
                 end,
                 static_cast<std::size_t>(file.data() + size_ - end));
    if (wanted > had) {
        std::memset(end, 0, wanted - had);
    }
    size_ = size_ - had + wanted;
    const Head head{
        .bytes = static_cast<std::uint32_t>(wanted), .id_bytes = id.size, .id = id.bytes};
    std::memcpy(file.data() + at, &head, sizeof head);
    return tee_success;
}

void ObjectFile::remove(const ObjectId& id) {
    const std::size_t at = find(id);
    const std::size_t bytes = sizeof(Head) + head_at(at).bytes;
    std::memmove(file.data() + at, file.data() + at + bytes, size_ - at - bytes);
    size_ -= bytes;
}

void ObjectFile::rename(const ObjectId& from, const ObjectId& to) {
    const std::size_t at = find(from);
    Head head = head_at(at);
    head.id_bytes = to.size;
    head.id = to.bytes;
    std::memcpy(file.data() + at, &head, sizeof head);
}

std::uint32_t ObjectFile::keep() {
    std::copy(magic.begin(), magic.end(), file.begin());
    const auto tag = tag_of(core_, size_);
    std::copy(tag.begin(), tag.end(), file.begin() + magic.size());
    const int descriptor = ::openat(
        core_.storage, next_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return tee_storage_not_available;
    }
    const bool written = write_whole(descriptor, size_);
    ::close(descriptor);
    return written && ::renameat(core_.storage, next_name, core_.storage, file_name) == 0 &&
                   ::fsync(lock_) == 0
               ? tee_success
               : tee_storage_not_available;
}

} // namespace authex::tee::trustzone
