#include "tee/trustzone/simulator/storage.hpp"

#include <algorithm>

#include "tee/trustzone/simulator/object_file.hpp"

namespace authex::tee::trustzone {
namespace {

// `tee_api_defines.h`
constexpr std::uint64_t storage_private = 1;
constexpr std::uint64_t storage_private_ree = 0x80000000;
constexpr std::uint64_t access_read = 1;
constexpr std::uint64_t access_write = 2;
constexpr std::uint64_t access_write_meta = 4;
constexpr std::uint64_t share_read = 0x10;
constexpr std::uint64_t share_write = 0x20;
constexpr std::uint64_t overwrite = 0x400;
constexpr std::uint64_t flags_of_open =
    access_read | access_write | access_write_meta | share_read | share_write;
constexpr std::uint32_t type_data = 0xA00000BF;
constexpr std::uint32_t handle_is_persistent = 0x10000;
constexpr std::uint32_t handle_is_initialized = 0x20000;
constexpr std::uint64_t position_max = 0xFFFFFFFF;

/// One that is open; its number, from 1 on, is the TA's handle.
struct Handle {
    bool open = false;
    ObjectId id;
    std::uint64_t flags = 0;
    std::uint64_t position = 0;
};
constexpr std::size_t handles_max = 32;
std::array<Handle, handles_max> handles;

/// Null: none of the TA's.
Handle* handle_of(std::uint64_t number) {
    return number >= 1 && number <= handles.size() && handles[number - 1].open
               ? &handles[number - 1]
               : nullptr;
}

std::uint32_t take_id(const Core& core, std::uint64_t at, std::uint64_t bytes, ObjectId& id) {
    if (bytes > object_id_bytes_max) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> given = core.memory.readable(at, bytes);
    if (!given) {
        return tee_access_denied;
    }
    id = {.bytes = {}, .size = static_cast<std::uint32_t>(bytes)};
    std::copy(given->begin(), given->end(), id.bytes.begin());
    return tee_success;
}

/// Whether both may be open at once.
bool go_together(std::uint64_t one, std::uint64_t other) {
    const auto in_any = [&](std::uint64_t flag) { return ((one | other) & flag) != 0; };
    const auto in_both = [&](std::uint64_t flag) { return (one & other & flag) != 0; };
    const auto differs = [&](std::uint64_t flag) { return ((one ^ other) & flag) != 0; };
    return !in_any(access_write_meta) && !(in_any(access_read) && !in_both(share_read)) &&
           !differs(share_read) && !(in_any(access_write) && !in_both(share_write)) &&
           !differs(share_write);
}

bool is_free(const ObjectId& id, std::uint64_t flags) {
    return std::all_of(handles.begin(), handles.end(), [&](const Handle& handle) {
        return !handle.open || handle.id != id || go_together(handle.flags, flags);
    });
}
bool is_open(const ObjectId& id) {
    return std::any_of(handles.begin(), handles.end(), [&](const Handle& handle) {
        return handle.open && handle.id == id;
    });
}

/// @param at null: nobody wants it
std::uint32_t
give_handle(const Core& core, const ObjectId& id, std::uint64_t flags, std::uint64_t at) {
    if (at == 0) {
        return tee_success;
    }
    const auto place = std::find_if(
        handles.begin(), handles.end(), [](const Handle& handle) { return !handle.open; });
    if (place == handles.end()) {
        return tee_out_of_memory;
    }
    const auto number = static_cast<std::uint32_t>(place - handles.begin() + 1);
    if (!core.memory.put(at, number)) {
        return tee_access_denied;
    }
    *place = {.open = true, .id = id, .flags = flags, .position = 0};
    return tee_success;
}

bool is_storage(std::uint64_t number) {
    return number == storage_private || number == storage_private_ree;
}

} // namespace

std::uint32_t open_object(const Core& core, const Arguments& arguments) {
    const std::uint64_t flags = arguments[3];
    ObjectId id;
    if ((flags & ~flags_of_open) != 0) {
        return tee_bad_parameters;
    }
    if (!is_storage(arguments[0])) {
        return tee_item_not_found;
    }
    if (const std::uint32_t taken = take_id(core, arguments[1], arguments[2], id)) {
        return taken;
    }
    if (!is_free(id, flags)) {
        return tee_access_conflict;
    }
    const ObjectFile file(core);
    if (file.state() != tee_success) {
        return file.state();
    }
    return file.has(id) ? give_handle(core, id, flags, arguments[4]) : tee_item_not_found;
}

std::uint32_t create_object(const Core& core, const Arguments& arguments) {
    const std::uint64_t flags = arguments[3];
    ObjectId id;
    if ((flags & ~(flags_of_open | overwrite)) != 0) {
        return tee_bad_parameters;
    }
    if (!is_storage(arguments[0])) {
        return tee_item_not_found;
    }
    if (arguments[2] > object_id_bytes_max || (arguments[6] != 0 && arguments[5] == 0)) {
        return tee_bad_parameters;
    }
    if (const std::uint32_t taken = take_id(core, arguments[1], arguments[2], id)) {
        return taken;
    }
    if (arguments[4] != 0) {
        return tee_bad_state; // no object here has attributes
    }
    if (!is_free(id, flags) || (is_open(id) && (flags & overwrite) == 0)) {
        return tee_access_conflict;
    }
    const std::optional<ByteView> data = core.memory.readable(arguments[5], arguments[6]);
    if (!data || (arguments[7] != 0 && !core.memory.put(arguments[7], std::uint32_t{0}))) {
        return tee_access_denied;
    }
    ObjectFile file(core);
    if (file.state() != tee_success) {
        return file.state();
    }
    if (file.has(id) && (flags & overwrite) == 0) {
        return tee_access_conflict;
    }
    if (const std::uint32_t made = file.resize(id, data->size())) {
        return made;
    }
    copy(*data, file.content(id));
    const std::uint32_t kept = file.keep();
    return kept == tee_success ? give_handle(core, id, flags, arguments[7]) : kept;
}

std::uint32_t delete_object(const Core& core, const Arguments& arguments) {
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    if ((handle->flags & access_write_meta) == 0) {
        return tee_access_conflict;
    }
    handle->open = false;
    ObjectFile file(core);
    if (file.state() != tee_success || !file.has(handle->id)) {
        return file.state() != tee_success ? file.state() : tee_item_not_found;
    }
    file.remove(handle->id);
    return file.keep();
}

std::uint32_t rename_object(const Core& core, const Arguments& arguments) {
    if (arguments[2] > object_id_bytes_max) {
        return tee_bad_parameters;
    }
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr || (handle->flags & access_write_meta) == 0) {
        return tee_bad_state;
    }
    ObjectId id;
    if (const std::uint32_t taken = take_id(core, arguments[1], arguments[2], id)) {
        return taken;
    }
    ObjectFile file(core);
    if (file.state() != tee_success) {
        return file.state();
    }
    if (is_open(id) || file.has(id)) {
        return tee_access_conflict;
    }
    if (!file.has(handle->id)) {
        return tee_item_not_found;
    }
    file.rename(handle->id, id);
    const std::uint32_t kept = file.keep();
    if (kept == tee_success) {
        handle->id = id;
    }
    return kept;
}

