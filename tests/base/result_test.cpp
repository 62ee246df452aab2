#include "base/result.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace authex {
namespace {

TEST(ErrorText, IsThereForEachErrorAndTellsItFromTheOthers) {
    std::set<std::string> texts;
    constexpr auto last = static_cast<unsigned>(Error::unanswered);
    for (unsigned value = 0; value <= last; ++value) {
        texts.emplace(error_text(static_cast<Error>(value)));
    }
    EXPECT_EQ(texts.size(), last + 1);
    EXPECT_EQ(texts.count("unknown error"), 0U);
}

TEST(ErrorText, OfWhatIsNoErrorSaysSo) {
    EXPECT_STREQ(error_text(static_cast<Error>(200)), "unknown error");
}

} // namespace
} // namespace authex
