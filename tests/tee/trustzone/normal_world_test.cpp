// What a hostile normal world says to a trusted application: its entries, compiled for this
// machine.
#include "tee/trustzone/normal_world.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/runtime.hpp"
#include "support/owner.hpp"
#include "tee/modules.hpp"
#include "wire/handshake.hpp"
#include "wire/seal.hpp"

namespace authex::tee::trustzone {
namespace {

using test::NormalWorld;
using wire::Kind;
using Params = NormalWorld::Params;

constexpr std::uint32_t bad_parameters = 0xFFFF0006;
constexpr std::uint32_t bad_state = 0xFFFF0007;
constexpr std::uint32_t not_supported = 0xFFFF000A;
constexpr std::uint32_t busy = 0xFFFF000D;
constexpr std::size_t room_bytes = runtime::output_min_bytes + 65'536;

class NormalWorldTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(NormalWorld::open(), 0U); }
    void TearDown() override {
        NormalWorld::has_random = true;
        NormalWorld::attestation = 0;
        (void)NormalWorld::close();
    }
    std::vector<std::uint8_t> in_ = test::frame(Kind::call, 0, 7, std::vector<std::uint8_t>(64, 5));
    std::vector<std::uint8_t> out_ = std::vector<std::uint8_t>(room_bytes);
};

TEST_F(NormalWorldTest, AFrameIsAnsweredWithoutAnyCallOfTheTee) {
    NormalWorld::calls = 0;
    Params params = NormalWorld::frames(in_, out_);
    EXPECT_EQ(NormalWorld::invoke(params), 0U);
    EXPECT_EQ(params.values[4], in_.size());
    EXPECT_GE(params.values[5], wire::header_bytes + 64);
    EXPECT_EQ(params.values[3], params.values[5]);
    EXPECT_EQ(NormalWorld::calls, 0U);
}

/// Of a connection that the owner has made.
crypto::AeadKey& key_of(std::uint16_t channel) {
    static crypto::AeadKey key;
    EXPECT_EQ(key.set(crypto::Algorithm::aes_128_gcm, test::connection_key(1, channel, 1)),
              Error::none);
    return key;
}

TEST_F(NormalWorldTest, AnEventAndTheOneThatItCausesNeedNoCallOfTheTee) {
    constexpr std::uint16_t in = 3;
    constexpr std::uint16_t out = 4;
    const auto ask = [&](ByteView frame) {
        Params params = NormalWorld::frames(frame, out_);
        EXPECT_EQ(NormalWorld::invoke(params), 0U);
        return std::vector<std::uint8_t>(
            out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(params.values[5]));
    };
    test::Owner owner(1, ask);
    owner.attest();
    owner.connect(in, test::relay_in, false, 1);
    owner.connect(out, test::relay_out, true, 1);
    EXPECT_NE(NormalWorld::calls, 0U) << "random numbers and the attestation are the TEE's";
    NormalWorld::calls = 0;
    const std::vector<std::uint8_t> body(64, 5);
    for (std::uint64_t counter = 0; counter < 100; ++counter) {
        std::vector<std::uint8_t> event(wire::header_bytes + body.size() + wire::tag_bytes);
        wire::FrameHeader header{
            .kind = Kind::event, .deployment = 1, .channel = in, .counter = counter};
        ASSERT_EQ(wire::seal_frame(key_of(in), header, body, event), Error::none);
        std::vector<std::uint8_t> answers = ask(event);
        Bytes caused;
        wire::FrameView view;
        for (Bytes rest = answers; wire::parse_frame(rest, view) == Error::none;
             rest = rest.subspan(view.frame_bytes())) {
            if (view.header.kind == Kind::event && view.header.channel == out) {
                ASSERT_EQ(wire::open_frame(
                              key_of(out), view.header, rest.first(view.frame_bytes()), caused),
                          Error::none);
            }
        }
        ASSERT_TRUE(std::equal(caused.begin(), caused.end(), body.begin(), body.end())) << counter;
    }
    EXPECT_EQ(NormalWorld::calls, 0U);
}

