// Driver of the text display, two rows of sixteen characters: what is read there was sent by who is
// connected.
//
//   display: { node: …, driver: display, devices: [lcd] }
//
//   input show   ASCII text, which replaces what was shown; a line feed begins the second row, what
//   does not
//                fit is left out
#include <authex/device.hpp>

namespace {
// authex-sancus, "Devices and their registers".
constexpr std::uint16_t control = authex::device;
constexpr std::uint16_t cursor = authex::device + 2;
constexpr std::uint16_t data = authex::device + 4;
constexpr std::uint16_t clear = 1;
constexpr std::uint16_t appear = 2;
constexpr std::uint8_t columns = 16;
} // namespace

namespace {
/// Characters on their way to the display.
struct Waiting {
    std::uint16_t words[AUTHEX_DEVICE_FEED_BYTES / 2]{};
    std::uint8_t count = 0;

    void add(std::uint8_t character) {
        reinterpret_cast<std::uint8_t*>(words)[count++] = character;
        if (count == AUTHEX_DEVICE_FEED_BYTES) {
            write();
        }
    }
    void write() {
        if (count != 0) {
            authex_device_feed(data, words, count);
            count = 0;
        }
    }
};
} // namespace

AUTHEX_INPUT(show, event) {
    authex_device_write16(control, clear);
    Waiting waiting;
    std::uint8_t row_end = columns;
    std::uint8_t at = 0;
    for (const std::uint8_t byte : event.data) {
        if (byte == '\n' && row_end == columns) {
            row_end = 2 * columns;
            at = columns;
            waiting.write();
            authex_device_write16(cursor, at);
        } else if (at < row_end) {
            waiting.add(byte);
            ++at;
        }
    }
    waiting.write();
    authex_device_write16(control, appear);
}
