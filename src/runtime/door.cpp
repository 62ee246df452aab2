#include "runtime/door.hpp"

#include "runtime/host_memory.hpp"

namespace authex::runtime {
namespace {

template <typename Byte>
std::span<Byte> memory(std::uint64_t address, std::uint64_t bytes) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the host says its memory's address as a number
    auto* const begin = reinterpret_cast<Byte*>(static_cast<std::uintptr_t>(address));
    return {begin, static_cast<std::size_t>(bytes)};
}

/// Each field is read from the host's memory exactly once.
Invocation copy_once(const volatile Invocation& host) {
    Invocation copied;
#if AUTHEX_WITH_HOST_MEMORY_RULES
    copy_in(
        {reinterpret_cast<const std::uint8_t*>(const_cast<const Invocation*>(&host)), sizeof host},
        {reinterpret_cast<std::uint8_t*>(&copied), sizeof copied});
#else
    // Through volatile, so that the compiler reads nothing a second time.
    copied.version = host.version;
    copied.operation = static_cast<Operation>(static_cast<std::uint32_t>(host.operation));
    copied.shared_begin = host.shared_begin;
    copied.shared_end = host.shared_end;
    copied.in = host.in;
    copied.in_bytes = host.in_bytes;
    copied.out = host.out;
    copied.out_bytes = host.out_bytes;
    for (std::size_t i = 0; i < boot_entropy_bytes; ++i) {
        copied.entropy[i] = host.entropy[i];
    }
#endif
    return copied;
}

/// The answer's fields, which lie together.
void answer(Invocation& host, const Progress& progress, Error error) {
    struct {
        std::uint64_t consumed;
        std::uint64_t produced;
        std::uint32_t error;
        std::uint32_t reserved;
    } const fields = {progress.consumed, progress.produced, static_cast<std::uint32_t>(error), 0};
    static_assert(offsetof(Invocation, entropy) - offsetof(Invocation, consumed) == sizeof fields);
    copy_out(
        bytes_of(fields),
        {reinterpret_cast<std::uint8_t*>(&host) + offsetof(Invocation, consumed), sizeof fields});
}

} // namespace

bool Door::shared(std::uint64_t address, std::uint64_t bytes) const {
    return address >= shared_begin_ && address <= shared_end_ && bytes <= shared_end_ - address;
}

Error Door::start(Invocation& copied) {
    if (started_) {
        return Error::malformed;
    }
    const ImageLayout layout = port::layout();
    const bool apart = copied.shared_end <= layout.begin || copied.shared_begin >= layout.end;
    if (copied.shared_begin >= copied.shared_end || !apart) {
        return Error::outside;
    }
    if (layout.endpoints.size() > max_endpoints) {
        return Error::no_space;
    }
    shared_begin_ = copied.shared_begin;
    shared_end_ = copied.shared_end;
#if AUTHEX_WITH_REPORTS && AUTHEX_REPORT_TARGET_BYTES != 0
    if (copied.in_bytes != port::target_bytes || !shared(copied.in, copied.in_bytes)) {
        return Error::outside;
    }
    std::uint8_t target[port::target_bytes];
    copy_in(memory<const std::uint8_t>(copied.in, copied.in_bytes), target);
    port::set_target(target);
#endif
#if AUTHEX_WITH_OWN_ENTROPY
    port::draw(copied.entropy);
#endif
    started_ = true;
    runtime_.start(layout.endpoints, layout.owner_keys, copied.entropy);
#if AUTHEX_WITH_HANDOVER
    runtime_.keep(layout.state, state_persists);
#endif
    return Error::none;
}

Error Door::serve(Invocation& copied, Progress& progress) {
    if (copied.version != invocation_version) {
        return Error::unknown_version;
    }
    if (copied.operation == Operation::start) {
        return start(copied);
    }
    if (copied.operation != Operation::invoke || !started_) {
        return Error::malformed;
    }
    if (!shared(copied.in, copied.in_bytes) || !shared(copied.out, copied.out_bytes)) {
        return Error::outside;
    }
    progress = runtime_.invoke(memory<const std::uint8_t>(copied.in, copied.in_bytes),
                               memory<std::uint8_t>(copied.out, copied.out_bytes));
    return Error::none;
}

void Door::enter(Invocation* invocation) {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(invocation));
    const ImageLayout layout = port::layout();
    if (address < layout.end && address + sizeof(Invocation) > layout.begin) {
        return; // an answer would be written into the enclave
    }
    Progress progress;
    Error error = Error::malformed;
    if (!inside_) {
        inside_ = true;
        Invocation copied = copy_once(*invocation);
        error = serve(copied, progress);
        wipe(copied.entropy);
        inside_ = false;
    }
    answer(*invocation, progress, error);
}

} // namespace authex::runtime
