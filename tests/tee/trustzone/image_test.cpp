// Files of trusted applications: what is built, what a TEE takes of them, how they are signed.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tee/trustzone/device_public_key.hpp"
#include "tee/trustzone/image/ta_elf.hpp"
#include "tee/trustzone/image/ta_writer.hpp"
#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/signer.hpp"
#include "tee/trustzone/simulator/device_key.hpp"
#include "tee/trustzone/trustzone_modules.hpp"
#include "tee/trustzone/verifier.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr const char* source = "#include <authex/module.hpp>\n"
                               "namespace { int initial = 41; int* pointer = &initial; }\n"
                               "AUTHEX_ENTRY(next, call) { call.result.u32(++*pointer); }\n";

/// That of boards, where Debian's libraries of it are.
std::string machine() {
    return std::filesystem::exists("/usr/lib/aarch64-linux-gnu/libbearssl.a") ? "aarch64"
                                                                              : "x86-64";
}

const Image& image() {
    static const Image built = test::build_ta(source, {.machine = machine()});
    return built;
}
const std::string& content() {
    static const std::string bytes = test::content_of(image());
    return bytes;
}
SignedTa parsed(const std::string& bytes) {
    SignedTa ta;
    EXPECT_TRUE(parse_signed_ta(test::view_of(bytes), ta));
    return ta;
}

TEST(TaImage, IsSmallAndListsItsEndpoints) {
    EXPECT_LE(image().bytes, 64U * 1024U);
    ASSERT_EQ(image().endpoints.size(), 1U);
    EXPECT_EQ(image().endpoints[0].name, "next");
}

TEST(TaImage, IsTheSameFromAnyFolder) {
    EXPECT_EQ(test::content_of(test::build_ta(source, {.machine = machine()})), content());
}

TEST(TaImage, AModuleOfAnotherNameHasAnotherUuidAndIdentity) {
    const Image other = test::build_ta(source, {.machine = machine(), .module = "other"});
    EXPECT_NE(parsed(test::content_of(other)).uuid, parsed(content()).uuid);
    EXPECT_NE(other.identity, image().identity);
}

