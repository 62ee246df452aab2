#include "tee/skeleton/link.hpp"

#include <csignal>

namespace authex::tee::skeleton {

std::optional<Bytes> SkeletonLink::writable() {
    const Bytes room = enclave_->writable();
    room_seen_ = room.size();
    return room;
}

bool SkeletonLink::prepare_sleep(bool want_room) {
    const bool more_room = want_room && enclave_->writable().size() > room_seen_;
    return enclave_->readable().empty() && !more_room;
}

void SkeletonLink::kill() {
    enclave_->end({.signalled = true, .code = SIGKILL});
}

} // namespace authex::tee::skeleton
