#include "wire/control_owner.hpp"

#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace authex::wire {
namespace {

using test::Octets;
using test::operator+;

TEST(ControlAnswer, IsReadAsDocumented) {
    ControlAnswer answer;
    ASSERT_EQ(parse_answer(Octets{0x85, 1, 2, 3, 4, 5, 6, 7, 8, 15, 0xAA}, answer), Error::none);
    EXPECT_EQ(answer.type, ControlType::audit);
    EXPECT_EQ(answer.answers, 0x0807060504030201U);
    EXPECT_EQ(answer.error, Error::old_epoch);
    EXPECT_EQ(answer.data.size(), 1U);
}

TEST(ControlAnswer, RefusesWhatIsNone) {
    ControlAnswer answer;
    const Octets rest(9);
    for (std::size_t size = 0; size < control_answer_bytes; ++size) {
        EXPECT_EQ(parse_answer(Octets(size, 0x85), answer), Error::truncated) << size;
    }
    EXPECT_EQ(parse_answer(Octets{0x05} + rest, answer), Error::unknown_kind);
    EXPECT_EQ(parse_answer(Octets{0x80} + rest, answer), Error::unknown_kind);
    EXPECT_EQ(parse_answer(Octets{0x92} + rest, answer), Error::unknown_kind);
    EXPECT_EQ(parse_answer(Octets{0xFF} + rest, answer), Error::unknown_kind);
    EXPECT_EQ(parse_answer(Octets{0x81} + rest, answer), Error::none);
}

TEST(AuditEntry, RefusesWhatIsNone) {
    Octets bytes(audit_entry_bytes);
    AuditEntry entry;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        Reader cut(ByteView(bytes).first(size));
        EXPECT_EQ(parse_audit_entry(cut, entry), Error::truncated);
    }
    bytes[4] = 1;
    Reader good(bytes);
    EXPECT_EQ(parse_audit_entry(good, entry), Error::none);
    EXPECT_EQ(entry.role, Role::destination);
    bytes[4] = 2;
    Reader bad(bytes);
    EXPECT_EQ(parse_audit_entry(bad, entry), Error::malformed);
}

} // namespace
} // namespace authex::wire
