#include "tee/sancus/module_link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/eventfd.h>

#include "tee/process/link.hpp"
#include "wire/frame.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;
using process::Descriptor;
using process::SharedArea;

constexpr std::size_t ring_bytes = process::ring_bytes_min;

tl::unexpected<Diagnostic> cannot(const fs::path& file) {
    return failure("module-files",
                   fmt::format("{}: {}", file.string(), std::generic_category().message(errno)),
                   errno == ENOSPC ? "free space on the disk of the state directory"
                                   : "is the state directory writable?");
}

struct Reason {
    int signal;
    const char* text;
};
Reason reason_of(link::Failure failure) {
    switch (failure) {
    case link::Failure::violation:
        return {SIGSEGV, "it broke the rules of the hardware"};
    case link::Failure::output:
        return {SIGABRT, "it gave what are no frames"};
    case link::Failure::error:
        return {SIGABRT, "it answered that it failed"};
    case link::Failure::consumption:
        return {SIGABRT, "it did not take the frame that it was given"};
    }
    return {SIGABRT, "it failed"};
}

} // namespace

Mailbox::Mailbox(fs::path log, SharedArea area, Bell bell)
    : log_(std::move(log)), area_(std::move(area)), bell_(std::move(bell)),
      exit_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), end_(area_, bell_.rings.get()) {}

