#include "tee/sgx/verifier/collateral.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

namespace fs = std::filesystem;
namespace file = collateral_file;

constexpr std::uintmax_t file_bytes_max = std::uintmax_t{4} * 1024 * 1024;

Expected<std::string> read(const fs::path& path) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    std::ifstream stream(path, std::ios::binary);
    if (error || !stream || size > file_bytes_max) {
        return failure("collateral-unreadable",
                       fmt::format("cannot read {}{}",
                                   path.string(),
                                   size > file_bytes_max && !error ? ": it is too large" : ""),
                       "look at its permissions and its size");
    }
    return std::string(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
}

Expected<std::string_view> need(const Collateral& collateral, const char* name) {
    const auto found = collateral.files.find(name);
    if (found == collateral.files.end()) {
        return failure("collateral-missing",
                       fmt::format("{} is missing", name),
                       "fetch the collateral of the platform, or say where it lies (--collateral)");
    }
    return std::string_view(found->second);
}

/// A signed statement, its signature checked with the key of the chain's leaf.
template <typename Parsed>
Expected<Parsed> read_statement(std::string_view text,
                                const char* member,
                                const Chain& signer,
                                Expected<Parsed> (*parse)(const JsonValue&)) {
    const Expected<SignedJson> json = parse_signed_json(text, member);
    if (!json) {
        return tl::make_unexpected(json.error());
    }
    const std::string_view signed_text = json->value->text;
    const ByteView raw(reinterpret_cast<const std::uint8_t*>(signed_text.data()),
                       signed_text.size());
    if (!signature_holds(*p256_key(*signer.leaf), raw, json->signature)) {
        return failure("collateral-forged",
                       fmt::format("the signature of \"{}\" does not hold", member),
                       "get the collateral again, and keep its bytes as they were served");
    }
    return parse(*json->value);
}

template <typename Parsed>
Expected<Parsed> current(Expected<Parsed> statement, const char* what, UnixTime now) {
    if (statement && !statement->period.contains(now)) {
        Diagnostic diagnostic =
            make_error("collateral-expired",
                       fmt::format("{} does not hold at {}", what, utc_text(now)),
                       "get current collateral, and look at this machine's clock");
        diagnostic.detail = fmt::format("expected: a time from {} to before {}",
                                        utc_text(statement->period.from),
                                        utc_text(statement->period.until));
        return tl::make_unexpected(std::move(diagnostic));
    }
    return statement;
}

std::string describe(const Period& period, std::uint32_t evaluation_number) {
    return fmt::format("evaluation {}, issued {}, next update {}",
                       evaluation_number,
                       utc_text(period.from),
                       utc_text(period.until));
}

template <typename T>
tl::unexpected<Diagnostic> pass_on(const Expected<T>& failed) {
    return tl::make_unexpected(failed.error());
}

/// The key of the one certificate, or of the one that issued itself in a chain.
std::optional<Point> root_in(std::string_view bytes) {
    if (const Expected<Certificate> one = parse_certificate(bytes)) {
        return point_of(**one);
    }
    std::vector<Certificate> roots = parse_certificates(bytes).value_or(std::vector<Certificate>());
    std::erase_if(roots, [](const Certificate& each) {
        return X509_NAME_cmp(X509_get_subject_name(each.get()), X509_get_issuer_name(each.get())) !=
               0;
    });
    return roots.size() == 1 ? point_of(*roots.front()) : std::nullopt;
}

} // namespace

Expected<Collateral> read_collateral(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
        return failure("collateral-unreadable",
                       fmt::format("there is no folder {}", folder.string()),
                       "say where the collateral lies (--collateral)");
    }
    Collateral collateral;
    for (const char* name : file::all) {
        if (fs::exists(folder / name, error)) {
            Expected<std::string> content = read(folder / name);
            if (!content) {
                return pass_on(content);
            }
            collateral.files.emplace(name, std::move(*content));
        }
    }
    return collateral;
}

Expected<bool> write_collateral(const Collateral& collateral, const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    for (const auto& [name, content] : collateral.files) {
        std::ofstream out(folder / name, std::ios::binary | std::ios::trunc);
        out << content;
        if (!out.flush()) {
            return failure("file-unwritable",
                           fmt::format("cannot write {}", (folder / name).string()),
                           "name a folder that can be written");
        }
    }
    return true;
}

Expected<Point> read_root(const fs::path& file) {
    const Expected<std::string> bytes = read(file);
    if (!bytes) {
        return failure("unreadable", bytes.error().summary, "name the root's certificate");
    }
    const std::optional<Point> point = root_in(*bytes);
    if (!point) {
        return failure("certificate-malformed",
                       fmt::format("{} is no certificate with a P-256 key", file.string()),
                       "name the root's certificate, PEM or DER, or a chain with one root in it");
    }
    return *point;
}

Expected<bool> CheckedCollateral::not_revoked_by_root(X509& certificate) const {
    if (root_crl_ != nullptr && is_revoked(*root_crl_, certificate)) {
        return failure("certificate-revoked",
                       fmt::format("\"{}\" (serial {}) is revoked",
                                   subject_of(certificate),
                                   serial_of(certificate)),
                       "do not trust what it signed; get current certificates");
    }
    return true;
}

Expected<bool> CheckedCollateral::take_root_crl(const Collateral& collateral,
                                                const Chain& tcb_chain,
                                                UnixTime now) {
    const Expected<std::string_view> bytes = need(collateral, file::root_ca_crl);
    if (!bytes) {
        return pass_on(bytes);
    }
    Expected<RevocationList> crl = parse_crl(*bytes);
    if (!crl) {
        return pass_on(crl);
    }
    Expected<bool> checked = check_crl(**crl, *tcb_chain.root, now);
    if (checked) {
        root_crl_ = std::move(*crl);
        period_.narrow(period_of(*root_crl_));
    }
    return checked;
}

