#include "descriptor/parse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "descriptor/files.hpp"

namespace authex::descriptor {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

std::string shown(const ParseResult& result) {
    std::string text;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        text += to_text(diagnostic) + "\n";
    }
    return text;
}

std::vector<std::string> codes(const ParseResult& result) {
    std::vector<std::string> list;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        list.push_back(diagnostic.code);
    }
    return list;
}

Descriptor good(const std::string& name) {
    const ParseResult result =
        parse(test::read(std::string(AUTHEX_TEST_DIR) + "/good/" + name), name);
    EXPECT_TRUE(result.descriptor) << shown(result);
    return result.descriptor.value_or(Descriptor{});
}

class GoodDescriptor : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(GoodDescriptor, HasNoErrors) {
    const ParseResult result = parse(test::read(GetParam()), "good.yaml");
    EXPECT_TRUE(result.descriptor) << shown(result);
}

INSTANTIATE_TEST_SUITE_P(Files,
                         GoodDescriptor,
                         testing::ValuesIn(test::files_in("good")),
                         [](const auto& test) { return test::test_name(test.param); });

TEST(Parse, ReadsNodesOfEachTee) {
    const Descriptor descriptor = good("everything.yaml");
    ASSERT_EQ(descriptor.nodes.size(), 4U);
    const Node* field = descriptor.find_node("field");
    ASSERT_NE(field, nullptr);
    EXPECT_EQ(field->tee, Tee::sancus);
    ASSERT_TRUE(field->vendor);
    EXPECT_EQ(field->vendor->id, 0x1234);
    EXPECT_EQ(field->vendor->key_file, "keys/field.vendor");
    EXPECT_EQ(field->board, "boards/field.yaml");
    EXPECT_EQ(field->where.line, 4U);
    EXPECT_EQ(field->where.column, 3U);
    EXPECT_EQ(field->where.length, 5U);
    EXPECT_EQ(descriptor.nodes[1].tee, Tee::trustzone);
    EXPECT_EQ(descriptor.nodes[1].certificate, "keys/edge.pem");
    EXPECT_EQ(descriptor.nodes[2].tee, Tee::sgx);
    EXPECT_EQ(descriptor.nodes[3].tee, Tee::native);
    EXPECT_EQ(descriptor.nodes[3].address.port, 65535);
    EXPECT_EQ(descriptor.find_node("nowhere"), nullptr);
}

TEST(Parse, HoldsAddressesInOneForm) {
    const Descriptor descriptor = good("everything.yaml");
    EXPECT_EQ(to_string(descriptor.nodes[0].address), "127.0.0.1:6000");
    EXPECT_EQ(to_string(descriptor.nodes[1].address), "[fe80::1]:6001");
    EXPECT_EQ(to_string(descriptor.nodes[2].address), "node-1.example.org:6002");
    ASSERT_TRUE(descriptor.nodes[2].events);
    EXPECT_EQ(descriptor.nodes[2].events->host, "::1");
}

TEST(Parse, ReadsWhatModulesAreBuiltFrom) {
    const Descriptor descriptor = good("everything.yaml");
    const Module* gateway = descriptor.find_module("gateway");
    ASSERT_NE(gateway, nullptr);
    ASSERT_EQ(gateway->sources.size(), 2U);
    EXPECT_EQ(gateway->sources[1].path, "../shared/queue.cc");
    EXPECT_THAT(gateway->definitions,
                ElementsAre(std::pair("LIMIT", "21"),
                            std::pair("NAME", "\"edge\""),
                            std::pair("VERBOSE", "")));
    ASSERT_EQ(gateway->after.size(), 1U);
    EXPECT_EQ(gateway->after[0].name, "db");
    EXPECT_EQ(gateway->max.image_bytes, 65536U);
    EXPECT_EQ(gateway->max.stack_bytes, 0x4000U);
    EXPECT_EQ(gateway->max.connections, 1024U);
    const Module* db = descriptor.find_module("db");
    ASSERT_NE(db, nullptr);
    EXPECT_THAT(
        db->definitions,
        ElementsAre(std::pair("EXPRESSION", "a=b"), std::pair("FAST", ""), std::pair("SIZE", "8")));
    ASSERT_EQ(db->secrets.size(), 3U);
    EXPECT_EQ(db->secrets[0].source, SecretSource::file);
    EXPECT_EQ(db->secrets[0].file, "token.txt");
    EXPECT_EQ(db->secrets[1].source, SecretSource::environment);
    EXPECT_EQ(db->secrets[1].variable, "DB_PASSWORD");
    EXPECT_EQ(db->secrets[2].source, SecretSource::generated);
    EXPECT_EQ(db->secrets[2].generated_bytes, 32U);
    std::map<std::string, std::string> config;
    for (const auto& [name, setting] : db->config) {
        config[name] = setting.text;
    }
    EXPECT_THAT(
        config,
        ElementsAre(std::pair("limit", "21"), std::pair("mode", "fast"), std::pair("title", "")));
    EXPECT_FALSE(db->max.image_bytes);
}

