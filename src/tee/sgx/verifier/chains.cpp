#include "tee/sgx/verifier/chains.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/x509v3.h>

#include "tee/sgx/verifier/refusal.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

constexpr auto fix_date = "get current collateral, and look at this machine's clock";
/// More than one set of collateral and the platforms of some machines need.
constexpr std::size_t remembered_max = 64;

bool self_issued(const X509& certificate) {
    return X509_NAME_cmp(X509_get_subject_name(&certificate), X509_get_issuer_name(&certificate)) ==
           0;
}

bool issued(const X509& issuer, const X509& subject) {
    return X509_NAME_cmp(X509_get_subject_name(&issuer), X509_get_issuer_name(&subject)) == 0;
}

/// In order: leaf, authority (where there are three), root.
Expected<Chain> in_order(std::vector<Certificate> all, std::size_t count) {
    if (all.size() != count) {
        return refused("chain-malformed",
                       fmt::format("the chain has {} certificates", all.size()),
                       fmt::format("{}", count),
                       fix_chain);
    }
    const auto take = [&all](auto fits) -> Certificate {
        const auto found = std::find_if(all.begin(), all.end(), fits);
        if (found == all.end()) {
            return nullptr;
        }
        Certificate certificate = std::move(*found);
        all.erase(found);
        return certificate;
    };
    Chain chain;
    chain.root = take([](const Certificate& each) { return self_issued(*each); });
    if (chain.root != nullptr && count == 3) {
        chain.authority = take([&](const Certificate& each) { return issued(*chain.root, *each); });
    }
    const X509* issuer = count == 3 ? chain.authority.get() : chain.root.get();
    if (issuer != nullptr) {
        chain.leaf = take([&](const Certificate& each) { return issued(*issuer, *each); });
    }
    if (chain.leaf == nullptr) {
        return refused("chain-malformed",
                       "the certificates do not issue one another",
                       "a chain up to a root that issued itself",
                       fix_chain);
    }
    return chain;
}

Expected<bool>
check_name(const X509& certificate, std::initializer_list<std::string_view> names, bool intels) {
    const std::string found = subject_of(certificate);
    for (const std::string_view name : names) {
        if (intels ? found == fmt::format("Intel {}", name) : found.ends_with(name)) {
            return true;
        }
    }
    return refused("chain-name",
                   fmt::format("a certificate is of \"{}\"", found),
                   fmt::format("\"{}\"", fmt::join(names, "\" or \"")),
                   fix_chain);
}

Expected<bool> check_names(const Chain& chain, ChainKind kind, bool intels) {
    const std::initializer_list<std::string_view> authorities = {"SGX PCK Processor CA",
                                                                 "SGX PCK Platform CA"};
    Expected<bool> named = intels ? check_name(*chain.root, {"SGX Root CA"}, intels) : true;
    if (named && kind == ChainKind::pck) {
        named = check_name(*chain.authority, authorities, intels);
    }
    if (!named) {
        return named;
    }
    switch (kind) {
    case ChainKind::pck:
        return check_name(*chain.leaf, {"SGX PCK Certificate"}, intels);
    case ChainKind::pck_ca:
        return check_name(*chain.leaf, authorities, intels);
    case ChainKind::tcb_signing:
        return check_name(*chain.leaf, {"SGX TCB Signing"}, intels);
    }
    return true;
}

/// What holds for one certificate of itself: version, key, algorithm, usage.
Expected<bool> check_profile(X509& certificate, bool authority) {
    const std::string name = subject_of(certificate);
    if (p256_key(certificate) == nullptr) {
        return refused("chain-key",
                       fmt::format("the key of \"{}\" is not on P-256", name),
                       "a point on the named curve P-256",
                       fix_chain);
    }
    if (X509_get_signature_nid(&certificate) != NID_ecdsa_with_SHA256) {
        return refused("chain-key",
                       fmt::format("\"{}\" is signed in another way", name),
                       "ECDSA with SHA-256",
                       fix_chain);
    }
    const std::uint32_t flags = X509_get_extension_flags(&certificate);
    const bool is_authority = X509_check_ca(&certificate) == 1;
    const std::uint32_t usage = X509_get_key_usage(&certificate); // all, where there is none
    const std::uint32_t needed = authority ? KU_KEY_CERT_SIGN : KU_DIGITAL_SIGNATURE;
    const bool usage_there = !authority || (flags & EXFLAG_KUSAGE) != 0;
    if (X509_get_version(&certificate) != X509_VERSION_3 || (flags & EXFLAG_INVALID) != 0 ||
        is_authority != authority || (usage & needed) == 0 || !usage_there) {
        return refused("chain-usage",
                       fmt::format("\"{}\" may not be used for this", name),
                       authority ? "version 3, a certificate authority that signs certificates"
                                 : "version 3, no certificate authority, digital signatures",
                       fix_chain);
    }
    return true;
}

/// RFC 5280 §6.1.4, of what Intel's profile has: path lengths, no critical extension but these.
Expected<bool> check_constraints(const X509& certificate, long authorities_below) {
    const long path_length = X509_get_pathlen(const_cast<X509*>(&certificate)); // -1: any
    if (path_length >= 0 && path_length < authorities_below) {
        return refused("chain-usage",
                       fmt::format("\"{}\" may not have {} authorities below it",
                                   subject_of(certificate),
                                   authorities_below),
                       fmt::format("at most {}", path_length),
                       fix_chain);
    }
    for (int i = 0; i < X509_get_ext_count(&certificate); ++i) {
        X509_EXTENSION* const extension = X509_get_ext(&certificate, i);
        const int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) != 0 && kind != NID_basic_constraints &&
            kind != NID_key_usage) {
            return refused("chain-usage",
                           fmt::format("\"{}\" has a critical extension that is not known here",
                                       subject_of(certificate)),
                           "only basic constraints and key usage as critical",
                           fix_chain);
        }
    }
    return true;
}

