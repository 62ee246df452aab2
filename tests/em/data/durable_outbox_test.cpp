// Power cuts. A disk has, of what was written since it was told to wait, whatever sectors it likes.
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "em/outbox.hpp"

namespace authex::em {
namespace {

constexpr OutboxName name{1, 7, wire::Direction::forward, 3};
constexpr std::size_t sector_bytes = 512;

struct PowerCut {};

/// A file as a process sees it, and as the disk has it.
struct Disk {
    std::vector<std::uint64_t> seen;
    std::vector<std::uint64_t> there;
    std::mt19937_64 random;
    int dies_in = -1; ///< syncs and replacements; then the power goes in the middle of one

    explicit Disk(std::uint64_t seed) : random(seed) {}

    /// The kernel writes some, in any order.
    void write_some() {
        constexpr std::size_t words = sector_bytes / sizeof(std::uint64_t);
        for (std::size_t at = 0; at < seen.size(); at += words) {
            if (random() % 2 == 0) {
                const std::size_t count = std::min(words, seen.size() - at);
                std::copy_n(seen.begin() + static_cast<std::ptrdiff_t>(at),
                            count,
                            there.begin() + static_cast<std::ptrdiff_t>(at));
            }
        }
    }
    void count_down() {
        if (dies_in > 0 && --dies_in == 0) {
            write_some();
            throw PowerCut();
        }
    }
    void come_back() {
        seen = there;
        dies_in = -1;
    }
};

class DiskStore final : public OutboxStore {
  public:
    explicit DiskStore(Disk& disk) : disk_(disk) {}
    Bytes bytes() override {
        return {reinterpret_cast<std::uint8_t*>(disk_.seen.data()),
                disk_.seen.size() * sizeof(std::uint64_t)};
    }
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override {
        std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
        fill({reinterpret_cast<std::uint8_t*>(words.data()), size});
        disk_.count_down();
        disk_.there = words;
        disk_.seen.swap(words);
        return true;
    }
    [[nodiscard]] bool is_durable() const override { return true; }
    Expected<bool> sync() override {
        disk_.count_down();
        disk_.there = disk_.seen;
        return true;
    }

  private:
    Disk& disk_;
};

/// An outbox, what must be in it, and what may be.
class Cuts {
  public:
    explicit Cuts(std::uint64_t seed) : disk_(seed) { open(); }

    void append(std::size_t body_bytes) {
        const std::uint64_t counter = outbox_->next_counter();
        bytes_.try_emplace(counter, body_bytes); // what is given again is the same
        const std::vector<std::uint8_t> frame = frame_of(counter);
        wire::FrameHeader header;
        RC_ASSERT(wire::parse_header(frame, header) == Error::none);
        (void)outbox_->append(header, frame);
    }
    void sync() {
        RC_ASSERT(outbox_->sync());
        synced_ = outbox_->next_counter();
    }
    void acknowledge(std::uint64_t back) {
        const std::uint64_t to = outbox_->next_counter() - std::min(back, outbox_->next_counter());
        acknowledged_ = std::max(acknowledged_, to);
        (void)outbox_->acknowledge(to);
    }
    void write_some() { disk_.write_some(); }
    void cut_in(int syncs) { disk_.dies_in = syncs; }
    void cut() {
        disk_.write_some();
        lose_power();
    }
    void lose_power() {
        outbox_.reset();
        disk_.come_back();
        open();
        check();
    }
    void check() const {
        std::uint64_t first = outbox_->next_counter();
        std::uint64_t next = first;
        bool begun = false;
        outbox_->for_each([&](const wire::FrameHeader& header, ByteView frame) {
            first = begun ? first : header.counter;
            RC_ASSERT(!begun || header.counter == next);
            const std::vector<std::uint8_t> wanted = frame_of(header.counter);
            RC_ASSERT(std::equal(frame.begin(), frame.end(), wanted.begin(), wanted.end()));
            begun = true;
            next = header.counter + 1;
        });
        RC_ASSERT(first <= std::max(acknowledged_, std::uint64_t{0}) || !begun);
        RC_ASSERT(next >= synced_);
        RC_ASSERT(begun || acknowledged_ >= synced_);
    }

  private:
    void open() {
        auto opened = Outbox::open(std::make_unique<DiskStore>(disk_), name, budget_);
        RC_ASSERT(opened.has_value());
        outbox_ = std::move(*opened);
    }
    [[nodiscard]] std::vector<std::uint8_t> frame_of(std::uint64_t counter) const {
        const wire::FrameHeader header{
            .kind = wire::Kind::event,
            .deployment = 1,
            .channel = 7,
            .length = static_cast<std::uint32_t>(bytes_.at(counter) + wire::tag_bytes),
            .counter = counter};
        std::vector<std::uint8_t> frame(header.frame_bytes(),
                                        static_cast<std::uint8_t>(counter * 31 + 1));
        wire::write_header(header, frame);
        return frame;
    }

    Disk disk_;
    SpillBudget budget_{std::uint64_t{1} << 30U};
    std::unique_ptr<Outbox> outbox_;
    std::map<std::uint64_t, std::size_t> bytes_; ///< of bodies, by counter
    std::uint64_t synced_ = 0;
    std::uint64_t acknowledged_ = 0;
};

// P27
RC_GTEST_PROP(DurableOutbox, KeepsThroughPowerCutsWhatItHasSyncedAndNothingThatIsNoFrame, ()) {
    Cuts cuts(*rc::gen::arbitrary<std::uint64_t>());
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 12), rc::gen::inRange(1, 20'000)));
    for (const auto& [what, value] : steps) {
        try {
            switch (what) {
            case 0:
                cuts.cut();
                break;
            case 1:
                cuts.cut_in(1 + value % 4);
                break;
            case 2:
            case 3:
                cuts.sync();
                break;
            case 4:
                cuts.write_some();
                break;
            case 5:
            case 6:
                cuts.acknowledge(static_cast<std::uint64_t>(value % 5));
                break;
            default:
                cuts.append(static_cast<std::size_t>(value));
            }
        } catch (const PowerCut&) {
            cuts.lose_power();
        }
        cuts.check();
    }
}

} // namespace
} // namespace authex::em