TEST(TaImage, ItsUuidIsOfVersion5AndFollowsFromOwnerAndModule) {
    std::array<std::uint8_t, 32> owner = {1, 2, 3};
    const Uuid uuid = module_uuid(owner, "m");
    EXPECT_EQ(uuid, parsed(content()).uuid);
    EXPECT_EQ(uuid[6] >> 4U, 5);
    EXPECT_EQ(uuid[8] >> 6U, 2);
    EXPECT_EQ(to_text(uuid)[14], '5');
    owner[0] = 2;
    EXPECT_NE(module_uuid(owner, "m"), uuid);
    EXPECT_NE(module_uuid({}, "m"), uuid);
    // RFC 9562, appendix A.4: www.example.com in the name space of DNS.
    constexpr Uuid dns = {0x6b,
                          0xa7,
                          0xb8,
                          0x10,
                          0x9d,
                          0xad,
                          0x11,
                          0xd1,
                          0x80,
                          0xb4,
                          0x00,
                          0xc0,
                          0x4f,
                          0xd4,
                          0x30,
                          0xc8};
    EXPECT_EQ(to_text(named_uuid(dns, test::view_of("www.example.com"))),
              "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(TaImage, AllOfItsInitialMemoryIsMeasured) {
    const SignedTa ta = parsed(content());
    const TaPlan plan = plan_ta(ta.elf);
    ASSERT_EQ(plan.refusal, nullptr);
    EXPECT_FALSE(plan.has_sections) << "no loader relocates it";
    ASSERT_EQ(plan.segment_count, 3U);
    EXPECT_EQ(plan.segments[2].file_bytes, reserved_bytes) << "what is writable arrives empty";
    EXPECT_EQ(uuid_of(plan.head), ta.uuid);
    const MemoryHash hash = memory_hash(ta.elf, plan);
    EXPECT_TRUE(std::equal(hash.begin(), hash.end(), image().identity.begin()));
    // Of headers, code and constants each byte counts.
    std::vector<std::uint8_t> elf(ta.elf.begin(), ta.elf.end());
    const std::uint64_t end = plan.segments[1].offset + plan.segments[1].file_bytes;
    for (std::uint64_t at = 4090; at < end; at += at < 4200 ? 1 : 499) {
        const bool is_gap = at >= plan.segments[0].offset + plan.segments[0].file_bytes &&
                            at < plan.segments[1].offset;
        elf[at] ^= 1;
        EXPECT_EQ(memory_hash(elf, plan) == hash, is_gap) << at;
        elf[at] ^= 1;
    }
    const std::vector<std::uint8_t> writable(elf.end() - reserved_bytes, elf.end());
    EXPECT_EQ(writable, std::vector<std::uint8_t>(reserved_bytes)) << "used by nothing";
}

TEST(TaImage, RegionsAreHashedBySizeThenContent) {
    const std::vector<std::uint8_t> small(10, 9);
    const std::vector<std::uint8_t> large(5000, 1);
    std::array<ReadOnly, 2> one = {small, large};
    std::array<ReadOnly, 2> other = {large, small};
    EXPECT_EQ(hash_regions(one), hash_regions(other));
    const std::vector<std::uint8_t> padded(4096, 9);
    std::array<ReadOnly, 2> third = {padded, large};
    EXPECT_NE(hash_regions(third), hash_regions(one));
}

TEST(TaImage, WhatALoaderWouldNotTakeIsRefused) {
    const SignedTa ta = parsed(content());
    const auto refused = [&](std::size_t at, std::uint8_t value) {
        std::vector<std::uint8_t> elf(ta.elf.begin(), ta.elf.end());
        elf[at] = value;
        return plan_ta(elf).refusal != nullptr;
    };
    EXPECT_TRUE(refused(0, 0)) << "magic";
    EXPECT_TRUE(refused(4, 1)) << "32 bits";
    EXPECT_TRUE(refused(5, 2)) << "big-endian";
    EXPECT_TRUE(refused(7, 3)) << "of an operating system";
    EXPECT_TRUE(refused(16, 2)) << "bound to an address";
    EXPECT_TRUE(refused(18, 40)) << "for another processor";
    EXPECT_TRUE(refused(26, 0xFF)) << "entry";
    EXPECT_TRUE(refused(33, 0x20)) << "program headers behind the first page";
    EXPECT_TRUE(refused(41, 0)) << "section headers in the first page";
    EXPECT_TRUE(refused(48, 1)) << "flags";
    EXPECT_TRUE(refused(54, 57)) << "size of program headers";
    EXPECT_TRUE(refused(56, 200)) << "many program headers";
    EXPECT_TRUE(refused(64 + 4, 7)) << "code that can be written";
    EXPECT_TRUE(refused(64 + 9, 0)) << "its headers in a segment";
    EXPECT_TRUE(refused(64 + 34, 0xFF)) << "a segment outside the file";
    EXPECT_TRUE(refused(64 + 49, 0)) << "alignment";
    EXPECT_TRUE(refused(4096 + 16, 1)) << "stack";
    EXPECT_TRUE(refused(4096 + 21, 1)) << "flags of the TA";
    EXPECT_TRUE(refused(4096 + 24, 0)) << "an entry of old";
    for (std::size_t bytes = 0; bytes < ta.elf.size(); bytes += 1013) {
        EXPECT_NE(plan_ta(ta.elf.first(bytes)).refusal, nullptr) << bytes;
    }
    EXPECT_FALSE(write_ta(test::view_of("no program")));
    EXPECT_EQ(test::require(write_ta(ta.elf)),
              std::vector<std::uint8_t>(ta.elf.begin(), ta.elf.end()))
        << "there is nothing more to move";
}

TEST(TaSignature, IsThatOfTheKeyAndCoversEverything) {
    const SignedTa ta = parsed(content());
    const std::filesystem::path key = test::TaOptions().signing_key;
    EXPECT_TRUE(test::require(signature_holds(ta, key)));
    for (std::size_t at = 0; at < content().size(); at += at < 400 ? 1 : 1013) {
        std::string changed = content();
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        SignedTa read;
        EXPECT_FALSE(parse_signed_ta(test::view_of(changed), read) &&
                     test::require(signature_holds(read, key)))
            << at;
    }
    for (const std::size_t bytes : {0U, 19U, 52U, 400U}) {
        SignedTa read;
        EXPECT_FALSE(parse_signed_ta(test::view_of(content()).first(bytes), read));
    }
    const test::TemporaryFolder folder;
    (void)test::build_ta(source,
                         {.machine = machine(), .signing_key = folder.path() / "other.pem"});
    EXPECT_FALSE(test::require(signature_holds(ta, folder.path() / "other.pem")));
    EXPECT_FALSE(signature_holds(ta, folder.path() / "none.pem"));
}

TEST(TaSignature, MayComeFromElsewhere) {
    const test::TemporaryFolder folder;
    const std::filesystem::path key = test::TaOptions().signing_key;
    const auto ssl = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "openssl");
        return test::require(compile::run_command(words, folder.path())).status;
    };
    ASSERT_EQ(ssl({"rsa", "-in", key.string(), "-pubout", "-out", "vendor.pub"}), 0);
    SignedTa ta = parsed(content());
    const Signing elsewhere = {
        .key = {}, .public_key = folder.path() / "vendor.pub", .signatures = folder.path() / "s"};
    const auto waits = sign_ta(ta, elsewhere, "m");
    ASSERT_FALSE(waits);
    EXPECT_EQ(waits.error().code, "signature-missing");
    ASSERT_EQ(ssl({"dgst", "-sha256", "-sign", key.string(), "-out", "s/m.sig", "s/m.to-sign"}), 0);
    const auto whole = test::require(sign_ta(ta, elsewhere, "m"));
    EXPECT_EQ(std::string(whole.begin(), whole.end()), content()) << "as with the key at hand";
    ta.version = 9;
    EXPECT_EQ(sign_ta(ta, elsewhere, "m").error().code, "signature-missing")
        << "of another version";
}