Diagnostic path_error(int error, const X509& where) {
    const bool late = error == X509_V_ERR_CERT_HAS_EXPIRED;
    const bool dated = late || error == X509_V_ERR_CERT_NOT_YET_VALID;
    const bool forged = error == X509_V_ERR_CERT_SIGNATURE_FAILURE;
    Diagnostic diagnostic = make_error(
        dated ? "chain-expired" : (forged ? "chain-signature" : "chain-usage"),
        fmt::format("\"{}\": {}", subject_of(where), X509_verify_cert_error_string(error)),
        dated ? fix_date : fix_chain);
    if (dated) {
        diagnostic.detail = fmt::format("expected: a time from {} to {}",
                                        utc_text(utc_of(*X509_get0_notBefore(&where))),
                                        utc_text(utc_of(*X509_get0_notAfter(&where))));
    }
    return diagnostic;
}

/// Whether the certificate holds at that time, as OpenSSL counts: an X509_V_ error.
int dates_error(const X509& certificate, std::time_t now) {
    const int begun = X509_cmp_time(X509_get0_notBefore(&certificate), &now);
    const int over = X509_cmp_time(X509_get0_notAfter(&certificate), &now);
    if (begun == 0 || over == 0) {
        return begun == 0 ? X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD
                          : X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD;
    }
    if (begun > 0) {
        return X509_V_ERR_CERT_NOT_YET_VALID;
    }
    return over < 0 ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

} // namespace

Period period_of(const Chain& chain) {
    Period period;
    for (const X509* each : {chain.leaf.get(), chain.authority.get(), chain.root.get()}) {
        if (each != nullptr) {
            period.narrow({.from = utc_of(*X509_get0_notBefore(each)),
                           .until = utc_of(*X509_get0_notAfter(each)) + 1});
        }
    }
    return period;
}

Expected<Chain> ChainVerifier::check(std::string_view pem, ChainKind kind, UnixTime now) {
    const auto key = std::pair(kind, std::string(pem));
    if (const auto earlier = chains_.find(key);
        earlier != chains_.end() && period_of(earlier->second).contains(now)) {
        return earlier->second;
    }
    Expected<Chain> chain = check_anew(pem, kind, now);
    if (chain) {
        if (chains_.size() >= remembered_max) {
            chains_.clear();
        }
        chains_[key] = *chain;
    }
    return chain;
}

/// What was read once is not read again: that costs more than a signature.
Expected<std::vector<Certificate>> ChainVerifier::parse(std::string_view pem) {
    const Expected<std::vector<std::string_view>> blocks = certificate_blocks(pem);
    if (!blocks) {
        return tl::make_unexpected(blocks.error());
    }
    if (parsed_.size() >= remembered_max) {
        parsed_.clear();
    }
    std::vector<Certificate> all;
    for (const std::string_view block : *blocks) {
        const std::string text(block);
        auto found = parsed_.find(text);
        if (found == parsed_.end()) {
            const Expected<std::vector<Certificate>> one = parse_certificates(block);
            if (!one) {
                return tl::make_unexpected(one.error());
            }
            found = parsed_.emplace(text, one->front()).first;
        }
        all.push_back(found->second);
    }
    return all;
}

/// A certificate that stands in several chains is verified once.
bool ChainVerifier::is_signed(const Certificate& subject, const Certificate& issuer) {
    const auto pair = std::pair(subject, issuer);
    if (signed_.contains(pair)) {
        return true;
    }
    if (!sgx::is_signed(*subject, *issuer)) {
        return false;
    }
    if (signed_.size() >= remembered_max) {
        signed_.clear();
    }
    signed_.insert(pair);
    return true;
}

/// Signatures and dates from the root, which signs itself, to the leaf.
Expected<bool> ChainVerifier::check_signed(const Chain& chain, UnixTime now) {
    Certificate issuer = chain.root;
    for (const Certificate& each : {chain.root, chain.authority, chain.leaf}) {
        if (each == nullptr) {
            continue;
        }
        const int error =
            is_signed(each, issuer) ? dates_error(*each, now) : X509_V_ERR_CERT_SIGNATURE_FAILURE;
        if (error != X509_V_OK) {
            return tl::make_unexpected(path_error(error, *each));
        }
        issuer = each;
    }
    return true;
}

Expected<Chain> ChainVerifier::check_anew(std::string_view pem, ChainKind kind, UnixTime now) {
    Expected<std::vector<Certificate>> all = parse(pem);
    if (!all) {
        return tl::make_unexpected(all.error());
    }
    Expected<Chain> chain = in_order(std::move(*all), kind == ChainKind::pck ? 3 : 2);
    if (!chain) {
        return chain;
    }
    if (point_of(*chain->root) != root_key_) {
        return refused("chain-root",
                       fmt::format("the root \"{}\" has another key", subject_of(*chain->root)),
                       "the key of the root that is trusted",
                       "another root is trusted only where you name it (--root)");
    }
    Expected<bool> checked = check_names(*chain, kind, root_key_ == intel_root_key);
    for (X509* each : {chain->root.get(), chain->authority.get(), chain->leaf.get()}) {
        if (checked && each != nullptr) {
            checked = check_profile(*each, each != chain->leaf.get() || kind == ChainKind::pck_ca);
        }
        if (checked && each != nullptr) {
            const bool above = each == chain->root.get() && chain->authority != nullptr;
            checked = check_constraints(*each, above ? 1 : 0);
        }
    }
    if (checked) {
        checked = check_signed(*chain, now);
    }
    return checked ? std::move(chain) : tl::make_unexpected(checked.error());
}

} // namespace authex::tee::sgx
