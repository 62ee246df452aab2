#include "runtime/door.hpp"

namespace authex::runtime {
namespace {

template <typename Byte>
std::span<Byte> memory(std::uint64_t address, std::uint64_t bytes) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the host says its memory's address as a number
    auto* const begin = reinterpret_cast<Byte*>(static_cast<std::uintptr_t>(address));
    return {begin, static_cast<std::size_t>(bytes)};
}

/// Field by field through volatile, so that each is read from the host's memory exactly once.
Invocation copy_once(const volatile Invocation& host) {
    Invocation copied;
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
    return copied;
}

} // namespace

bool Door::shared(std::uint64_t address, std::uint64_t bytes) const {
    return address >= shared_begin_ && address <= shared_end_ && bytes <= shared_end_ - address;
}

Error Door::start(const Invocation& copied) {
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
    started_ = true;
    runtime_.start(layout.endpoints, layout.owner_keys, copied.entropy);
    return Error::none;
}

Error Door::serve(const Invocation& copied, Progress& progress) {
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
    invocation->consumed = progress.consumed;
    invocation->produced = progress.produced;
    invocation->error = static_cast<std::uint32_t>(error);
}

} // namespace authex::runtime
