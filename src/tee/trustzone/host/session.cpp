#include "tee/trustzone/host/session.hpp"

#include "base/result.hpp"
#include "tee/trustzone/port/commands.hpp"
#include "tee/trustzone/simulator/tee.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::uint64_t session = 1;

std::uint32_t open_as_client(const runtime::Invocation& invocation) {
    const auto* const begin =
        reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(invocation.shared_begin));
    const ByteView rings(begin,
                         static_cast<std::size_t>(invocation.shared_end - invocation.shared_begin));
    share({&rings, 1});
    optee::Params none;
    return open_session(session, none);
}

void enter(const process::Door& /*door*/, runtime::Invocation& invocation) {
    if (invocation.operation == runtime::Operation::start) {
        invocation.error = open_as_client(invocation);
        return;
    }
    optee::Params params{
        .types = invoke_types,
        .values = {invocation.in, invocation.in_bytes, invocation.out, invocation.out_bytes}};
    invocation.error = invoke_command(session, command_invoke, params);
    invocation.consumed = params.values[4];
    invocation.produced = params.values[5];
}

} // namespace

process::Door door_of_simulation() {
    return {.enter = enter};
}

} // namespace authex::tee::trustzone
