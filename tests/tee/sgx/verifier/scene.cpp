#include "tee/sgx/verifier/scene.hpp"

#include <openssl/x509v3.h>

namespace authex::tee::sgx {
namespace {

constexpr UnixTime day = 86'400;
constexpr auto intel_mrsigner = "8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF";

nlohmann::json
level(int svn, int pce_svn, const char* status, std::vector<std::string> advisories) {
    nlohmann::json components = nlohmann::json::array();
    for (std::size_t i = 0; i < tcb_components; ++i) {
        components.push_back({{"svn", svn}});
    }
    nlohmann::json level = {{"tcb", {{"sgxtcbcomponents", components}, {"pcesvn", pce_svn}}},
                            {"tcbDate", "2025-05-14T00:00:00Z"},
                            {"tcbStatus", status}};
    if (!advisories.empty()) {
        level["advisoryIDs"] = std::move(advisories);
    }
    return level;
}

ReportBody quoting_enclave() {
    ReportBody body;
    body.attributes = {.flags = 0x15, .xfrm = 0xE7};
    const auto signer = bytes_of_hex(intel_mrsigner);
    copy(*signer, body.mrsigner);
    body.isv_prod_id = 1;
    body.isv_svn = 8;
    return body;
}

nlohmann::json good_tcb_info() {
    return {{"id", "SGX"},
            {"version", 3},
            {"fmspc", "00606A000000"},
            {"pceId", "0000"},
            {"tcbType", 0},
            {"tcbLevels",
             {level(5, 13, "UpToDate", {}),
              level(4, 13, "SWHardeningNeeded", {"INTEL-SA-00615", "INTEL-SA-00334"}),
              level(3, 13, "ConfigurationNeeded", {"INTEL-SA-00219"}),
              level(2, 11, "OutOfDate", {"INTEL-SA-00657"}),
              level(1, 5, "Revoked", {})}}};
}

} // namespace

Scene::Scene()
    : root_key_(new_key()), authority_key_(new_key()), pck_key_(new_key()), tcb_key_(new_key()),
      attestation_key_(new_key()), stranger_(new_key()) {
    constexpr int signs_certificates = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    const auto spec = [](const char* name, std::uint64_t serial) {
        return CertificateSpec{.common_name = name,
                               .serial = serial,
                               .from = now - 100 * day,
                               .until = now + 100 * day,
                               .key_usage = KU_DIGITAL_SIGNATURE};
    };
    root = spec("Test SGX Root CA", 1);
    authority = spec("Test SGX PCK Platform CA", 2);
    for (CertificateSpec* each : {&root, &authority}) {
        each->authority = true;
        each->key_usage = signs_certificates;
    }
    root.path_length = 1;
    authority.path_length = 0;
    pck = spec("Test SGX PCK Certificate", 3);
    tcb_signing = spec("Test SGX TCB Signing", 4);
    platform = {.fmspc = {0x00, 0x60, 0x6A, 0, 0, 0}, .pce_id = {0, 0}, .tcb = {}};
    platform.tcb.components.fill(5);
    platform.tcb.components[4] = 255;
    platform.tcb.pce = 13;
    root_crl = {.from = now - day, .until = now + 365 * day};
    pck_crl = {.from = now - day, .until = now + 29 * day, .revoked = {77, 78}};
    const nlohmann::json dates = {{"issueDate", "2025-12-31T00:00:00Z"},
                                  {"nextUpdate", "2026-01-30T00:00:00Z"},
                                  {"tcbEvaluationDataNumber", 19}};
    tcb_info = good_tcb_info();
    tcb_info.update(dates);
    qe_identity = {{"id", "QE"},
                   {"version", 2},
                   {"miscselect", "00000000"},
                   {"miscselectMask", "FFFFFFFF"},
                   {"attributes", "11000000000000000000000000000000"},
                   {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
                   {"mrsigner", intel_mrsigner},
                   {"isvprodid", 1},
                   {"tcbLevels",
                    {{{"tcb", {{"isvsvn", 8}}},
                      {"tcbDate", "2025-05-14T00:00:00Z"},
                      {"tcbStatus", "UpToDate"}},
                     {{"tcb", {{"isvsvn", 6}}},
                      {"tcbDate", "2021-11-10T00:00:00Z"},
                      {"tcbStatus", "OutOfDate"},
                      {"advisoryIDs", {"INTEL-SA-00615"}}}}}};
    qe_identity.update(dates);
    quote.body.attributes = {.flags = attribute::init | attribute::mode64, .xfrm = 7};
    quote.body.mrenclave.fill(0xE1);
    quote.body.mrsigner.fill(0x51);
    quote.body.isv_prod_id = 7;
    quote.body.isv_svn = 3;
    quote.body.report_data.fill(0xDA);
    quote.quoting_enclave = quoting_enclave();
    for (std::uint8_t i = 0; i < 32; ++i) {
        quote.authentication_data.push_back(i);
    }
    quote.attestation_key = attestation_key_.get();
    root_signer = root_key_.get();
    authority_signer = list_signer = authority_key_.get();
    statement_signer = identity_signer = tcb_key_.get();
    qe_report_signer = pck_key_.get();
}

Presented Scene::build() {
    const Certificate root_made = issue(root, *root_key_, {.key = root_signer});
    const Issuer by_root = {.certificate = root_made.get(), .key = root_signer};
    const Certificate authority_made = issue(authority, *authority_key_, by_root);
    const Issuer by_authority = {.certificate = authority_made.get(), .key = authority_signer};
    const Certificate tcb_made = issue(tcb_signing, *tcb_key_, by_root);
    CertificateSpec pck_spec = pck;
    if (pck_spec.sgx_extension.empty()) {
        pck_spec.sgx_extension = write_pck_extension(platform);
    }
    const Certificate pck_made = issue(pck_spec, *pck_key_, by_authority);

    Presented evidence;
    evidence.anchor.root_key = public_point(*root_key_);
    auto& files = evidence.collateral.files;
    const std::string root_pem = to_pem(*root_made);
    files[collateral_file::tcb_chain] = to_pem(*tcb_made) + root_pem;
    files[collateral_file::qe_chain] = to_pem(*tcb_made) + root_pem;
    files[collateral_file::pck_ca_chain] = to_pem(*authority_made) + root_pem;
    files[collateral_file::root_ca_crl] = to_der(*issue_crl(root_crl, by_root));
    files[collateral_file::pck_crl] =
        to_der(*issue_crl(pck_crl, {.certificate = authority_made.get(), .key = list_signer}));
    files[collateral_file::tcb_info] = sign_statement("tcbInfo", tcb_info, *statement_signer);
    files[collateral_file::qe_identity] =
        sign_statement("enclaveIdentity", qe_identity, *identity_signer);
    QuoteSpec spec = quote;
    spec.pck_key = qe_report_signer;
    if (spec.pck_chain.empty()) {
        spec.pck_chain = to_pem(*pck_made) + to_pem(*authority_made) + root_pem;
    }
    evidence.quote = write_quote(spec);
    return evidence;
}

Verdict verify(const Presented& evidence, const Policy& policy) {
    return QuoteVerifier(evidence.collateral, evidence.anchor)
        .verify(evidence.quote, policy, Scene::now);
}

std::string failed_step(const Verdict& verdict) {
    const Step* failure = verdict.steps.failure();
    return failure == nullptr ? "" : failure->name;
}

std::string story(const Verdict& verdict) {
    std::string text;
    for (const Step& each : verdict.steps.all()) {
        text += each.name + ": " + each.found + '\n';
        if (each.problem) {
            text += to_text(*each.problem) + '\n';
        }
    }
    return text;
}

} // namespace authex::tee::sgx
