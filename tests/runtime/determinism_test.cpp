// What a module does is a function of the frames it was given.                   (DESIGN
// "Determinism")
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Octets;
using test::Peer;
using test::operator+;
using wire::Kind;

void module_of_the_run(test::Id id, authex_message& message) {
    Octets data(message.data, message.data + message.size);
    data.resize(data.size() + 8);
    (void)!authex_random(data.data() + message.size, 8);
    (void)test::send(test::out, data);
    (void)authex_request(&test::endpoints[test::ask], data.data(), data.size(), nullptr);
    (void)authex_timer_start(&test::endpoints[test::tick], data.size());
    if (id == test::answer || id == test::enter) {
        test::write_result(message, data);
    }
}

/// Everything that a run was given, so that it can be given again.
class Recording {
  public:
    void give(Enclave& enclave, const Octets& frames) {
        frames_.push_back(frames);
        (void)enclave.give(frames);
        outputs_.push_back(enclave.last);
    }
    void say(Enclave& enclave, const wire::ControlMessage& message) {
        give(enclave, enclave.owner.order(message));
    }
    [[nodiscard]] const std::vector<Octets>& frames() const { return frames_; }
    [[nodiscard]] const std::vector<Octets>& outputs() const { return outputs_; }

  private:
    std::vector<Octets> frames_;
    std::vector<Octets> outputs_;
};

Recording record(Enclave& enclave) {
    Recording run;
    test::module_state.act = module_of_the_run;
    const Octets hello = enclave.owner.hello();
    run.give(enclave, hello);
    (void)enclave.owner.finish(test::split(enclave.last).at(0));
    const Octets entropy(32, 5);
    wire::ControlMessage seed;
    seed.type = wire::ControlType::seed;
    seed.entropy = entropy;
    run.say(enclave, seed);
    for (const auto& terms : {Enclave::terms(1, test::in),
                              Enclave::terms(2, test::out),
                              Enclave::terms(3, test::ask),
                              Enclave::terms(4, test::answer)}) {
        run.say(enclave, terms);
    }
    Peer in(Enclave::terms(1, test::in));
    Peer answer(Enclave::terms(4, test::answer));
    Peer ask(Enclave::terms(3, test::ask));
    run.give(enclave, in.event(0, {1}) + answer.request(0, {2}) + in.event(5, {}));
    run.give(enclave, in.event(1, {1}) + ask.reply(0, {3}) + ask.reply(1, {}, true));
    run.give(enclave, test::plain({.kind = Kind::call, .channel = test::enter}, {1, 2, 3}));
    run.give(enclave, test::plain({.kind = Kind::timer, .channel = test::tick, .counter = 5}));
    run.say(enclave, Enclave::terms(3, test::ask, 2));
    return run;
}

std::vector<Octets> replay(Enclave& enclave, const Recording& run, std::size_t room) {
    test::module_state.act = module_of_the_run;
    std::vector<Octets> outputs;
    for (const Octets& frames : run.frames()) {
        (void)enclave.give(frames, room);
        outputs.push_back(enclave.last);
    }
    return outputs;
}

// P17
TEST(Determinism, SameFramesGiveTheSameBytesAnywhereInMemory) {
    Enclave first;
    const Recording run = record(first);
    EXPECT_GT(run.outputs().back().size(), 0U);
    // `first` still lives: these are elsewhere in memory.
    Enclave second;
    EXPECT_EQ(replay(second, run, std::size_t{1} << 20U), run.outputs());
    Enclave third;
    EXPECT_EQ(replay(third, run, output_min_bytes + 5000), run.outputs());
}

TEST(Determinism, SealedFramesDoNotDependOnHowFramesWereBatched) {
    const auto sealed_of = [](const std::vector<Octets>& outputs) {
        std::vector<Octets> sealed;
        for (const Octets& output : outputs) {
            for (const test::Frame& frame : test::split(output)) {
                if (wire::is_sealed(frame.header.kind)) {
                    sealed.push_back(frame.bytes);
                }
            }
        }
        return sealed;
    };
    Enclave first;
    const Recording run = record(first);
    Enclave second;
    test::module_state.act = module_of_the_run;
    std::vector<Octets> outputs;
    for (const Octets& batch : run.frames()) {
        for (const test::Frame& frame : test::split(batch)) {
            (void)second.give(frame.bytes);
            outputs.push_back(second.last);
        }
    }
    EXPECT_EQ(sealed_of(outputs), sealed_of(run.outputs()));
}

RC_GTEST_PROP(Determinism, ArbitraryFramesGiveTheSameBytes, ()) {
    Octets frames;
    const auto bodies = *rc::gen::container<std::vector<Octets>>(rc::gen::arbitrary<Octets>());
    for (const Octets& body : bodies) {
        const auto kind = static_cast<Kind>(*rc::gen::inRange(0, 20));
        frames = frames + test::plain({.kind = kind,
                                       .channel = *rc::gen::inRange<std::uint16_t>(0, 12),
                                       .counter = *rc::gen::inRange<std::uint64_t>(0, 3)},
                                      body);
    }
    Enclave first;
    test::module_state.act = module_of_the_run;
    (void)first.give(frames);
    Enclave second;
    test::module_state.act = module_of_the_run;
    (void)second.give(frames);
    RC_ASSERT(first.last == second.last);
    RC_ASSERT(first.progress.consumed == frames.size());
}

} // namespace
} // namespace authex::runtime
