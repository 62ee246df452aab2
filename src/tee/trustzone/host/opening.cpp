#include "tee/trustzone/host/opening.hpp"

#include "tee/process/supervisor.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/image/ta_elf.hpp"

namespace authex::tee::trustzone {
namespace {

using process::refuse_start;

constexpr std::uint64_t spin_us_max = 1'000'000;
constexpr std::uint64_t file_bytes_max = ta_bytes_max + 4096;

} // namespace

SignedTa read_ta(const process::Digest& expected) {
    const Bytes file =
        process::read_file("image", file_bytes_max, "image-unreadable", "image-malformed");
    process::check_hash(file, expected);
    SignedTa ta;
    if (!parse_signed_ta(file, ta)) {
        refuse_start("image-malformed", "not a signed TA, or its hash does not hold");
    }
    return ta;
}

void open_or_refuse(TeeClient& client,
                    const SignedTa& ta,
                    const process::SharedArea& area,
                    const char* missing) {
    if (!client.is_there()) {
        refuse_start("tee-missing", missing);
    }
    if (const std::uint32_t result = open_real(client, ta.uuid, area); result != 0) {
        const Refusal refusal = refusal_of(result);
        refuse_start(refusal.code, refusal.why.data());
    }
}

std::uint32_t spin_of(const char* text) {
    const auto spin_us = process::number(text, 10, spin_us_max);
    if (!spin_us) {
        refuse_start("host-usage", "SPIN-US is out of range");
    }
    return static_cast<std::uint32_t>(*spin_us);
}

} // namespace authex::tee::trustzone