Expected<bool>
CheckedCollateral::take_pck_crl(const Collateral& collateral, ChainVerifier& chains, UnixTime now) {
    const Expected<std::string_view> pem = need(collateral, file::pck_ca_chain);
    if (!pem) {
        return pass_on(pem);
    }
    Expected<Chain> chain = chains.check(*pem, ChainKind::pck_ca, now);
    if (!chain) {
        return pass_on(chain);
    }
    Expected<bool> checked = not_revoked_by_root(*chain->leaf);
    const Expected<std::string_view> bytes = need(collateral, file::pck_crl);
    if (!checked || !bytes) {
        return checked ? pass_on(bytes) : checked;
    }
    Expected<RevocationList> crl = parse_crl(*bytes);
    if (!crl) {
        return pass_on(crl);
    }
    checked = check_crl(**crl, *chain->leaf, now);
    if (checked) {
        pck_crl_ = std::move(*crl);
        period_.narrow(period_of(*pck_crl_));
        period_.narrow(period_of(*chain));
        pck_ca_chain_ = std::move(*chain);
    }
    return checked;
}

std::optional<CheckedCollateral> CheckedCollateral::check(const Collateral& collateral,
                                                          const TrustAnchor& anchor,
                                                          ChainVerifier& chains,
                                                          UnixTime now,
                                                          Steps& steps) {
    CheckedCollateral checked;
    checked.anchor_ = anchor;
    const auto chain_in = [&](const char* name) -> Expected<Chain> {
        const Expected<std::string_view> pem = need(collateral, name);
        return pem ? chains.check(*pem, ChainKind::tcb_signing, now)
                   : Expected<Chain>(pass_on(pem));
    };
    const auto statement_in =
        [&](const char* name, const char* member, const Chain& signer, auto parse) {
            const Expected<std::string_view> text = need(collateral, name);
            return text ? current(read_statement(*text, member, signer, parse), name, now)
                        : decltype(parse(JsonValue()))(pass_on(text));
        };
    const Expected<Chain> tcb_chain = chain_in(file::tcb_chain);
    if (!steps.note("tcb-info-chain", tcb_chain, "up to the trusted root, in their time")) {
        return std::nullopt;
    }
    if (anchor.check_revocation && !steps.note("root-ca-crl",
                                               checked.take_root_crl(collateral, *tcb_chain, now),
                                               "by the root, in its time")) {
        return std::nullopt;
    }
    if (!steps.note("tcb-signing-revoked",
                    checked.not_revoked_by_root(*tcb_chain->leaf),
                    anchor.check_revocation ? "no" : "not looked at")) {
        return std::nullopt;
    }
    Expected<TcbInfo> tcb_info =
        statement_in(file::tcb_info, "tcbInfo", *tcb_chain, &parse_tcb_info);
    if (!steps.note("tcb-info",
                    tcb_info,
                    tcb_info ? describe(tcb_info->period, tcb_info->evaluation_number) : "")) {
        return std::nullopt;
    }
    const Expected<Chain> qe_chain = chain_in(file::qe_chain);
    if (!steps.note("qe-identity-chain", qe_chain, "up to the trusted root, in their time") ||
        !steps.note("qe-signing-revoked",
                    checked.not_revoked_by_root(*qe_chain->leaf),
                    anchor.check_revocation ? "no" : "not looked at")) {
        return std::nullopt;
    }
    Expected<QeIdentity> identity =
        statement_in(file::qe_identity, "enclaveIdentity", *qe_chain, &parse_qe_identity);
    if (!steps.note("qe-identity",
                    identity,
                    identity ? describe(identity->period, identity->evaluation_number) : "")) {
        return std::nullopt;
    }
    if (anchor.check_revocation && !steps.note("pck-crl",
                                               checked.take_pck_crl(collateral, chains, now),
                                               "by the PCK's authority, in its time")) {
        return std::nullopt;
    }
    for (const Period& each :
         {tcb_info->period, identity->period, period_of(*tcb_chain), period_of(*qe_chain)}) {
        checked.period_.narrow(each);
    }
    checked.tcb_info_ = std::move(*tcb_info);
    checked.qe_identity_ = std::move(*identity);
    return checked;
}

Expected<bool> CheckedCollateral::check_not_revoked(const Chain& pck) const {
    if (!anchor_.check_revocation) {
        return true;
    }
    Expected<bool> checked = not_revoked_by_root(*pck.authority);
    if (!checked) {
        return checked;
    }
    // The same name is not enough: the list counts only for certificates that its key has signed.
    if (X509_NAME_cmp(X509_get_subject_name(pck_ca_chain_.leaf.get()),
                      X509_get_issuer_name(pck.leaf.get())) != 0 ||
        point_of(*pck_ca_chain_.leaf) != point_of(*pck.authority)) {
        Diagnostic diagnostic = make_error(
            "crl-issuer",
            fmt::format("the revocation list is by \"{}\"", subject_of(*pck_ca_chain_.leaf)),
            "get the list of the platform's own authority");
        diagnostic.detail =
            fmt::format("expected: \"{}\", which issued the PCK", subject_of(*pck.authority));
        return tl::make_unexpected(std::move(diagnostic));
    }
    if (is_revoked(*pck_crl_, *pck.leaf)) {
        return failure(
            "certificate-revoked",
            fmt::format("the PCK certificate (serial {}) is revoked", serial_of(*pck.leaf)),
            "the platform's keys are known: do not trust it");
    }
    return true;
}

} // namespace authex::tee::sgx
