// Whatever lies in an outbox's file is recovered or refused; one that is recovered works, and
// recovers again.
#include "em/outbox.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

using namespace authex;

/// Memory that the fuzzer has filled.
class FuzzStore final : public em::OutboxStore {
  public:
    explicit FuzzStore(std::vector<std::uint64_t>& words) : words_(words) {}
    Bytes bytes() override {
        return {reinterpret_cast<std::uint8_t*>(words_.data()), words_.size() * 8};
    }
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override {
        std::vector<std::uint64_t> words(size / 8);
        fill({reinterpret_cast<std::uint8_t*>(words.data()), size});
        words_.swap(words);
        return true;
    }

  private:
    std::vector<std::uint64_t>& words_;
};

constexpr em::OutboxName name{1, 7, wire::Direction::forward, 3};

std::uint64_t use(em::Outbox& outbox) {
    std::uint64_t frames = 0;
    outbox.for_each([&](const wire::FrameHeader&, ByteView) { ++frames; });
    if (frames != outbox.waiting_frames()) {
        std::abort();
    }
    while (outbox.has_unsent()) {
        const ByteView run = outbox.unsent(wire::max_frame_bytes);
        if (run.empty()) {
            std::abort();
        }
        outbox.mark_sent(run.size());
    }
    (void)outbox.go_back(outbox.next_counter() / 2);
    const wire::FrameHeader header{.kind = wire::Kind::event,
                                   .deployment = 1,
                                   .channel = 7,
                                   .length = 5000,
                                   .counter = outbox.next_counter()};
    std::vector<std::uint8_t> frame(header.frame_bytes());
    wire::write_header(header, frame);
    for (int i = 0; i < 40 && header.counter != 0; ++i) {
        (void)outbox.append(header, frame);
    }
    return outbox.waiting_frames();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A small ring behind the header, so that the fuzzer reaches all of it.
    constexpr std::size_t ring_bytes = 1024;
    std::vector<std::uint64_t> words((em::Outbox::header_bytes + ring_bytes) / 8);
    if (size > 0 && data[0] % 8 != 0) {
        std::uint8_t* base = reinterpret_cast<std::uint8_t*>(words.data());
        std::memcpy(base, "AXOUTBX1\x01\x00\x07\x00\x00\x00\x00\x00\x03", 17);
        Writer(Bytes(base + 24, 8)).u64(ring_bytes);
        const std::size_t most = em::Outbox::header_bytes - 32 + ring_bytes;
        std::memcpy(base + 32, data + 1, size - 1 < most ? size - 1 : most);
    } else if (size > 0) {
        words.assign(size / 8, 0);
        std::memcpy(words.data(), data, size / 8 * 8);
    }
    em::SpillBudget budget(1 << 20);
    std::uint64_t frames = 0;
    {
        auto outbox = em::Outbox::open(std::make_unique<FuzzStore>(words), name, budget);
        if (!outbox) {
            return 0;
        }
        frames = use(**outbox);
    }
    auto again = em::Outbox::open(std::make_unique<FuzzStore>(words), name, budget);
    if (!again || (*again)->waiting_frames() != frames) {
        std::abort();
    }
    return 0;
}
