// Any bytes have a plan or a refusal; a plan stays inside the file, the window and its own rules.
#include "tee/native/host/image.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex::tee::native;
    const ImagePlan plan = plan_image({data, size});
    if (plan.refusal != nullptr) {
        return 0;
    }
    bool right = plan.segment_count > 0 && plan.begin >= image_window_begin &&
                 plan.end <= image_window_end && plan.end - plan.begin <= image_memory_max;
    bool enters = false;
    std::uint64_t last = plan.begin;
    for (std::size_t i = 0; i < plan.segment_count; ++i) {
        const Segment& segment = plan.segments[i];
        right = right && segment.address >= last && !(segment.writable && segment.executable) &&
                segment.offset <= size && segment.file_bytes <= size - segment.offset &&
                segment.file_bytes <= segment.memory_bytes &&
                segment.address + segment.memory_bytes <= plan.end;
        enters = enters || (segment.executable && plan.entry >= segment.address &&
                            plan.entry < segment.address + segment.file_bytes);
        last = (segment.address + segment.memory_bytes + 4095) / 4096 * 4096;
    }
    if (!right || !enters) {
        std::abort();
    }
    return 0;
}
