// Pages, measurement, SGXS, SIGSTRUCT.
#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tee/compile/compiler.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/image/sgxs.hpp"
#include "tee/sgx/sgx_modules.hpp"
#include "tee/sgx/signer.hpp"

namespace authex::tee::sgx {
namespace {

using Octets = std::vector<std::uint8_t>;

class ImageTest : public testing::Test {
  protected:
    ImageTest() {
        static const Image image =
            test::build_enclave("#include <authex/module.hpp>\n"
                                "AUTHEX_ENTRY(e, call) { call.result.u8(1); }\n");
        bytes_ = test::require(compile::read_file(image.path));
        identity_ = image.identity;
        EXPECT_TRUE(parse_image_file(
            {reinterpret_cast<const std::uint8_t*>(bytes_.data()), bytes_.size()}, file_));
        plan_enclave(file_.program, file_.stack_bytes, plan_);
        EXPECT_EQ(plan_.refusal, nullptr);
    }
    static std::string code(const Octets& stream) {
        const auto summary = read_sgxs(stream);
        return summary ? "" : summary.error().code;
    }

    std::string bytes_;
    Octets identity_;
    ImageFile file_;
    EnclavePlan plan_;
};

TEST_F(ImageTest, TheStreamsHashIsTheIdentity) {
    const Octets stream = write_sgxs(plan_);
    const auto summary = read_sgxs(stream);
    ASSERT_TRUE(summary) << to_text(summary.error());
    EXPECT_EQ(Octets(summary->mrenclave.begin(), summary->mrenclave.end()), identity_);
    EXPECT_EQ(summary->mrenclave, measure(plan_));
    EXPECT_EQ(summary->threads, 1U);
    EXPECT_EQ(summary->size, plan_.size);
    EXPECT_EQ(summary->measured_chunks, 16 * summary->pages) << "every page is measured";
}

TEST_F(ImageTest, NoPageIsWritableAndExecutable) {
    for (const Region& region : plan_.all()) {
        EXPECT_NE(region.flags & (secinfo::write | secinfo::execute),
                  secinfo::write | secinfo::execute);
    }
}

TEST_F(ImageTest, AStreamCutAnywhereIsRefused) {
    const Octets whole = write_sgxs(plan_);
    for (const std::size_t size :
         {0U, 1U, 63U, 65U, 127U, 129U, 64U + 64U + 64U, 64U + 64U + 64U + 255U}) {
        EXPECT_EQ(code({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
                  "sgxs-malformed")
            << size;
    }
}

TEST_F(ImageTest, StreamsOutOfOrderAreRefused) {
    const Octets whole = write_sgxs(plan_);
    constexpr std::size_t page = 64 + 16 * (64 + 256);
    const auto part = [&](std::size_t from, std::size_t bytes) {
        return Octets(whole.begin() + static_cast<std::ptrdiff_t>(from),
                      whole.begin() + static_cast<std::ptrdiff_t>(from + bytes));
    };
    const auto joined = [](std::initializer_list<Octets> parts) {
        Octets all;
        for (const Octets& each : parts) {
            all.insert(all.end(), each.begin(), each.end());
        }
        return all;
    };
    const Octets create = part(0, 64);
    const Octets first = part(64, page);
    const Octets second = part(64 + page, page);
    EXPECT_EQ(code(joined({create, first, second})), "");
    EXPECT_EQ(code(joined({create, second, first})), "sgxs-malformed");
    EXPECT_EQ(code(joined({create, first, first})), "sgxs-malformed");
    EXPECT_EQ(code(joined({create, create})), "sgxs-malformed");
    EXPECT_EQ(code(joined({first})), "sgxs-malformed");
    const Octets chunk = part(64 + 64, 64 + 256);
    EXPECT_EQ(code(joined({create, chunk})), "sgxs-malformed") << "content without a page";
    EXPECT_EQ(code(joined({create, first, chunk})), "sgxs-malformed") << "content twice";
    EXPECT_EQ(code(joined({create, second, chunk})), "sgxs-malformed") << "of another page";
}

TEST_F(ImageTest, EachFieldThatMustBeZeroIsLookedAt) {
    const Octets good = write_sgxs(plan_);
    for (const std::size_t at :
         {20U, 63U, 64U + 17U, 64U + 24U, 64U + 63U, 128U + 16U, 128U + 63U}) {
        Octets changed = good;
        changed[at] ^= 0x20;
        EXPECT_EQ(code(changed), "sgxs-malformed") << at;
    }
}

TEST_F(ImageTest, OtherStacksAndProgramsAreRefused) {
    for (const std::uint64_t stack : {std::uint64_t{0}, std::uint64_t{100}, enclave_bytes_max}) {
        EnclavePlan plan;
        plan_enclave(file_.program, stack, plan);
        EXPECT_NE(plan.refusal, nullptr) << stack;
    }
    EnclavePlan plan;
    plan_enclave(file_.program.first(100), page_bytes, plan);
    EXPECT_NE(plan.refusal, nullptr);
}

TEST_F(ImageTest, TheSignatureIsCheckedAsTheProcessorDoes) {
    Octets sigstruct(file_.sigstruct.begin(), file_.sigstruct.end());
    EXPECT_TRUE(signature_holds(sigstruct));
    for (const std::size_t at : {0U, 20U, 24U, 128U, 512U, 516U, 900U, 928U, 944U, 960U, 1024U}) {
        Octets changed = sigstruct;
        changed[at] ^= 1;
        EXPECT_FALSE(signature_holds(changed)) << at;
    }
    EXPECT_FALSE(signature_holds(ByteView(sigstruct).first(sigstruct_bytes - 1)));
}

TEST_F(ImageTest, ASignatureMadeElsewhereIsAttached) {
    Sigstruct fields;
    ASSERT_TRUE(parse_sigstruct(file_.sigstruct, fields));
    const Sigstruct made = fields;
    RsaNumber signature = fields.signature;
    std::reverse(signature.begin(), signature.end());
    fields.signature = fields.q1 = fields.q2 = {};
    ASSERT_TRUE(attach_signature(fields, made.modulus, signature));
    EXPECT_EQ(fields.q1, made.q1);
    EXPECT_EQ(fields.q2, made.q2);
    signature[5] ^= 1;
    EXPECT_FALSE(attach_signature(fields, made.modulus, signature));
    EXPECT_FALSE(attach_signature(fields, made.modulus, ByteView(signature).first(383)));
}

/// What a hardware security module does with what it is given.
class DistantKeyTest : public testing::Test {
  protected:
    DistantKeyTest() {
        EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr);
        BIGNUM* three = BN_new();
        BN_set_word(three, 3);
        EVP_PKEY_keygen_init(context);
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, 3072);
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, three);
        EVP_PKEY* key = nullptr;
        EVP_PKEY_keygen(context, &key);
        key_.reset(key, EVP_PKEY_free);
        BN_free(three);
        EVP_PKEY_CTX_free(context);
        BIO* out = BIO_new_file((folder_.path() / "vendor.pub").c_str(), "wb");
        PEM_write_bio_PUBKEY(out, key_.get());
        BIO_free_all(out);
        folder_.write("module.cpp",
                      "#include <authex/module.hpp>\n"
                      "AUTHEX_ENTRY(e, call) { call.result.u8(1); }\n");
    }
    Expected<Image> build() {
        return test::sgx_builder()->build({.module = "m",
                                           .sources = {"module.cpp"},
                                           .root = folder_.path(),
                                           .owner_key = {1, 2, 3},
                                           .signing = {.key = {},
                                                       .public_key = folder_.path() / "vendor.pub",
                                                       .signatures = folder_.path() / "signatures"},
                                           .product = 7,
                                           .svn = svn_});
    }
    void sign() {
        const std::string message =
            test::require(compile::read_file(folder_.path() / "signatures/m.to-sign"));
        EXPECT_EQ(message.size(), signed_fields_bytes);
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        std::string signature(rsa_bytes, '\0');
        std::size_t size = signature.size();
        EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get());
        EVP_DigestSign(context,
                       reinterpret_cast<unsigned char*>(signature.data()),
                       &size,
                       reinterpret_cast<const unsigned char*>(message.data()),
                       message.size());
        EVP_MD_CTX_free(context);
        folder_.write("signatures/m.sig", signature);
    }

