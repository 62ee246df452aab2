// Both ends of a shared area under a hostile other end: whatever positions it writes between honest
// steps, each view stays inside the ring's two mappings, or the ring is called corrupt.
#include <cstdint>
#include <cstdlib>

#include "tee/process/manager_end.hpp"
#include "tee/process/memory_file.hpp"
#include "tee/process/module_end.hpp"

namespace {

using namespace authex;
using namespace authex::tee::process;

void check(ByteView view, const RingMemory& memory) {
    const std::uint8_t* const end = memory.base + 2 * memory.bytes;
    if (view.size() > memory.bytes || view.data() < memory.base ||
        view.data() >= memory.base + memory.bytes || view.data() + view.size() > end) {
        std::abort();
    }
    if (!view.empty()) {
        volatile std::uint8_t touched = view.front();
        touched = view.back();
        (void)touched;
    }
}

template <typename AnyEnd>
void write(AnyEnd& end, std::uint64_t amount, const RingMemory& memory) {
    if (const std::optional<Bytes> room = end.writable()) {
        check(*room, memory);
        end.commit(static_cast<std::size_t>(amount % (room->size() + 1)));
    }
}

template <typename AnyEnd>
void read(AnyEnd& end, std::uint64_t amount, const RingMemory& memory) {
    if (const std::optional<ByteView> bytes = end.readable()) {
        check(*bytes, memory);
        end.consume(static_cast<std::size_t>(amount % (bytes->size() + 1)));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::MemoryFile file;
    static const SharedArea area = file.map(End::manager);
    ManagerPage& managers = area.manager_page();
    ModulePage& modules = area.module_page();
    for (Position* position : {&managers.in_written,
                               &managers.out_consumed,
                               &modules.in_consumed,
                               &modules.out_written}) {
        *position = 0;
    }
    modules.module_sleeps = 0;
    modules.manager_sleeps = 0;
    ManagerEnd manager(area);
    ModuleEnd module(area, -1);
    Reader reader(ByteView(data, size));
    while (reader.remaining() >= 9) {
        const std::uint8_t step = reader.u8();
        const std::uint64_t value = reader.u64();
        switch (step % 12) {
        case 0:
            write(manager, value, area.in_ring());
            break;
        case 1:
            read(manager, value, area.out_ring());
            break;
        case 2:
            write(module, value, area.out_ring());
            break;
        case 3:
            read(module, value, area.in_ring());
            break;
        case 4:
            modules.in_consumed = value;
            break;
        case 5:
            modules.out_written = value;
            break;
        case 6:
            managers.in_written = value;
            break;
        case 7:
            managers.out_consumed = value;
            break;
        case 8:
            modules.module_sleeps = static_cast<std::uint32_t>(value);
            break;
        case 9:
            modules.manager_sleeps = static_cast<std::uint32_t>(value);
            break;
        case 10:
            (void)manager.prepare_sleep((value & 1U) != 0);
            break;
        default:
            manager.notify();
            module.ring();
        }
    }
    return 0;
}
