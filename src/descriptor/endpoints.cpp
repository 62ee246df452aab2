#include "descriptor/endpoints.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "descriptor/findings.hpp"

namespace authex::descriptor {
namespace {

/// "an output", "a handler", …
std::string with_article(EndpointKind kind) {
    const bool vowel =
        kind == EndpointKind::output || kind == EndpointKind::input || kind == EndpointKind::entry;
    return fmt::format("{} {}", vowel ? "an" : "a", to_string(kind));
}

bool sends(EndpointKind kind) {
    return kind == EndpointKind::output || kind == EndpointKind::request;
}

bool receives(EndpointKind kind) {
    return kind == EndpointKind::input || kind == EndpointKind::handler;
}

class EndpointCheck {
  public:
    EndpointCheck(const EndpointsOfModule& endpoints, Findings& findings)
        : endpoints_(endpoints), findings_(findings) {}

    void check(const Connection& connection) {
        const Endpoint* to = find(connection.to);
        const Endpoint* from = connection.from ? find(*connection.from) : nullptr;
        const bool to_fits = to == nullptr || check_receiver(connection, *to);
        if (from == nullptr || !check_sender(*connection.from, *from)) {
            return;
        }
        if (to != nullptr && to_fits) {
            check_pair(connection, *from, *to);
        }
        if (from->kind == EndpointKind::request) {
            check_single(connection, *from);
        }
    }

    void check(const Periodic& periodic) {
        const Endpoint* entry = find(periodic.entry);
        if (entry != nullptr && entry->kind != EndpointKind::entry) {
            findings_.error(periodic.entry.where,
                            {"wrong-role",
                             fmt::format("a period calls an entry, but {} is {}",
                                         name(periodic.entry, *entry),
                                         with_article(entry->kind)),
                             of_kinds(periodic.entry.module, {EndpointKind::entry})});
        }
    }

  private:
    static std::string name(const EndpointReference& reference, const Endpoint& endpoint) {
        return fmt::format("{}.{}", reference.module, endpoint.name);
    }

    /// Nullptr if the module is not known or has no such endpoint; the latter is reported.
    const Endpoint* find(const EndpointReference& reference) {
        const auto module = endpoints_.find(reference.module);
        if (module == endpoints_.end()) {
            return nullptr;
        }
        const std::vector<Endpoint>& list = module->second;
        const auto found = std::find_if(list.begin(), list.end(), [&](const Endpoint& endpoint) {
            return reference.id ? endpoint.id == *reference.id
                                : endpoint.name == reference.endpoint;
        });
        if (found != list.end()) {
            return &*found;
        }
        report_unknown(reference, list);
        return nullptr;
    }

    void report_unknown(const EndpointReference& reference, const std::vector<Endpoint>& list) {
        if (findings_.full()) {
            return;
        }
        std::vector<std::string> names;
        std::vector<std::string> described;
        for (const Endpoint& endpoint : list) {
            names.push_back(endpoint.name);
            described.push_back(fmt::format("{} ({})", endpoint.name, to_string(endpoint.kind)));
        }
        const std::string all =
            list.empty()
                ? fmt::format("{} has no endpoints", reference.module)
                : fmt::format("the endpoints of {} are {}", reference.module, join(described));
        // A guess is only worth its line beside the whole list.
        const std::string guess = suggest(reference.endpoint, names, "");
        const bool has_guess = guess.compare(0, 3, "did") == 0;
        findings_.error(
            reference.where,
            {"unknown-endpoint",
             fmt::format("module {} has no endpoint {}",
                         quote(reference.module),
                         quote(reference.id ? std::to_string(*reference.id) : reference.endpoint)),
             has_guess ? guess : "",
             all});
    }

    bool check_sender(const EndpointReference& reference, const Endpoint& endpoint) {
        if (sends(endpoint.kind)) {
            return true;
        }
        findings_.error(
            reference.where,
            {"wrong-role",
             fmt::format("a connection begins at an output or a request, but {} is {}",
                         name(reference, endpoint),
                         with_article(endpoint.kind)),
             of_kinds(reference.module, {EndpointKind::output, EndpointKind::request})});
        return false;
    }

