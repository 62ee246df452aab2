#include "tee/sgx/collateral_service.hpp"

#include <atomic>
#include <functional>
#include <httplib.h>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "support/temporary_folder.hpp"
#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {
namespace {

using testing::HasSubstr;
namespace file = collateral_file;

/// A certificate of its own for 127.0.0.1, and its key.
void write_identity(const std::filesystem::path& certificate_file,
                    const std::filesystem::path& key_file) {
    const PublicKey key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, FreeWith<X509_free>> certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("pccs"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> address(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1"));
    X509_add_ext(certificate.get(), address.get(), -1);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    std::FILE* out = std::fopen(certificate_file.c_str(), "wb");
    PEM_write_X509(out, certificate.get());
    std::fclose(out);
    out = std::fopen(key_file.c_str(), "wb");
    PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
}

std::string percent_encoded(const std::string& text) {
    std::string encoded;
    for (const char c : text) {
        encoded += std::isalnum(static_cast<unsigned char>(c)) != 0
                       ? std::string(1, c)
                       : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

/// Serves what a test gives it, as a caching service does.
class CollateralServiceTest : public testing::Test {
  protected:
    CollateralServiceTest() {
        write_identity(certificate_, key_);
        server_ = std::make_unique<httplib::SSLServer>(certificate_.c_str(), key_.c_str());
        const auto serve = [this](const std::string& path, const char* body, const char* header) {
            server_->Get("/sgx/certification/v4/" + path,
                         [=, this](const httplib::Request& request, httplib::Response& answer) {
                             ++requests_;
                             asked_ += request.target + '\n';
                             if (header != nullptr) {
                                 answer.set_header(headers_.at(header), chain_of(header));
                             }
                             answer.set_content(evidence_.collateral.files.at(body),
                                                "application/octet-stream");
                             disturb_(answer);
                         });
        };
        serve("tcb", file::tcb_info, file::tcb_chain);
        serve("qe/identity", file::qe_identity, file::qe_chain);
        serve("pckcrl", file::pck_crl, file::pck_ca_chain);
        serve("rootcacrl", file::root_ca_crl, nullptr);
        address_.url = fmt::format("https://127.0.0.1:{}", server_->bind_to_any_port("127.0.0.1"));
        address_.authority = certificate_;
        listening_ = std::thread([this] { server_->listen_after_bind(); });
        while (!server_->is_running()) {
            std::this_thread::yield();
        }
    }
    ~CollateralServiceTest() override {
        server_->stop();
        listening_.join();
    }
    std::string chain_of(const char* name) {
        return percent_encoded(evidence_.collateral.files.at(name));
    }
    /// What is wrong with the answer; empty where nothing is.
    std::string problem() {
        const auto fetched = CollateralService(address_).fetch(evidence_.quote);
        return fetched ? "" : fetched.error().code + ": " + fetched.error().summary;
    }

    test::TemporaryFolder folder_;
    std::filesystem::path certificate_ = folder_.path() / "certificate.pem";
    std::filesystem::path key_ = folder_.path() / "key.pem";
    Scene scene_;
    Presented evidence_ = scene_.build();
    std::map<std::string, std::string> headers_ = {
        {file::tcb_chain, "TCB-Info-Issuer-Chain"},
        {file::qe_chain, "SGX-Enclave-Identity-Issuer-Chain"},
        {file::pck_ca_chain, "SGX-PCK-CRL-Issuer-Chain"}};
    std::function<void(httplib::Response&)> disturb_ = [](httplib::Response&) {};
    std::atomic<int> requests_ = 0;
    std::string asked_;
    ServiceAddress address_;
    std::unique_ptr<httplib::SSLServer> server_;
    std::thread listening_;
};

TEST_F(CollateralServiceTest, WhatItServesVerifiesTheQuoteOfItsPlatform) {
    const auto fetched = CollateralService(address_).fetch(evidence_.quote);
    ASSERT_TRUE(fetched) << to_text(fetched.error());
    EXPECT_EQ(fetched->files, evidence_.collateral.files);
    EXPECT_THAT(asked_,
                HasSubstr(fmt::format("fmspc={:02X}", fmt::join(scene_.platform.fmspc, ""))));
    EXPECT_THAT(asked_, HasSubstr("ca=platform&encoding=der"));
    QuoteVerifier verifier(*fetched, evidence_.anchor);
    EXPECT_TRUE(verifier.verify(evidence_.quote, {}, Scene::now).genuine);
}

TEST_F(CollateralServiceTest, RevocationListsInHexadecimalDigitsAreTaken) {
    std::string& list = evidence_.collateral.files.at(file::root_ca_crl);
    list =
        fmt::format("{:02x}", fmt::join(std::vector<std::uint8_t>(list.begin(), list.end()), ""));
    const auto fetched = CollateralService(address_).fetch(evidence_.quote);
    ASSERT_TRUE(fetched) << to_text(fetched.error());
    QuoteVerifier verifier(*fetched, evidence_.anchor);
    EXPECT_TRUE(verifier.verify(evidence_.quote, {}, Scene::now).genuine);
}

TEST_F(CollateralServiceTest, IsAskedOnceForAPlatform) {
    CollateralService service(address_);
    EXPECT_TRUE(service.fetch(evidence_.quote));
    EXPECT_TRUE(service.fetch(evidence_.quote));
    EXPECT_EQ(requests_, 4);
}

TEST_F(CollateralServiceTest, WithAnotherCertificateIsNotBelieved) {
    write_identity(folder_.path() / "other.pem", folder_.path() / "other.key");
    address_.authority = folder_.path() / "other.pem";
    EXPECT_THAT(problem(), HasSubstr("collateral-missing"));
    address_.authority = folder_.path() / "nowhere.pem";
    EXPECT_THAT(problem(), HasSubstr("there is no file"));
    address_.authority.clear(); // the system's
    EXPECT_THAT(problem(), HasSubstr("collateral-missing"));
    EXPECT_EQ(requests_, 0);
}

TEST_F(CollateralServiceTest, AnswersThatAreNoneAreRefused) {
    disturb_ = [](httplib::Response& answer) { answer.status = 404; };
    EXPECT_THAT(problem(), HasSubstr("status 404"));
    disturb_ = [](httplib::Response& answer) {
        answer.set_content(std::string(5U << 20U, ' '), "text/plain");
    };
    EXPECT_THAT(problem(), HasSubstr("collateral-missing"));
    disturb_ = [](httplib::Response& answer) { answer.headers.erase("TCB-Info-Issuer-Chain"); };
    EXPECT_THAT(problem(), HasSubstr("no header TCB-Info-Issuer-Chain"));
    for (const char* broken : {"%", "%4", "%4g"}) {
        disturb_ = [&](httplib::Response& answer) {
            answer.headers.erase("TCB-Info-Issuer-Chain");
            answer.set_header("TCB-Info-Issuer-Chain", broken);
        };
        EXPECT_THAT(problem(), HasSubstr("no header TCB-Info-Issuer-Chain")) << broken;
    }
}

TEST_F(CollateralServiceTest, ThatIsNotThereIsNamed) {
    server_->stop();
    EXPECT_THAT(problem(), HasSubstr(address_.url));
}

TEST_F(CollateralServiceTest, IsNotAskedForAQuoteThatIsNone) {
    evidence_.quote.resize(100);
    EXPECT_THAT(problem(), HasSubstr("quote-malformed"));
    EXPECT_EQ(requests_, 0);
}

} // namespace
} // namespace authex::tee::sgx
