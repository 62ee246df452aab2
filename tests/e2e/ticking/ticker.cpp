// Says one number after the other.
#include <authex/module.hpp>

AUTHEX_OUTPUT(numbered);

AUTHEX_STATE static std::uint16_t next;

AUTHEX_ENTRY(tick, call) {
    std::uint8_t number[4] = {};
    authex::Writer(number).u16(next);
    if (numbered(number) == AUTHEX_OK) {
        ++next;
    }
}
