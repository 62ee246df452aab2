// Deadlines: what is older than its connection allows is given on marked, or not at all.
// (docs/protocol.md P82)
#include "base/counter.hpp"
#include "runtime/runtime.hpp"

#if AUTHEX_WITH_DEADLINES

namespace authex::runtime {

/// From the host alone: a manager would tell when a frame came, not when it is taken. The answer
/// says before which frame, so that a recorded run can be repeated.
void Runtime::take_time() {
    if (message_.size != 0) {
        refuse(Error::malformed);
        return;
    }
    host_clock_us_ = header_.counter;
    header_.flags = wire::flag_direction;
    (void)emitter_.plain(header_, bytes_of(taken_));
}

void Runtime::ask_for_time() {
    for (const Connection& connection : connections_.slots()) {
        if (connection.used && connection.terms.deadline != wire::deadline_none &&
            (connection.terms.deadline & wire::by_own_clock) == 0) {
            wire::FrameHeader header{.kind = wire::Kind::time};
            (void)emitter_.plain(header, {});
            return;
        }
    }
}

/// With the time before it, where it is going to be sealed. @pre it fits into a body
ByteView Runtime::body_for(const Connection& connection, ByteView data) {
    const std::size_t before = connection.bytes_before_data();
    if (before == 0) {
        return data;
    }
    const Bytes body = seal_room().subspan(wire::header_bytes, before + data.size());
    copy(bytes_of(clock_of(connection)), body.first(before));
    copy(data, body.subspan(before));
    return body;
}

/// Takes the time of sending off `data`. What has an age that nobody knows is late.
/// @return false: it is not for the module
bool Runtime::comes_in_time(Connection& connection, ByteView& data) {
    Reader reader(data);
    const std::uint64_t sent = reader.u64();
    data = reader.rest();
    const std::uint64_t now = clock_of(connection);
    const bool known = reader.ok() && sent != 0 && now != 0;
    const bool late = !known || (now > sent && now - sent > connection.terms.within_us);
    if (late && (connection.terms.deadline & wire::late_dropped) != 0) {
        connection.missed += connection.missed != UINT32_MAX ? 1 : 0;
        assign_next(connection.refused, connection.refused);
        return false;
    }
    message_.late = late;
    message_.missed = connection.missed;
    connection.missed = 0;
    return true;
}

} // namespace authex::runtime

#endif
