#include "deployer/control_session.hpp"

#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::deployer {
namespace {

using test::Enclave;
using test::Octets;
using wire::ControlType;

/// The owner of test::Enclave.
OwnerKey owner_key(std::uint8_t first = 1) {
    OwnerKey key;
    key.secret.fill(first);
    crypto::x25519_public(key.secret, key.public_key);
    return key;
}
std::array<std::uint8_t, 32> ephemeral(std::uint8_t value) {
    std::array<std::uint8_t, 32> bytes{};
    bytes.fill(value);
    return bytes;
}

class Session : public ::testing::Test {
  protected:
    Error attest(std::uint8_t random = 7) {
        NoiseHandshake handshake(owner_key(), ephemeral(random));
        const Octets answer = module.give(*handshake.first(0)).at(0).bytes;
        const Error error = handshake.second(answer, session);
        copy(handshake.report_data(), report_data);
        limits = handshake.limits();
        node_report_data = Octets(answer.end() - wire::report_data_bytes, answer.end());
        return error;
    }
    Octets order(ControlType type) {
        std::vector<std::uint8_t> frame;
        EXPECT_EQ(session.order(0, {.type = type}, frame), Error::none);
        return frame;
    }
    Octets say(const Octets& frame) {
        const auto frames = module.give(frame);
        return frames.empty() ? Octets() : frames[0].bytes;
    }

    Enclave module;
    ControlSession session;
    OrderAnswer got;
    std::array<std::uint8_t, wire::report_data_bytes> report_data{};
    Octets node_report_data;
    ModuleLimits limits;
};

TEST_F(Session, OpensWithTheModuleOfThisOwner) {
    ASSERT_EQ(attest(), Error::none);
    EXPECT_TRUE(session.is_open());
    EXPECT_EQ(limits.protocol_version, wire::protocol_version);
    EXPECT_EQ(limits.body_bytes, wire::max_body_bytes);
    EXPECT_GT(limits.connections, 0);
}

TEST_F(Session, ComputesTheReportDataThatTheModuleGaveItsNode) {
    ASSERT_EQ(attest(), Error::none);
    EXPECT_EQ(Octets(report_data.begin(), report_data.end()), node_report_data);
}

TEST_F(Session, BindsEachHandshakeToReportDataOfItsOwn) {
    ASSERT_EQ(attest(7), Error::none);
    const auto first = report_data;
    ASSERT_EQ(attest(8), Error::none);
    EXPECT_NE(report_data, first);
}

TEST_F(Session, RefusesTheModuleOfAnotherOwner) {
    NoiseHandshake handshake(owner_key(2), ephemeral(7));
    const Octets second = module.give(*handshake.first(0)).at(0).bytes;
    EXPECT_EQ(handshake.second(second, session), Error::forged);
    EXPECT_FALSE(session.is_open());
}

TEST_F(Session, RefusesAnAnswerOfAnotherHandshake) {
    NoiseHandshake earlier(owner_key(), ephemeral(7));
    const Octets second = module.give(*earlier.first(0)).at(0).bytes;
    NoiseHandshake later(owner_key(), ephemeral(8));
    ASSERT_TRUE(later.first(0));
    EXPECT_EQ(later.second(second, session), Error::forged);
    EXPECT_FALSE(session.is_open());
}

TEST_F(Session, RefusesAnAnswerWithAnyBitOfTheNoiseMessageFlipped) {
    const Octets first = *NoiseHandshake(owner_key(), ephemeral(7)).first(0);
    const Octets second = module.give(first).at(0).bytes;
    for (std::size_t at = wire::header_bytes; at < second.size() - wire::report_data_bytes; ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            Octets forged = second;
            forged[at] = static_cast<std::uint8_t>(forged[at] ^ (1U << bit));
            NoiseHandshake handshake(owner_key(), ephemeral(7));
            ASSERT_TRUE(handshake.first(0));
            ControlSession opened;
            // The top bit of an X25519 point is masked by both ends (RFC 7748 §5), but it stands in
            // the transcript.
            EXPECT_NE(handshake.second(forged, opened), Error::none) << at << '.' << bit;
            EXPECT_FALSE(opened.is_open());
        }
    }
}

TEST_F(Session, RefusesACutAnswer) {
    const Octets second =
        module.give(*NoiseHandshake(owner_key(), ephemeral(7)).first(0)).at(0).bytes;
    for (std::size_t size = 0; size < second.size(); ++size) {
        NoiseHandshake handshake(owner_key(), ephemeral(7));
        ASSERT_TRUE(handshake.first(0));
        ControlSession opened;
        EXPECT_NE(handshake.second(ByteView(second).first(size), opened), Error::none) << size;
        EXPECT_FALSE(opened.is_open());
    }
}

TEST_F(Session, RefusesItsOwnFirstMessageAsAnswer) {
    NoiseHandshake handshake(owner_key(), ephemeral(7));
    const Octets first = *handshake.first(0);
    EXPECT_EQ(handshake.second(first, session), Error::wrong_role);
}

TEST_F(Session, DoesNotBelieveTheReportDataOfTheNode) {
    NoiseHandshake handshake(owner_key(), ephemeral(7));
    Octets second = module.give(*handshake.first(0)).at(0).bytes;
    const Octets told(second.end() - wire::report_data_bytes, second.end());
    second.back() ^= 1U;
    ASSERT_EQ(handshake.second(second, session), Error::none);
    EXPECT_EQ(Octets(handshake.report_data().begin(), handshake.report_data().end()), told);
}

TEST_F(Session, SealsNothingBeforeItIsOpen) {
    std::vector<std::uint8_t> frame;
    EXPECT_EQ(session.order(0, {.type = ControlType::audit}, frame), Error::not_attested);
    EXPECT_EQ(session.answer(Octets(60), got), Error::not_attested);
}

