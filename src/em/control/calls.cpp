#include "em/control/calls.hpp"

#include <chrono>

#include <spdlog/spdlog.h>

namespace authex::em {
namespace {

/// The certificate that TLS has checked; empty: none.
std::string certificate_of(const grpc::ServerContextBase& context) {
    const auto authenticated = context.auth_context();
    std::string certificate;
    if (authenticated != nullptr && authenticated->IsPeerAuthenticated()) {
        for (const grpc::string_ref& pem : authenticated->FindPropertyValues("x509_pem_cert")) {
            certificate.assign(pem.data(), pem.size());
        }
    }
    return certificate;
}

/// Who may not is heard of in the manager's log.
template <typename T>
Expected<T> refuse(const grpc::ServerContextBase& context, Method method, const Diagnostic& why) {
    spdlog::warn("refused: {} from {}: {} ({})",
                 rule_of(method).name,
                 context.peer(),
                 why.summary,
                 why.code);
    return tl::make_unexpected(why);
}

} // namespace

std::uint64_t unix_time_us() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

Gate::Permit Gate::enter() {
    if (inside_.fetch_add(1) >= limit_) {
        inside_.fetch_sub(1);
        return nullptr;
    }
    return {this, [](Gate* gate) { gate->inside_.fetch_sub(1); }};
}

Expected<Caller> caller_of(const grpc::ServerContextBase& context,
                           const Access& access,
                           Method method,
                           std::uint32_t deployment) {
    const Expected<Identity> identity =
        access.identify(access.plaintext() ? std::string() : certificate_of(context));
    if (!identity) {
        return refuse<Caller>(context, method, identity.error());
    }
    const Expected<bool> allowed = Access::check(*identity, method);
    if (!allowed) {
        return refuse<Caller>(context, method, allowed.error());
    }
    const auto now = std::chrono::system_clock::now();
    // Without a deadline, gRPC says the end of time.
    const auto deadline = context.deadline();
    if (deadline > now + deadline_max) {
        return failure("deadline-missing",
                       "the call has no deadline, or one more than a day away",
                       "set a deadline on every call");
    }
    return Caller{.identity = *identity,
                  .deployment = narrow(deployment),
                  .deadline = std::chrono::steady_clock::now() + (deadline - now)};
}

std::shared_ptr<UnaryCall> UnaryCall::make(Gate::Permit permit) {
    std::shared_ptr<UnaryCall> call(new UnaryCall(std::move(permit)));
    // gRPC holds the object until OnDone.
    call->self_ = call;
    return call;
}

void UnaryCall::OnCancel() {
    if (!finished_.exchange(true)) {
        Finish({grpc::StatusCode::CANCELLED, "the call was cancelled or its deadline has passed"});
    }
}

} // namespace authex::em
