// Whatever a peer or a module says: nothing crashes, what is bounded stays so, and a connection
// that they have nothing to do with goes on.
#include <cstdint>
#include <cstdlib>

#include "support/router_world.hpp"

namespace {

using namespace authex;

/// The innocent connection; its modules are attested once and keyed anew for each run.
struct Innocent {
    Innocent() {
        source.attest();
        sink->attest();
    }
    std::shared_ptr<test::MemoryModule> keep = std::make_shared<test::MemoryModule>(1);
    test::MemoryModule& source = *keep;
    std::shared_ptr<test::MemoryModule> sink = std::make_shared<test::MemoryModule>(1);
    std::shared_ptr<test::MemoryModule> hostile = std::make_shared<test::MemoryModule>(1);
    std::uint32_t epoch = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Innocent& innocent = *new Innocent; // as the process lives
    ++innocent.epoch;
    innocent.source.forget();
    innocent.sink->forget();
    innocent.hostile->forget();
    test::RouterWorld world(1, 2, 4 << 20);
    test::RouterNode& node = world.node(0);
    node.add("source", innocent.keep);
    node.add("sink", innocent.sink);
    const em::ModuleId hostile = node.add("hostile", innocent.hostile);
    node.route({.deployment = 1,
                .channel = 1,
                .epoch = innocent.epoch,
                .source_module = "source",
                .destination_module = "sink"});
    node.route({.deployment = 1,
                .channel = 2,
                .epoch = 1,
                .source_module = "hostile",
                .destination_address = test::RouterWorld::address(1),
                .request = true});
    node.route({.deployment = 1,
                .channel = 3,
                .epoch = 1,
                .destination_module = "hostile",
                .source_address = test::RouterWorld::address(1),
                .request = true});
    innocent.sink->connect(1, test::endpoint_in, false, innocent.epoch);
    innocent.source.connect(1, test::endpoint_out, true, innocent.epoch);
    innocent.source.ledger.owed = 5;
    (void)node.round(1);

    ByteView rest(data, size);
    while (rest.size() > 3) {
        Reader reader(rest);
        const bool peer = reader.u8() % 2 != 0;
        const std::size_t length = std::min<std::size_t>(reader.u16(), reader.remaining());
        const ByteView piece = reader.take(length);
        if (peer) {
            (void)node.router().from_peer(5, piece);
        } else {
            (void)node.router().from_module(hostile, piece);
        }
        node.router().flush();
        rest = reader.rest();
    }
    innocent.source.ledger.owed = 5;
    for (std::uint64_t now = 2; now < 6; ++now) {
        (void)node.round(now);
    }
    em::Snapshot snapshot;
    node.router().fill(snapshot);
    if (innocent.sink->ledger.taken[test::endpoint_in] != 10 ||
        innocent.sink->ledger.out_of_order != 0 || snapshot.spill_bytes > (16U << 20U)) {
        std::abort();
    }
    return 0;
}
