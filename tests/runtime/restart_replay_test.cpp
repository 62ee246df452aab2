// A module that starts again has forgotten its keys, and nothing that was recorded of its earlier
// life means anything to it: whoever loads the same image again cannot play it its past.
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::operator+;

TEST(RestartReplay, OfHandshakeOrdersAndEventsMovesNothingInTheNextInstance) {
    const auto terms = Enclave::terms(1, test::in);
    test::Peer peer(terms);
    Octets recorded;
    {
        Enclave first;
        const auto record = [&](const Octets& frames) {
            recorded = recorded + frames;
            return first.give(frames);
        };
        ASSERT_TRUE(first.owner.finish(record(first.owner.hello()).at(0)));
        (void)record(first.owner.order(terms));
        (void)record(peer.event(0, {1}) + peer.event(1, {2}));
        ASSERT_EQ(first.heard().size(), 2U);
    }
    // The same image and owner; only the random numbers of its start are others.
    Enclave next({std::begin(test::endpoints), std::end(test::endpoints)}, 0x43);
    for (int twice = 0; twice < 2; ++twice) {
        for (const Frame& frame : next.give(recorded)) {
            const bool harmless = frame.header.kind == wire::Kind::refusal ||
                                  frame.header.kind == wire::Kind::handshake;
            EXPECT_TRUE(harmless) << static_cast<int>(frame.header.kind);
        }
        EXPECT_EQ(next.progress.consumed, recorded.size());
        EXPECT_TRUE(next.heard().empty());
    }
    next.attest();
    EXPECT_TRUE(next.audit().empty()) << "no key has come back";
    (void)next.give(recorded);
    EXPECT_TRUE(next.heard().empty());
    EXPECT_TRUE(next.audit().empty());
}

} // namespace
} // namespace authex::runtime