Expected<std::shared_ptr<Mailbox>> Mailbox::open(const fs::path& directory) {
    const fs::path rings = directory / process::rings_file;
    const Descriptor file(::open(rings.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!file.open()) {
        return cannot(rings);
    }
    SharedArea area = SharedArea::map(file.get(), process::End::manager);
    if (!area.mapped()) {
        return cannot(rings);
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return cannot(rings);
    }
    std::shared_ptr<Mailbox> mailbox(
        new Mailbox(directory / process::log_file,
                    std::move(area),
                    {.listens = Descriptor(ends[0]), .rings = Descriptor(ends[1])}));
    if (!mailbox->exit_fd_.open()) {
        return cannot(rings);
    }
    return mailbox;
}

Expected<std::shared_ptr<Mailbox>> Mailbox::make(const fs::path& directory) {
    const fs::path rings = directory / process::rings_file;
    ::unlink(rings.c_str());
    ::unlink((directory / process::log_file).c_str());
    const Descriptor file(
        ::open(rings.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.open() || !SharedArea::lay_out(file.get(), ring_bytes)) {
        return cannot(rings);
    }
    return open(directory);
}

Expected<std::shared_ptr<Mailbox>> Mailbox::find(const fs::path& directory) {
    return open(directory);
}

bool Mailbox::take(ByteView frame) {
    const std::optional<Bytes> room = end_.writable();
    if (!room) {
        return true; // the manager has broken its own rings
    }
    if (room->size() < frame.size()) {
        return false;
    }
    copy(frame, *room);
    end_.commit(frame.size());
    end_.ring();
    return true;
}

ByteView Mailbox::next() {
    const std::optional<ByteView> readable = end_.readable();
    wire::FrameView frame;
    if (!readable || wire::parse_frame(*readable, frame) != Error::none) {
        return {};
    }
    next_bytes_ = frame.frame_bytes();
    return readable->first(next_bytes_);
}

void Mailbox::sent() {
    end_.consume(next_bytes_);
    end_.ring();
}

void Mailbox::failed(link::Failure failure) {
    const Reason reason = reason_of(failure);
    if (end({.signalled = true, .code = reason.signal}, reason.text) && on_failure_) {
        on_failure_();
    }
}

void Mailbox::counted(std::uint8_t index, std::uint32_t calls, std::uint32_t missed) {
    const std::lock_guard lock(mutex_);
    if (index < counts_.size()) {
        counts_[index] = {.fired = calls, .missed = missed};
    }
}

void Mailbox::carried(const Carried& events) {
    const std::lock_guard lock(mutex_);
    for (Carried& each : carried_) {
        if (each.channel == events.channel) {
            each.events += events.events;
            each.bytes += events.bytes;
            each.next = events.next;
            return;
        }
    }
    carried_.push_back(events);
}

std::vector<Carried> Mailbox::take_carried() {
    const std::lock_guard lock(mutex_);
    return std::exchange(carried_, {});
}

PeriodicCounts Mailbox::counts(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    return counts_.at(index);
}

void Mailbox::forget_counts(std::size_t index) {
    const std::lock_guard lock(mutex_);
    counts_.at(index) = {};
}

void Mailbox::note(const std::string& line) {
    const std::lock_guard lock(mutex_);
    std::ofstream(log_, std::ios::app) << line << '\n';
}

void Mailbox::lost() {
    (void)end({.signalled = true, .code = SIGHUP}, "the microcontroller was reset");
}

bool Mailbox::end(const Exit& exit, const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (exit_) {
        return false;
    }
    exit_ = exit;
    std::ofstream(log_, std::ios::app) << why << '\n';
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(exit_fd_.get(), &one, sizeof one);
    return true;
}

std::optional<Exit> Mailbox::exit() const {
    const std::lock_guard lock(mutex_);
    return exit_;
}

SancusLink::SancusLink(std::shared_ptr<Mailbox> mailbox,
                       Controls controls,
                       std::vector<std::uint8_t> placement)
    : mailbox_(std::move(mailbox)), end_(mailbox_->area()), controls_(std::move(controls)),
      placement_(std::move(placement)) {}

std::optional<OwnClock> SancusLink::own_clock() const {
    return OwnClock{.unit_us = 1000,
                    .period_us_min = link::period_ms_min * std::uint64_t{1000},
                    .period_us_max = 0xFFFF'FFFF * std::uint64_t{1000},
                    .calls_max = link::periodic_max};
}

/// @return its index; periodic_.size(): there is none
std::size_t SancusLink::index_of(const std::string& name) const {
    std::size_t index = 0;
    while (index != periodic_.size() && !(periodic_[index] && periodic_[index]->name == name)) {
        ++index;
    }
    return index;
}

void SancusLink::set_periodic(const std::vector<PeriodicCall>& calls) {
    std::array<bool, link::periodic_max> told{};
    const auto tell = [&](std::size_t index, std::uint16_t entry, std::uint64_t every_us) {
        told[index] = true;
        controls_.every(
            static_cast<std::uint8_t>(index), entry, static_cast<std::uint32_t>(every_us / 1000));
    };
    for (std::size_t index = 0; index != periodic_.size(); ++index) {
        auto& present = periodic_[index];
        if (present && std::none_of(calls.begin(), calls.end(), [&](const PeriodicCall& call) {
                return call.name == present->name && call.entry == present->entry &&
                       call.every_us == present->every_us;
            })) {
            tell(index, present->entry, 0);
            present.reset();
        }
    }
    for (const PeriodicCall& call : calls) {
        const auto free = std::find(periodic_.begin(), periodic_.end(), std::nullopt);
        if (index_of(call.name) == periodic_.size() && free != periodic_.end()) {
            const auto index = static_cast<std::size_t>(free - periodic_.begin());
            mailbox_->forget_counts(index);
            tell(index, call.entry, call.every_us);
            *free = call;
        }
    }
    for (std::size_t index = 0; !controls_.fresh && index != told.size(); ++index) {
        if (!told[index]) {
            tell(index, 0, 0);
        }
    }
    controls_.fresh = true;
}

bool SancusLink::carry_to(std::uint16_t channel, ModuleLink& destination) {
    const auto* other = dynamic_cast<const SancusLink*>(&destination);
    if (other == nullptr || other->controls_.board != controls_.board || !mailbox_->routes_left()) {
        return false;
    }
    controls_.route(channel, other->controls_.slot);
    return true;
}

void SancusLink::carry_no_more(std::uint16_t channel) {
    controls_.route(channel, link::slots_max);
}

PeriodicCounts SancusLink::periodic_counts(const std::string& name) const {
    const std::size_t index = index_of(name);
    return index == periodic_.size() ? PeriodicCounts{} : mailbox_->counts(index);
}

void SancusLink::consume(std::size_t count) {
    end_.consume(count);
    changed_ = changed_ || count != 0;
}

void SancusLink::commit(std::size_t count) {
    end_.commit(count);
    changed_ = changed_ || count != 0;
}

void SancusLink::notify() {
    if (changed_) {
        changed_ = false;
        controls_.wake();
    }
}

void SancusLink::drain_doorbell() {
    std::array<std::uint8_t, 256> strokes{};
    [[maybe_unused]] const ssize_t count =
        ::read(mailbox_->doorbell_fd(), strokes.data(), strokes.size());
}

void SancusLink::kill() {
    if (mailbox_->end({.signalled = true, .code = SIGKILL}, "it was removed")) {
        controls_.kill();
    }
}

} // namespace authex::tee::sancus
