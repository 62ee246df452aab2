#include "tee/skeleton/loader.hpp"

#include <csignal>

#include <gtest/gtest.h>

#include "tee/compile/compiler.hpp"
#include "tee/skeleton/skeleton_modules.hpp"
#include "tee/skeleton/verifier.hpp"

namespace authex::tee::skeleton {
namespace {

using test::frame;
using wire::Kind;

template <typename T>
std::string code_of(const Expected<T>& value) {
    return value ? "" : value.error().code;
}

class SkeletonLoaderTest : public testing::Test {
  protected:
    static ModuleSpec spec() { return test::spec_of(test::relay_image(), "relay"); }
    std::filesystem::path directory(const std::string& name = "relay") {
        return test::module_folder(folder_, name, test::relay_image().path);
    }
    std::unique_ptr<ModuleLink> start(const std::string& name = "relay") {
        return test::require(loader_.start(spec(), directory(name)));
    }
    /// Starts a file of any content under its true hash.
    std::string start_content(const std::string& content) {
        folder_.write("odd/image", content);
        ModuleSpec odd{.name = "odd", .deployment = 1};
        const std::vector<std::uint8_t> hash = compile::sha256(content);
        std::copy(hash.begin(), hash.end(), odd.image_sha256.begin());
        return code_of(loader_.start(odd, folder_.path() / "odd"));
    }
    static std::uint32_t counted(ModuleLink& link) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, test::relay_count, 0)));
        const std::vector<std::uint8_t> result = test::receive(link);
        wire::FrameView view;
        EXPECT_EQ(wire::parse_frame(result, view), Error::none);
        EXPECT_EQ(view.header.kind, Kind::result);
        return Reader(view.body).u32();
    }

    test::TemporaryFolder folder_;
    SkeletonLoader loader_;
};

TEST_F(SkeletonLoaderTest, SaysThatItIsSimulated) {
    EXPECT_TRUE(loader_.info().simulated);
    EXPECT_GE(loader_.info().max_body_bytes, 65'536U);
}

TEST_F(SkeletonLoaderTest, RefusesAMissingImageAndAnotherImage) {
    EXPECT_EQ(code_of(loader_.start(spec(), folder_.path())), "image-unreadable");
    ModuleSpec other = spec();
    other.image_sha256[0] ^= 1U;
    EXPECT_EQ(code_of(loader_.start(other, directory())), "image-mismatch");
}

TEST_F(SkeletonLoaderTest, RefusesFilesThatAreNoImages) {
    EXPECT_EQ(start_content(""), "image-malformed");
    EXPECT_EQ(start_content("#!/bin/sh\n"), "image-malformed");
    const std::string whole = *compile::read_file(test::relay_image().path);
    EXPECT_EQ(start_content(whole.substr(0, 63)), "image-malformed");
    // A shared object without the door.
    EXPECT_EQ(start_content(*compile::read_file("/lib/x86_64-linux-gnu/libm.so.6")),
              "image-malformed");
}

TEST_F(SkeletonLoaderTest, ModulesOfOneImageShareNothing) {
    const auto one = start("one");
    const auto two = start("two");
    EXPECT_EQ(counted(*one), 0U);
    EXPECT_EQ(counted(*two), 0U);
}

TEST_F(SkeletonLoaderTest, RefusesToStartAModuleTwiceButAfterItsEnd) {
    const auto link = start();
    EXPECT_EQ(code_of(loader_.start(spec(), directory())), "already-running");
    link->kill();
    const std::optional<Exit> exit = test::wait_exit(*link);
    ASSERT_TRUE(exit);
    EXPECT_TRUE(exit->signalled);
    EXPECT_EQ(exit->code, SIGKILL);
    EXPECT_TRUE(loader_.start(spec(), directory()).has_value());
}

TEST_F(SkeletonLoaderTest, ModuleOutlivesItsLinkAndIsAdopted) {
    (void)start();
    const auto adopted = loader_.adopt(spec(), directory());
    ASSERT_TRUE(adopted) << to_text(adopted.error());
    EXPECT_FALSE((*adopted)->exit());
    EXPECT_EQ(counted(**adopted), 0U);
    ModuleSpec other = spec();
    other.image_sha256[0] ^= 1U;
    EXPECT_EQ(code_of(loader_.adopt(other, directory())), "image-mismatch");
}

TEST_F(SkeletonLoaderTest, ModuleOfAnEarlierManagerIsGone) {
    (void)start();
    SkeletonLoader next;
    EXPECT_EQ(code_of(next.adopt(spec(), directory())), "not-running");
}

TEST_F(SkeletonLoaderTest, EndedModuleTakesNothing) {
    const auto link = start();
    link->kill();
    EXPECT_TRUE(test::send(*link, frame(Kind::call, test::relay_count, 0)));
    EXPECT_TRUE(link->readable()->empty());
}

TEST_F(SkeletonLoaderTest, FullOutputStopsTheModuleUntilItIsRead) {
    const auto link = start();
    // Each result is as long as its call is short: the output fills first.
    std::uint64_t sent = 0;
    while (link->writable()->size() >= wire::header_bytes) {
        copy(frame(Kind::call, test::relay_count, sent++), *link->writable());
        link->commit(wire::header_bytes);
        link->notify();
    }
    EXPECT_FALSE(link->prepare_sleep(true)) << "there is something to read";
    for (std::uint64_t i = 0; i < sent; ++i) {
        wire::FrameView view;
        const std::vector<std::uint8_t> result = test::receive(*link);
        ASSERT_EQ(wire::parse_frame(result, view), Error::none) << i << " of " << sent;
        EXPECT_EQ(view.header.counter, i);
    }
    EXPECT_TRUE(link->readable()->empty());
}

TEST_F(SkeletonLoaderTest, EvidenceIsOfWhatRunsAndOfThisHandshake) {
    const std::vector<std::uint8_t> report_data(32, 7);
    EXPECT_EQ(code_of(loader_.evidence(spec(), report_data)), "not-running");
    const auto link = start();
    EXPECT_EQ(code_of(loader_.evidence(spec(), ByteView(report_data).first(31))), "report-data");
    const auto evidence = loader_.evidence(spec(), report_data);
    ASSERT_TRUE(evidence) << to_text(evidence.error());
    const Expectation expectation{.identity = test::relay_image().identity,
                                  .report_data = report_data,
                                  .evidence_key = loader_.info().evidence_key,
                                  .simulation_allowed = true};
    EXPECT_TRUE(SkeletonVerifier().verify(*evidence, expectation).has_value());
}

} // namespace
} // namespace authex::tee::skeleton
