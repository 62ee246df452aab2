// Enclaves over the simulated processor: the image of a real processor, entered, interrupted,
// attested.
#include "tee/sgx/image/enclave.hpp"

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/process/link.hpp"
#include "tee/sgx/enclave_fixture.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/simulator/segments.hpp"
#include "tee/sgx/verifier/quote.hpp"

namespace authex::tee::sgx {
namespace {

TEST_F(EnclaveTest, IsSmallAndListsItsEndpoints) {
    EXPECT_LE(image().bytes, 64U * 1024U);
    EXPECT_EQ(image().identity.size(), measurement_bytes);
    ASSERT_EQ(image().endpoints.size(), 13U);
    EXPECT_EQ(image().endpoints[3].name, "ask_processor");
}

TEST_F(EnclaveTest, AnswersManyCalls) {
    const auto link = start();
    for (std::uint32_t i = 0; i < 1'000; ++i) {
        const std::vector<std::uint8_t> data(i % 700, static_cast<std::uint8_t>(i));
        const auto answer = call(*link, echo, data);
        ASSERT_TRUE(answer == data || answer.size() > data.size()) << i;
        ASSERT_TRUE(std::equal(data.rbegin(), data.rend(), answer.rbegin()));
    }
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, TakesWhatWaitsInFewEntries) {
    constexpr std::uint64_t calls = 10'000;
    const auto link = start();
    EXPECT_FALSE(call(*link, echo, bytes_of(calls)).empty());
    const std::uint64_t before = link->entries().value();
    EXPECT_GE(before, 1U);
    std::vector<std::uint8_t> waiting;
    for (std::uint64_t i = 0; i < calls; ++i) {
        const std::vector<std::uint8_t> one = frame(Kind::call, echo, i);
        waiting.insert(waiting.end(), one.begin(), one.end());
    }
    ASSERT_TRUE(test::send(*link, waiting)); // published at once: it sees none of them, or all
    for (std::uint64_t i = 0; i < calls; ++i) {
        ASSERT_FALSE(test::receive(*link).empty()) << i;
    }
    EXPECT_LE(link->entries().value() - before, calls / 100);
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, AnExceptionInsideEndsIt) {
    for (const Entry entry : {crash, trap, write_code, deep}) {
        const auto link = start();
        expect_exception(*link, entry);
    }
}

/// The rights to the enclave's pages in the process of a module's folder, as the kernel writes
/// them.
std::set<std::string> rights_in(const std::filesystem::path& folder) {
    const auto link = test::require(process::ProcessLink::open(folder));
    std::ifstream maps("/proc/" + std::to_string(link->record().module) + "/maps");
    std::set<std::string> all;
    for (std::string line; std::getline(maps, line);) {
        const std::uint64_t begin = std::stoull(line, nullptr, 16);
        if (begin >= enclave_base && begin < enclave_base + enclave_bytes_max) {
            all.insert(line.substr(line.find(' ') + 1, 4));
        }
    }
    return all;
}

TEST_F(EnclaveTest, IsHiddenFromItsProcessWhileNobodyIsInItWhereThatIsWanted) {
    const auto shown = start();
    const std::set<std::string> rights = rights_in(folder_.path() / "enclave");
    if (rights.empty()) {
        GTEST_SKIP() << "the maps of a process that gives no core are for root alone";
    }
    EXPECT_THAT(rights, testing::Contains("r-xp"));
    shown->kill();
    EXPECT_TRUE(test::wait_exit(*shown));

    loader_ = test::open_sgx_loader(folder_, true);
    const auto hidden = start("hidden");
    for (std::uint8_t i = 0; i < 100; ++i) {
        EXPECT_EQ(call(*hidden, echo, std::vector<std::uint8_t>{i}).back(), i);
    }
    // It answers before it leaves the enclave for good.
    const std::set<std::string> none = {"---p"};
    std::set<std::string> found;
    for (int i = 0; i < 10'000 && found != none; ++i) {
        found = rights_in(folder_.path() / "hidden");
    }
    EXPECT_EQ(found, none);
    expect_exception(*hidden, crash);
}

TEST_F(EnclaveTest, HasSegmentsOfItsOwn) {
    if (!segments_can_be_switched()) {
        GTEST_SKIP() << "the kernel keeps FS and GS to itself (Linux 5.9 does not)";
    }
    const auto link = start();
    for (int i = 0; i < 3; ++i) {
        const std::vector<std::uint8_t> answer = call(*link, segments, {});
        ASSERT_GE(answer.size(), 16U);
        Reader reader(ByteView(answer).last(16));
        EXPECT_EQ(reader.u64(), enclave_base);
        EXPECT_EQ(reader.u64(), enclave_base);
    }
    expect_exception(*link, crash); // which its host survives long enough to say so
}

/// Where the enclave's TCS lies.
std::uint64_t tcs_of_image() {
    ImageFile file;
    const std::string bytes = test::require(compile::read_file(image().path));
    EXPECT_TRUE(parse_image_file(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, file));
    EnclavePlan plan;
    plan_enclave(file.program, file.stack_bytes, plan);
    return enclave_base + plan.tcs_offset;
}

TEST_F(EnclaveTest, ItsDoorIsOutOfItsOwnReach) {
    const std::uint64_t tcs = tcs_of_image();
    const auto link = start();
    expect_exception(*link, door, bytes_of(tcs));
}

TEST_F(EnclaveTest, KeysAndReportsGoOnlyWhereTheEnclaveMayWrite) {
    const std::uint64_t tcs = tcs_of_image();
    const std::uint64_t guard = tcs - page_bytes;
    for (const std::uint64_t out : {enclave_base + page_bytes, guard, tcs}) {
        for (const Entry entry : {key_to, report_to}) {
            const auto link = start();
            expect_exception(*link, entry, bytes_of(out));
        }
    }
}

TEST_F(EnclaveTest, IsFoundAgainByALaterManager) {
    auto link = start();
    link.reset();
    loader_ = test::open_sgx_loader(folder_);
    link = test::require(loader_->adopt(spec(), folder_.path() / "enclave"));
    const std::vector<std::uint8_t> data = {1, 2, 3};
    const auto answer = call(*link, echo, data);
    EXPECT_TRUE(std::equal(data.rbegin(), data.rend(), answer.rbegin()));
    // Its reports are still those of this machine.
    const auto report = report_of(*link);
    EXPECT_TRUE(loader_->evidence(spec(), report));
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, LeavesNoSecretOfTheProcessorInItsFolder) {
    const auto link = start();
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "enclave/processor"));
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, RefusesFilesThatAreNoEnclaves) {
    const std::string whole = test::require(compile::read_file(image().path));
    EXPECT_EQ(start_content(""), "image-malformed");
    EXPECT_EQ(start_content(std::string(100'000, '\0')), "image-malformed");
    for (const std::size_t size :
         {std::size_t{16}, sigstruct_bytes, sigstruct_bytes + 16, whole.size() / 2}) {
        EXPECT_EQ(start_content(whole.substr(0, size)), "image-malformed") << size;
    }
}

TEST_F(EnclaveTest, RefusesAnyChangeOfWhatIsMeasuredOrSigned) {
    const std::string whole = test::require(compile::read_file(image().path));
    constexpr std::size_t stack_at = sigstruct_bytes + 8;
    constexpr std::size_t program_at = sigstruct_bytes + 16;
    for (const std::size_t at : {std::size_t{20},
                                 std::size_t{130},
                                 std::size_t{600},
                                 std::size_t{928},
                                 std::size_t{960},
                                 std::size_t{1026},
                                 stack_at + 1,
                                 program_at + 0x1100,
                                 whole.size() / 2}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        EXPECT_EQ(start_content(changed), "image-malformed") << "byte " << at;
    }
}

TEST_F(EnclaveTest, ItsEvidenceIsVerifiedAsAQuoteUnderThePinnedRoot) {
    const auto link = start();
    const auto report = report_of(*link);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const auto claims = SgxVerifier().verify(evidence, expectation(report));
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_TRUE(claims->simulated);
    EXPECT_EQ(claims->identity, image().identity);
    EXPECT_THAT(claims->text, testing::HasSubstr("simulated"));
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, EvidenceOfAnythingElseIsRefused) {
    const auto link = start();
    const auto report = report_of(*link);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const auto code = [&](const Expectation& wanted, ByteView bytes) {
        const auto claims = SgxVerifier().verify(bytes, wanted);
        return claims ? std::string() : claims.error().code;
    };
    Expectation wanted = expectation(report);
    wanted.identity[0] ^= 1;
    EXPECT_EQ(code(wanted, evidence), "evidence-identity");
    wanted = expectation(report);
    wanted.report_data[31] ^= 1;
    EXPECT_EQ(code(wanted, evidence), "evidence-stale");
    wanted = expectation(report);
    wanted.simulation_allowed = false;
    EXPECT_EQ(code(wanted, evidence), "simulation-refused");
    wanted = expectation(report);
    wanted.evidence_key.clear(); // Intel's root
    EXPECT_EQ(code(wanted, evidence), "evidence-forged");
    wanted = expectation(report);
    wanted.evidence_key[0] ^= 1; // another node's root
    EXPECT_EQ(code(wanted, evidence), "evidence-forged");
    wanted = expectation(report);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{4}, std::size_t{100}, evidence.size() - 1}) {
        EXPECT_EQ(code(wanted, ByteView(evidence).first(size)), "evidence-malformed") << size;
    }
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, APinnedRootAndOwnCollateralCountBeforeWhatTheNodeBrings) {
    const auto link = start();
    const auto report = report_of(*link);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const Evidence parts = test::require(parse_evidence(evidence));
    const std::string& chain = parts.collateral.files.at(collateral_file::tcb_chain);
    Expectation wanted = expectation(report);
    wanted.evidence_key.clear(); // a platform of hardware
    Trust trust;
    trust.root = folder_.write("root.pem", chain.substr(chain.rfind("-----BEGIN")));
    const auto code = [&] {
        const auto claims = SgxVerifier(trust).verify(evidence, wanted);
        return claims ? std::string() : claims.error().code;
    };
    EXPECT_EQ(code(), "");
    trust.collateral = folder_.path() / "collateral";
    EXPECT_EQ(code(), "collateral-unreadable") << "the folder is not there";
    ASSERT_TRUE(write_collateral(parts.collateral, trust.collateral));
    EXPECT_EQ(code(), "");
    Collateral damaged = parts.collateral;
    damaged.files.at(collateral_file::tcb_info)[20] ^= 1;
    ASSERT_TRUE(write_collateral(damaged, trust.collateral));
    EXPECT_EQ(code(), "evidence-forged") << "though what the node brings is good";
    trust.collateral.clear();
    trust.service = {.url = "https://127.0.0.1:1", .authority = {}};
    EXPECT_EQ(code(), "collateral-missing");
    trust.service.reset();
    trust.policy.isv_svn_min = 1;
    EXPECT_EQ(code(), "evidence-platform") << "the enclave has the security version 0";
    trust.root = folder_.write("root.pem", "rubbish");
    EXPECT_EQ(code(), "certificate-malformed");
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, NoQuoteIsMadeOfAForgedReport) {
    const auto link = start();
    const auto report = report_of(*link);
    for (const std::size_t at : {wire::report_data_bytes,
                                 wire::report_data_bytes + 64,
                                 wire::report_data_bytes + 320,
                                 report.size() - 40,
                                 report.size() - 1}) {
        std::vector<std::uint8_t> forged = report;
        forged[at] ^= 1;
        const auto evidence = loader_->evidence(spec(), forged);
        ASSERT_FALSE(evidence) << at;
        EXPECT_EQ(evidence.error().code, "report-forged");
    }
    EXPECT_EQ(loader_->evidence(spec(), ByteView(report).first(32)).error().code, "report-data");
    // Nor of one that another machine has made.
    const test::TemporaryFolder other;
    EXPECT_EQ(test::open_sgx_loader(other)->evidence(spec(), report).error().code, "report-forged");
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

// P74
TEST_F(EnclaveTest, VouchesForWhatItsModuleSaysAndForNoHandshake) {
    const auto link = start();
    const auto ask = [&](std::uint16_t room, const std::string& data) {
        std::vector<std::uint8_t> wanted(2 + data.size());
        Writer(wanted).u16(room).bytes(
            {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
        return call(*link, vouch, wanted);
    };
    for (const std::string& data : {std::string("claims"), std::string(), std::string(900, 'x')}) {
        std::vector<std::uint8_t> report = ask(432, data);
        ASSERT_EQ(report.size(), sgx_report_bytes);
        const auto quote = loader_->certificate_evidence(spec(), report);
        ASSERT_TRUE(quote) << to_text(quote.error());
        const auto parsed = parse_quote(*quote);
        ASSERT_TRUE(parsed);
        const std::vector<std::uint8_t> hash = compile::sha256(data);
        EXPECT_TRUE(std::equal(hash.begin(), hash.end(), parsed->body.report_data.begin()));
        EXPECT_EQ(parsed->body.report_data[32], 0);
        EXPECT_TRUE(std::equal(parsed->body.mrenclave.begin(),
                               parsed->body.mrenclave.end(),
                               image().identity.begin()));
        report[64] ^= 1;
        EXPECT_EQ(loader_->certificate_evidence(spec(), report).error().code, "report-forged");
        report.pop_back();
        EXPECT_EQ(loader_->certificate_evidence(spec(), report).error().code, "report-data");
    }
    const std::string label(wire::report_label.begin(), wire::report_label.end());
    EXPECT_THAT(ask(432, label), testing::IsEmpty());
    EXPECT_THAT(ask(432, label + std::string(32, 'h')), testing::IsEmpty());
    EXPECT_EQ(ask(432, label.substr(1)).size(), sgx_report_bytes);
    EXPECT_THAT(ask(431, "claims"), testing::IsEmpty());
    EXPECT_THAT(call(*link, certify, {}), testing::ElementsAre(42)) << "such endpoints are called";
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

TEST_F(EnclaveTest, EachStartHasOtherRandomNumbers) {
    std::set<std::vector<std::uint8_t>> reports;
    for (int i = 0; i < 3; ++i) {
        const auto link = start();
        reports.insert(report_of(*link));
        link->kill();
        EXPECT_TRUE(test::wait_exit(*link));
    }
    EXPECT_EQ(reports.size(), 3U);
}

TEST_F(EnclaveTest, InDebugModeIsRefusedUnlessThePolicyAllowsIt) {
    const Image debug = test::build_enclave(source, true);
    EXPECT_EQ(debug.identity, image().identity) << "attributes are not measured";
    const auto link = test::require(
        loader_->start(spec_of(debug, "debug"), test::module_folder(folder_, "debug", debug.path)));
    const auto report = report_of(*link);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const auto refused = SgxVerifier().verify(evidence, expectation(report));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "evidence-platform");
    EXPECT_THAT(to_text(refused.error()), testing::HasSubstr("debug"));
    Policy policy;
    policy.allow_debug = true;
    const auto claims = SgxVerifier({.policy = policy, .root = {}, .collateral = {}, .service = {}})
                            .verify(evidence, expectation(report));
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_THAT(claims->text, testing::HasSubstr("debug"));
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

} // namespace
} // namespace authex::tee::sgx
