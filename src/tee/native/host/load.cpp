#include "tee/native/host/load.hpp"

#include <sys/mman.h>

#include "tee/native/host/image.hpp"
#include "tee/process/supervisor.hpp"

extern "C" void authex_host_call(void (*entry)(authex::runtime::Invocation*),
                                 authex::runtime::Invocation* invocation,
                                 void* stack_top);

namespace authex::tee::native {
namespace {

using process::refuse_start;

template <typename T>
T* pointer(std::uint64_t address) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): so the image's plan and its invocation say them
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

/// Calls the entry of an image in this address space, on its stack.
void call_image(const process::Door& door, runtime::Invocation& invocation) {
    authex_host_call(pointer<void(runtime::Invocation*)>(door.entry),
                     &invocation,
                     pointer<void>(door.stack_top));
}

} // namespace

process::Door load_image(const process::Digest& expected, std::uint64_t stack_bytes) {
    const Bytes file =
        process::read_file("image", image_bytes_max, "image-unreadable", "image-malformed");
    process::check_hash(file, expected);
    const ImagePlan plan = plan_image(file);
    if (plan.refusal != nullptr) {
        refuse_start("image-malformed", plan.refusal);
    }
    if (!place_image(file, plan)) {
        refuse_start("host-failed", "the image's place in memory is taken");
    }
    ::munmap(file.data(), file.size());
    return {
        .entry = plan.entry, .stack_top = process::make_stack(stack_bytes), .enter = call_image};
}

} // namespace authex::tee::native
