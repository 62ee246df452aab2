#include "tee/trustzone/normal_world.hpp"

#include <authex/abi.h>

#include <array>

asm(".globl authex_image_end, authex_data_image, authex_data_begin, authex_data_end\n"
    ".globl authex_state_begin, authex_state_end\n"
    ".set authex_state_begin, authex_image_begin\n"
    ".set authex_state_end, authex_image_begin\n"
    ".globl authex_relocations_begin, authex_relocations_end, authex_endpoints_end\n"
    ".set authex_image_end, authex_image_begin + 4096\n"
    ".set authex_data_image, authex_image_begin\n"
    ".set authex_data_begin, authex_image_begin\n"
    ".set authex_data_end, authex_image_begin\n"
    ".set authex_relocations_begin, authex_image_begin\n"
    ".set authex_relocations_end, authex_image_begin\n"
    ".set authex_endpoints_end, authex_endpoints_begin + 72\n");

using authex::tee::trustzone::optee::Call;
using authex::tee::trustzone::optee::Entry;
using authex::tee::trustzone::optee::Params;

namespace {

std::jmp_buf way_back;
std::uint64_t left_with = 0;

void echo(authex_message* message) {
    message->result_size = message->size < message->result_room ? message->size : 0;
    std::memcpy(message->result, message->data, message->result_size);
}

void relay(authex_message* message);

} // namespace

extern "C" {
// What the linker's script defines in an image.
alignas(16) std::uint8_t authex_image_begin[4096];
extern const authex_endpoint authex_endpoints_begin[3];
const authex_endpoint authex_endpoints_begin[3] = {
    {.name = "echo", .function = echo, .kind = AUTHEX_KIND_ENTRY},
    {.name = "relay_in", .function = relay, .kind = AUTHEX_KIND_INPUT},
    {.name = "relay_out", .function = nullptr, .kind = AUTHEX_KIND_OUTPUT}};
[[noreturn]] void
authex_enter(Entry entry, std::uint64_t session, Params* params, std::uint64_t command);

std::uint64_t authex_svc(std::uint64_t a0,
                         std::uint64_t a1,
                         std::uint64_t a2,
                         std::uint64_t a3,
                         std::uint64_t /*a4*/,
                         Call number) {
    using authex::test::NormalWorld;
    if (number == Call::leave || number == Call::panic) {
        NormalWorld::panicked = number == Call::panic;
        left_with = a0;
        std::longjmp(way_back, 1);
    }
    ++NormalWorld::calls;
    if (number == Call::random_number) {
        std::memset(reinterpret_cast<void*>(a0), 7, a1);
        return NormalWorld::has_random ? 0 : 0xFFFF0000;
    }
    if (number == Call::open_ta_session && NormalWorld::attestation == 0) {
        const std::uint32_t handle = 9;
        std::memcpy(reinterpret_cast<void*>(a3), &handle, sizeof handle);
    }
    if (number == Call::invoke_ta_command && NormalWorld::attestation == 0) {
        Params params;
        std::memcpy(&params, reinterpret_cast<void*>(a3), sizeof params);
        std::memset(reinterpret_cast<void*>(params.values[2]), 0xAA, params.values[3]);
    }
    (void)a2;
    return NormalWorld::attestation;
}
}

namespace {

void relay(authex_message* message) {
    (void)authex_output(
        &authex_endpoints_begin[authex::test::relay_out], message->data, message->size);
}

} // namespace

namespace authex::test {

std::uint32_t NormalWorld::enter(std::uint64_t entry,
                                 std::uint64_t session,
                                 Params& params,
                                 std::uint64_t command) {
    panicked = false;
    if (setjmp(way_back) == 0) { // NOLINT(cert-err52-cpp): as a TA leaves
        authex_enter(static_cast<Entry>(entry), session, &params, command);
    }
    return static_cast<std::uint32_t>(left_with);
}

Bytes NormalWorld::image() {
    return {authex_image_begin, sizeof authex_image_begin};
}

} // namespace authex::test
