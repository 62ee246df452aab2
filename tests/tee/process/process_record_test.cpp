#include "tee/process/process_record.hpp"

#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tee/loader.hpp"
#include "tee/process/exit.hpp"

namespace authex::tee::process {
namespace {

ProcessRecord sample() {
    ProcessRecord record{.supervisor = 77,
                         .started = 123456789012345,
                         .module = 78,
                         .state = State::signalled,
                         .code = 11};
    record.boot.fill('b');
    record.image.fill(0xAB);
    return record;
}

ByteView bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(ProcessRecord, IsReadAsItWasWritten) {
    const ProcessRecord record = sample();
    const auto read = decode(encode(record));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->boot, record.boot);
    EXPECT_EQ(read->image, record.image);
    EXPECT_EQ(read->supervisor, record.supervisor);
    EXPECT_EQ(read->started, record.started);
    EXPECT_EQ(read->module, record.module);
    EXPECT_EQ(read->state, record.state);
    EXPECT_EQ(read->code, record.code);
}

TEST(ProcessRecord, RefusesEveryOtherLength) {
    const auto whole = encode(sample());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(decode(ByteView(whole).first(size))) << size;
    }
    std::array<std::uint8_t, record_bytes + 1> longer{};
    copy(whole, longer);
    EXPECT_FALSE(decode(longer));
}

TEST(ProcessRecord, RefusesOtherMagicUnknownStateAndFilledPadding) {
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{7}, record_bytes - 2, record_bytes - 1}) {
        auto bytes = encode(sample());
        bytes[at] ^= 0x80U;
        EXPECT_FALSE(decode(bytes)) << at;
    }
    auto bytes = encode(sample());
    bytes[92] = 3;
    EXPECT_FALSE(decode(bytes));
}

TEST(Stat, IsFoundWhateverTheProcessIsCalled) {
    const std::string rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
    for (const char* name : {"authex", "a b", ") 1 2 3", "(((", "x) S 1 2"}) {
        const std::string text = "7 (" + std::string(name) + ")" + rest;
        EXPECT_EQ(stat_in(bytes_of(text), StatField::start_time), 4242U) << name;
        EXPECT_EQ(stat_in(bytes_of(text), StatField::parent), 1U) << name;
    }
}

TEST(Stat, IsZeroWhereTheTextIsCut) {
    EXPECT_EQ(stat_in({}, StatField::start_time), 0U);
    EXPECT_EQ(stat_in(bytes_of("7 (a) S 1 2 3"), StatField::start_time), 0U);
    EXPECT_EQ(stat_in(bytes_of("no brackets"), StatField::start_time), 0U);
}

TEST(Stat, OfThisProcessIsKnownAndOfNoneIsNot) {
    EXPECT_NE(stat_of(::getpid(), StatField::start_time), 0U);
    EXPECT_EQ(stat_of(::getpid(), StatField::parent), static_cast<std::uint64_t>(::getppid()));
    EXPECT_EQ(stat_of(-5, StatField::start_time), 0U);
}

TEST(Exit, IsToldInWords) {
    EXPECT_EQ(to_text(Exit{.signalled = false, .code = 3}), "exit status 3");
    EXPECT_EQ(to_text(Exit{.signalled = false, .code = exit_state_not_kept}),
              "exit status 73: the disk did not take its state");
    EXPECT_EQ(to_text(Exit{.signalled = true, .code = 11}), "killed by signal 11 (SIGSEGV)");
    EXPECT_EQ(to_text(Exit{.signalled = true, .code = 200}), "killed by signal 200");
}

} // namespace
} // namespace authex::tee::process
