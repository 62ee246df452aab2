// Counts what it takes of each, what of it was late, and what it was told to have missed.
#include <authex/module.hpp>

AUTHEX_CLOCK()

namespace {
struct Count {
    std::uint32_t taken;
    std::uint32_t late;
    std::uint32_t missed;
};
enum Which { of_marked, of_dropped, of_asked, of_timed, of_owned, all };
Count counted[all];

void count(Which which, authex::ByteView data, const authex::Age& age) {
    Count& of = counted[which];
    of.taken += data.size() == 1 && data[0] == 1 ? 1 : 0;
    of.late += age.late ? 1 : 0;
    of.missed += age.missed;
}
} // namespace

AUTHEX_INPUT(marked, event) {
    count(of_marked, event.data, event.age);
}
AUTHEX_INPUT(dropped, event) {
    count(of_dropped, event.data, event.age);
}
AUTHEX_HANDLER(asked, request, reply) {
    count(of_asked, request.data, request.age);
}
AUTHEX_INPUT(timed, event) {
    count(of_timed, event.data, event.age);
}
AUTHEX_INPUT(owned, event) {
    count(of_owned, event.data, event.age);
}

AUTHEX_HANDLER(counts, request, reply) {
    for (const Count& each : counted) {
        reply.u32(each.taken).u32(each.late).u32(each.missed);
    }
}
