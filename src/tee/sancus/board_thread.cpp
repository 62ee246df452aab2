#include "tee/sancus/board_thread.hpp"

#include <algorithm>
#include <cerrno>
#include <future>
#include <poll.h>

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/random.h>

namespace authex::tee::sancus {
namespace {

constexpr std::uint64_t reopen_ms = 100;
/// A board that is there says something four times a second, unless a module runs.
constexpr std::uint64_t silence_ms = 3000;
/// At the end, for commands that were given already.
constexpr std::uint64_t last_words_ms = 2000;
constexpr Board::Milliseconds hello_time{5000};

std::uint64_t now_ms() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

/// A session's number: nobody has used it before.
std::uint32_t new_session() {
    std::uint32_t number = 0;
    while (number == 0) {
        if (::getrandom(&number, sizeof number, 0) != sizeof number) {
            number = static_cast<std::uint32_t>(now_ms());
        }
    }
    return number;
}

Diagnostic silent() {
    return make_error("board-silent",
                      "the microcontroller does not answer",
                      "is it powered, on this line and at this speed, with Authex' event manager "
                      "(lib/authex/sancus/event-manager.elf) as its firmware?");
}

Diagnostic was_reset() {
    return make_error("board-reset", "the microcontroller was reset", "run authex up");
}

} // namespace

Board::Thread::Thread(BoardOptions options)
    : options_(std::move(options)), link_(options_.timing),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), trouble_(silent()) {
    thread_ = std::thread([this] { run(); });
}

Board::Thread::~Thread() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake();
    thread_.join();
}

void Board::Thread::wake() {
    const std::uint64_t stroke = 1;
    [[maybe_unused]] const ssize_t written = ::write(bell_.get(), &stroke, sizeof stroke);
}

void Board::Thread::later(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        work_.push_back(std::move(work));
    }
    wake();
}

