#include "tee/sgx/simulator/platform.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "tee/sgx/provisioning/quote_writer.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr UnixTime day = 86'400;
constexpr UnixTime period = 30 * day;
constexpr std::uint8_t svn = 1; ///< of every part of the platform
constexpr auto fmspc = "000000000000";

Measurement named(std::string_view name) {
    Measurement hash{};
    SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), hash.data());
    return hash;
}

Measurement quoting_enclave_signer() {
    return named("authex simulated quoting enclave signer");
}

Expected<CpuKey> open_processor(const fs::path& file) {
    CpuKey key{};
    const int fresh = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fresh >= 0) {
        const bool written =
            RAND_bytes(key.data(), static_cast<int>(key.size())) == 1 &&
            ::write(fresh, key.data(), key.size()) == static_cast<ssize_t>(key.size());
        ::close(fresh);
        if (!written) {
            ::unlink(file.c_str());
        }
    }
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const bool read = descriptor >= 0 && ::read(descriptor, key.data(), key.size()) ==
                                             static_cast<ssize_t>(key.size());
    if (descriptor >= 0) {
        ::close(descriptor);
    }
    if (!read) {
        return failure("module-files",
                       fmt::format("cannot read 16 bytes of {}: {}",
                                   file.string(),
                                   std::generic_category().message(errno)),
                       "look at the folder's owner, mode and room");
    }
    return key;
}

SharedKey shared(KeyPair key) {
    return {key.release(), EVP_PKEY_free};
}

Expected<SharedKey> open_key(const fs::path& file) {
    return open_key_file(
        file,
        {.make = [] { return shared(new_key()); },
         .fits =
             [](const EVP_PKEY& key) {
                 return EVP_PKEY_is_a(&key, "EC") == 1 && EVP_PKEY_get_bits(&key) == 256;
             },
         .name = "key on P-256",
         .command = "remove the file: another is made; if it is the root's, deployers must be told "
                    "to trust it"});
}

CertificateSpec certificate(const char* name, std::uint64_t serial, UnixTime now) {
    return {.common_name = name,
            .serial = serial,
            .from = now - day,
            .until = now + period,
            .key_usage = KU_DIGITAL_SIGNATURE};
}

CertificateSpec authority(const char* name, std::uint64_t serial, UnixTime now, int path_length) {
    CertificateSpec spec = certificate(name, serial, now);
    spec.authority = true;
    spec.path_length = path_length;
    spec.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    return spec;
}

json dates(UnixTime now) {
    return {{"issueDate", utc_text(now - day)},
            {"nextUpdate", utc_text(now + period)},
            {"tcbEvaluationDataNumber", 1}};
}

json tcb_info(UnixTime now) {
    json components = json::array();
    for (std::size_t i = 0; i < tcb_components; ++i) {
        components.push_back({{"svn", svn}});
    }
    json info = {{"id", "SGX"},
                 {"version", 3},
                 {"fmspc", fmspc},
                 {"pceId", "0000"},
                 {"tcbType", 0},
                 {"tcbLevels",
                  {{{"tcb", {{"sgxtcbcomponents", components}, {"pcesvn", svn}}},
                    {"tcbDate", utc_text(now - day)},
                    {"tcbStatus", "UpToDate"}}}}};
    info.update(dates(now));
    return info;
}

std::string hex(ByteView bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += fmt::format("{:02X}", byte);
    }
    return text;
}

json qe_identity(UnixTime now) {
    json identity = {{"id", "QE"},
                     {"version", 2},
                     {"miscselect", "00000000"},
                     {"miscselectMask", "FFFFFFFF"},
                     {"attributes", "15000000000000000000000000000000"},
                     {"attributesMask", "FFFFFFFFFFFFFFFF0000000000000000"},
                     {"mrsigner", hex(quoting_enclave_signer())},
                     {"isvprodid", 1},
                     {"tcbLevels",
                      {{{"tcb", {{"isvsvn", svn}}},
                        {"tcbDate", utc_text(now - day)},
                        {"tcbStatus", "UpToDate"}}}}};
    identity.update(dates(now));
    return identity;
}

ReportBody quoting_enclave_body() {
    const Target target = SimulatedPlatform::quoting_enclave();
    ReportBody body;
    body.attributes = target.attributes;
    body.mrenclave = target.mrenclave;
    body.mrsigner = quoting_enclave_signer();
    body.isv_prod_id = 1;
    body.isv_svn = svn;
    return body;
}

