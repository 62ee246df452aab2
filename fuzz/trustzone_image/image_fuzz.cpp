// Files of trusted applications, and evidence of their nodes, from anybody.
#include <cstdlib>

#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/image/signed_ta.hpp"
#include "tee/trustzone/image/ta_elf.hpp"
#include "tee/trustzone/image/ta_writer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex::tee::trustzone;
    const authex::ByteView bytes(data, size);
    SignedTa ta;
    if (parse_signed_ta(bytes, ta) && write_signed_ta(ta).size() != size) {
        std::abort();
    }
    const TaPlan plan = plan_ta(bytes);
    if (plan.refusal == nullptr) {
        for (const TaSegment& segment : plan.all()) {
            if (segment.offset + segment.file_bytes > size ||
                segment.address + segment.memory_bytes > plan.bytes) {
                std::abort();
            }
        }
        (void)memory_hash(bytes, plan);
        (void)write_ta(bytes);
    }
    if (const auto evidence = parse_evidence(bytes); evidence && size != evidence_bytes) {
        std::abort();
    }
    return 0;
}