TEST_F(NormalWorldTest, ParametersOfAnyOtherTypeAreRefusedUntouched) {
    for (std::uint32_t types = 0; types <= 0xFFFF; ++types) {
        if (types == 0x265) {
            continue;
        }
        Params params;
        params.types = types;
        for (std::uint64_t& value : params.values) {
            value = 0xDEAD'BEEF'0000'0001; // no memory
        }
        ASSERT_EQ(NormalWorld::invoke(params), bad_parameters) << types;
    }
    Params params = NormalWorld::frames(in_, out_);
    EXPECT_EQ(NormalWorld::invoke(params), 0U);
}

TEST_F(NormalWorldTest, OpeningTakesNoParameters) {
    EXPECT_EQ(NormalWorld::close(), 0U);
    Params params = NormalWorld::frames(in_, out_);
    EXPECT_EQ(NormalWorld::enter(0, 1, params, 0), bad_parameters);
    EXPECT_EQ(NormalWorld::invoke(params), bad_state);
    EXPECT_EQ(NormalWorld::open(), 0U);
}

TEST_F(NormalWorldTest, EmptyBuffersAreNoFault) {
    Params params = NormalWorld::frames({}, {});
    EXPECT_EQ(NormalWorld::invoke(params), 0U);
    EXPECT_EQ(params.values[4], 0U);
    EXPECT_EQ(params.values[5], 0U);
    params = NormalWorld::frames(in_, {});
    EXPECT_EQ(NormalWorld::invoke(params), 0U);
    EXPECT_EQ(params.values[4], 0U) << "no room for an answer: the frame is left";
}

TEST_F(NormalWorldTest, NullWithASizeAndSizesThatWrapAreRefused) {
    for (const std::size_t which : {0U, 1U}) {
        Params params = NormalWorld::frames(in_, out_);
        params.values[2 * which] = 0;
        EXPECT_EQ(NormalWorld::invoke(params), bad_parameters);
        params = NormalWorld::frames(in_, out_);
        params.values[2 * which + 1] = ~std::uint64_t{0};
        EXPECT_EQ(NormalWorld::invoke(params), bad_parameters);
        params.values[2 * which + 1] = ~params.values[2 * which] + 1;
        EXPECT_EQ(NormalWorld::invoke(params), bad_parameters);
    }
}

TEST_F(NormalWorldTest, BuffersInTheImageOrAcrossItsEdgesAreRefused) {
    const Bytes image = NormalWorld::image();
    const auto begin = reinterpret_cast<std::uintptr_t>(image.data());
    for (const std::size_t which : {0U, 1U}) {
        for (const auto& [address, bytes] : {std::pair<std::uint64_t, std::uint64_t>{begin, 1},
                                             {begin + image.size() - 1, 1},
                                             {begin - 1, 2},
                                             {begin + image.size() - 1, 2},
                                             {begin - 4096, 3 * 4096},
                                             {begin, image.size()}}) {
            Params params = NormalWorld::frames(in_, out_);
            params.values[2 * which] = address;
            params.values[2 * which + 1] = bytes;
            EXPECT_EQ(NormalWorld::invoke(params), bad_parameters) << address - begin << bytes;
        }
    }
}

TEST_F(NormalWorldTest, OutputsEndWhereTheirBufferEnds) {
    for (std::size_t bytes = 0; bytes < room_bytes; bytes += 997) {
        std::fill(out_.begin(), out_.end(), std::uint8_t{0x5A});
        Params params = NormalWorld::frames(in_, Bytes(out_).first(bytes));
        ASSERT_EQ(NormalWorld::invoke(params), 0U);
        ASSERT_LE(params.values[5], bytes);
        for (std::size_t at = bytes; at < out_.size(); ++at) {
            ASSERT_EQ(out_[at], 0x5A) << at;
        }
    }
}

