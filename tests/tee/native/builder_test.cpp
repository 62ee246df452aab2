#include "tee/native/builder.hpp"

#include <array>
#include <map>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"
#include "tee/compile/compiler.hpp"

namespace authex::tee::native {
namespace {

using descriptor::Endpoint;
using descriptor::EndpointKind;
using testing::HasSubstr;

constexpr const char* minimal = "#include <authex/module.hpp>\n"
                                "AUTHEX_OUTPUT(out);\n"
                                "AUTHEX_INPUT(in, event) { out(event.data); }\n";

class NativeBuilderTest : public testing::Test {
  protected:
    static std::unique_ptr<Builder> builder_in(const std::filesystem::path& cache) {
        return make_builder({.home = AUTHEX_SOURCE_DIR, .cache = cache});
    }
    /// What is compiled with it is found by all tests. A module's own sources lie in a new folder
    /// in each test, and are compiled anew.
    static std::unique_ptr<Builder> shared_builder() { return builder_in(AUTHEX_TEST_CACHE); }
    BuildSpec spec(const std::string& source) {
        folder_.write("app/module.cpp", source);
        return {.module = "m",
                .sources = {"module.cpp"},
                .root = folder_.path() / "app",
                .owner_key = {1, 2, 3}};
    }
    test::TemporaryFolder folder_;
};

TEST_F(NativeBuilderTest, MinimalModuleIsSmallAndListsItsEndpoints) {
    const auto builder = shared_builder();
    const Expected<Image> image = builder->build(spec(minimal));
    ASSERT_TRUE(image) << to_text(image.error());
    EXPECT_LE(image->bytes, 64U * 1024U);
    EXPECT_EQ(image->identity.size(), 32U);
    ASSERT_EQ(image->endpoints.size(), 2U);
    EXPECT_EQ(image->endpoints[0].name, "out");
    EXPECT_EQ(image->endpoints[0].kind, EndpointKind::output);
    EXPECT_EQ(image->endpoints[1].name, "in");
    EXPECT_EQ(image->endpoints[1].kind, EndpointKind::input);
    RecordProperty("image_bytes", std::to_string(image->bytes));
}

TEST_F(NativeBuilderTest, ListsTheVariablesOfTheStateByTheirNamesInTheSource) {
    const Expected<Image> image =
        shared_builder()->build(spec("#include <authex/module.hpp>\n"
                                     "AUTHEX_STATE static std::uint32_t count = 7;\n"
                                     "namespace inner { AUTHEX_STATE std::uint8_t name[5]; }\n"
                                     "namespace { AUTHEX_STATE std::uint64_t hidden; }\n"
                                     "static std::uint32_t other;\n"
                                     "AUTHEX_STATE_VERSION(3);\n"
                                     "AUTHEX_INPUT(in, event) { count += other++; }\n"
                                     "AUTHEX_OUTPUT(out);\n"));
    ASSERT_TRUE(image) << to_text(image.error());
    EXPECT_EQ(image->state.version, 3U);
    EXPECT_FALSE(image->state.migrates);
    std::map<std::string, std::uint32_t> found;
    std::uint32_t end = 0;
    for (const StateVariable& variable : image->state.variables) {
        found[variable.name] = variable.bytes;
        EXPECT_GE(variable.offset, end) << "in their order, without overlap";
        end = variable.offset + variable.bytes;
    }
    EXPECT_EQ(
        found,
        (std::map<std::string, std::uint32_t>{{"count", 4}, {"inner::name", 5}, {"hidden", 8}}));
    ASSERT_EQ(image->endpoints.size(), 2U) << "the version is none";
    EXPECT_EQ(image->endpoints[0].name, "in");
    EXPECT_EQ(image->endpoints[0].id, 1U) << "but has a record";
    EXPECT_EQ(image->endpoints[1].id, 2U);
}

TEST_F(NativeBuilderTest, KnowsWhetherAModuleTakesOtherState) {
    const auto state = [&](const std::string& more) {
        const Expected<Image> image = shared_builder()->build(
            spec("#include <authex/module.hpp>\nAUTHEX_OUTPUT(out);\n" + more));
        EXPECT_TRUE(image) << to_text(image.error());
        return image ? image->state : StateLayout{};
    };
    EXPECT_EQ(state(""), StateLayout{});
    EXPECT_EQ(state("AUTHEX_MIGRATE(2, old) { return old.is(\"x\"); }\n"),
              (StateLayout{.version = 2, .migrates = true}));
    const Expected<Image> twice =
        shared_builder()->build(spec("#include <authex/module.hpp>\nAUTHEX_STATE_VERSION(1);\n"
                                     "namespace a { AUTHEX_STATE_VERSION(2); }\n"));
    ASSERT_FALSE(twice);
    EXPECT_THAT(twice.error().summary, HasSubstr("said twice"));
}

TEST_F(NativeBuilderTest, MoreEndpointsThanTheRuntimeHasRoomForAreRefused) {
    std::string source = "#include <authex/module.hpp>\n";
    for (int i = 0; i < 64; ++i) {
        source += "AUTHEX_OUTPUT(out_" + std::to_string(i) + ");\n";
    }
    const Expected<Image> most = shared_builder()->build(spec(source));
    ASSERT_TRUE(most) << to_text(most.error());
    const Expected<Image> image = shared_builder()->build(spec(source + "AUTHEX_OUTPUT(last);\n"));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "too-many-endpoints");
    EXPECT_THAT(image.error().summary, HasSubstr("65 endpoints, and a module has room for 64"));
}

TEST_F(NativeBuilderTest, StateOfAModuleInCIsReadLikewise) {
    folder_.write("app/module.c",
                  "#include <authex/module.h>\n"
                  "AUTHEX_STATE static uint16_t count;\n"
                  "AUTHEX_MIGRATE(1, old) {\n"
                  "    if (!authex_is_named(old, \"count\") || old->size != 1) {\n"
                  "        old->status = AUTHEX_FAILED;\n"
                  "        return;\n"
                  "    }\n"
                  "    count = old->data[0];\n"
                  "}\n");
    BuildSpec c = spec(minimal);
    c.sources = {"module.c"};
    const Expected<Image> image = shared_builder()->build(c);
    ASSERT_TRUE(image) << to_text(image.error());
    EXPECT_EQ(image->state,
              (StateLayout{.version = 1,
                           .migrates = true,
                           .variables = {{.name = "count", .offset = 0, .bytes = 2}}}));
}

TEST_F(NativeBuilderTest, ImageNeedsNothingFromOutside) {
    const Expected<Image> image = shared_builder()->build(spec(minimal));
    ASSERT_TRUE(image) << to_text(image.error());
    const auto said = [&](std::vector<std::string> command) {
        command.push_back(image->path.string());
        const auto result = compile::run_command(command, folder_.path());
        EXPECT_TRUE(result && result->status == 0) << command[0];
        return result ? result->output : std::string();
    };
    const std::string headers = said({"llvm-readelf-14", "-lW"});
    EXPECT_THAT(headers, testing::HasSubstr("LOAD"));
    for (const char* unwanted : {"INTERP", "DYNAMIC", "RWE"}) {
        EXPECT_THAT(headers, testing::Not(testing::HasSubstr(unwanted)));
    }
    EXPECT_THAT(said({"llvm-readelf-14", "-rW"}), testing::HasSubstr("no relocations"));
}

TEST_F(NativeBuilderTest, AWebServerIsInTheImagesOfModulesThatHaveOne) {
    const auto holds_http = [&](const std::string& source) {
        const Expected<Image> image = shared_builder()->build(spec(source));
        EXPECT_TRUE(image) << to_text(image.error());
        const auto bytes = image ? compile::read_file(image->path) : Expected<std::string>("");
        return bytes->find("Not Found") != std::string::npos;
    };
    EXPECT_FALSE(holds_http(minimal));
    EXPECT_FALSE(holds_http(std::string("#include <authex/web.hpp>\n") + minimal));
    EXPECT_TRUE(holds_http("#include <authex/web.hpp>\nAUTHEX_WEB_SERVER(web, 1);\n"));
}

TEST_F(NativeBuilderTest, RelativeRootIsThatOfTheCaller) {
    const auto builder = shared_builder();
    BuildSpec relative = spec(minimal);
    relative.root = std::filesystem::relative(relative.root);
    const Expected<Image> image = builder->build(relative);
    EXPECT_TRUE(image) << to_text(image.error());
}

TEST_F(NativeBuilderTest, ModulesBuiltAtTheSameTimeShareTheirObjects) {
    const auto builder = shared_builder();
    BuildSpec common = spec(minimal);
    for (const std::string name : {"one", "two", "three"}) {
        folder_.write("app/" + name + ".cpp", "int " + name + ";\n");
        common.sources.emplace_back(name + ".cpp");
    }
    std::array<Expected<Image>, 6> images;
    {
        std::vector<std::jthread> threads;
        for (Expected<Image>& image : images) {
            threads.emplace_back([&] { image = builder->build(common); });
        }
    }
    for (const Expected<Image>& image : images) {
        ASSERT_TRUE(image) << to_text(image.error());
        EXPECT_EQ(image->identity, images[0]->identity);
    }
}

TEST_F(NativeBuilderTest, SameSourcesFromAnotherFolderAndCacheGiveTheSameBytes) {
    const BuildSpec first = spec(minimal);
    folder_.write("elsewhere/deep/module.cpp", minimal);
    BuildSpec second = first;
    second.root = folder_.path() / "elsewhere/deep";
    const auto here = shared_builder();
    const auto there = builder_in(folder_.path() / "other cache");
    const Expected<Image> a = here->build(first);
    const Expected<Image> b = there->build(second);
    ASSERT_TRUE(a) << to_text(a.error());
    ASSERT_TRUE(b) << to_text(b.error());
    EXPECT_EQ(*compile::read_file(a->path), *compile::read_file(b->path));
}

TEST_F(NativeBuilderTest, SecondBuildComesFromTheCache) {
    const BuildSpec same = spec(minimal);
    const Expected<Image> first = shared_builder()->build(same);
    const Expected<Image> again = shared_builder()->build(same);
    ASSERT_TRUE(first && again);
    EXPECT_FALSE(first->cached);
    EXPECT_TRUE(again->cached);
}

TEST_F(NativeBuilderTest, ChangedHeaderIsSeen) {
    folder_.write("app/part.hpp", "#define ANSWER 1\n");
    const BuildSpec with_header =
        spec(std::string(minimal) +
             "#include \"part.hpp\"\nAUTHEX_ENTRY(e, call) { call.result.u32(ANSWER); }\n");
    const Expected<Image> before = shared_builder()->build(with_header);
    folder_.write("app/part.hpp", "#define ANSWER 2\n");
    const Expected<Image> after = shared_builder()->build(with_header);
    ASSERT_TRUE(before && after);
    EXPECT_NE(before->identity, after->identity);
}

TEST_F(NativeBuilderTest, OwnerKeyAndDefinitionsAreMeasured) {
    BuildSpec one =
        spec(std::string(minimal) + "AUTHEX_ENTRY(e, call) { call.result.u32(PLACE); }\n");
    one.definitions = {{"PLACE", "1"}};
    BuildSpec other_definition = one;
    other_definition.definitions = {{"PLACE", "2"}};
    BuildSpec other_owner = one;
    other_owner.owner_key[31] = 9;
    const auto builder = shared_builder();
    const auto identity = builder->build(one)->identity;
    EXPECT_NE(identity, builder->build(other_definition)->identity);
    EXPECT_NE(identity, builder->build(other_owner)->identity);
    BuildSpec with_recovery = one;
    with_recovery.recovery_key.emplace().fill(7);
    const auto recoverable = builder->build(with_recovery);
    ASSERT_TRUE(recoverable) << to_text(recoverable.error());
    EXPECT_NE(identity, recoverable->identity);
    with_recovery.recovery_key->back() = 8;
    EXPECT_NE(recoverable->identity, builder->build(with_recovery)->identity);
}

TEST_F(NativeBuilderTest, DelegateIsMeasuredAndWithoutOneNothingOfItIsThere) {
    const BuildSpec none = spec(minimal);
    BuildSpec heals = none;
    heals.delegate_key.emplace().fill(7);
    const auto builder = shared_builder();
    const auto image = builder->build(none);
    const auto delegated = builder->build(heals);
    ASSERT_TRUE(image && delegated) << to_text(delegated.error());
    EXPECT_NE(image->identity, delegated->identity);
    EXPECT_LE(image->bytes, delegated->bytes);
    heals.delegate_key->back() = 8;
    EXPECT_NE(delegated->identity, builder->build(heals)->identity);
}

TEST_F(NativeBuilderTest, ThatItsStateOutlivesTheProcessIsMeasured) {
    BuildSpec one = spec(minimal);
    const auto builder = shared_builder();
    const auto without = builder->build(one);
    one.persists = true;
    const auto with = builder->build(one);
    ASSERT_TRUE(without && with) << to_text(with.error());
    EXPECT_NE(without->identity, with->identity);
}

TEST_F(NativeBuilderTest, ACipherThatNoConnectionUsesIsLeftOut) {
    const auto builder = shared_builder();
    BuildSpec one = spec(minimal);
    const auto with = builder->build(one);
    one.spongent = false;
    const auto without = builder->build(one);
    ASSERT_TRUE(with && without);
    EXPECT_LT(without->bytes, with->bytes);
}

TEST_F(NativeBuilderTest, SymbolsAreOfTheSameImageAndOnlyMadeWhereAsked) {
    const auto builder = shared_builder();
    BuildSpec asked = spec(minimal);
    const Expected<Image> without = builder->build(asked);
    asked.symbols = true;
    const Expected<Image> with = builder->build(asked);
    ASSERT_TRUE(without && with);
    EXPECT_TRUE(without->symbols.empty());
    EXPECT_EQ(with->identity, without->identity);
    ASSERT_FALSE(with->symbols.empty());
    const std::string text = *compile::read_file(with->symbols);
    EXPECT_NE(text.find(".debug_line"), std::string::npos);
    EXPECT_EQ(compile::read_file(without->path)->find(".debug_line"), std::string::npos);
}

TEST_F(NativeBuilderTest, ModulesOfTheSameSourcesHaveIdentitiesOfTheirOwn) {
    const auto builder = shared_builder();
    const BuildSpec left = spec(minimal);
    BuildSpec right = left;
    right.module = "other";
    const Expected<Image> first = builder->build(left);
    const Expected<Image> second = builder->build(right);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->identity, second->identity);
}

