#include "tee/sancus/board.hpp"

#include <condition_variable>
#include <future>

#include "tee/sancus/board_thread.hpp"

namespace authex::tee::sancus {

std::uint8_t Reply::byte(std::size_t offset) const {
    return offset < results.size() ? results[offset] : std::uint8_t{0};
}

std::uint16_t Reply::word(std::size_t offset) const {
    return static_cast<std::uint16_t>(byte(offset) | byte(offset + 1) << 8U);
}

const char* to_text(link::Refusal refusal) {
    switch (refusal) {
    case link::Refusal::none:
        return "no refusal";
    case link::Refusal::unknown:
        return "it does not know the command";
    case link::Refusal::malformed:
        return "the command is malformed";
    case link::Refusal::slot:
        return "the slot is taken, free, or not in the state for it";
    case link::Refusal::memory:
        return "no room of that size";
    case link::Refusal::address:
        return "the address is not in a module that is being loaded";
    case link::Refusal::hardware:
        return "its hardware has no room for another enclave";
    case link::Refusal::vector:
        return "the interrupt is taken, or not for modules";
    case link::Refusal::stays:
        return "the module does not leave";
    }
    return "an unknown reason";
}

Board::Board(BoardOptions options) : thread_(std::make_unique<Thread>(std::move(options))) {}
Board::~Board() = default;

Expected<BoardFacts> Board::facts(Milliseconds time) {
    return thread_->wait_for_facts(time);
}

std::optional<Diagnostic> Board::trouble() {
    return thread_->trouble();
}

Expected<Reply>
Board::order(link::Code code, std::vector<std::uint8_t> arguments, Milliseconds time) {
    std::promise<Expected<Reply>> promise;
    auto future = promise.get_future();
    post(code, std::move(arguments), time, [&promise](Expected<Reply> reply) {
        promise.set_value(std::move(reply));
    });
    return future.get();
}

void Board::post(link::Code code,
                 std::vector<std::uint8_t> arguments,
                 Milliseconds time,
                 Done done) {
    Thread* thread = thread_.get();
    thread->later([thread, code, arguments = std::move(arguments), time, done = std::move(done)] {
        thread->queue(code, arguments, time, done);
    });
}

void Board::attach(std::uint8_t slot, std::uint16_t deployment, std::shared_ptr<SlotUser> user) {
    thread_->now([&] { thread_->attach(slot, deployment, std::move(user)); });
}

void Board::detach(std::uint8_t slot) {
    thread_->now([&] { thread_->detach(slot); });
}

bool Board::attached(std::uint8_t slot) {
    bool attached = false;
    thread_->now([&] { attached = thread_->attached(slot); });
    return attached;
}

void Board::wake() {
    thread_->wake();
}

BoardCounters Board::counters() {
    BoardCounters counters;
    thread_->now([&] { counters = thread_->counters(); });
    return counters;
}

} // namespace authex::tee::sancus