    test::TemporaryFolder folder_;
    SharedKey key_;
    std::uint16_t svn_ = 2;
};

TEST_F(DistantKeyTest, SignsWhatTheBuilderWritesAndIsNeverSeen) {
    const auto unsigned_yet = build();
    ASSERT_FALSE(unsigned_yet);
    EXPECT_EQ(unsigned_yet.error().code, "signature-missing");
    EXPECT_THAT(unsigned_yet.error().summary, testing::HasSubstr("m.sig is not there"));
    EXPECT_THAT(unsigned_yet.error().fix, testing::HasSubstr("openssl dgst -sha256 -sign KEY"));
    sign();
    const auto image = build();
    ASSERT_TRUE(image) << to_text(image.error());
    const std::string bytes = test::require(compile::read_file(image->path));
    ImageFile file;
    Sigstruct fields;
    ASSERT_TRUE(parse_image_file(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, file));
    EXPECT_TRUE(signature_holds(file.sigstruct));
    ASSERT_TRUE(parse_sigstruct(file.sigstruct, fields));
    EXPECT_EQ(fields.isv_prod_id, 7);
    EXPECT_EQ(fields.isv_svn, 2);
    std::map<std::string, std::string> labels;
    for (const Label& label : image->labels) {
        labels[label.name] = label.value;
    }
    EXPECT_EQ(labels.at("isv_prod_id"), "7");
    EXPECT_EQ(labels.at("isv_svn"), "2");
    EXPECT_EQ(labels.at("debug"), "false");
    EXPECT_EQ(labels.at("mrsigner").size(), 64U);
}

TEST_F(DistantKeyTest, SignedSomethingElse) {
    EXPECT_FALSE(build());
    sign();
    ++svn_;
    const auto other = build();
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, "signature-missing");
    EXPECT_THAT(other.error().summary, testing::HasSubstr("signs something else"));
    sign();
    EXPECT_TRUE(build());
    folder_.write("signatures/m.sig", std::string(rsa_bytes + 1, 'x'));
    EXPECT_FALSE(build());
}

TEST_F(DistantKeyTest, OfAnotherKindIsRefused) {
    folder_.write("vendor.pub", "rubbish");
    EXPECT_EQ(build().error().code, "signing-key");
    std::filesystem::remove(folder_.path() / "vendor.pub");
    EXPECT_EQ(build().error().code, "signing-key");
}

TEST(SigningKey, OthersMayNotReadItAndItMustBeOfSgxsKind) {
    const test::TemporaryFolder folder;
    const auto made = SigningKey::open(folder.path() / "key.pem");
    ASSERT_TRUE(made) << to_text(made.error());
    std::filesystem::permissions(folder.path() / "key.pem",
                                 std::filesystem::perms::group_read,
                                 std::filesystem::perm_options::add);
    EXPECT_EQ(SigningKey::open(folder.path() / "key.pem").error().code, "signing-key");
    const auto other = folder.write("other.pem", "rubbish");
    std::filesystem::permissions(other, std::filesystem::perms::owner_read);
    EXPECT_EQ(SigningKey::open(other).error().code, "signing-key");
}

} // namespace
} // namespace authex::tee::sgx