TEST_F(Session, OrdersAreCarriedOutAndAnsweredByTheirCounter) {
    ASSERT_EQ(attest(), Error::none);
    for (std::uint64_t counter = 0; counter < 3; ++counter) {
        ASSERT_EQ(session.answer(say(order(ControlType::audit)), got), Error::none);
        EXPECT_EQ(got.answers, counter);
        EXPECT_EQ(got.error, Error::none);
    }
}

TEST_F(Session, AuditShowsTheConnectionsThatWereSet) {
    ASSERT_EQ(attest(), Error::none);
    std::vector<std::uint8_t> frame;
    ASSERT_EQ(session.order(0, Enclave::terms(5, test::in, 3), frame), Error::none);
    ASSERT_EQ(session.answer(say(frame), got), Error::none);
    ASSERT_EQ(got.error, Error::none);
    ASSERT_EQ(session.answer(say(order(ControlType::audit)), got), Error::none);
    std::vector<wire::AuditEntry> entries;
    ASSERT_EQ(parse_audit(got.data, entries), Error::none);
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].channel, 5);
    EXPECT_EQ(entries[0].epoch, 3U);
}

TEST_F(Session, ParsesNoCutAudit) {
    std::vector<wire::AuditEntry> entries;
    EXPECT_EQ(parse_audit(Octets(), entries), Error::none);
    EXPECT_EQ(parse_audit(Octets(wire::audit_entry_bytes - 1), entries), Error::truncated);
    EXPECT_EQ(parse_audit(Octets(wire::audit_entry_bytes + 1), entries), Error::truncated);
}

TEST_F(Session, GoesOnInAnotherProcessWhereItWasStored) {
    ASSERT_EQ(attest(), Error::none);
    ASSERT_EQ(session.answer(say(order(ControlType::audit)), got), Error::none);
    const Octets lost = order(ControlType::audit); // sealed, stored, never sent
    ControlSession next;
    ASSERT_EQ(next.restore(session.serialize()), Error::none);
    EXPECT_EQ(next.next_order(), session.next_order());
    std::vector<std::uint8_t> frame;
    ASSERT_EQ(next.order(0, {.type = ControlType::audit}, frame), Error::none);
    EXPECT_NE(frame, lost);
    ASSERT_EQ(next.answer(say(frame), got), Error::none);
    EXPECT_EQ(got.answers, 2U);
    EXPECT_TRUE(say(lost).empty() || next.answer(say(lost), got) != Error::none);
}

TEST_F(Session, RestoresOnlyWhatItStored) {
    ASSERT_EQ(attest(), Error::none);
    Octets stored = session.serialize();
    ControlSession next;
    EXPECT_EQ(next.restore(ByteView(stored).first(stored.size() - 1)), Error::malformed);
    EXPECT_EQ(next.restore({}), Error::malformed);
    stored.push_back(0);
    EXPECT_EQ(next.restore(stored), Error::malformed);
    EXPECT_FALSE(next.is_open());
}

TEST_F(Session, RefusesAnAnswerThatItHadBefore) {
    ASSERT_EQ(attest(), Error::none);
    const Octets first = say(order(ControlType::audit));
    ASSERT_EQ(session.answer(first, got), Error::none);
    EXPECT_EQ(session.answer(first, got), Error::replayed);
    ControlSession next;
    ASSERT_EQ(next.restore(session.serialize()), Error::none);
    EXPECT_EQ(next.answer(first, got), Error::replayed);
}

TEST_F(Session, RefusesAnswersOutOfOrder) {
    ASSERT_EQ(attest(), Error::none);
    const Octets first = say(order(ControlType::audit));
    const Octets second = say(order(ControlType::audit));
    ASSERT_EQ(session.answer(second, got), Error::none);
    EXPECT_EQ(session.answer(first, got), Error::replayed);
}

TEST_F(Session, RefusesAForgedAnswerAndTakesTheTrueOneAfterIt) {
    ASSERT_EQ(attest(), Error::none);
    const Octets reply = say(order(ControlType::audit));
    for (std::size_t at = 0; at < reply.size(); ++at) {
        Octets forged = reply;
        forged[at] ^= 1U;
        if (at == 2 || at == 3) {
            continue; // the deployment is fixed by the key, not by the tag (DESIGN "Frames")
        }
        EXPECT_NE(session.answer(forged, got), Error::none) << at;
    }
    EXPECT_EQ(session.answer(reply, got), Error::none);
}

TEST_F(Session, RefusesItsOwnOrderAsAnswer) {
    ASSERT_EQ(attest(), Error::none);
    EXPECT_EQ(session.answer(order(ControlType::audit), got), Error::wrong_role);
}

TEST_F(Session, RefusesTwoAnswersGlued) {
    ASSERT_EQ(attest(), Error::none);
    const Octets one = say(order(ControlType::audit));
    const Octets two = say(order(ControlType::audit));
    using test::operator+;
    EXPECT_EQ(session.answer(one + two, got), Error::malformed);
}

TEST_F(Session, RefusesAnAnswerUnderTheKeysOfAnEarlierHandshake) {
    ASSERT_EQ(attest(7), Error::none);
    const Octets old = say(order(ControlType::audit));
    ASSERT_EQ(attest(8), Error::none);
    EXPECT_EQ(session.answer(old, got), Error::forged);
}

TEST_F(Session, HasNoAnswerFromAModuleThatWasReplaced) {
    ASSERT_EQ(attest(), Error::none);
    Enclave other;
    for (const test::Frame& frame : other.give(order(ControlType::audit))) {
        EXPECT_NE(session.answer(frame.bytes, got), Error::none);
    }
}

} // namespace
} // namespace authex::deployer
