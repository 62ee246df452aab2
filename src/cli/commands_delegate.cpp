// The state is given to a delegate, and taken back.
#include <fmt/format.h>

#include "cli/run.hpp"
#include "deployer/credentials.hpp"
#include "deployer/delegation_end.hpp"

namespace authex::cli {

using deployer::Application;

/// What concerns the folders first; the nodes are told then.
int Run::delegate() {
    if (!arguments_.take_back.empty()) {
        const auto back = deployer::take_back(state_directory(), arguments_.take_back);
        return back ? with_application() : fail(back.error());
    }
    if (arguments_.revoke) {
        const auto revoked = deployer::revoke_delegate(state_directory());
        return revoked ? with_application() : fail(revoked.error());
    }
    const auto owner = deployer::open_owner_key(state_directory());
    if (!owner) {
        return fail(owner.error());
    }
    const auto made = deployer::make_delegate_key(state_directory());
    return made ? with_application() : fail(made.error());
}

int Run::give_to_delegate(Application& application) {
    if (arguments_.revoke || !arguments_.take_back.empty()) {
        const auto told = application.tell_revoked();
        if (!told) {
            return fail(told.error());
        }
        return done(arguments_.revoke
                        ? "no node takes the delegate's certificate any more. Next:\n\n"
                          "  authex up      # modules without its key, and fresh keys for all\n"
                        : fmt::format("the state is here again, and {} is of no use any more: "
                                      "delete it. Next:\n\n"
                                      "  authex up      # attests all modules\n",
                                      arguments_.take_back.string()));
    }
    const std::string folder = arguments_.subject;
    const auto made = application.delegate(
        {.folder = folder, .name = arguments_.name, .days = static_cast<int>(arguments_.days)});
    if (!made) {
        return fail(made.error());
    }
    return done(fmt::format("{0} has the state now, until it is taken back. Whoever has it knows "
                            "the modules' secrets.\nBring it to the other machine by a safe way, "
                            "and there:\n\n"
                            "  authex --state {0} watch\n\n"
                            "To have it back:  authex delegate --take-back {0}\n",
                            folder));
}

} // namespace authex::cli
