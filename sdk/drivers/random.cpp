// Random numbers of the board's hardware, for modules elsewhere. The device belongs to nobody:
// every module of the board draws from it when it is attested. That takes nothing from what is said
// here: its register cannot be written, and gives other bits at each read, so nobody sees or makes
// what another reads.
//
//   dice: { node: …, driver: random }
//
//   handler read     u8: how many bytes, at most 64: the reply; fails without a sound device
//
//   input ask        u8: the same, answered by the output; not at all where it fails
//
//   output numbers   the bytes
#include <authex/device.hpp>

namespace {

constexpr std::uint16_t random_register = 0x1a0;
constexpr std::uint8_t bytes_max = 64;
/// As many equal words one after the other are no chance: 2⁻³² for each word that is drawn.
/// (SP 800-90B §4.4.1, repetition count)
constexpr std::uint8_t repetitions_max = 3;

struct Numbers {
    std::uint8_t bytes[bytes_max];
    std::uint8_t count;
};

/// @return whether they are random
bool draw(Numbers& numbers, std::uint8_t count) {
    std::uint16_t last = 0;
    std::uint8_t repetitions = 0;
    numbers.count = 0;
    if (count > bytes_max) {
        return false;
    }
    // Words beyond what is wanted, so that a missing device is noticed for one byte too.
    for (std::uint8_t drawn = 0; drawn < count + 2 * repetitions_max; drawn += 2) {
        const std::uint16_t word =
            *reinterpret_cast<const volatile std::uint16_t*>(random_register);
        repetitions = drawn != 0 && word == last ? repetitions + 1 : 1;
        if (repetitions == repetitions_max) {
            return false;
        }
        last = word;
        for (unsigned shift = 0; shift < 16 && numbers.count < count; shift += 8) {
            numbers.bytes[numbers.count++] = static_cast<std::uint8_t>(word >> shift);
        }
    }
    return true;
}

} // namespace

AUTHEX_OUTPUT(numbers);

AUTHEX_INPUT(ask, event) {
    Numbers drawn;
    if (draw(drawn, event.reader().u8())) {
        numbers(authex::ByteView(drawn.bytes, drawn.count));
    }
}

AUTHEX_HANDLER(read, request, reply) {
    Numbers drawn;
    if (draw(drawn, request.reader().u8())) {
        reply.bytes({drawn.bytes, drawn.count});
    } else {
        request.fail();
    }
}
