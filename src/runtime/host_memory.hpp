#pragma once
// The only ways between an enclave's memory and its host's.

#include "base/bytes.hpp"
#include "runtime/port.hpp"

namespace authex::runtime {

/// Copies from the host to the front of `own`. @pre host.size() <= own.size()
inline void copy_in(ByteView host, Bytes own) {
#if AUTHEX_WITH_HOST_MEMORY_RULES
    port::copy_in(host, own.first(host.size()));
#else
    copy(host, own);
#endif
}

/// Copies to the front of `host`. @pre own.size() <= host.size()
inline void copy_out(ByteView own, Bytes host) {
#if AUTHEX_WITH_HOST_MEMORY_RULES
    port::copy_out(own, host.first(own.size()));
#else
    copy(own, host);
#endif
}

} // namespace authex::runtime
