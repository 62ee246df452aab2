#include "em/outbox.hpp"

#include <deque>
#include <rapidcheck.h>

#include <gtest/gtest.h>

#include "em/outbox_file.hpp"
#include "support/temporary_folder.hpp"

namespace authex::em {
namespace {

constexpr OutboxName outbox_name{1, 7, wire::Direction::forward, 3};
constexpr std::uint64_t plenty = std::uint64_t{1} << 30U;

wire::FrameHeader header_of(std::uint64_t counter, std::size_t body_bytes) {
    return {.kind = wire::Kind::event,
            .deployment = 1,
            .channel = 7,
            .length = static_cast<std::uint32_t>(body_bytes + wire::tag_bytes),
            .counter = counter};
}
std::vector<std::uint8_t> frame_of(std::uint64_t counter, std::size_t body_bytes, int salt = 0) {
    const wire::FrameHeader header = header_of(counter, body_bytes);
    std::vector<std::uint8_t> frame(
        header.frame_bytes(),
        static_cast<std::uint8_t>(counter * 31 + body_bytes + 1U + static_cast<unsigned>(salt)));
    wire::write_header(header, frame);
    return frame;
}
Outbox::Append append(Outbox& outbox, std::uint64_t counter, std::size_t body_bytes, int salt = 0) {
    return outbox.append(header_of(counter, body_bytes), frame_of(counter, body_bytes, salt));
}

std::unique_ptr<Outbox> in_memory(SpillBudget& budget) {
    return *Outbox::open(std::make_unique<MemoryStore>(), outbox_name, budget);
}

/// What is unsent, frame by frame, marked as sent.
std::vector<std::uint64_t> send(Outbox& outbox, std::size_t max_bytes) {
    std::vector<std::uint64_t> counters;
    const ByteView run = outbox.unsent(max_bytes);
    for (ByteView rest = run; !rest.empty();) {
        wire::FrameView view;
        EXPECT_EQ(wire::parse_frame(rest, view), Error::none);
        counters.push_back(view.header.counter);
        rest = rest.subspan(view.frame_bytes());
    }
    outbox.mark_sent(run.size());
    return counters;
}

// P27
TEST(Outbox, KeepsFramesUntilTheyAreAcknowledged) {
    SpillBudget budget(plenty);
    const auto outbox = in_memory(budget);
    for (std::uint64_t i = 0; i < 5; ++i) {
        EXPECT_EQ(append(*outbox, i, 10), Outbox::Append::stored);
    }
    EXPECT_EQ(send(*outbox, 1000), (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(outbox->acknowledge(2), 2U);
    EXPECT_EQ(outbox->waiting_frames(), 3U);
    EXPECT_EQ(outbox->go_back(3), 2U);
    EXPECT_EQ(send(*outbox, 1000), (std::vector<std::uint64_t>{3, 4}));
    EXPECT_EQ(outbox->acknowledge(1000), 3U);
    EXPECT_TRUE(outbox->empty());
    EXPECT_EQ(outbox->in_flight_bytes(), 0U);
}

TEST(Outbox, RefusesCountersThatItHasSeenAndStartsOverWithAnotherFirstFrame) {
    SpillBudget budget(plenty);
    const auto outbox = in_memory(budget);
    EXPECT_EQ(append(*outbox, 0, 10), Outbox::Append::stored);
    EXPECT_EQ(append(*outbox, 1, 10), Outbox::Append::stored);
    EXPECT_EQ(append(*outbox, 1, 10), Outbox::Append::duplicate);
    EXPECT_EQ(append(*outbox, 0, 10), Outbox::Append::duplicate);
    EXPECT_EQ(append(*outbox, 0, 10, 1), Outbox::Append::stored);
    EXPECT_EQ(outbox->waiting_frames(), 1U);
    EXPECT_EQ(outbox->next_counter(), 1U);
}

/// Memory that survives the outbox.
class KeptStore final : public OutboxStore {
  public:
    explicit KeptStore(std::shared_ptr<MemoryStore> store) : store_(std::move(store)) {}
    Bytes bytes() override { return store_->bytes(); }
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override {
        return store_->replace(size, fill);
    }

  private:
    std::shared_ptr<MemoryStore> store_;
};

// P27
TEST(Outbox, GrowsAfterARecoveryWithoutMixingUpItsFrames) {
    SpillBudget budget(plenty);
    const auto memory = std::make_shared<MemoryStore>();
    {
        const auto outbox = *Outbox::open(std::make_unique<KeptStore>(memory), outbox_name, budget);
        for (std::uint64_t counter = 0; counter < 10; ++counter) {
            ASSERT_EQ(append(*outbox, counter, 1000), Outbox::Append::stored);
        }
        EXPECT_EQ(outbox->acknowledge(5), 5U);
    }
    const auto outbox = *Outbox::open(std::make_unique<KeptStore>(memory), outbox_name, budget);
    const std::uint64_t before = budget.used();
    for (std::uint64_t counter = 10; counter < 14; ++counter) {
        ASSERT_EQ(append(*outbox, counter, 20'000), Outbox::Append::stored);
    }
    ASSERT_GT(budget.used(), before) << "it has grown";
    std::uint64_t expected = 5;
    outbox->for_each([&](const wire::FrameHeader& header, ByteView frame) {
        EXPECT_EQ(header.counter, expected);
        const std::size_t body_bytes = expected < 10 ? 1000 : 20'000;
        EXPECT_EQ(std::vector<std::uint8_t>(frame.begin(), frame.end()),
                  frame_of(expected, body_bytes));
        ++expected;
    });
    EXPECT_EQ(expected, 14U);
}

// P8
TEST(Outbox, KeepsNoCounterThatNoReceiverTakes) {
    SpillBudget budget(plenty);
    const auto outbox = in_memory(budget);
    EXPECT_EQ(append(*outbox, ~std::uint64_t{0}, 10), Outbox::Append::duplicate);
    EXPECT_EQ(append(*outbox, wire::counter_limit, 10), Outbox::Append::duplicate);
    EXPECT_EQ(append(*outbox, wire::counter_limit - 1, 10), Outbox::Append::stored);
    EXPECT_EQ(outbox->next_counter(), wire::counter_limit);
    EXPECT_EQ(append(*outbox, wire::counter_limit, 10), Outbox::Append::duplicate);
    EXPECT_EQ(outbox->waiting_frames(), 1U);
}

TEST(Outbox, PushesBackAtItsUsualSizeAndSpillsOnlyWhenTold) {
    SpillBudget budget(plenty);
    const auto outbox = in_memory(budget);
    std::uint64_t counter = 0;
    while (append(*outbox, counter, 1000) == Outbox::Append::stored) {
        ++counter;
    }
    EXPECT_LE(outbox->waiting_bytes(), Outbox::usual_bytes);
    EXPECT_GT(outbox->waiting_bytes(), Outbox::usual_bytes - 2000);
    outbox->spill();
    EXPECT_EQ(append(*outbox, counter, 1000), Outbox::Append::stored);
    outbox->acknowledge(~std::uint64_t{0});
    outbox->shrink();
    EXPECT_EQ(budget.used(), Outbox::initial_bytes);
}

TEST(Outbox, AmongManyGrowsOnlyForLargeFramesOrWhenToldToSpill) {
    SpillBudget budget(plenty);
    budget.adopt(SpillBudget::crowded_bytes);
    const auto outbox = in_memory(budget);
    const std::uint64_t alone = budget.used();
    std::uint64_t counter = 0;
    while (append(*outbox, counter, 1000) == Outbox::Append::stored) {
        ++counter;
    }
    EXPECT_EQ(budget.used(), alone);
    EXPECT_GT(counter, 0U);
    outbox->spill();
    EXPECT_EQ(append(*outbox, counter, 1000), Outbox::Append::stored);
    EXPECT_EQ(budget.used(), alone + Outbox::initial_bytes);
    for (std::size_t place = 1; place < 5; ++place) { // wherever the ring begins
        outbox->acknowledge(~std::uint64_t{0});
        outbox->shrink();
        EXPECT_FALSE(outbox->is_large());
        ASSERT_EQ(append(*outbox, counter + place * 10, place * 9000), Outbox::Append::stored);
        outbox->acknowledge(~std::uint64_t{0});
        ASSERT_EQ(append(*outbox, counter + place * 10 + 1, wire::max_body_bytes),
                  Outbox::Append::stored);
    }
}

TEST(Outbox, TakesALargestFrameWhateverTheBudget) {
    SpillBudget budget(0);
    const auto outbox = in_memory(budget);
    EXPECT_EQ(append(*outbox, 0, wire::max_body_bytes), Outbox::Append::stored);
    EXPECT_EQ(append(*outbox, 1, wire::max_body_bytes), Outbox::Append::stored);
    EXPECT_EQ(append(*outbox, 2, wire::max_body_bytes), Outbox::Append::stored);
    EXPECT_EQ(append(*outbox, 3, wire::max_body_bytes), Outbox::Append::full);
    outbox->spill();
    EXPECT_EQ(append(*outbox, 3, wire::max_body_bytes), Outbox::Append::full);
}

TEST(SpillBudget, LimitsOneToAQuarterAndAllTogether) {
    SpillBudget budget(8 << 20);
    EXPECT_TRUE(budget.grow(0, 2 << 20));
    EXPECT_FALSE(budget.grow(2 << 20, 4 << 20));
    EXPECT_TRUE(budget.grow(0, 2 << 20));
    EXPECT_TRUE(budget.grow(0, 2 << 20));
    EXPECT_TRUE(budget.grow(0, 2 << 20));
    EXPECT_FALSE(budget.grow(0, 1 << 20));
    EXPECT_TRUE(budget.grow(0, SpillBudget::guaranteed_bytes));
    budget.give_back(4 << 20);
    EXPECT_TRUE(budget.grow(0, 1 << 20));
}

/// A killed manager leaves its file; so the same file is opened while the first still has it.
std::unique_ptr<Outbox> reopened(const std::filesystem::path& folder, SpillBudget& budget) {
    std::string note;
    auto outbox = open_outbox_file(folder, outbox_name, budget, false, note);
    RC_ASSERT(outbox.has_value());
    RC_ASSERT(note.empty());
    return std::move(*outbox);
}

// P27
TEST(Outbox, IsADequeThatSurvivesKillsWhateverIsDone) {
    const bool holds = rc::check("as a std::deque", [] {
        test::TemporaryFolder folder;
        SpillBudget budget(plenty);
        auto outbox = reopened(folder.path(), budget);
        std::deque<std::uint64_t> model; ///< counters kept
        std::size_t sent = 0;            ///< of them
        std::uint64_t next = 0;
        const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint16_t>>>(
            rc::gen::pair(rc::gen::inRange(0, 100), rc::gen::arbitrary<std::uint16_t>()));
        for (const auto& [what, amount] : steps) {
            if (what < 55) {
                const std::size_t size = amount % (what < 5 ? 60'000U : 3'000U);
                if (append(*outbox, next, size) == Outbox::Append::stored) {
                    model.push_back(next++);
                } else {
                    outbox->spill();
                }
            } else if (what < 75) {
                for (const std::uint64_t counter : send(*outbox, 200 + amount)) {
                    RC_ASSERT(counter == model.at(sent++));
                }
            } else if (what < 88 && !model.empty()) {
                const std::uint64_t to = model.front() + amount % (model.size() + 1);
                const std::uint64_t dropped = to - model.front();
                RC_ASSERT(outbox->acknowledge(to) == dropped);
                model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(dropped));
                sent -= std::min<std::size_t>(sent, dropped);
            } else if (what < 94 && !model.empty()) {
                const std::size_t to = std::min<std::size_t>(sent, amount % (model.size() + 1));
                (void)outbox->go_back(model.front() + to);
                sent = to;
            } else if (what < 97) {
                outbox->shrink();
            } else {
                // The old one is dropped after: as a killed one, it cannot tidy up before.
                auto again = reopened(folder.path(), budget);
                std::swap(outbox, again);
                sent = 0;
            }
            std::vector<std::uint64_t> kept;
            outbox->for_each([&](const wire::FrameHeader& header, ByteView frame) {
                kept.push_back(header.counter);
                RC_ASSERT(std::vector<std::uint8_t>(frame.begin(), frame.end()) ==
                          frame_of(header.counter, header.length - wire::tag_bytes));
            });
            RC_ASSERT(kept == std::vector<std::uint64_t>(model.begin(), model.end()));
            RC_ASSERT(outbox->waiting_frames() == model.size());
            RC_ASSERT(outbox->next_counter() == next);
            RC_ASSERT(outbox->has_unsent() == (sent < model.size()));
        }
    });
    EXPECT_TRUE(holds);
}

TEST(Outbox, SetsADamagedFileAsideAndGoesOn) {
    test::TemporaryFolder folder;
    SpillBudget budget(plenty);
    std::string note;
    {
        auto outbox = open_outbox_file(folder.path(), outbox_name, budget, false, note);
        ASSERT_TRUE(outbox.has_value());
        append(**outbox, 0, 100);
        append(**outbox, 1, 100);
    }
    const std::filesystem::path path = outbox_path(folder.path(), outbox_name);
    for (const std::size_t at : {0U, 8U, 10U, 16U, 24U, 33U, 39U, 41U, 47U, 55U, 65U}) {
        std::filesystem::copy_file(
            path, folder.path() / "good", std::filesystem::copy_options::overwrite_existing);
        {
            std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(static_cast<std::streamoff>(at));
            file.put('\x7F');
        }
        note.clear();
        auto outbox = open_outbox_file(folder.path(), outbox_name, budget, false, note);
        ASSERT_TRUE(outbox.has_value()) << at;
        EXPECT_TRUE((*outbox)->empty()) << at;
        EXPECT_FALSE(note.empty()) << at;
        EXPECT_TRUE(std::filesystem::exists(path.string() + ".damaged"));
        std::filesystem::copy_file(
            folder.path() / "good", path, std::filesystem::copy_options::overwrite_existing);
    }
}

TEST(OutboxFiles, AreRemovedByEpochAndByConnection) {
    test::TemporaryFolder folder;
    SpillBudget budget(plenty);
    std::string note;
    OutboxName other = outbox_name;
    other.epoch = 4;
    ASSERT_TRUE(open_outbox_file(folder.path(), outbox_name, budget, false, note));
    ASSERT_TRUE(open_outbox_file(folder.path(), other, budget, false, note));
    remove_outbox_files(folder.path(), other);
    EXPECT_FALSE(std::filesystem::exists(outbox_path(folder.path(), outbox_name)));
    EXPECT_TRUE(std::filesystem::exists(outbox_path(folder.path(), other)));
    other.epoch = 0;
    remove_outbox_files(folder.path(), other);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    EXPECT_EQ(budget.used(), 0U);
}

TEST(OutboxFiles, SayWhyTheyCannotBeOpened) {
    SpillBudget budget(plenty);
    std::string note;
    const auto outbox = open_outbox_file("/proc/no-such-place", outbox_name, budget, false, note);
    ASSERT_FALSE(outbox.has_value());
    EXPECT_EQ(outbox.error().code, "outbox-no-space");
}

} // namespace
} // namespace authex::em
