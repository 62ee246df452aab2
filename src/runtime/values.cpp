#include "runtime/values.hpp"

#if AUTHEX_WITH_VALUES

namespace authex::runtime {

static_assert(wire::value_max_bytes <= UINT16_MAX && wire::value_name_max_bytes <= UINT8_MAX);

ValueTable::Record ValueTable::record_at(std::size_t begin) const {
    Reader reader(ByteView(bytes_).subspan(begin, wire::value_overhead_bytes));
    (void)reader.u8();
    const std::size_t name_bytes = reader.u8();
    return {.begin = begin, .name_bytes = name_bytes, .value_bytes = reader.u16()};
}

ValueTable::Record ValueTable::search(wire::ValueKind kind, ByteView name) const {
    std::size_t begin = 0;
    while (begin < used_) {
        const Record record = record_at(begin);
        const ByteView known = ByteView(bytes_).subspan(record.name_begin(), record.name_bytes);
        if (bytes_[begin] == static_cast<std::uint8_t>(kind) && equal_constant_time(known, name)) {
            return record;
        }
        begin = record.end();
    }
    return {.begin = used_};
}

Error ValueTable::set(const wire::NamedValue& named) {
    const Record before = search(named.kind, named.name);
    const std::size_t freed = before.begin < used_ ? before.end() - before.begin : 0;
    const std::size_t needed = wire::value_overhead_bytes + named.name.size() + named.value.size();
    if (needed > wire::values_total_max_bytes - used_ + freed) {
        return Error::no_space;
    }
    remove(named.kind, named.name);
    Writer writer(Bytes(bytes_).subspan(used_));
    writer.u8(static_cast<std::uint8_t>(named.kind))
        .u8(static_cast<std::uint8_t>(named.name.size()))
        .u16(static_cast<std::uint16_t>(named.value.size()))
        .bytes(named.name)
        .bytes(named.value);
    used_ += needed;
    return Error::none;
}

void ValueTable::remove(wire::ValueKind kind, ByteView name) {
    const Record record = search(kind, name);
    if (record.begin == used_) {
        return;
    }
    const std::size_t freed = record.end() - record.begin;
    const Bytes all(bytes_);
    copy(all.subspan(record.end(), used_ - record.end()), all.subspan(record.begin));
    used_ -= freed;
    wipe(all.subspan(used_, freed));
}

void ValueTable::clear() {
    wipe(Bytes(bytes_).first(used_));
    used_ = 0;
}

Error ValueTable::find(wire::ValueKind kind, ByteView name, ByteView& value) const {
    const Record record = search(kind, name);
    value = {};
    if (record.begin == used_) {
        return Error::not_set;
    }
    value = ByteView(bytes_).subspan(record.name_begin() + record.name_bytes, record.value_bytes);
    return Error::none;
}

} // namespace authex::runtime

#endif
