// Enclaves among the nodes: simulated processors, genuine images, quotes and verification.
#include <gmock/gmock.h>

#include "ping_pong.hpp"

namespace authex::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class Sgx : public testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    World world_{"ping-pong", "sgx.yaml"};
};

TEST_F(Sgx, AttestationSaysWhatItProvesAndWhatNot) {
    const Result result = world_.authex({"attest", "ping", "--explain"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("MRENCLAVE"));
    EXPECT_THAT(result.out, HasSubstr("MRSIGNER"));
    EXPECT_THAT(result.out, HasSubstr("simulated"));
}

TEST_F(Sgx, WhatTheVendorSaysOfAnEnclaveIsShownSignedAndHeldAgainstThePolicy) {
    const std::string before = world_.read("sgx.yaml");
    const auto identity = world_.module("ping").at("identity");
    const auto describe = [&](const std::string& enclave, const std::string& policy) {
        std::string text = before;
        const std::size_t at = text.find("ping.cpp]") + 9;
        text.insert(at, ", enclave: { " + enclave + " }");
        world_.write("sgx.yaml", text + "policy: { " + policy + " }\n");
    };
    describe("product: 3, svn: 2", "svn: 2");
    const auto built = world_.json({"build", "ping"});
    const auto& labels = built.at("modules").at(0).at("labels");
    EXPECT_EQ(labels.at("isv_prod_id"), "3");
    EXPECT_EQ(labels.at("isv_svn"), "2");
    EXPECT_EQ(built.at("modules").at(0).at("identity"), identity) << "it is not measured";
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("ping"));
    world_.must({"up"});
    play(world_);

    describe("debug: true", "tcb: []");
    const Result warned = world_.authex({"check"});
    EXPECT_THAT(warned.err, HasSubstr("attestation of module «ping» will fail"));
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("debug mode"));
    EXPECT_THAT(refused.err, ContainsRegex("sgx\\.yaml:[0-9]+:[0-9]+: error: module ping"));
    EXPECT_THAT(refused.err, HasSubstr("allow-debug: true"));
    describe("debug: true", "allow-debug: true");
    world_.must({"up"});
    EXPECT_THAT(world_.authex({"attest", "ping", "--explain"}).out, HasSubstr("debug"));

    describe("svn: 1", "svn: 2");
    const Result old = world_.authex({"up"});
    EXPECT_EQ(old.status, 1) << old.err;
    EXPECT_THAT(old.err, HasSubstr("at least 2"));
    EXPECT_THAT(old.err, HasSubstr("raise «svn»"));
}

// The key stays where it is; here OpenSSL's command is the hardware security module.
TEST(SgxVendor, SignsElsewhereWhatIsBuiltHere) {
    World world("ping-pong", "sgx.yaml");
    const auto openssl = [&](const std::string& words) {
        const Result result = run({.words = {"/bin/sh", "-c", "/usr/bin/openssl " + words},
                                   .folder = world.folder(),
                                   .input = {}});
        EXPECT_EQ(result.status, 0) << words << ": " << result.err;
        return result.out;
    };
    openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3 "
            "-out hsm.pem");
    openssl("pkey -in hsm.pem -pubout -out vendor.pub");
    openssl("genrsa -3 -out other.pem 3072");
    world.write("sgx.yaml",
                world.read("sgx.yaml") +
                    "signing: { sgx: { public-key: vendor.pub, signatures: signatures } }\n");
    world.start_managers();
    const auto sign = [&](const std::string& module, const std::string& key) {
        openssl("dgst -sha256 -sign " + key + " -out signatures/" + module + ".sig signatures/" +
                module + ".to-sign");
    };
    const Result asked = world.authex({"build"});
    EXPECT_EQ(asked.status, 1);
    EXPECT_THAT(asked.err, HasSubstr("signatures/ping.sig is not there"));
    EXPECT_THAT(asked.err, HasSubstr("signatures/pong.sig is not there"));
    EXPECT_EQ(world.read("signatures/ping.to-sign").size(), 256U);
    sign("ping", "hsm.pem");
    sign("pong", "other.pem");
    const Result another = world.authex({"up"});
    EXPECT_EQ(another.status, 1);
    EXPECT_THAT(another.err, HasSubstr("pong.sig signs something else, or with another key"));
    EXPECT_THAT(another.err, Not(HasSubstr("ping.sig")));
    sign("pong", "hsm.pem");
    world.must({"up"});
    play(world);
    // MRSIGNER is the SHA-256 of the modulus, little-endian.      (Intel SDM vol. 3D, EINIT)
    const auto built = world.json({"build", "ping"});
    const std::string modulus = openssl("rsa -pubin -in vendor.pub -noout -modulus").substr(8, 768);
    std::string bytes;
    for (std::size_t at = modulus.size(); at >= 2; at -= 2) {
        bytes += static_cast<char>(std::stoul(modulus.substr(at - 2, 2), nullptr, 16));
    }
    world.write("modulus", bytes);
    EXPECT_EQ(openssl("dgst -sha256 -r modulus").substr(0, 64),
              built.at("modules").at(0).at("labels").at("mrsigner"));
    std::filesystem::remove(world.folder() / "hsm.pem");
    world.must({"build"});
}

TEST(SgxManager, NeedsTheHardwareOrIsToldToSimulate) {
    const TemporaryFolder folder;
    const auto manager = [](std::vector<std::string> options) {
        options.insert(options.begin(), program("authex-em"));
        return run({.words = options, .folder = {}, .input = {}});
    };
    const Result bare =
        manager({"--tee", "sgx", "--listen", "127.0.0.1:0", "--state", folder.path()});
    if (!std::filesystem::exists("/dev/sgx_enclave")) {
        EXPECT_EQ(bare.status, 1);
        EXPECT_THAT(bare.err, HasSubstr("--simulate"));
    }
    EXPECT_EQ(manager({"--simulate"}).status, 2);
    EXPECT_EQ(manager({"--hide-enclaves", "--tee", "sgx"}).status, 2);
}

} // namespace
} // namespace authex::test