TEST(Parse, ReadsDriversInsteadOfSources) {
    const Descriptor descriptor = good("everything.yaml");
    const Module* lamp = descriptor.find_module("lamp");
    ASSERT_NE(lamp, nullptr);
    ASSERT_TRUE(lamp->driver);
    EXPECT_EQ(lamp->driver->name, "led");
    EXPECT_THAT(lamp->sources, IsEmpty());
    EXPECT_FALSE(descriptor.find_module("button")->driver);
}

TEST(Parse, ReadsModulesThatAreOnTheirNodeAlready) {
    const Descriptor descriptor = good("everything.yaml");
    const Module* meter = descriptor.find_module("meter");
    ASSERT_NE(meter, nullptr);
    ASSERT_TRUE(meter->external);
    EXPECT_THAT(meter->sources, IsEmpty());
    EXPECT_EQ(meter->external->identity[1], 0x11);
    EXPECT_EQ(meter->external->identity[31], 0xFF);
    EXPECT_EQ(meter->external->key[15], 0x0F);
}

TEST(Parse, ChoosesTheBestEncryptionThatBothEndsCanDo) {
    const Descriptor descriptor = good("everything.yaml");
    using crypto::Algorithm;
    EXPECT_EQ(descriptor.connections[0].algorithm, Algorithm::spongent_128); // from Sancus
    EXPECT_EQ(descriptor.connections[1].algorithm, Algorithm::aes_128_gcm);
    EXPECT_EQ(descriptor.connections[2].algorithm, Algorithm::spongent_128); // as written
    EXPECT_EQ(descriptor.connections[3].algorithm, Algorithm::aes_128_gcm);
    EXPECT_EQ(descriptor.connections[5].algorithm, Algorithm::spongent_128); // direct to Sancus
}

TEST(Parse, NamesConnectionsAndPeriodsThatHaveNoName) {
    const Descriptor descriptor = good("everything.yaml");
    std::vector<std::string> names;
    for (const Connection& connection : descriptor.connections) {
        names.push_back(connection.name);
    }
    EXPECT_THAT(names,
                ElementsAre("button.pressed->gateway.button_pressed",
                            "gateway.count->db.increment",
                            "gateway.count->meter.16",
                            "get-presses",
                            "direct->db.read_count",
                            "direct->button.press",
                            "meter.3->db.add"));
    EXPECT_EQ(descriptor.periodic[0].name, "gateway.sample");
    EXPECT_EQ(descriptor.periodic[1].name, "fast");
    EXPECT_NE(descriptor.find_connection("get-presses"), nullptr);
}

TEST(Parse, MakesADefaultNameThatIsTakenUnique) {
    const ParseResult result = parse("application: a\n"
                                     "nodes: { n: { tee: sgx, address: h:1 } }\n"
                                     "modules: { m: { node: n, sources: [m.c] } }\n"
                                     "connections:\n"
                                     "  - { from: m.x, to: m.y }\n"
                                     "  - { name: m.x->m.y, direct: true, to: m.z }\n"
                                     "periodic:\n"
                                     "  - { module: m, entry: t, every: 1s }\n"
                                     "  - { module: m, entry: t, every: 2s }\n",
                                     "a.yaml");
    ASSERT_TRUE(result.descriptor) << shown(result);
    EXPECT_EQ(result.descriptor->connections[0].name, "m.x->m.y-2");
    EXPECT_EQ(result.descriptor->connections[1].name, "m.x->m.y");
    EXPECT_EQ(result.descriptor->periodic[1].name, "m.t-2");
}

