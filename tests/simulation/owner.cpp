#include "simulation/owner.hpp"

#include <stdexcept>

#include "simulation/remote_node.hpp"
#include "simulation/world.hpp"
#include "tee/native/verifier.hpp"

namespace authex::simulation {
namespace {

/// The deployer's process ends here.
struct Killed {};

/// Pieces of work one after the other, in an order that the seed chooses.
class InSomeOrder final : public deployer::Executor {
  public:
    explicit InSomeOrder(Random& random) : random_(random) {}
    void run(std::vector<std::function<void()>> work) override {
        for (; !work.empty(); work.pop_back()) {
            std::swap(work[random_.below(work.size())], work.back());
            work.back()();
        }
    }

  private:
    Random& random_;
};

/// An empty state. One database serves all worlds, one after the other: making its tables costs
/// more than emptying them. (What outlives set_deployment(0), no simulated application has.)
std::shared_ptr<deployer::Database> empty_database() {
    static const std::shared_ptr<deployer::Database> database =
        std::move(*deployer::Database::in_memory());
    const auto state = deployer::State::open(database);
    if (!state || !(*state)->set_deployment(0)) {
        throw std::logic_error("the deployer's state cannot be emptied");
    }
    return database;
}

} // namespace

Owner::Owner(World& world)
    : world_(world), database_(empty_database()),
      verifier_(std::make_unique<tee::native::NativeVerifier>()) {}

Owner::~Owner() = default;

void Owner::burn() {
    if (fuse_ > 0 && --fuse_ == 0) {
        throw Killed{};
    }
}

deployer::Outside Owner::outside() {
    deployer::Outside outside;
    outside.reach = [this](const std::string& name, const std::string&) {
        return Expected<std::unique_ptr<deployer::Node>>(make_remote_node(world_, name));
    };
    outside.executor = std::make_shared<InSomeOrder>(world_.random);
    outside.now = [this] {
        const auto us = static_cast<std::int64_t>(date_us + world_.now_us()) + date_ahead_us;
        return std::chrono::system_clock::time_point(std::chrono::microseconds(us));
    };
    outside.wait = [this](std::chrono::milliseconds time) {
        constexpr std::uint64_t patience = 50; // looks cost more than time
        world_.advance(static_cast<std::uint64_t>(time.count()) * 1000 * patience);
    };
    outside.random = [this](Bytes out) { world_.random.fill(out); };
    outside.builder = [this](descriptor::Tee) -> tee::Builder* { return &builder_; };
    outside.verifier = [this](descriptor::Tee) -> const tee::Verifier* { return verifier_.get(); };
    outside.open_state = [this](deployer::StateUse) {
        ++plans_;
        auto state = deployer::State::open(database_);
        if (state) {
            (*state)->committed = [this] { burn(); };
        }
        return state;
    };
    outside.signing = [](descriptor::Tee) { return tee::Signing{}; };
    outside.owner = owner_key();
    return outside;
}

template <typename Work>
Owner::Result Owner::run(const Work& work) {
    try {
        const auto application =
            deployer::make_application(deployer::Options{}, world_.shape().descriptor, outside());
        const auto outcome = work(*application);
        if (!outcome) {
            problem_ = to_text(outcome.error().at(0));
        }
        return outcome ? Result::done : Result::failed;
    } catch (const Killed&) {
        return Result::killed;
    }
}

Owner::Result Owner::up(const deployer::Selection& selection) {
    return run([&](deployer::Application& application) { return application.up(selection); });
}

Owner::Result Owner::output(const std::string& connection, ByteView data) {
    saying_.assign(data.begin(), data.end());
    ++commands_;
    return run([&](deployer::Application& application) {
        return application.output(connection, saying_);
    });
}

Owner::Result Owner::request(const std::string& connection, ByteView data) {
    saying_.assign(data.begin(), data.end());
    ++commands_;
    std::vector<std::uint8_t> answer;
    const Result result = run([&](deployer::Application& application) {
        auto outcome = application.request(connection, saying_);
        if (outcome) {
            answer = *outcome;
        }
        return outcome;
    });
    if (result == Result::done) {
        world_.answered(answer);
    }
    return result;
}

Owner::Result Owner::status() {
    return run([](deployer::Application& application) { return application.status(); });
}

} // namespace authex::simulation
