// Enclaves over the simulated processor: the image of a real processor, entered, interrupted,
// attested.
#include "tee/sgx/image/enclave.hpp"

#include <algorithm>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/owner.hpp"
#include "tee/compile/compiler.hpp"
#include "tee/process/link.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/sgx_modules.hpp"
#include "tee/sgx/simulator/report_key.hpp"
#include "tee/sgx/simulator/segments.hpp"
#include "tee/sgx/verifier.hpp"
#include "tee/sgx/verifier/quote.hpp"
#include "tee/sgx/verifier/signed_json.hpp"
#include "wire/handshake.hpp"

namespace authex::tee::sgx {
namespace {

using test::frame;
using wire::Kind;

constexpr const char* source =
    "#include <authex/module.hpp>\n"
    "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n"
    "AUTHEX_ENTRY(crash, call) { *reinterpret_cast<volatile int*>(8) = 1; call.result.u8(1); }\n"
    "AUTHEX_ENTRY(trap, call) { call.result.u8(1); __builtin_trap(); }\n"
    "AUTHEX_ENTRY(ask_processor, call) {\n"
    "    unsigned a = 0, c = 0; asm volatile(\"cpuid\" : \"+a\"(a), \"+c\"(c) : : \"ebx\", "
    "\"edx\");\n"
    "    call.result.u32(a);\n"
    "}\n"
    "AUTHEX_ENTRY(door, call) {\n" // of its own thread
    "    const std::uint64_t tcs = call.reader().u64(); std::uint32_t byte = 0;\n"
    "    asm volatile(\"movl (%1), %0\" : \"=r\"(byte) : \"r\"(tcs)); call.result.u32(byte);\n"
    "}\n"
    "AUTHEX_ENTRY(write_code, call) {\n"
    "    *reinterpret_cast<volatile char*>(0x10001000) = 1; call.result.u8(1);\n"
    "}\n"
    "AUTHEX_ENTRY(deep, call) {\n"
    "    std::uint8_t large[1 << 17]; large[0] = 1;\n"
    "    asm volatile(\"\" : : \"r\"(large) : \"memory\"); call.result.u8(large[9]);\n"
    "}\n"
    "AUTHEX_ENTRY(segments, call) {\n"
    "    std::uint64_t fs = 0, gs = 0;\n"
    "    asm volatile(\"rdfsbase %0; rdgsbase %1\" : \"=r\"(fs), \"=r\"(gs));\n"
    "    call.result.u64(fs); call.result.u64(gs);\n"
    "}\n"
    "alignas(512) std::uint8_t request[1024];\n"
    "AUTHEX_ENTRY(key, call) {\n" // EGETKEY, of the request in the call
    "    const authex::ByteView wanted = call.data;\n"
    "    for (std::size_t i = 0; i < 512; ++i) request[i] = i < wanted.size() ? wanted[i] : 0;\n"
    "    alignas(16) std::uint8_t out[16] = {}; std::uint32_t error = 1; bool failed = false;\n"
    "    asm volatile(\"enclu\" : \"+a\"(error), \"=@ccz\"(failed)\n"
    "                 : \"b\"(request + (wanted.size() > 512 ? 8 : 0)), \"c\"(out) : \"memory\");\n"
    "    call.result.u32(error); call.result.u8(failed); call.result.bytes(out);\n"
    "}\n"
    "AUTHEX_ENTRY(vouch, call) {\n" // in as many bytes as the call's first two say, for the others
    "    std::uint8_t report[432]; authex::Reader reader = call.reader();\n"
    "    const std::size_t room = reader.u16(); const authex::ByteView data = reader.rest();\n"
    "    const std::size_t size = authex_report(data.data(), data.size(), report, room);\n"
    "    call.result.bytes(authex::ByteView(report).first(size));\n"
    "}\n"
    "AUTHEX_RECORD(certify, AUTHEX_KIND_EVIDENCE, [](authex_message* message) {\n"
    "    message->result[0] = 42; message->result_size = 1;\n"
    "});\n";
enum Entry : std::uint16_t {
    echo,
    crash,
    trap,
    ask_processor,
    door,
    write_code,
    deep,
    segments,
    key,
    vouch,
    certify
};

const Image& image() {
    static const Image built = test::build_enclave(source);
    return built;
}

class EnclaveTest : public testing::Test {
  protected:
    static ModuleSpec spec_of(const Image& built, const std::string& name) {
        ModuleSpec spec{.name = name, .deployment = 1};
        const std::vector<std::uint8_t> hash =
            compile::sha256(test::require(compile::read_file(built.path)));
        std::copy(hash.begin(), hash.end(), spec.image_sha256.begin());
        return spec;
    }
    static ModuleSpec spec(const std::string& name = "enclave") { return spec_of(image(), name); }
    std::unique_ptr<ModuleLink> start(const std::string& name = "enclave") {
        return test::require(
            loader_->start(spec(name), test::module_folder(folder_, name, image().path)));
    }
    std::string start_content(const std::string& content) {
        folder_.write("odd/image", content);
        ModuleSpec odd = spec("odd");
        const std::vector<std::uint8_t> hash = compile::sha256(content);
        std::copy(hash.begin(), hash.end(), odd.image_sha256.begin());
        const auto started = loader_->start(odd, folder_.path() / "odd");
        return started ? "" : started.error().code;
    }
    static std::vector<std::uint8_t> call(ModuleLink& link, Entry entry, ByteView data) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, entry, 7, data)));
        const std::vector<std::uint8_t> answer = test::receive(link);
        wire::FrameView view;
        if (wire::parse_frame(answer, view) != Error::none) {
            return {};
        }
        return {view.body.begin(), view.body.end()};
    }
    static void expect_exception(ModuleLink& link, Entry entry, ByteView data = {}) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, entry, 7, data)));
        const auto exit = test::wait_exit(link);
        ASSERT_TRUE(exit);
        EXPECT_EQ(to_text(*exit), "exit status 72");
    }
    /// What the module answers to a handshake behind the Noise message.
    static std::vector<std::uint8_t> report_of(ModuleLink& link) {
        std::vector<std::uint8_t> report;
        test::Owner owner(1, [&](ByteView order) {
            EXPECT_TRUE(test::send(link, order));
            std::vector<std::uint8_t> answer = test::receive(link);
            wire::FrameView view;
            if (report.empty() && wire::parse_frame(answer, view) == Error::none) {
                Reader body(view.body);
                (void)body.take(body.u16());
                const ByteView rest = body.rest();
                report.assign(rest.begin(), rest.end());
            }
            return answer;
        });
        // The image is not this owner's, so the second message does not verify; the report is
        // there.
        EXPECT_THROW(owner.attest(), std::runtime_error);
        return report;
    }
    Expectation expectation(ByteView report) {
        return {.identity = image().identity,
                .report_data = {report.begin(), report.begin() + wire::report_data_bytes},
                .evidence_key = loader_->info().evidence_key,
                .simulation_allowed = true};
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<SgxLoader> loader_ = test::open_sgx_loader(folder_);
};

TEST_F(EnclaveTest, IsSmallAndListsItsEndpoints) {
    EXPECT_LE(image().bytes, 64U * 1024U);
    EXPECT_EQ(image().identity.size(), measurement_bytes);
    ASSERT_EQ(image().endpoints.size(), 11U);
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

TEST_F(EnclaveTest, ItsDoorIsOutOfItsOwnReach) {
    ImageFile file;
    const std::string bytes = test::require(compile::read_file(image().path));
    ASSERT_TRUE(parse_image_file(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, file));
    EnclavePlan plan;
    plan_enclave(file.program, file.stack_bytes, plan);
    const std::uint64_t tcs = enclave_base + plan.tcs_offset;
    const auto link = start();
    expect_exception(*link, door, bytes_of(tcs));
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
