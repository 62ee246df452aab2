// Events, requests and calls.
#include <fstream>
#include <iostream>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "cli/payload.hpp"
#include "cli/run.hpp"

namespace authex::cli {

using deployer::Application;

int Run::send(Application& application) {
    const auto payload = read_payload(arguments_.payload);
    if (!payload) {
        return fail(payload.error());
    }
    const auto sent = application.output(arguments_.subject, *payload);
    return sent ? done("the module has taken it\n") : fail(sent.error());
}

int Run::print_reply(const std::vector<std::uint8_t>& reply) {
    progress_.clear();
    if (!arguments_.out.empty()) {
        std::ofstream file(arguments_.out, std::ios::binary | std::ios::trunc);
        file.write(reinterpret_cast<const char*>(reply.data()),
                   static_cast<std::streamsize>(reply.size()));
        file.close();
        if (!file) {
            return fail(make_error("file-unwritable",
                                   fmt::format("cannot write {}", arguments_.out.string())));
        }
        return done(fmt::format("{} in {}\n", size_text(reply.size()), arguments_.out.string()));
    }
    if (arguments_.raw) {
        std::cout.write(reinterpret_cast<const char*>(reply.data()),
                        static_cast<std::streamsize>(reply.size()));
    } else if (arguments_.json) {
        print({{"reply", to_hex(reply)}});
    } else {
        std::cout << describe_bytes(reply) << '\n';
    }
    return exit_done;
}

int Run::request(Application& application) {
    const auto payload = read_payload(arguments_.payload);
    if (!payload) {
        return fail(payload.error());
    }
    const auto reply = application.request(arguments_.subject, *payload);
    return reply ? print_reply(*reply) : fail(reply.error());
}

int Run::call(Application& application) {
    const auto payload = read_payload(arguments_.payload);
    if (!payload) {
        return fail(payload.error());
    }
    const auto reply = application.call(arguments_.subject, arguments_.entry, *payload);
    return reply ? print_reply(*reply) : fail(reply.error());
}

} // namespace authex::cli
