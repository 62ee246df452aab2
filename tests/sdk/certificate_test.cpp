// Names, DER and certificates, as OpenSSL reads them.
#include <authex/web/certificate.hpp>
#include <authex/web/der.hpp>
#include <authex/web/names.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

namespace authex::web {
namespace {

using Octets = std::vector<std::uint8_t>;

ByteView bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Octets address_of(const std::string& text) {
    const Name name = read_name(bytes(text));
    return name.kind == NameKind::address ? Octets(name.address, name.address + name.address_bytes)
                                          : Octets();
}
NameKind kind_of(const std::string& text) {
    return read_name(bytes(text)).kind;
}

TEST(Names, AreOfDns) {
    const std::string label(63, 'a');
    for (const std::string& name : {std::string("localhost"),
                                    std::string("a.b-c.D9"),
                                    std::string("9a.example"),
                                    std::string("*.example.org"),
                                    label + "." + label + "." + label + "." + label.substr(2)}) {
        EXPECT_EQ(kind_of(name), NameKind::dns) << name;
    }
    for (const std::string& name : {std::string(""),
                                    std::string("."),
                                    std::string("a..b"),
                                    std::string("a."),
                                    std::string(".a"),
                                    std::string("-a"),
                                    std::string("a-"),
                                    std::string("a-.b"),
                                    std::string("a.-b"),
                                    std::string("a_b"),
                                    std::string("a b"),
                                    std::string("*"),
                                    std::string("*."),
                                    std::string("a.*"),
                                    std::string("*a.b"),
                                    label + "a",
                                    label + "." + label + "." + label + "." + label}) {
        EXPECT_EQ(kind_of(name), NameKind::none) << name;
    }
}

TEST(Names, AreAddressesOfIpv4) {
    EXPECT_EQ(address_of("127.0.0.1"), (Octets{127, 0, 0, 1}));
    EXPECT_EQ(address_of("255.255.255.255"), (Octets{255, 255, 255, 255}));
    for (const char* wrong :
         {"1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", ".1.2.3", "1.2.3.", "1.2.3.0004", "1234"}) {
        EXPECT_EQ(kind_of(wrong), NameKind::none) << wrong;
    }
}

TEST(Names, AreAddressesOfIpv6) {
    EXPECT_EQ(address_of("::"), Octets(16));
    Octets expected(16);
    expected[15] = 1;
    EXPECT_EQ(address_of("::1"), expected);
    EXPECT_EQ(address_of("2001:DB8::a:b"),
              (Octets{0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xA, 0, 0xB}));
    EXPECT_EQ(address_of("1:2:3:4:5:6:7:8"),
              (Octets{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}));
    EXPECT_EQ(address_of("1:2:3:4:5:6:7::"),
              (Octets{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}));
    EXPECT_EQ(address_of("fe80::"), (Octets{0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    for (const char* wrong : {":",
                              ":::",
                              "1:",
                              ":1",
                              "1::2::3",
                              "1:2:3:4:5:6:7",
                              "1:2:3:4:5:6:7:8:9",
                              "1:2:3:4::5:6:7:8",
                              "12345::",
                              "g::",
                              "::ffff:1.2.3.4",
                              "1:2:::3"}) {
        EXPECT_EQ(kind_of(wrong), NameKind::none) << wrong;
    }
}

TEST(Der, WritesLengthsInTheShortestForm) {
    for (const auto& [size, head] :
         std::vector<std::pair<std::size_t, Octets>>{{0, {4, 0}},
                                                     {127, {4, 0x7F}},
                                                     {128, {4, 0x81, 0x80}},
                                                     {255, {4, 0x81, 0xFF}},
                                                     {256, {4, 0x82, 1, 0}},
                                                     {65535, {4, 0x82, 0xFF, 0xFF}}}) {
        Octets room(70000);
        DerWriter out(room);
        out.value(der::octet_string, Octets(size, 0xAA));
        ASSERT_TRUE(out.ok());
        EXPECT_EQ(out.size(), head.size() + size);
        EXPECT_EQ(
            Octets(out.written().begin(), out.written().begin() + static_cast<long>(head.size())),
            head);
    }
    Octets room(70000);
    DerWriter out(room);
    out.value(der::octet_string, Octets(65536));
    EXPECT_FALSE(out.ok());
}

TEST(Der, FailsForGoodWhereSomethingDoesNotFit) {
    Octets room(3);
    DerWriter out(room);
    out.bytes(Octets(4));
    EXPECT_FALSE(out.ok());
    out.bytes(Octets(1));
    EXPECT_EQ(out.size(), 0U);
}

struct Made {
    std::array<std::uint8_t, secret_bytes> secret{};
    std::array<std::uint8_t, point_bytes> point{};
    Octets room = Octets(8192);
    Certificate certificate;
    std::unique_ptr<X509, decltype(&X509_free)> read{nullptr, X509_free};
};

/// With a key that OpenSSL has made.
Made made(const std::string& names,
          const std::string& from = "2020-01-01",
          const std::string& until = "9999-12-31",
          std::size_t room = 8192) {
    Made all;
    EVP_PKEY* key = EVP_EC_gen("P-256");
    BIGNUM* secret = nullptr;
    EVP_PKEY_get_bn_param(key, "priv", &secret);
    BN_bn2binpad(secret, all.secret.data(), secret_bytes);
    BN_free(secret);
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", all.point.data(), point_bytes, &size);
    EVP_PKEY_free(key);
    all.room.resize(room);
    all.certificate = write_certificate({.names = bytes(names),
                                         .valid_from = bytes(from),
                                         .valid_until = bytes(until),
                                         .evidence = {}},
                                        all.secret,
                                        all.point,
                                        all.room);
    const std::uint8_t* at = all.certificate.der.data();
    if (all.certificate.fault == CertificateFault::none) {
        all.read.reset(d2i_X509(nullptr, &at, static_cast<long>(all.certificate.der.size())));
        EXPECT_EQ(at, all.certificate.der.data() + all.certificate.der.size())
            << "all of it is the certificate";
    }
    return all;
}

std::string text_of(const ASN1_TIME* time) {
    BIO* out = BIO_new(BIO_s_mem());
    ASN1_TIME_print(out, time);
    char text[64]{};
    BIO_read(out, text, sizeof text - 1);
    BIO_free(out);
    return text;
}

TEST(Certificate, IsOneForOpenSsl) {
    const Made all = made("localhost, 127.0.0.1, ::1, *.example.org");
    X509* const read = all.read.get();
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(X509_get_version(read), 2);
    EXPECT_EQ(X509_verify(read, X509_get0_pubkey(read)), 1) << "signed by its own key";
    EXPECT_EQ(X509_check_host(read, "localhost", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(read, "a.example.org", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(read, "example.org", 0, 0, nullptr), 0);
    EXPECT_EQ(X509_check_ip_asc(read, "127.0.0.1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(read, "::1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(read, "127.0.0.2", 0), 0);
    EXPECT_EQ(X509_check_ca(read), 0) << "nobody is trusted through it";
    EXPECT_EQ(X509_get_key_usage(read), static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE));
    EXPECT_EQ(X509_get_extended_key_usage(read), static_cast<std::uint32_t>(XKU_SSL_SERVER));
    EXPECT_EQ(X509_NAME_cmp(X509_get_subject_name(read), X509_get_issuer_name(read)), 0);
    EXPECT_EQ(ASN1_STRING_length(X509_get0_serialNumber(read)), 16);
    EXPECT_EQ(X509_get0_serialNumber(read)->type, V_ASN1_INTEGER) << "not a negative one";
    std::uint8_t* der = nullptr;
    ASSERT_EQ(i2d_PUBKEY(X509_get0_pubkey(read), &der), static_cast<int>(key_info_bytes));
    Octets expected(key_hash_bytes);
    SHA256(der, key_info_bytes, expected.data());
    OPENSSL_free(der);
    std::uint8_t key_hash[key_hash_bytes];
    hash_key(all.point, key_hash);
    EXPECT_EQ(Octets(key_hash, key_hash + key_hash_bytes), expected);
}

TEST(Certificate, HasTheNameOfItsKey) {
    char one[64]{};
    char other[64]{};
    X509_NAME_get_text_by_NID(
        X509_get_subject_name(made("a").read.get()), NID_commonName, one, sizeof one);
    X509_NAME_get_text_by_NID(
        X509_get_subject_name(made("a").read.get()), NID_commonName, other, sizeof other);
    EXPECT_THAT(one, ::testing::MatchesRegex("enclave [0-9a-f]{16}"));
    EXPECT_STRNE(one, other);
}

TEST(Certificate, IsValidOnTheDaysThatAreGiven) {
    const Made near_days = made("a", "1999-02-28", "2049-12-31");
    EXPECT_EQ(text_of(X509_get0_notBefore(near_days.read.get())), "Feb 28 00:00:00 1999 GMT");
    EXPECT_EQ(text_of(X509_get0_notAfter(near_days.read.get())), "Dec 31 23:59:59 2049 GMT");
    EXPECT_EQ(X509_get0_notAfter(near_days.read.get())->type, V_ASN1_UTCTIME);
    const Made far_days = made("a", "1949-01-01", "2050-01-01");
    EXPECT_EQ(X509_get0_notBefore(far_days.read.get())->type, V_ASN1_GENERALIZEDTIME);
    EXPECT_EQ(text_of(X509_get0_notAfter(far_days.read.get())), "Jan  1 23:59:59 2050 GMT");
    for (const char* wrong : {"",
                              "2020",
                              "2020-1-1",
                              "2020-01-0a",
                              "2020/01/01",
                              "2020-01-011",
                              "2020-00-01",
                              "2020-13-01",
                              "2020-01-00",
                              "2020-01-32",
                              "20200101",
                              "1800-01-01",
                              "2020-01-01 "}) {
        EXPECT_EQ(made("a", wrong).certificate.fault, CertificateFault::dates) << wrong;
        EXPECT_EQ(made("a", "2020-01-01", wrong).certificate.fault, CertificateFault::dates)
            << wrong;
    }
}

TEST(Certificate, IsNotMadeForWhatIsNoName) {
    for (const char* wrong : {"", " , ", "a,b c,d_e", "-"}) {
        EXPECT_EQ(made(wrong).certificate.fault, CertificateFault::names) << wrong;
    }
}

TEST(Certificate, IsNotMadeWhereItDoesNotFit) {
    const std::size_t needed = made("a").certificate.der.size();
    for (const std::size_t room :
         {std::size_t{0}, std::size_t{95}, std::size_t{96}, std::size_t{200}, needed - 40}) {
        EXPECT_EQ(made("a", "2020-01-01", "2030-01-01", room).certificate.fault,
                  CertificateFault::room)
            << room;
    }
}

TEST(Certificate, IsThePemThatOpenSslWrites) {
    for (std::size_t more = 0; more < 49; ++more) {
        const Made all = made(std::string(more + 1, 'a'));
        Octets room(4096);
        Writer out(room);
        write_pem(all.certificate.der, out);
        BIO* expected = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(expected, all.read.get());
        std::string text(4096, '\0');
        text.resize(static_cast<std::size_t>(BIO_read(expected, text.data(), 4096)));
        BIO_free(expected);
        EXPECT_EQ(std::string(room.begin(), room.begin() + static_cast<long>(out.size())), text);
    }
}

} // namespace
} // namespace authex::web
