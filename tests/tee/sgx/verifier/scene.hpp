#pragma once
// A platform, its provisioning and one quote, under a root of the test's own. Everything is right
// at first; a test changes one thing and looks at what the verifier says.

#include <functional>

#include <nlohmann/json.hpp>

#include "tee/sgx/provisioning/authority.hpp"
#include "tee/sgx/provisioning/quote_writer.hpp"
#include "tee/sgx/verifier/quote_verifier.hpp"

namespace authex::tee::sgx {

/// What a verifier is given.
struct Presented {
    std::vector<std::uint8_t> quote;
    Collateral collateral;
    TrustAnchor anchor;
};

class Scene {
  public:
    Scene();

    // What is issued.
    CertificateSpec root, authority, pck, tcb_signing;
    PckExtension platform;
    CrlSpec root_crl, pck_crl;
    nlohmann::json tcb_info, qe_identity;
    QuoteSpec quote;

    // Who signs what. The keys belong to the scene.
    EVP_PKEY* root_signer;      ///< the root's certificate and list, authority, TCB signing
    EVP_PKEY* authority_signer; ///< PCK certificate
    EVP_PKEY* list_signer;      ///< the PCKs' revocation list
    EVP_PKEY* statement_signer; ///< TCB info
    EVP_PKEY* identity_signer;  ///< QE identity
    EVP_PKEY* qe_report_signer; ///< report of the Quoting Enclave

    [[nodiscard]] Presented build();
    [[nodiscard]] EVP_PKEY* stranger() const { return stranger_.get(); }
    [[nodiscard]] EVP_PKEY* pck_key() const { return pck_key_.get(); }

    static constexpr UnixTime now = 1'767'225'600; // 2026-01-01T00:00:00Z

  private:
    KeyPair root_key_, authority_key_, pck_key_, tcb_key_, attestation_key_, stranger_;
};

/// At Scene::now.
[[nodiscard]] Verdict verify(const Presented& evidence, const Policy& policy = {});

/// The name of the step that failed; empty where none did.
[[nodiscard]] std::string failed_step(const Verdict& verdict);

/// All steps, to be read when a test fails.
[[nodiscard]] std::string story(const Verdict& verdict);

} // namespace authex::tee::sgx
