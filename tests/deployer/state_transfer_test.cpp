#include "deployer/state_transfer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace authex::deployer {
namespace {

using tee::StateLayout;
using testing::HasSubstr;

struct Piece {
    std::uint32_t chunk;
    std::uint16_t from;
    std::uint16_t bytes;
    std::uint32_t to;
    std::string name;
    friend bool operator==(const Piece&, const Piece&) = default;
};

std::vector<Piece> pieces_of(const Expected<std::vector<StateChunk>>& chunks) {
    std::vector<Piece> all;
    EXPECT_TRUE(chunks) << to_text(chunks.error());
    for (const StateChunk& chunk : chunks ? *chunks : std::vector<StateChunk>()) {
        EXPECT_LE(chunk.pieces.size(), wire::state_pieces_max_bytes);
        Reader reader(chunk.pieces);
        wire::StatePiece piece;
        while (reader.remaining() > 0 && wire::parse_state_piece(reader, piece) == Error::none) {
            all.push_back({chunk.offset,
                           piece.from,
                           piece.bytes,
                           piece.to,
                           std::string(piece.name.begin(), piece.name.end())});
        }
        EXPECT_TRUE(reader.done());
    }
    return all;
}

std::string refusal(const StateLayout& before, const StateLayout& next) {
    const auto chunks = plan_transfer("m", before, next);
    return chunks ? "" : chunks.error().summary;
}

TEST(StateTransfer, VariablesGoWhereTheirNamesAre) {
    const StateLayout before{.variables = {{"count", 0, 4}, {"lit", 4, 1}}};
    const StateLayout next{.variables = {{"lit", 0, 1}, {"fresh", 4, 8}, {"count", 12, 4}}};
    EXPECT_EQ(pieces_of(plan_transfer("m", before, next)),
              (std::vector<Piece>{{0, 0, 4, 12, ""}, {0, 4, 1, 0, ""}}));
    EXPECT_TRUE(pieces_of(plan_transfer("m", {}, next)).empty());
}

TEST(StateTransfer, GoesInAsLittleAtATimeAsTheNextInstanceTakes) {
    constexpr TransferLimits small{.chunk_bytes = 32, .pieces_bytes = 48};
    const StateLayout before{.variables = {{"first", 0, 4}, {"long", 4, 60}}};
    const StateLayout next{.variables = {{"long", 0, 60}, {"first", 60, 4}}};
    EXPECT_EQ(pieces_of(plan_transfer("m", before, next, small)),
              (std::vector<Piece>{{0, 0, 4, 60, ""}, {0, 4, 28, 0, ""}, {32, 0, 32, 28, ""}}));
    StateLayout many;
    for (std::uint32_t i = 0; i < 12; ++i) {
        many.variables.push_back({"v" + std::to_string(i), i, 1});
    }
    const auto chunks = plan_transfer("m", many, many, small);
    ASSERT_TRUE(chunks);
    for (const StateChunk& chunk : *chunks) {
        EXPECT_LE(chunk.pieces.size(), 48U);
    }
    EXPECT_EQ(pieces_of(chunks).size(), 12U);
    const StateLayout large{.variables = {{"large", 0, 33}}};
    EXPECT_FALSE(plan_transfer("m", large, {.migrates = true}, small));
    const StateLayout named{.variables = {{std::string(40, 'n'), 0, 2}}};
    EXPECT_FALSE(plan_transfer("m", named, {.migrates = true}, small));
}

TEST(StateTransfer, WhatNothingTakesIsNamed) {
    const StateLayout before{.variables = {{"count", 0, 4}}};
    EXPECT_THAT(refusal(before, {}), HasSubstr("no variable `count`"));
    EXPECT_THAT(refusal(before, {.variables = {{"count", 0, 8}}}),
                HasSubstr("`count` has 4 bytes, and 8"));
    EXPECT_THAT(refusal(before, {.version = 2, .variables = {{"count", 0, 4}}}),
                HasSubstr("version 0, and the new source has 2"));
    EXPECT_THAT(refusal(before, {.variables = {{"count", 0, 4}, {"count", 4, 4}}}),
                HasSubstr("more than one variable is called `count`"));
    EXPECT_THAT(refusal({.variables = {{"count", 0, 4}, {"count", 4, 4}}},
                        {.variables = {{"count", 0, 4}}}),
                HasSubstr("more than one variable is called `count`"));
}

TEST(StateTransfer, AModuleThatMigratesTakesTheRestItself) {
    const StateLayout before{.variables = {{"count", 0, 4}, {"gone", 4, 2}}};
    const StateLayout next{.migrates = true, .variables = {{"count", 8, 4}}};
    EXPECT_EQ(pieces_of(plan_transfer("m", before, next)),
              (std::vector<Piece>{{0, 0, 4, 8, ""}, {4, 0, 2, wire::state_migrates, "gone"}}));
    StateLayout other = next;
    other.version = 1;
    EXPECT_EQ(pieces_of(plan_transfer("m", before, other)),
              (std::vector<Piece>{{0, 0, 4, wire::state_migrates, "count"},
                                  {4, 0, 2, wire::state_migrates, "gone"}}));
    EXPECT_THAT(
        refusal({.variables = {{"all", 0, wire::state_chunk_max_bytes + 1}}}, {.migrates = true}),
        HasSubstr("`all` is too large"));
}

TEST(StateTransfer, LargeVariablesGoInPiecesOfChunks) {
    constexpr std::uint32_t chunk = wire::state_chunk_max_bytes;
    const StateLayout before{.variables = {{"a", 0, 10}, {"b", 10, 2 * chunk}}};
    const StateLayout next{.variables = {{"b", 0, 2 * chunk}, {"a", 2 * chunk, 10}}};
    EXPECT_EQ(pieces_of(plan_transfer("m", before, next)),
              (std::vector<Piece>{{0, 0, 10, 2 * chunk, ""},
                                  {0, 10, chunk - 10, 0, ""},
                                  {chunk, 0, chunk, chunk - 10, ""},
                                  {2 * chunk, 0, 10, 2 * chunk - 10, ""}}));
}

TEST(StateTransfer, ManySmallVariablesGoInSeveralMessages) {
    StateLayout layout;
    for (std::uint32_t i = 0; i < 4000; ++i) {
        layout.variables.push_back({"v" + std::to_string(i), i, 1});
    }
    EXPECT_EQ(pieces_of(plan_transfer("m", layout, layout)).size(), 4000U);
}

} // namespace
} // namespace authex::deployer