TEST(Parse, ReadsConnections) {
    const Descriptor descriptor = good("everything.yaml");
    const Connection& lossy = descriptor.connections[2];
    ASSERT_TRUE(lossy.from);
    EXPECT_EQ(lossy.from->endpoint, "count");
    EXPECT_EQ(lossy.to.id, 16);
    EXPECT_EQ(lossy.to.endpoint, "");
    EXPECT_EQ(lossy.delivery, Delivery::lossy);
    EXPECT_TRUE(descriptor.connections[3].direct());
    EXPECT_EQ(descriptor.connections[3].id, 7);
    ASSERT_TRUE(descriptor.connections[4].key);
    EXPECT_EQ(descriptor.connections[4].key->front(), 0xFF);
    EXPECT_FALSE(descriptor.connections[6].direct());
    EXPECT_EQ(descriptor.connections[1].delivery, Delivery::ordered);
}

TEST(Parse, ReadsDeadlines) {
    const Descriptor descriptor = good("deadlines.yaml");
    const auto& first = descriptor.connections[0].deadline;
    ASSERT_TRUE(first);
    EXPECT_EQ(first->within, milliseconds(50));
    EXPECT_FALSE(first->drops);
    EXPECT_FALSE(first->by_modules);
    const auto& second = descriptor.connections[1].deadline;
    ASSERT_TRUE(second);
    EXPECT_EQ(second->within, std::chrono::hours(1));
    EXPECT_TRUE(second->drops);
    EXPECT_TRUE(second->by_modules);
    ASSERT_TRUE(descriptor.connections[2].deadline);
    EXPECT_EQ(descriptor.connections[2].deadline->within, milliseconds(1));
    EXPECT_FALSE(descriptor.connections[3].deadline);
}

TEST(Parse, ReadsPeriodsInEachUnit) {
    const Descriptor descriptor = good("everything.yaml");
    ASSERT_EQ(descriptor.periodic.size(), 3U);
    EXPECT_EQ(descriptor.periodic[0].every, microseconds(500000));
    EXPECT_EQ(descriptor.periodic[1].every, microseconds(100));
    EXPECT_EQ(descriptor.periodic[2].every, std::chrono::hours(24));
    EXPECT_EQ(descriptor.periodic[2].entry.id, 2);
}

TEST(Parse, RefusesSimulationAndDebugUnlessAllowed) {
    const Descriptor least = good("least.yaml");
    EXPECT_FALSE(least.simulation_allowed);
    EXPECT_FALSE(least.policy.allow_debug);
    const Descriptor everything = good("everything.yaml");
    EXPECT_TRUE(everything.simulation_allowed);
    EXPECT_TRUE(everything.policy.allow_debug);
    EXPECT_THAT(everything.policy.tcb, ElementsAre("UpToDate", "SWHardeningNeeded"));
}

TEST(Parse, ReadsWhatEvidenceIsTakenAndWhoSigns) {
    const Descriptor everything = good("everything.yaml");
    const Policy& policy = everything.policy;
    EXPECT_THAT(*policy.mitigated, ElementsAre("INTEL-SA-00334"));
    EXPECT_EQ(policy.evaluation, 17U);
    EXPECT_EQ(policy.svn, 2);
    EXPECT_EQ(policy.root, "keys/root.pem");
    EXPECT_EQ(policy.pccs->url, "https://pccs.example.org:8081");
    EXPECT_EQ(policy.pccs->authority, "keys/pccs.pem");
    EXPECT_FALSE(policy.collateral);
    EXPECT_FALSE(everything.signing.at(Tee::sgx).key);
    EXPECT_EQ(everything.signing.at(Tee::sgx).public_key, "keys/vendor.pub");
    EXPECT_EQ(everything.signing.at(Tee::sgx).signatures, "signatures");
    EXPECT_EQ(everything.signing.at(Tee::trustzone).key, "keys/ta.pem");
    const std::optional<Enclave>& enclave = everything.find_module("db")->enclave;
    EXPECT_EQ(enclave->product, 7);
    EXPECT_EQ(enclave->svn, 2);
    EXPECT_TRUE(enclave->debug);
    EXPECT_FALSE(everything.find_module("gateway")->enclave);
    EXPECT_EQ(everything.find_module("lamp")->max.stack_bytes, 160U);
    EXPECT_EQ(everything.find_module("lamp")->max.body_bytes, 16U);
    EXPECT_EQ(everything.find_module("lamp")->max.keys, 1U);
    EXPECT_TRUE(everything.find_module("db")->persist);
    EXPECT_FALSE(everything.find_module("gateway")->persist);
    const Descriptor readable = good("readable_state.yaml");
    EXPECT_TRUE(readable.find_module("a")->readable_state);
    EXPECT_FALSE(readable.find_module("b")->readable_state);
    const Descriptor persists = good("persist.yaml");
    EXPECT_TRUE(persists.find_module("a")->persist);
    EXPECT_EQ(persists.find_module("a")->persist_every, std::chrono::milliseconds(100));
    EXPECT_EQ(persists.find_module("b")->persist_every, std::chrono::seconds(10));
    EXPECT_EQ(persists.find_module("c")->persist_every, std::chrono::milliseconds(2));
    EXPECT_EQ(everything.find_module("db")->persist_every.count(), 0);
    const Descriptor folder = good("collateral.yaml");
    EXPECT_EQ(folder.policy.collateral, "collateral");
    EXPECT_TRUE(folder.policy.mitigated->empty());
    EXPECT_EQ(folder.signing.at(Tee::sgx).key, "keys/vendor.pem");
    EXPECT_EQ(folder.signing.count(Tee::trustzone), 0U);
    EXPECT_EQ(good("pccs.yaml").policy.pccs->url, "https://[::1]:8081");
    EXPECT_FALSE(good("least.yaml").policy.mitigated);
}

