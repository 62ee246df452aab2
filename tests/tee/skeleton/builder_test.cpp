#include "tee/skeleton/builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/compile/compiler.hpp"
#include "tee/skeleton/skeleton_modules.hpp"

namespace authex::tee::skeleton {
namespace {

using descriptor::EndpointKind;

TEST(SkeletonBuilder, ListsTheEndpointsOfAnImage) {
    const Image& image = test::relay_image();
    EXPECT_EQ(image.identity, compile::sha256(*compile::read_file(image.path)));
    ASSERT_EQ(image.endpoints.size(), 3U);
    EXPECT_EQ(image.endpoints[test::relay_out].name, "out");
    EXPECT_EQ(image.endpoints[test::relay_out].kind, EndpointKind::output);
    EXPECT_EQ(image.endpoints[test::relay_in].name, "in");
    EXPECT_EQ(image.endpoints[test::relay_in].kind, EndpointKind::input);
    EXPECT_EQ(image.endpoints[test::relay_count].kind, EndpointKind::entry);
}

TEST(SkeletonBuilder, ImageNeedsNothingFromOutsideAndShowsItsDoorAlone) {
    const auto symbols = compile::run_command(
        {"llvm-nm-14", "-D", "--format=just-symbols", test::relay_image().path.string()}, "/");
    ASSERT_TRUE(symbols);
    EXPECT_EQ(symbols->output, "authex_enter\n");
}

TEST(SkeletonBuilder, OwnerKeyAndNameAreMeasured) {
    const auto builder = test::skeleton_builder();
    const Image other_owner = test::build_module(*builder, test::relay_source);
    EXPECT_NE(other_owner.identity, test::relay_image().identity);
    const test::TemporaryFolder folder;
    folder.write("module.cpp", test::relay_source);
    const Expected<Image> other_name = builder->build({.module = "other",
                                                       .sources = {"module.cpp"},
                                                       .root = folder.path(),
                                                       .owner_key = test::owner_public()});
    ASSERT_TRUE(other_name) << to_text(other_name.error());
    EXPECT_NE(other_name->identity, test::relay_image().identity);
}

TEST(SkeletonBuilder, SameSourcesFromAnotherFolderGiveTheSameBytes) {
    const test::TemporaryFolder cache;
    const auto elsewhere = make_builder({.home = AUTHEX_SOURCE_DIR, .cache = cache.path()});
    const Image again = test::build_module(*elsewhere, test::relay_source, test::owner_public());
    EXPECT_EQ(*compile::read_file(again.path), *compile::read_file(test::relay_image().path));
}

TEST(SkeletonBuilder, CallsOutsideTheModuleDoNotLink) {
    const test::TemporaryFolder folder;
    folder.write("module.cpp",
                 "#include <authex/module.hpp>\nextern \"C\" int system(const char*);\n"
                 "AUTHEX_INPUT(in, event) { system(\"ls\"); }\n");
    const Expected<Image> image = test::skeleton_builder()->build(
        {.module = "m", .sources = {"module.cpp"}, .root = folder.path()});
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "link-failed");
    EXPECT_THAT(image.error().detail, testing::HasSubstr("system"));
}

} // namespace
} // namespace authex::tee::skeleton