PckExtension platform() {
    PckExtension extension;
    extension.tcb.components.fill(svn);
    extension.tcb.pce = svn;
    return extension;
}

} // namespace

Target SimulatedPlatform::quoting_enclave() {
    return {.mrenclave = named("authex simulated quoting enclave"),
            .attributes = {.flags = attribute::init | attribute::mode64 | attribute::provision_key,
                           .xfrm = 3}};
}

Expected<SimulatedPlatform> SimulatedPlatform::open(const fs::path& folder) {
    Keys keys;
    for (const auto& [name, key] : {std::pair("sgx-root.pem", &keys.root),
                                    std::pair("sgx-authority.pem", &keys.authority),
                                    std::pair("sgx-pck.pem", &keys.pck),
                                    std::pair("sgx-tcb-signing.pem", &keys.tcb_signing)}) {
        Expected<SharedKey> opened = open_key(folder / name);
        if (!opened) {
            return tl::make_unexpected(opened.error());
        }
        *key = std::move(*opened);
    }
    const Expected<CpuKey> processor = open_processor(folder / "sgx-processor");
    if (!processor) {
        return tl::make_unexpected(processor.error());
    }
    return SimulatedPlatform(std::move(keys), *processor);
}

Expected<Evidence> SimulatedPlatform::quote(ByteView report, UnixTime now) const {
    if (report.size() != sgx_report_bytes || !report_holds(processor_, quoting_enclave(), report)) {
        return failure("report-forged",
                       "no enclave of this node has made this report",
                       "load the module again");
    }
    const KeyPair attestation_key = new_key();
    const Certificate root = issue(authority("Authex Simulated SGX Root CA", 1, now, 1),
                                   *keys_.root,
                                   {.key = keys_.root.get()});
    const Issuer by_root = {.certificate = root.get(), .key = keys_.root.get()};
    const Certificate platform_ca = issue(
        authority("Authex Simulated SGX PCK Platform CA", 2, now, 0), *keys_.authority, by_root);
    const Issuer by_platform = {.certificate = platform_ca.get(), .key = keys_.authority.get()};
    CertificateSpec pck_spec = certificate("Authex Simulated SGX PCK Certificate", 3, now);
    pck_spec.sgx_extension = write_pck_extension(platform());
    const Certificate pck = issue(pck_spec, *keys_.pck, by_platform);
    const Certificate signing =
        issue(certificate("Authex Simulated SGX TCB Signing", 4, now), *keys_.tcb_signing, by_root);

    const CrlSpec nobody = {.from = now - day, .until = now + period};
    const std::string root_pem = to_pem(*root);
    const std::string signing_chain = to_pem(*signing) + root_pem;
    Evidence evidence;
    evidence.collateral.files = {
        {collateral_file::tcb_info, sign_statement("tcbInfo", tcb_info(now), *keys_.tcb_signing)},
        {collateral_file::qe_identity,
         sign_statement("enclaveIdentity", qe_identity(now), *keys_.tcb_signing)},
        {collateral_file::tcb_chain, signing_chain},
        {collateral_file::qe_chain, signing_chain},
        {collateral_file::pck_crl, to_der(*issue_crl(nobody, by_platform))},
        {collateral_file::root_ca_crl, to_der(*issue_crl(nobody, by_root))},
        {collateral_file::pck_ca_chain, to_pem(*platform_ca) + root_pem}};
    evidence.quote = write_quote({.body = parse_report_body(report.first(report_body_bytes)),
                                  .quoting_enclave = quoting_enclave_body(),
                                  .authentication_data = std::vector<std::uint8_t>(32),
                                  .pck_chain = to_pem(*pck) + to_pem(*platform_ca) + root_pem,
                                  .attestation_key = attestation_key.get(),
                                  .pck_key = keys_.pck.get()});
    return evidence;
}

Expected<TargetInfo> SimulatedQuoting::target() {
    TargetInfo target{};
    write_target(SimulatedPlatform::quoting_enclave(), target);
    return target;
}

Expected<Evidence> SimulatedQuoting::quote(ByteView report) {
    return platform_.quote(report,
                           std::chrono::duration_cast<std::chrono::seconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

} // namespace authex::tee::sgx