TEST_F(NativeBuilderTest, CompilerErrorsAreShownAsTheyAreWithTheModulesName) {
    const auto builder = shared_builder();
    const Expected<Image> image = builder->build(
        spec("#include <authex/module.hpp>\nAUTHEX_INPUT(in, event) { unknown(); }\n"));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "compile-failed");
    EXPECT_THAT(image.error().summary, testing::HasSubstr("`m`"));
    EXPECT_THAT(image.error().detail,
                testing::HasSubstr("2:27: error: use of undeclared identifier 'unknown'"));
}

TEST_F(NativeBuilderTest, CallsOutsideTheModuleDoNotLink) {
    const auto builder = shared_builder();
    const Expected<Image> image =
        builder->build(spec("#include <authex/module.hpp>\nextern \"C\" int system(const "
                            "char*);\nAUTHEX_INPUT(in, event) { system(\"ls\"); }\n"));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "link-failed");
}

TEST_F(NativeBuilderTest, SameEndpointTwiceOverTwoFilesIsRefused) {
    BuildSpec two = spec(minimal);
    folder_.write("app/second.cpp", minimal);
    two.sources.emplace_back("second.cpp");
    const Expected<Image> image = shared_builder()->build(two);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "endpoint-duplicate");
}

TEST_F(NativeBuilderTest, ImageAboveItsCeilingIsRefused) {
    BuildSpec small = spec(minimal);
    small.max_image_bytes = 1000;
    const Expected<Image> image = shared_builder()->build(small);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "image-too-large");
}

TEST_F(NativeBuilderTest, ModulesInCBuildToo) {
    BuildSpec c = spec(minimal);
    folder_.write("app/module.c",
                  "#include <authex/module.h>\nAUTHEX_OUTPUT(out);\nAUTHEX_INPUT(in, event) { "
                  "authex_send(out, event->data, event->size); }\n");
    c.sources = {"module.c"};
    const Expected<Image> image = shared_builder()->build(c);
    ASSERT_TRUE(image) << to_text(image.error());
    EXPECT_EQ(image->endpoints.size(), 2U);
}

TEST_F(NativeBuilderTest, MissingSourceIsNamed) {
    BuildSpec missing = spec(minimal);
    missing.sources = {"nowhere.cpp"};
    const Expected<Image> image = shared_builder()->build(missing);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "file-unreadable");
    EXPECT_THAT(image.error().summary, testing::HasSubstr("nowhere.cpp"));
}

} // namespace
} // namespace authex::tee::native