void Board::Thread::now(const std::function<void()>& work) {
    if (std::this_thread::get_id() == thread_.get_id()) {
        work();
        return;
    }
    std::promise<void> done;
    later([&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

Expected<BoardFacts> Board::Thread::wait_for_facts(Milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] {
        return facts_ || trouble_.code == "firmware-version" || trouble_.code == "emulator-failed";
    });
    if (!facts_) {
        return tl::make_unexpected(trouble_);
    }
    return *facts_;
}

std::optional<Diagnostic> Board::Thread::trouble() {
    const std::lock_guard lock(mutex_);
    const bool answers = facts_ && line_open_ && now_ms() < heard_ms_ + silence_ms;
    return answers ? std::nullopt : std::optional(trouble_);
}

void Board::Thread::run() {
    for (std::optional<std::uint64_t> end; !end || now_ms() < *end;) {
        const std::uint64_t now = now_ms();
        run_work();
        std::unique_lock lock(mutex_);
        const bool stop = stop_;
        lock.unlock();
        if (stop && (!was_up_ || (waiting_.empty() && asked_.empty()))) {
            break;
        }
        if (stop && !end) {
            end = now + last_words_ms;
        }
        if (!line_.open() && now >= open_at_) {
            open_line(now);
        }
        read_line(now);
        link_.tick(now);
        follow_session(now);
        take_messages();
        expire(now);
        send_messages();
        write_line(now);
        lock.lock();
        line_open_ = line_.open();
        heard_ms_ = link_.heard_ms();
        lock.unlock();
        wait(now);
    }
    run_work();
    fail_requests(silent());
}

void Board::Thread::run_work() {
    std::deque<std::function<void()>> work;
    {
        const std::lock_guard lock(mutex_);
        work.swap(work_);
    }
    for (const auto& piece : work) {
        piece();
    }
}

void Board::Thread::open_line(std::uint64_t now) {
    open_at_ = now + reopen_ms;
    Expected<process::Descriptor> line = options_.open_line();
    if (!line) {
        const std::lock_guard lock(mutex_);
        trouble_ = line.error();
        changed_.notify_all();
        return;
    }
    line_ = std::move(*line);
    unwritten_.clear();
    // A line that was away is a line that lost bytes: the session goes on.
    if (++lines_opened_ == 1) {
        link_.begin(new_session(), now);
    }
    const std::lock_guard lock(mutex_);
    trouble_ = silent();
}

void Board::Thread::close_line(std::uint64_t now, Diagnostic why) {
    line_.close();
    open_at_ = now + reopen_ms;
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(why);
}

void Board::Thread::read_line(std::uint64_t now) {
    std::array<std::uint8_t, 4096> bytes{};
    while (line_.open()) {
        const ssize_t count = ::read(line_.get(), bytes.data(), bytes.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (count <= 0) {
            const std::string why =
                count == 0 ? "the other end is gone" : std::generic_category().message(errno);
            close_line(now,
                       make_error("serial",
                                  fmt::format("the line to the microcontroller broke: {}", why),
                                  "is it plugged in?"));
            return;
        }
        for (const std::uint8_t byte : ByteView(bytes).first(static_cast<std::size_t>(count))) {
            link_.receive(byte, now);
            take_messages();
        }
    }
}

void Board::Thread::write_line(std::uint64_t now) {
    if (!line_.open()) {
        return;
    }
    for (std::uint8_t byte = 0; link_.next(byte, now);) {
        unwritten_.push_back(byte);
    }
    while (!unwritten_.empty()) {
        const ssize_t count = ::write(line_.get(), unwritten_.data(), unwritten_.size());
        if (count <= 0) {
            return; // what is wrong with it, reading will say
        }
        unwritten_.erase(unwritten_.begin(), unwritten_.begin() + count);
    }
}

void Board::Thread::wait(std::uint64_t now) {
    std::uint64_t until = line_.open() ? link_.deadline_ms() : open_at_;
    for (const auto& [number, request] : asked_) {
        until = std::min(until, request.deadline);
    }
    for (const Request& request : waiting_) {
        until = std::min(until, request.deadline);
    }
    const std::uint64_t ms = until <= now ? 0 : std::min<std::uint64_t>(until - now, 60'000);
    const auto interest = static_cast<short>(POLLIN | (unwritten_.empty() ? 0 : POLLOUT));
    std::array<pollfd, 2> polled = {
        {{bell_.get(), POLLIN, 0}, {line_.open() ? line_.get() : -1, interest, 0}}};
    (void)::poll(polled.data(), polled.size(), static_cast<int>(ms));
    std::uint64_t strokes = 0;
    [[maybe_unused]] const ssize_t count = ::read(bell_.get(), &strokes, sizeof strokes);
}

void Board::Thread::follow_session(std::uint64_t now) {
    using State = link::HostLink::State;
    if (link_.state() == State::lost) {
        link_.begin(new_session(), now);
        was_up_ = false;
    }
    if (link_.state() == State::up && !was_up_) {
        was_up_ = true;
        session_up();
    }
}

void Board::Thread::session_up() {
    if (boot_ != 0 && boot_ != link_.boot()) {
        ++resets_;
        fail_requests(was_reset());
        for (Slot& slot : slots_) {
            Slot gone;
            std::swap(gone, slot);
            if (gone.user != nullptr) {
                gone.user->lost();
            }
        }
    }
    boot_ = link_.boot();
    {
        const std::lock_guard lock(mutex_);
        facts_.reset();
    }
    queue(link::Code::hello, {}, hello_time, [this](const Expected<Reply>& reply) {
        take_facts(reply);
    });
}

void Board::Thread::take_facts(const Expected<Reply>& reply) {
    const std::lock_guard lock(mutex_);
    if (!reply) {
        trouble_ = reply.error();
        return;
    }
    if (reply->refusal != link::Refusal::none || reply->word(0) != link::firmware_version) {
        trouble_ = make_error("firmware-version",
                              fmt::format("the firmware of the microcontroller is of version {}, "
                                          "and this manager speaks with version {}",
                                          reply->word(0),
                                          link::firmware_version),
                              "put lib/authex/sancus/event-manager.elf of this version on it");
    } else {
        facts_ = BoardFacts{.boot = boot_,
                            .firmware = reply->word(0),
                            .text_begin = reply->word(2),
                            .text_end = reply->word(4),
                            .data_begin = reply->word(6),
                            .data_end = reply->word(8),
                            .slots = reply->word(12)};
    }
    changed_.notify_all();
}

void Board::Thread::expire(std::uint64_t now) {
    std::vector<Done> late;
    std::erase_if(waiting_, [&](Request& request) {
        const bool expired = request.deadline <= now;
        if (expired) {
            late.push_back(std::move(request.done));
        }
        return expired;
    });
    std::erase_if(asked_, [&](auto& entry) {
        const bool expired = entry.second.deadline <= now;
        if (expired) {
            late.push_back(std::move(entry.second.done));
        }
        return expired;
    });
    if (late.empty()) {
        return;
    }
    Diagnostic why = silent();
    if (!line_.open()) {
        const std::lock_guard lock(mutex_);
        why = trouble_;
    }
    for (const Done& done : late) {
        done(tl::make_unexpected(why));
    }
}

void Board::Thread::fail_requests(const Diagnostic& why) {
    std::vector<Done> failed;
    for (Request& request : std::exchange(waiting_, {})) {
        failed.push_back(std::move(request.done));
    }
    for (auto& [number, request] : std::exchange(asked_, {})) {
        failed.push_back(std::move(request.done));
    }
    for (const Done& done : failed) {
        done(tl::make_unexpected(why));
    }
}

void Board::Thread::queue(link::Code code,
                          const std::vector<std::uint8_t>& arguments,
                          Milliseconds time,
                          const Done& done) {
    Request request{.deadline = now_ms() + static_cast<std::uint64_t>(time.count()), .done = done};
    request.message = {static_cast<std::uint8_t>(static_cast<unsigned>(code) << link::slot_bits |
                                                 link::slot_commands),
                       0};
    request.message.insert(request.message.end(), arguments.begin(), arguments.end());
    waiting_.push_back(std::move(request));
}

BoardCounters Board::Thread::counters() const {
    return {.link = link_.counters(), .lines_opened = lines_opened_, .resets = resets_};
}

} // namespace authex::tee::sancus
