#include "tee/sgx/quote_library.hpp"

#include <algorithm>
#include <dlfcn.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/modules.hpp"

namespace authex::tee::sgx {
namespace {

using testing::HasSubstr;

class QuoteLibraryTest : public testing::Test {
  protected:
    QuoteLibraryTest()
        : double_(::dlopen(AUTHEX_QUOTE_LIBRARY_DOUBLE, RTLD_NOW)),
          library_(test::require(QuoteLibrary::open(AUTHEX_QUOTE_LIBRARY_DOUBLE))) {
        fail(0, 0);
        say_length(164);
    }
    void fail(std::uint32_t of_target, std::uint32_t of_quote) {
        reinterpret_cast<void (*)(std::uint32_t, std::uint32_t)>(::dlsym(double_, "double_fails"))(
            of_target, of_quote);
    }
    void say_length(std::uint32_t bytes) {
        reinterpret_cast<void (*)(std::uint32_t)>(
            ::dlsym(double_, "double_says_signature_data_has"))(bytes);
    }

    void* double_;
    std::unique_ptr<QuoteLibrary> library_;
    std::vector<std::uint8_t> report_ = std::vector<std::uint8_t>(sgx_report_bytes, 0x33);
};

TEST_F(QuoteLibraryTest, SaysWhomReportsAreFor) {
    const auto target = library_->target();
    ASSERT_TRUE(target) << to_text(target.error());
    EXPECT_EQ((*target)[511], 0x51);
    fail(0xE011, 0);
    EXPECT_THAT(to_text(library_->target().error()), HasSubstr("0xe011"));
}

TEST_F(QuoteLibraryTest, QuotesAreCutToTheirLength) {
    const auto evidence = library_->quote(report_);
    ASSERT_TRUE(evidence) << to_text(evidence.error());
    ASSERT_EQ(evidence->quote.size(), 436U + 164U);
    EXPECT_TRUE(std::equal(report_.begin(), report_.begin() + 384, evidence->quote.begin() + 48));
}

TEST_F(QuoteLibraryTest, ErrorsAndQuotesThatAreNoneAreRefused) {
    fail(0, 0xE01C);
    EXPECT_EQ(library_->quote(report_).error().code, "quote-library-refused");
    fail(0, 0);
    for (const std::uint32_t bytes : {265U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
        say_length(bytes);
        EXPECT_EQ(library_->quote(report_).error().code, "quote-library-malformed") << bytes;
    }
    say_length(264);
    EXPECT_TRUE(library_->quote(report_));
}

TEST(QuoteLibrary, ThatIsNotThereOrNoneIsNamed) {
    for (const char* name : {"libauthex-nowhere.so.1", "libz.so.1"}) {
        const auto library = QuoteLibrary::open(name);
        ASSERT_FALSE(library);
        EXPECT_EQ(library.error().code, "quote-library-missing");
    }
}

} // namespace
} // namespace authex::tee::sgx
