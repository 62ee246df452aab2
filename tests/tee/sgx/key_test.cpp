// EGETKEY of the simulated processor, asked by enclaves, and the code that it is made with.
#include <algorithm>

#include <gmock/gmock.h>

#include "tee/sgx/enclave_fixture.hpp"
#include "tee/sgx/simulator/report_key.hpp"
#include "tee/sgx/verifier/signed_json.hpp"

namespace authex::tee::sgx {
namespace {

/// What EGETKEY gives for a request.
struct Given {
    std::uint32_t error = 0;
    bool failed = false;
    std::vector<std::uint8_t> key;
};

class KeyTest : public EnclaveTest {
  protected:
    /// KEYREQUEST as far as it is not zero.
    static std::vector<std::uint8_t>
    request(std::uint16_t name, std::uint16_t policy, std::uint16_t svn = 0) {
        std::vector<std::uint8_t> bytes(128);
        Writer(bytes).u16(name).u16(policy).u16(svn).u16(0);
        return bytes;
    }
    static Given ask(ModuleLink& link, const std::vector<std::uint8_t>& request) {
        const std::vector<std::uint8_t> answer = call(link, key, request);
        Reader reader(ByteView(answer).last(21));
        Given given{.error = reader.u32(), .failed = reader.u8() != 0};
        const ByteView rest = reader.rest();
        given.key.assign(rest.begin(), rest.end());
        return given;
    }
};

TEST_F(KeyTest, OfSealingIsTheSameInEachLifeAndOfThisEnclaveAlone) {
    const auto first = start();
    const Given mine = ask(*first, request(4, 1));
    EXPECT_EQ(mine.error, 0U);
    EXPECT_FALSE(mine.failed);
    EXPECT_NE(mine.key, std::vector<std::uint8_t>(16));
    const Given of_signer = ask(*first, request(4, 2));
    EXPECT_NE(of_signer.key, mine.key);
    std::vector<std::uint8_t> other_id = request(4, 1);
    other_id[40] = 1;
    EXPECT_NE(ask(*first, other_id).key, mine.key);
    first->kill();
    EXPECT_TRUE(test::wait_exit(*first));
    const auto second = start();
    EXPECT_EQ(ask(*second, request(4, 1)).key, mine.key);
    second->kill();
    EXPECT_TRUE(test::wait_exit(*second));

    const Image changed = test::build_enclave(std::string(source) + "// of another content\n" +
                                              "AUTHEX_ENTRY(more, call) { call.result.u8(1); }\n");
    const auto other = test::require(loader_->start(
        spec_of(changed, "other"), test::module_folder(folder_, "other", changed.path)));
    EXPECT_NE(ask(*other, request(4, 1)).key, mine.key);
    EXPECT_EQ(ask(*other, request(4, 2)).key, of_signer.key) << "of the same vendor";
    other->kill();
    EXPECT_TRUE(test::wait_exit(*other));

    const Image debug = test::build_enclave(source, true);
    const auto debugged = test::require(
        loader_->start(spec_of(debug, "debug"), test::module_folder(folder_, "debug", debug.path)));
    EXPECT_NE(ask(*debugged, request(4, 1)).key, mine.key) << "though no mask asks for it";
    debugged->kill();
    EXPECT_TRUE(test::wait_exit(*debugged));

    const test::TemporaryFolder machine;
    const auto elsewhere = test::open_sgx_loader(machine);
    const auto moved = test::require(
        elsewhere->start(spec("moved"), test::module_folder(machine, "moved", image().path)));
    EXPECT_NE(ask(*moved, request(4, 1)).key, mine.key) << "another processor";
    moved->kill();
    EXPECT_TRUE(test::wait_exit(*moved));
}

TEST_F(KeyTest, ThatAnEnclaveHasNoRightToIsRefusedWithItsNumber) {
    const auto link = start();
    EXPECT_EQ(ask(*link, request(4, 1, 1)).error, 64U) << "a later ISVSVN than its own";
    std::vector<std::uint8_t> later = request(4, 1);
    later[8 + 15] = 1;
    EXPECT_EQ(ask(*link, later).error, 32U) << "a later CPUSVN";
    EXPECT_EQ(ask(*link, request(1, 1)).error, 2U) << "provisioning";
    const Given unknown = ask(*link, request(5, 0));
    EXPECT_EQ(unknown.error, 256U);
    EXPECT_TRUE(unknown.failed);
    EXPECT_EQ(unknown.key, std::vector<std::uint8_t>(16));
    EXPECT_EQ(ask(*link, request(3, 0)).error, 0U) << "the key of reports for it";
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(KeyTest, AskedForWronglyEndsTheEnclave) {
    std::vector<std::uint8_t> reserved = request(4, 1);
    reserved[6] = 1;
    std::vector<std::uint8_t> tail = request(4, 1);
    tail[127] = 1;
    const std::vector<std::uint8_t> unaligned(513);
    for (const auto& wrong : {reserved, tail, unaligned, request(4, 4)}) {
        const auto link = start();
        expect_exception(*link, key, wrong);
    }
}

std::vector<std::uint8_t> octets(std::string_view digits) {
    return bytes_of_hex(digits).value();
}

TEST(Cmac, HasTheValuesOfTheStandard) {
    // NIST SP 800-38B, appendix D.1.
    DerivedKey key{};
    copy(octets("2b7e151628aed2a6abf7158809cf4f3c"), key);
    const auto message = octets("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411");
    const auto tag = [&](std::size_t bytes) {
        const DerivedKey mac = cmac(key, ByteView(message).first(bytes));
        return std::vector<std::uint8_t>(mac.begin(), mac.end());
    };
    EXPECT_EQ(tag(0), octets("bb1d6929e95937287fa37d129b756746"));
    EXPECT_EQ(tag(16), octets("070a16b46b4d4144f79bdd9dd04a287c"));
    EXPECT_EQ(tag(40), octets("dfa66747de9ae63030ca32611497c827"));
}

} // namespace
} // namespace authex::tee::sgx