TEST(Parse, TakesJson) {
    const Descriptor descriptor = good("json.json");
    EXPECT_EQ(descriptor.application, "button-led");
    EXPECT_EQ(descriptor.nodes[1].address.host, "::1");
    EXPECT_EQ(descriptor.connections[0].id, 3);
    EXPECT_TRUE(descriptor.connections[1].direct());
}

TEST(Parse, MergesWhatIsWrittenOnce) {
    const Descriptor descriptor = good("anchors.yaml");
    EXPECT_EQ(to_string(descriptor.nodes[1].address), "127.0.0.1:6122");
    EXPECT_EQ(descriptor.nodes[1].tee, Tee::native);
    EXPECT_EQ(descriptor.modules[1].definitions.at("PLACE"), "1");
    EXPECT_EQ(descriptor.modules[2].sources[0].path, "sensor.cpp");
}

TEST(Parse, ReportsAFaultBehindAnAliasOnce) {
    const ParseResult result = parse("application: a\n"
                                     "nodes: { n: { tee: sgx, address: h:1 } }\n"
                                     "modules:\n"
                                     "  m: &m { node: n, sources: [m.rs] }\n"
                                     "  o: *m\n"
                                     "connections: [{ from: m.a, to: o.b }]\n",
                                     "a.yaml");
    EXPECT_THAT(codes(result), ElementsAre("rust-not-supported"));
}

TEST(Parse, NamesEachCircleOfDeploymentOnce) {
    const ParseResult result = parse("application: a\n"
                                     "nodes: { n: { tee: sgx, address: h:1 } }\n"
                                     "modules:\n"
                                     "  tail: { node: n, sources: [m.c], after: [a] }\n"
                                     "  a: { node: n, sources: [m.c], after: [end, b] }\n"
                                     "  b: { node: n, sources: [m.c], after: [c] }\n"
                                     "  c: { node: n, sources: [m.c], after: [b, a] }\n"
                                     "  end: { node: n, sources: [m.c] }\n",
                                     "a.yaml");
    ASSERT_THAT(codes(result), ElementsAre("deployment-cycle", "deployment-cycle"));
    EXPECT_EQ(result.diagnostics[0].summary,
              "the order of deployment goes in a circle: a after b, after c, after a");
    EXPECT_EQ(result.diagnostics[0].where.line, 5U);
    EXPECT_EQ(result.diagnostics[0].where.column, 46U);
    EXPECT_EQ(result.diagnostics[1].summary,
              "the order of deployment goes in a circle: b after c, after b");
}

TEST(Parse, RefusesATextAboveOneMebibyte) {
    EXPECT_THAT(codes(parse(std::string((1U << 20U) + 1, '#'), "a.yaml")),
                ElementsAre("too-large"));
    EXPECT_THAT(codes(parse(std::string(1U << 20U, '#'), "a.yaml")),
                ElementsAre("empty-descriptor"));
}

TEST(Parse, RefusesMoreThanTwentyThousandElements) {
    std::string text = "policy: { tcb: [";
    for (int i = 0; i < 20000; ++i) {
        text += "x,";
    }
    EXPECT_THAT(codes(parse(text + "] }", "a.yaml")), ElementsAre("too-large"));
}

