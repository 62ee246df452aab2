// The entries of a trusted application under a hostile normal world: any order, sessions, types,
// commands, sizes and frames. Each record: entry, session, command, 2 types, 2 flags, size of the
// frames, size of the room, then the frames.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tee/trustzone/normal_world.hpp"

using authex::ByteView;
using authex::Reader;
using authex::test::NormalWorld;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::uint8_t canary = 0x5A;
    static std::vector<std::uint8_t> out(512 * 1024);
    Reader reader({data, size});
    while (reader.remaining() >= 12) {
        const std::uint64_t entry = reader.u8();
        const std::uint64_t session = reader.u8();
        const std::uint64_t command = reader.u8();
        const std::uint16_t types = reader.u16();
        const std::uint16_t flags = reader.u16();
        const std::size_t room =
            std::min<std::size_t>(std::size_t{reader.u16()} * 8, out.size() - 64);
        const ByteView in = reader.take(std::min<std::size_t>(reader.u16(), reader.remaining()));
        // Of its own, so that nothing is read behind it unseen.
        const std::vector<std::uint8_t> frames(in.begin(), in.end());
        NormalWorld::has_random = (flags & 1U) == 0;
        NormalWorld::attestation = (flags & 2U) != 0 ? 0xFFFF0008 : 0;
        std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(room), 64, canary);
        NormalWorld::Params params = NormalWorld::frames(frames, authex::Bytes(out).first(room));
        if ((flags & 4U) != 0) {
            params.types = types;
        }
        if ((flags & 8U) != 0) { // other memory no TEE would hand over
            params.values[(flags & 16U) != 0 ? 0 : 2] = 0;
        }
        const std::uint32_t result = NormalWorld::enter(entry, session, params, command);
        const bool intact = std::all_of(out.begin() + static_cast<std::ptrdiff_t>(room),
                                        out.begin() + static_cast<std::ptrdiff_t>(room) + 64,
                                        [](std::uint8_t byte) { return byte == canary; });
        if (!intact || (result == 0 && entry == 2 && !NormalWorld::panicked &&
                        (params.values[4] > frames.size() || params.values[5] > room))) {
            std::abort();
        }
    }
    for (std::uint64_t session = 0; session < 256; ++session) {
        (void)NormalWorld::close(session);
    }
    return 0;
}
