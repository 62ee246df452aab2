#include "deployer/credentials.hpp"

#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate certificate_at(const fs::path& file) {
    BIO* source = BIO_new_file(file.c_str(), "r");
    Certificate certificate(PEM_read_bio_X509(source, nullptr, nullptr, nullptr), X509_free);
    BIO_free(source);
    return certificate;
}
bool key_belongs(const TlsFiles& files) {
    BIO* source = BIO_new_file(files.key.c_str(), "r");
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(source, nullptr, nullptr, nullptr);
    BIO_free(source);
    const bool belongs =
        key != nullptr && X509_check_private_key(certificate_at(files.certificate).get(), key) == 1;
    EVP_PKEY_free(key);
    return belongs;
}
bool signed_by(const TlsFiles& files, const fs::path& authority) {
    EVP_PKEY* const key = X509_get_pubkey(certificate_at(authority).get());
    const bool verified = X509_verify(certificate_at(files.certificate).get(), key) == 1;
    EVP_PKEY_free(key);
    return verified;
}
bool only_for_owner(const fs::path& file) {
    const auto others = fs::perms::group_all | fs::perms::others_all;
    return (fs::status(file).permissions() & others) == fs::perms::none;
}
template <typename T>
std::string code(const Expected<T>& outcome) {
    return outcome ? "ok" : outcome.error().code;
}

class Credentials : public ::testing::Test {
  protected:
    test::TemporaryFolder folder;
    fs::path state = folder.path() / "app" / ".authex";
};

TEST_F(Credentials, TheOwnerKeyIsMadeOnceAndReadAgain) {
    const auto made = open_owner_key(state);
    const auto again = open_owner_key(state);
    ASSERT_TRUE(made) << made.error().summary;
    ASSERT_TRUE(again);
    EXPECT_EQ(made->secret, again->secret);
    EXPECT_EQ(made->public_key, again->public_key);
    EXPECT_NE(made->secret, decltype(made->secret){});
}

TEST_F(Credentials, SecretsAreReadableByTheOwnerOnly) {
    ASSERT_TRUE(open_owner_key(state));
    ASSERT_TRUE(open_deployer_tls(state));
    EXPECT_TRUE(only_for_owner(state));
    EXPECT_TRUE(only_for_owner(state / "owner.key"));
    EXPECT_TRUE(only_for_owner(state / "tls" / "ca.key"));
    EXPECT_TRUE(only_for_owner(state / "tls" / "deployer.key"));
}

TEST_F(Credentials, TwoApplicationsHaveDifferentOwners) {
    const auto one = open_owner_key(state);
    const auto other = open_owner_key(folder.path() / "other");
    ASSERT_TRUE(one && other);
    EXPECT_NE(one->secret, other->secret);
}

TEST_F(Credentials, ADamagedOwnerKeyIsRefusedAndKept) {
    for (const std::string damage : {"", "00", "zz", "\n"}) {
        ASSERT_TRUE(open_owner_key(state));
        std::ofstream(state / "owner.key", std::ios::trunc) << damage;
        EXPECT_EQ(code(open_owner_key(state)), "owner-key-damaged") << damage;
        EXPECT_EQ(fs::file_size(state / "owner.key"), damage.size());
        fs::remove(state / "owner.key");
        EXPECT_EQ(code(open_owner_key(state)), "owner-key-missing")
            << "another owner does not take its place without being asked";
        fs::remove(state / "owner.pub");
    }
}

TEST_F(Credentials, AnOwnerKeyThatOthersMayReadIsRefused) {
    ASSERT_TRUE(open_owner_key(state));
    fs::permissions(state / "owner.key", fs::perms::group_read, fs::perm_options::add);
    const auto refused = open_owner_key(state);
    ASSERT_EQ(code(refused), "owner-key-readable-by-others");
    EXPECT_NE(refused.error().fix.find("chmod 600"), std::string::npos);
}

