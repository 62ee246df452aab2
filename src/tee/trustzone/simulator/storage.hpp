#pragma once
// Persistent objects of the TA: data without attributes. (GP TEE Internal Core API 1.3, §5;
// OP-TEE OS 4.10, `core/tee/tee_svc_storage.c`, `tee_pobj.c`)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (storage, identifier, its bytes, flags, u32* handle)
std::uint32_t open_object(const Core& core, const Arguments& arguments);
/// (storage, identifier, its bytes, flags, handle of attributes, data, its bytes, u32* handle)
std::uint32_t create_object(const Core& core, const Arguments& arguments);
/// (handle); closes it.
std::uint32_t delete_object(const Core& core, const Arguments& arguments);
/// (handle, identifier, its bytes)
std::uint32_t rename_object(const Core& core, const Arguments& arguments);
/// (handle, data, its room, u64* count)
std::uint32_t read_object(const Core& core, const Arguments& arguments);
/// (handle, data, its bytes)
std::uint32_t write_object(const Core& core, const Arguments& arguments);
/// (handle, bytes)
std::uint32_t truncate_object(const Core& core, const Arguments& arguments);
/// (handle, i32 offset, whence)
std::uint32_t seek_object(const Core& core, const Arguments& arguments);
/// (handle, utee_object_info*)
std::uint32_t get_object_info(const Core& core, const Arguments& arguments);
/// (handle)
std::uint32_t close_object(const Arguments& arguments);
/// As the TA's end does.
void close_all_objects();

} // namespace authex::tee::trustzone