std::uint32_t read_object(const Core& core, const Arguments& arguments) {
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    if ((handle->flags & access_read) == 0) {
        return tee_access_conflict;
    }
    const std::optional<Bytes> room = core.memory.writable(arguments[1], arguments[2]);
    if (!room || !core.memory.put(arguments[3], std::uint64_t{0})) {
        return tee_access_denied;
    }
    const ObjectFile file(core);
    if (file.state() != tee_success || !file.has(handle->id)) {
        return file.state() != tee_success ? file.state() : tee_item_not_found;
    }
    const Bytes all = file.content(handle->id);
    const Bytes rest = all.subspan(std::min<std::size_t>(all.size(), handle->position));
    const std::uint64_t count = std::min(rest.size(), room->size());
    copy(rest.first(static_cast<std::size_t>(count)), *room);
    handle->position += count;
    return core.memory.put(arguments[3], count) ? tee_success : tee_access_denied;
}

std::uint32_t write_object(const Core& core, const Arguments& arguments) {
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    if ((handle->flags & access_write) == 0) {
        return tee_access_conflict;
    }
    const std::optional<ByteView> data = core.memory.readable(arguments[1], arguments[2]);
    if (!data) {
        return tee_access_denied;
    }
    ObjectFile file(core);
    if (file.state() != tee_success || !file.has(handle->id)) {
        return file.state() != tee_success ? file.state() : tee_item_not_found;
    }
    const std::uint64_t end = handle->position + data->size();
    if (end > file.content(handle->id).size()) {
        if (const std::uint32_t made = file.resize(handle->id, end)) {
            return made;
        }
    }
    copy(*data, file.content(handle->id).subspan(static_cast<std::size_t>(handle->position)));
    const std::uint32_t kept = file.keep();
    if (kept == tee_success) {
        handle->position = end;
    }
    return kept;
}

std::uint32_t truncate_object(const Core& core, const Arguments& arguments) {
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    if ((handle->flags & access_write) == 0) {
        return tee_access_conflict;
    }
    ObjectFile file(core);
    if (file.state() != tee_success || !file.has(handle->id)) {
        return file.state() != tee_success ? file.state() : tee_item_not_found;
    }
    return file.resize(handle->id, arguments[1]) == tee_success ? file.keep() : tee_generic;
}

std::uint32_t seek_object(const Core& core, const Arguments& arguments) {
    enum Whence : std::uint64_t { from_begin, from_position, from_end };
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    if (arguments[2] > from_end) {
        return tee_bad_parameters;
    }
    std::int64_t base = 0;
    if (arguments[2] == from_position) {
        base = static_cast<std::int64_t>(handle->position);
    } else if (arguments[2] == from_end) {
        const ObjectFile file(core);
        if (file.state() != tee_success || !file.has(handle->id)) {
            return file.state() != tee_success ? file.state() : tee_item_not_found;
        }
        base = static_cast<std::int64_t>(file.content(handle->id).size());
    }
    const std::int64_t wanted =
        std::max<std::int64_t>(0, base + static_cast<std::int32_t>(arguments[1]));
    if (wanted > static_cast<std::int64_t>(position_max)) {
        return tee_bad_parameters;
    }
    handle->position = static_cast<std::uint64_t>(wanted);
    return tee_success;
}

std::uint32_t get_object_info(const Core& core, const Arguments& arguments) {
    const Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    const ObjectFile file(core);
    if (file.state() != tee_success || !file.has(handle->id)) {
        return file.state() != tee_success ? file.state() : tee_item_not_found;
    }
    ObjectInfo info{.type = type_data};
    info.data_bytes = static_cast<std::uint32_t>(file.content(handle->id).size());
    info.position = static_cast<std::uint32_t>(handle->position);
    info.flags =
        handle_is_persistent | handle_is_initialized | static_cast<std::uint32_t>(handle->flags);
    return core.memory.put(arguments[1], info) ? tee_success : tee_access_denied;
}

std::uint32_t close_object(const Arguments& arguments) {
    Handle* const handle = handle_of(arguments[0]);
    if (handle == nullptr) {
        return tee_bad_state;
    }
    handle->open = false;
    return tee_success;
}

void close_all_objects() {
    handles = {};
}

} // namespace authex::tee::trustzone
