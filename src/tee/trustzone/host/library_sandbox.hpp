#pragma once
// What the process of a module may still do beside a library of the GP TEE Client API.

namespace authex::tee::trustzone {

/// For all threads, from now on: what works on descriptors that are open, memory that does not
/// become code, threads, waiting, time. Nothing else: no file or socket is opened, no program or
/// process begins, no other process is looked at. What is refused fails with EPERM, so that a
/// library whose message finds no way out goes on. @pre PR_SET_NO_NEW_PRIVS @return false: errno
/// says why
[[nodiscard]] bool confine_with_library();

} // namespace authex::tee::trustzone