TEST(TaLoading, ASimulatedTeeThatKnowsAKeyTakesNoOthers) {
    const test::TemporaryFolder folder;
    const auto loader = test::open_trustzone_loader(folder, test::TaOptions().signing_key);
    const Image own = test::build_ta(source);
    const Image foreign = test::build_ta(source, {.signing_key = folder.path() / "foreign.pem"});
    EXPECT_EQ(own.identity, foreign.identity) << "who signs is not measured";
    const auto start = [&](const Image& built, const char* name) {
        return loader->start(test::spec_of_file(test::content_of(built), name),
                             test::module_folder(folder, name, built.path));
    };
    const auto refused = start(foreign, "foreign");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "image-signature");
    const auto link = test::require(start(own, "own"));
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST(TaLoading, AnOlderVersionIsRefusedAfterANewerOne) {
    for (const char* machine : test::machines()) {
        const test::TemporaryFolder folder;
        auto loader = test::open_trustzone_loader(folder);
        const auto code = [&](std::uint16_t version) {
            const Image built = test::build_ta(source, {.machine = machine, .version = version});
            auto link = loader->start(test::spec_of_file(test::content_of(built), "m"),
                                      test::module_folder(folder, "m", built.path));
            if (!link) {
                return link.error().code;
            }
            (*link)->kill();
            EXPECT_TRUE(test::wait_exit(**link));
            return std::string();
        };
        EXPECT_EQ(code(1), "") << machine;
        EXPECT_EQ(code(3), "");
        loader = test::open_trustzone_loader(folder);
        EXPECT_EQ(code(2), "image-rollback") << machine;
        EXPECT_EQ(code(3), "");
    }
}

TEST(DeviceKey, SignsAsTheStandardSays) {
    const test::TemporaryFolder folder;
    const DeviceKeyPair pair = test::require(open_device_key(folder.path() / "key.pem"));
    EXPECT_EQ(test::require(open_device_key(folder.path() / "key.pem")).modulus, pair.modulus);
    // As the relying party looks at it.
    const std::vector<std::uint8_t> report_data(32, 1);
    const std::vector<std::uint8_t> hash(32, 2);
    const auto digest = compile::sha256(std::string(report_data.begin(), report_data.end()) +
                                        std::string(hash.begin(), hash.end()));
    std::array<std::uint8_t, 32> message{};
    std::copy(digest.begin(), digest.end(), message.begin());
    const auto signature = sign_pss(pair.secret, message, {4, 5, 6});
    ASSERT_TRUE(signature);
    std::vector<std::uint8_t> statement = hash;
    statement.insert(statement.end(), signature->begin(), signature->end());
    const auto claims =
        TrustZoneVerifier().verify(write_evidence(statement),
                                   {.identity = hash,
                                    .report_data = report_data,
                                    .evidence_key = {pair.modulus.begin(), pair.modulus.end()}});
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_FALSE(claims->simulated) << "of an enrolled device";
    EXPECT_THAT(claims->does_not_prove, testing::Not(testing::IsEmpty()));
    ASSERT_TRUE(write_device_key(folder.path() / "keys/device.pem", pair.modulus));
    const auto read = test::require(read_device_key(folder.path() / "keys/device.pem"));
    EXPECT_TRUE(std::equal(read.begin(), read.end(), pair.modulus.begin()));
    EXPECT_EQ(fingerprint_of(read).size(), 64U);
    EXPECT_FALSE(write_device_key(folder.path() / "x.pem", {}));
    EXPECT_FALSE(read_device_key(folder.path() / "none.pem"));
    EXPECT_FALSE(read_device_key(folder.path() / "key.pem")) << "a private key";
}

} // namespace
} // namespace authex::tee::trustzone
