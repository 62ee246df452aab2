#include "em/control/calls.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

namespace authex::em {
namespace {

/// SHA-256 of the certificate's SubjectPublicKeyInfo in hex; empty if it is no certificate.
std::string key_digest(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> source(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr), X509_free);
    if (certificate == nullptr) {
        return {};
    }
    unsigned char* encoded = nullptr;
    const int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &encoded);
    if (bytes <= 0) {
        return {};
    }
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(encoded, static_cast<std::size_t>(bytes), digest.data());
    OPENSSL_free(encoded);
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

} // namespace

Gate::Permit Gate::enter() {
    if (inside_.fetch_add(1) >= limit_) {
        inside_.fetch_sub(1);
        return nullptr;
    }
    return {this, [](Gate* gate) { gate->inside_.fetch_sub(1); }};
}

Expected<Owner> owner_of(const grpc::ServerContextBase& context, bool tls) {
    if (!tls) {
        return Owner(local_owner);
    }
    const auto authenticated = context.auth_context();
    Owner owner;
    if (authenticated != nullptr && authenticated->IsPeerAuthenticated()) {
        for (const grpc::string_ref& pem : authenticated->FindPropertyValues("x509_pem_cert")) {
            owner = key_digest({pem.data(), pem.size()});
        }
    }
    if (owner.empty()) {
        return failure("certificate-missing",
                       "the caller has shown no certificate",
                       "connect with a client certificate of the node's authority");
    }
    return owner;
}

Expected<Caller>
caller_of(const grpc::ServerContextBase& context, bool tls, std::uint32_t deployment) {
    const Expected<Owner> owner = owner_of(context, tls);
    if (!owner) {
        return tl::make_unexpected(owner.error());
    }
    const auto now = std::chrono::system_clock::now();
    // Without a deadline, gRPC says the end of time.
    const auto deadline = context.deadline();
    if (deadline > now + deadline_max) {
        return failure("deadline-missing",
                       "the call has no deadline, or one more than a day away",
                       "set a deadline on every call");
    }
    return Caller{.owner = *owner,
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