TEST_F(Credentials, ADelegateKeyIsMadeOnceAndIsNotTheOwners) {
    ASSERT_TRUE(open_owner_key(state));
    EXPECT_FALSE(open_owner_key(state)->delegate_key);
    ASSERT_TRUE(make_delegate_key(state));
    EXPECT_TRUE(only_for_owner(state / "delegate.key"));
    const auto owner = open_owner_key(state);
    ASSERT_TRUE(owner && owner->delegate_key);
    EXPECT_EQ(owner->index, 0);
    EXPECT_FALSE(owner->is_delegates());
    ASSERT_TRUE(make_delegate_key(state));
    EXPECT_EQ(open_owner_key(state)->delegate_key, owner->delegate_key);
    forget_delegate_key(state);
    EXPECT_FALSE(open_owner_key(state)->delegate_key);
    std::ofstream(state / "delegate.key") << "nothing of the kind";
    fs::permissions(state / "delegate.key", fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(code(make_delegate_key(state)), "owner-key-damaged");
}

TEST_F(Credentials, ADelegatesFolderHasItsKeyInThePlaceOfTheOwners) {
    const auto owner = open_owner_key(state);
    ASSERT_TRUE(owner && make_delegate_key(state));
    std::ofstream(state / "delegation.json") << "{}";
    const auto key = open_owner_key(state);
    ASSERT_TRUE(key) << key.error().summary;
    EXPECT_TRUE(key->is_delegates());
    EXPECT_EQ(key->public_key, owner->public_key);
    EXPECT_NE(key->secret, owner->secret);
    fs::remove(state / "owner.pub");
    EXPECT_EQ(code(open_owner_key(state)), "owner-key-mismatch") << "it is nobody's owner key";
}

TEST_F(Credentials, TheDeployersCertificateIsSignedByTheAuthorityAndStays) {
    const auto files = open_deployer_tls(state);
    ASSERT_TRUE(files) << files.error().summary;
    EXPECT_TRUE(signed_by(*files, files->authority));
    EXPECT_TRUE(key_belongs(*files));
    const Certificate first = certificate_at(files->certificate);
    ASSERT_TRUE(open_deployer_tls(state));
    EXPECT_EQ(X509_cmp(first.get(), certificate_at(files->certificate).get()), 0);
}

TEST_F(Credentials, FirstStartsAtOnceAgreeOnOneAuthorityAndOneKey) {
    std::vector<std::jthread> starts;
    std::array<std::string, 8> outcomes;
    for (std::string& outcome : outcomes) {
        starts.emplace_back([&] { outcome = code(open_deployer_tls(state)); });
    }
    starts.clear();
    for (const std::string& outcome : outcomes) {
        EXPECT_EQ(outcome, "ok");
    }
    const auto files = open_deployer_tls(state);
    ASSERT_TRUE(files);
    EXPECT_TRUE(key_belongs(*files));
    EXPECT_TRUE(signed_by(*files, files->authority));
}

TEST_F(Credentials, AnAuthorityWithAForeignKeyIsRefused) {
    ASSERT_TRUE(open_deployer_tls(state));
    ASSERT_TRUE(open_deployer_tls(folder.path() / "other"));
    fs::copy_file(folder.path() / "other/tls/ca.key",
                  state / "tls/ca.key",
                  fs::copy_options::overwrite_existing);
    EXPECT_EQ(code(open_deployer_tls(state)), "tls");
}

TEST_F(Credentials, ADamagedAuthorityIsRefused) {
    ASSERT_TRUE(open_deployer_tls(state));
    std::ofstream(state / "tls/ca.crt", std::ios::trunc) << "no certificate";
    EXPECT_EQ(code(open_deployer_tls(state)), "tls");
}

TEST_F(Credentials, ANodesCertificateNamesItsHosts) {
    const fs::path bundle = folder.path() / "bundle";
    const auto files =
        make_node_bundle(state, "edge", {"edge.example", "192.0.2.7", "2001:db8::7"}, bundle);
    ASSERT_TRUE(files) << files.error().summary;
    X509* const certificate = certificate_at(files->certificate).release();
    EXPECT_EQ(X509_check_host(certificate, "edge.example", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate, "192.0.2.7", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate, "2001:db8::7", 0), 1);
    EXPECT_NE(X509_check_host(certificate, "other.example", 0, 0, nullptr), 1);
    EXPECT_NE(X509_check_ip_asc(certificate, "192.0.2.8", 0), 1);
    EXPECT_EQ(X509_check_ca(certificate), 0);
    X509_free(certificate);
    EXPECT_TRUE(signed_by(*files, state / "tls/ca.crt"));
    EXPECT_TRUE(key_belongs(*files));
    EXPECT_TRUE(only_for_owner(files->key));
    EXPECT_FALSE(fs::exists(bundle / "ca.key"));
}

TEST_F(Credentials, AHostThatWouldAddToTheCertificateIsRefused) {
    for (const std::string host : {"a,DNS:evil", "a b", "", "a\nb", "@section", "*.example"}) {
        EXPECT_EQ(code(make_node_bundle(state, "edge", {host}, folder.path() / "b")), "tls")
            << host;
    }
}

TEST_F(Credentials, AFolderThatCannotBeMadeIsSaidSo) {
    const fs::path file = folder.write("file", "x");
    EXPECT_EQ(code(open_owner_key(file / "state")), "file-unwritable");
    EXPECT_EQ(code(open_deployer_tls(file / "state")), "file-unwritable");
}

} // namespace
} // namespace authex::deployer