TEST(Parse, SurvivesDeepNestingOfEveryKind) {
    for (const char* opening :
         {"[", "{", "- ", "? ", "a: ", "{a: ", "[a: ", "!!seq [", "&a [", "[[a]: "}) {
        std::string text;
        while (text.size() < 100000) {
            text += opening;
        }
        EXPECT_FALSE(parse(text, "a.yaml").descriptor) << opening;
    }
}

TEST(Parse, StopsAtAThousandFindings) {
    std::string text = "application: a\n";
    for (int i = 0; i < 3000; ++i) {
        text += "key" + std::to_string(i) + ": 1\n";
    }
    const ParseResult result = parse(text, "a.yaml");
    EXPECT_FALSE(result.descriptor);
    EXPECT_EQ(result.diagnostics.size(), 1000U);
}

TEST(Parse, ReportsInTheOrderOfTheText) {
    const ParseResult result =
        parse(test::read(std::string(AUTHEX_TEST_DIR) + "/messages/typing.yaml"), "a.yaml");
    ASSERT_GT(result.diagnostics.size(), 5U);
    for (std::size_t i = 1; i < result.diagnostics.size(); ++i) {
        EXPECT_LE(result.diagnostics[i - 1].where.line, result.diagnostics[i].where.line);
    }
}

class LoadDescriptor : public testing::Test {
  protected:
    void SetUp() override {
        const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
        directory_ = std::filesystem::path(AUTHEX_BINARY_DIR) / "descriptor_test" / test->name();
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::filesystem::path write(const std::string& name,
                                              const std::string& text) const {
        std::ofstream(directory_ / name) << text;
        return directory_ / name;
    }

    std::filesystem::path directory_;
};

TEST_F(LoadDescriptor, FindsSourcesBesideTheDescriptor) {
    (void)write("m.c", "");
    const auto file =
        write("app.yaml", test::read(std::string(AUTHEX_TEST_DIR) + "/good/least.yaml"));
    const ParseResult result = load(file);
    ASSERT_TRUE(result.descriptor) << shown(result);
    EXPECT_EQ(result.descriptor->directory, directory_);
    EXPECT_EQ(result.descriptor->file, file);
}

TEST_F(LoadDescriptor, ReportsASourceThatIsMissingWhereItIsNamed) {
    const auto file =
        write("app.yaml", test::read(std::string(AUTHEX_TEST_DIR) + "/good/least.yaml"));
    const ParseResult result = load(file);
    EXPECT_FALSE(result.descriptor);
    ASSERT_THAT(codes(result), ElementsAre("missing-file"));
    EXPECT_EQ(result.diagnostics[0].where.line, 3U);
    EXPECT_EQ(result.diagnostics[0].where.column, 36U);
    EXPECT_EQ(result.diagnostics[0].where.length, 3U);
}

TEST_F(LoadDescriptor, ReportsASourceThatIsAFolder) {
    std::filesystem::create_directory(directory_ / "m.c");
    const auto file =
        write("app.yaml", test::read(std::string(AUTHEX_TEST_DIR) + "/good/least.yaml"));
    EXPECT_THAT(codes(load(file)), ElementsAre("missing-file"));
}

TEST_F(LoadDescriptor, ReportsAFileThatCannotBeRead) {
    EXPECT_THAT(codes(load(directory_ / "none.yaml")), ElementsAre("unreadable-file"));
    EXPECT_THAT(codes(load(directory_)), ElementsAre("unreadable-file"));
    EXPECT_THAT(codes(load("/dev/zero")), ElementsAre("unreadable-file"));
}

TEST_F(LoadDescriptor, RefusesAFileThatIsTooLarge) {
    EXPECT_THAT(codes(load(write("app.yaml", std::string(3U << 20U, '#')))),
                ElementsAre("too-large"));
}

TEST(Examples, HaveNothingToReport) {
    unsigned examples = 0;
    const std::filesystem::path folder = std::filesystem::path(AUTHEX_SOURCE_DIR) / "examples";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().filename() == "native.yaml") {
            ++examples;
            const ParseResult result = load(entry.path());
            EXPECT_TRUE(result.descriptor && result.diagnostics.empty()) << shown(result);
        }
    }
    EXPECT_GE(examples, 1U);
}

} // namespace
} // namespace authex::descriptor
