#include "tee/skeleton/enclave.hpp"

#include <cerrno>
#include <dlfcn.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "wire/frame.hpp"

namespace authex::tee::skeleton {
namespace {

/// Each way. The module needs room for whatever one frame can cause (runtime::output_min_bytes).
constexpr std::size_t area_bytes = std::size_t{512} << 10U;
static_assert(area_bytes >= 2 * wire::max_frame_bytes);
/// The status of one that was ended because it broke the contract.
constexpr int exit_refused_invocation = 71;

std::uint64_t address(const std::uint8_t* memory) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory));
}

bool write_whole(int file, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file, bytes.data(), bytes.size());
        if (written <= 0) {
            return false;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

} // namespace

Enclave::Enclave(const Sha256& identity)
    : identity_(identity), shared_(2 * area_bytes),
      ended_bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Enclave::~Enclave() {
    end({});
}

Expected<std::shared_ptr<Enclave>> Enclave::load(ByteView image, const Sha256& identity) {
    std::shared_ptr<Enclave> enclave(new Enclave(identity));
    if (const Expected<bool> mapped = enclave->map(image); !mapped) {
        return tl::make_unexpected(mapped.error());
    }
    if (const Expected<bool> started = enclave->start(); !started) {
        return tl::make_unexpected(started.error());
    }
    return enclave;
}

Expected<bool> Enclave::map(ByteView image) {
    file_ = process::Descriptor(::memfd_create("authex-skeleton", MFD_CLOEXEC));
    if (!file_.open() || !ended_bell_.open() || !write_whole(file_.get(), image)) {
        return failure("module-files",
                       fmt::format("the image cannot be kept in memory: {}",
                                   std::generic_category().message(errno)));
    }
    // The dynamic linker takes two files of one name for the same image, hence one open file each.
    image_ = ::dlopen(fmt::format("/proc/self/fd/{}", file_.get()).c_str(), RTLD_NOW | RTLD_LOCAL);
    entry_ =
        image_ == nullptr ? nullptr : reinterpret_cast<Entry*>(::dlsym(image_, "authex_enter"));
    if (entry_ == nullptr) {
        return failure("image-malformed", "the image is no shared object with an authex_enter");
    }
    return true;
}

Expected<bool> Enclave::start() {
    runtime::Invocation invocation{.operation = runtime::Operation::start,
                                   .shared_begin = address(shared_.data()),
                                   .shared_end = address(shared_.data()) + shared_.size()};
    if (::getrandom(invocation.entropy, sizeof invocation.entropy, 0) !=
        static_cast<ssize_t>(sizeof invocation.entropy)) {
        return failure("module-files", "no random numbers");
    }
    entry_(&invocation);
    wipe(invocation.entropy);
    if (invocation.error != 0) {
        return failure("image-malformed", "the image refuses to start");
    }
    return true;
}

Bytes Enclave::in_area() {
    return Bytes(shared_).first(area_bytes);
}

Bytes Enclave::out_area() {
    return Bytes(shared_).subspan(area_bytes);
}

void Enclave::consume(std::size_t count) {
    copy(out_area().first(out_bytes_).subspan(count), out_area());
    out_bytes_ -= count;
}

void Enclave::run() {
    while (!exit_) {
        const Bytes room = out_area().subspan(out_bytes_);
        runtime::Invocation invocation{.in = address(in_area().data()),
                                       .in_bytes = in_bytes_,
                                       .out = address(room.data()),
                                       .out_bytes = room.size()};
        entry_(&invocation);
        if (invocation.error != 0 || invocation.consumed > in_bytes_ ||
            invocation.produced > room.size()) {
            end({.signalled = false, .code = exit_refused_invocation});
            return;
        }
        copy(in_area().first(in_bytes_).subspan(static_cast<std::size_t>(invocation.consumed)),
             in_area());
        in_bytes_ -= static_cast<std::size_t>(invocation.consumed);
        out_bytes_ += static_cast<std::size_t>(invocation.produced);
        if (invocation.consumed == 0 && invocation.produced == 0) {
            return;
        }
    }
}

void Enclave::end(const Exit& exit) {
    if (exit_) {
        return;
    }
    exit_ = exit;
    ended_ = true;
    entry_ = nullptr;
    if (image_ != nullptr) {
        ::dlclose(std::exchange(image_, nullptr));
    }
    file_.close();
    ::eventfd_write(ended_bell_.get(), 1);
}

} // namespace authex::tee::skeleton