    bool check_receiver(const Connection& connection, const Endpoint& endpoint) {
        if (receives(endpoint.kind)) {
            return true;
        }
        std::string fix =
            of_kinds(connection.to.module, {EndpointKind::input, EndpointKind::handler});
        if (connection.direct() && endpoint.kind == EndpointKind::entry) {
            fix = fmt::format("an entry needs no connection: «authex call {} {}»",
                              connection.to.module,
                              endpoint.name);
        }
        findings_.error(connection.to.where,
                        {"wrong-role",
                         fmt::format("{} ends at an input or a handler, but {} is {}",
                                     connection.direct() ? "a direct connection" : "a connection",
                                     name(connection.to, endpoint),
                                     with_article(endpoint.kind)),
                         std::move(fix)});
        return false;
    }

    void check_pair(const Connection& connection, const Endpoint& from, const Endpoint& to) {
        const auto wanted =
            from.kind == EndpointKind::output ? EndpointKind::input : EndpointKind::handler;
        if (to.kind == wanted) {
            return;
        }
        findings_.error(connection.to.where,
                        {"wrong-role",
                         fmt::format("{} is {}; {} is joined to {}, but {} is {}",
                                     name(*connection.from, from),
                                     with_article(from.kind),
                                     with_article(from.kind),
                                     with_article(wanted),
                                     name(connection.to, to),
                                     with_article(to.kind)),
                         of_kinds(connection.to.module, {wanted})});
    }

    /// A request waits for one reply, so it has one handler.
    void check_single(const Connection& connection, const Endpoint& from) {
        const std::string request = name(*connection.from, from);
        const auto [first, is_new] = handlers_.emplace(request, &connection);
        if (!is_new) {
            findings_.error(connection.to.where,
                            {"two-handlers",
                             fmt::format("request {} has two handlers: {} and {}",
                                         request,
                                         to_string(first->second->to),
                                         to_string(connection.to)),
                             "remove one; a request waits for one reply"});
        }
    }

    /// Which endpoints of the module would do.
    std::string of_kinds(const std::string& module,
                         std::initializer_list<EndpointKind> kinds) const {
        std::vector<std::string> names;
        for (const Endpoint& endpoint : endpoints_.at(module)) {
            if (std::find(kinds.begin(), kinds.end(), endpoint.kind) != kinds.end()) {
                names.push_back(
                    fmt::format("{}.{} ({})", module, endpoint.name, to_string(endpoint.kind)));
            }
        }
        return names.empty() ? fmt::format("module {} has none", module)
                             : fmt::format("possible here: {}", join(names));
    }

    const EndpointsOfModule& endpoints_;
    Findings& findings_;
    std::map<std::string, const Connection*> handlers_;
};

} // namespace

std::string_view to_string(EndpointKind kind) {
    switch (kind) {
    case EndpointKind::output:
        return "output";
    case EndpointKind::input:
        return "input";
    case EndpointKind::request:
        return "request";
    case EndpointKind::handler:
        return "handler";
    case EndpointKind::entry:
        return "entry";
    case EndpointKind::timer:
        return "timer";
    case EndpointKind::stream:
        return "stream";
    case EndpointKind::interrupt:
        return "interrupt";
    case EndpointKind::evidence:
        return "evidence";
    }
    return "endpoint";
}

std::vector<Diagnostic> check_endpoints(const Descriptor& descriptor,
                                        const EndpointsOfModule& endpoints) {
    Findings findings;
    EndpointCheck check(endpoints, findings);
    for (const Connection& connection : descriptor.connections) {
        check.check(connection);
    }
    for (const Periodic& periodic : descriptor.periodic) {
        check.check(periodic);
    }
    return findings.take();
}

} // namespace authex::descriptor
