#include "simulation/world.hpp"

#include <algorithm>
#include <utility>

#include "wire/control.hpp"

namespace authex::simulation {
namespace {

/// Rounds and events of one world; a run that needs more does not come to rest.
constexpr std::uint64_t turns_max = 200'000;
constexpr std::size_t seen_max = 256;
constexpr std::size_t controls_max = 32;

} // namespace

World::World(Shape shape, std::uint64_t seed)
    : random(seed), network(*this), owner(*this), shape_(std::move(shape)),
      invariants_(make_invariants(*this)) {
    for (std::size_t i = 0; i < shape_.descriptor.nodes.size(); ++i) {
        machines.push_back(std::make_unique<Machine>(*this, i));
        machines.back()->start();
    }
    listen(this);
    observe(this);
}

World::~World() {
    listen(nullptr);
    observe(nullptr);
}

bool World::round() {
    bool any = false;
    for (const auto& machine : machines) {
        any = machine->round() || any;
    }
    return any;
}

void World::advance(std::uint64_t us) {
    advance_until(now_us_ + us, [] { return false; });
}

void World::advance_until(std::uint64_t time_us, const std::function<bool()>& done) {
    while (!done() && !violation_) {
        if (++turns_ > turns_max) {
            violated("rest: the world does not come to rest");
            return;
        }
        if (round()) {
            continue;
        }
        std::uint64_t due = events.next_due();
        for (const auto& machine : machines) {
            due = std::min(due, std::max(machine->next_due(), now_us_ + 1));
        }
        if (due > time_us) {
            now_us_ = std::max(now_us_, time_us);
            return;
        }
        now_us_ = std::max(now_us_, due);
        events.run(now_us_);
    }
}

void World::violated(std::string how) {
    if (!violation_) {
        violation_ = std::move(how);
    }
}

void World::answered(ByteView answer) {
    trace.add(answer);
    for (const auto& invariant : invariants_) {
        invariant->answered(answer);
    }
}

void World::look() {
    for (const auto& invariant : invariants_) {
        invariant->look();
    }
}

void World::rest() {
    for (const auto& invariant : invariants_) {
        invariant->rest();
    }
}

const Process* World::process_of(Actor actor) const {
    return actor == deployer_actor || actor > processes_.size() ? nullptr
                                                                : processes_[actor - 1].get();
}

bool World::is_genuine(const Process& process) const {
    const LoadedImage* image = find_image(process.identity());
    return shape_.descriptor.find_module(process.module()) != nullptr && image != nullptr &&
           image->module == process.module() &&
           image->program->name() == shape_.program_of(process.module());
}

void World::move(std::uint64_t module, std::uint64_t node) {
    auto& modules = shape_.descriptor.modules;
    const auto& nodes = shape_.descriptor.nodes;
    modules[module % modules.size()].node.name = nodes[node % nodes.size()].name;
}

void World::remember(ByteView frame) {
    const std::size_t place = seen_count_++ % seen_max;
    if (seen_.size() <= place) {
        seen_.emplace_back();
    }
    seen_[place].assign(frame.begin(), frame.end());
}

std::string World::some_frame(std::uint64_t which) const {
    if (seen_.empty()) {
        return {};
    }
    const auto& frame = seen_[which % seen_.size()];
    return {frame.begin(), frame.end()};
}

void World::remember_answer(const v1::ControlReply& reply) {
    if (controls_.size() < controls_max) {
        controls_.push_back(reply);
    }
}

void World::take(const authex_endpoint& endpoint, const authex_message& message) {
    const Process& process = *running_process();
    const bool of_frame =
        endpoint.kind == AUTHEX_KIND_INPUT || endpoint.kind == AUTHEX_KIND_HANDLER ||
        (endpoint.kind == AUTHEX_KIND_REQUEST && message.status != AUTHEX_UNANSWERED);
    if (of_frame && (!opened_ || opened_->counter != message.id)) {
        violated("explained: " + process.module() + "." + endpoint.name +
                 " runs without a frame that was opened");
        return;
    }
    const OpenedFrame* frame = of_frame ? &*opened_ : nullptr;
    if (frame != nullptr && !process.hidden()) {
        note_taker(process, *frame);
    }
    for (const auto& invariant : invariants_) {
        invariant->take(process, endpoint, message, frame);
    }
    if (frame != nullptr) {
        if (!process.hidden()) {
            Line& line = ledger.line(frame->key);
            ++(frame->kind == wire::Kind::reply ? line.taken_back : line.taken_forward);
        }
        opened_.reset();
    }
}

/// The next process of a module that was rolled back may begin earlier than the one before ended:
/// what nobody has seen the effects of is taken again. (docs/state.md "An old state is refused")
void World::note_taker(const Process& process, const OpenedFrame& frame) {
    Line& line = ledger.line(frame.key);
    const bool back = frame.kind == wire::Kind::reply;
    std::uint64_t& taken = back ? line.taken_back : line.taken_forward;
    Actor& taker = back ? line.took_back : line.took_forward;
    if (std::exchange(taker, process.actor()) != process.actor() &&
        process.module() == rolled_back_) {
        taken = std::min(taken, frame.counter);
    }
}

void World::taken(const authex_endpoint& endpoint, const authex_message& message) {
    for (const auto& invariant : invariants_) {
        invariant->taken(*running_process(), endpoint, message);
    }
}

void World::send(const Sending& sending) {
    for (const auto& invariant : invariants_) {
        invariant->send(*running_process(), sending);
    }
}

void World::sent(const Sending& sending, authex_status status) {
    for (const auto& invariant : invariants_) {
        invariant->sent(*running_process(), sending, status);
    }
}

void World::key_set(const KeyName& key, crypto::Algorithm algorithm) {
    trace.add(key);
    for (const auto& invariant : invariants_) {
        invariant->key_set(running_process(), key, algorithm);
    }
}

/// That it was sealed or opened, by whom and when.
void World::note(std::uint64_t what, const SealView& seal) {
    const Process* process = running_process();
    trace.add(what);
    trace.add(process == nullptr ? deployer_actor : process->actor());
    trace.add(now_us_);
    for (const ByteView part :
         {ByteView(seal.key), ByteView(seal.nonce), seal.associated, seal.plain}) {
        trace.add(part);
    }
}

void World::sealed(const SealView& seal) {
    note(1, seal);
    const Process* process = running_process();
    note_at_work(process, seal);
    if (process == nullptr) {
        note_order(seal);
    }
    for (const auto& invariant : invariants_) {
        invariant->sealed(process, seal);
    }
    if (seal.of_connection()) {
        Stream& stream = ledger.streams[seal.key];
        stream.channel = seal.channel();
        auto& direction = seal.back() ? stream.back : stream.forward;
        direction[seal.counter()] = {.kind = seal.kind(),
                                     .by = process == nullptr ? deployer_actor : process->actor(),
                                     .plain = {seal.plain.begin(), seal.plain.end()},
                                     .negative = seal.negative(),
                                     .late = process != nullptr && is_superseded(*process)};
    }
}

/// Which key belongs to what, as the deployer orders.
void World::note_order(const SealView& seal) {
    wire::ControlMessage order;
    if (!seal.of_order() || wire::parse_control(seal.plain, order) != Error::none) {
        return;
    }
    KeyName key{};
    copy(order.connection.key, key);
    switch (order.type) {
    case wire::ControlType::set_connection:
    case wire::ControlType::continue_connection:
        ledger.note_key(key, order.connection.channel, order.connection.epoch);
        return;
    case wire::ControlType::turn_key:
        ledger.note_key(key, order.connection.channel, 0);
        return;
    case wire::ControlType::keep_state:
    case wire::ControlType::restore_state:
        ledger.state_keys.insert(key);
        return;
    default:
        return;
    }
}

/// Whether a later process of its module has used a connection.
bool World::is_superseded(const Process& process) const {
    const auto newest = at_work_.find(process.module());
    return newest != at_work_.end() && newest->second > process.actor();
}

void World::note_at_work(const Process* process, const SealView& seal) {
    if (process != nullptr && seal.of_connection()) {
        Actor& newest = at_work_[process->module()];
        newest = std::max(newest, process->actor());
    }
}

void World::opened(const SealView& seal) {
    note(2, seal);
    note_at_work(running_process(), seal);
    for (const auto& invariant : invariants_) {
        invariant->opened(running_process(), seal);
    }
    if (seal.of_connection() && running_process() != nullptr) {
        opened_ = {.key = seal.key,
                   .kind = seal.kind(),
                   .channel = seal.channel(),
                   .counter = seal.counter(),
                   .negative = seal.negative()};
    }
}

} // namespace authex::simulation