TEST_F(NormalWorldTest, EntriesWithoutTheirSessionAreRefused) {
    Params params = NormalWorld::frames(in_, out_);
    EXPECT_EQ(NormalWorld::invoke(params, 2), bad_state);
    EXPECT_EQ(NormalWorld::close(2), bad_state);
    EXPECT_EQ(NormalWorld::open(2), busy) << "one session an instance";
    EXPECT_EQ(NormalWorld::open(1), busy);
    EXPECT_EQ(NormalWorld::enter(3, 1, params, 0), not_supported);
    EXPECT_EQ(NormalWorld::enter(~std::uint64_t{0}, 1, params, 0), not_supported);
    EXPECT_EQ(NormalWorld::enter(2, 1, params, 0), not_supported);
    EXPECT_EQ(NormalWorld::enter(2, 1, params, 2), not_supported);
    EXPECT_EQ(NormalWorld::invoke(params), 0U);
    EXPECT_EQ(NormalWorld::close(), 0U);
    EXPECT_EQ(NormalWorld::invoke(params), bad_state);
    EXPECT_EQ(NormalWorld::close(), bad_state);
    EXPECT_EQ(NormalWorld::open(), 0U);
}

TEST_F(NormalWorldTest, MemoryThatChangesDuringACallBreaksNothing) {
    // Valid frames, whose lengths and kinds another thread turns about while they are read.
    std::vector<std::uint8_t> shared;
    for (int i = 0; i < 8; ++i) {
        shared.insert(shared.end(), in_.begin(), in_.end());
    }
    std::atomic<bool> over = false;
    std::thread flipper([&] {
        std::uint32_t noise = 1;
        while (!over.load(std::memory_order_relaxed)) {
            noise = noise * 1664525U + 1013904223U;
            auto* const byte = shared.data() + noise % shared.size();
            __atomic_store_n(
                byte, static_cast<std::uint8_t>(*byte ^ (1U << (noise >> 29U))), __ATOMIC_RELAXED);
        }
    });
    for (int i = 0; i < 20'000; ++i) {
        Params params = NormalWorld::frames(shared, out_);
        ASSERT_EQ(NormalWorld::invoke(params), 0U);
        ASSERT_LE(params.values[4], shared.size());
        ASSERT_LE(params.values[5], out_.size());
        ASSERT_FALSE(NormalWorld::panicked);
        if (params.values[4] == 0) {
            for (std::size_t at = 0; at < shared.size(); ++at) {
                __atomic_store_n(&shared[at], in_[at % in_.size()], __ATOMIC_RELAXED);
            }
        }
    }
    over = true;
    flipper.join();
    Params params = NormalWorld::frames(in_, out_);
    EXPECT_EQ(NormalWorld::invoke(params), 0U);
    EXPECT_EQ(params.values[4], in_.size()) << "it goes on";
}

TEST_F(NormalWorldTest, WithoutRandomNumbersItDoesNotBegin) {
    EXPECT_EQ(NormalWorld::close(), 0U);
    NormalWorld::has_random = false;
    (void)NormalWorld::open();
    EXPECT_TRUE(NormalWorld::panicked);
    NormalWorld::has_random = true;
    EXPECT_EQ(NormalWorld::open(), 0U);
}

/// What stands behind the report data in the answer to a handshake.
std::vector<std::uint8_t> statement(std::vector<std::uint8_t>& out) {
    std::vector<std::uint8_t> found;
    test::Owner owner(1, [&](ByteView order) {
        Params params = NormalWorld::frames(order, out);
        EXPECT_EQ(NormalWorld::invoke(params), 0U);
        std::vector<std::uint8_t> answer(
            out.begin(), out.begin() + static_cast<std::ptrdiff_t>(params.values[5]));
        wire::FrameView view;
        if (found.empty() && wire::parse_frame(answer, view) == Error::none) {
            Reader body(view.body);
            (void)body.take(body.u16());
            (void)body.take(wire::report_data_bytes);
            const ByteView rest = body.rest();
            found.assign(rest.begin(), rest.end());
        }
        return answer;
    });
    owner.attest();
    return found;
}

TEST_F(NormalWorldTest, AHandshakeBringsWhatTheTeeSaysOfTheMemory) {
    EXPECT_EQ(statement(out_), std::vector<std::uint8_t>(416, 0xAA));
}

TEST_F(NormalWorldTest, ATeeThatVouchesForNobodyLeavesNoStatement) {
    NormalWorld::attestation = 0xFFFF0008; // item not found
    EXPECT_EQ(statement(out_), std::vector<std::uint8_t>(416, 0));
}

} // namespace
} // namespace authex::tee::trustzone
