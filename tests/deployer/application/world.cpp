#include "world.hpp"

#include "crypto/kdf.hpp"
#include "crypto/x25519.hpp"
#include "descriptor/parse.hpp"
#include "tee/native/verifier.hpp"

namespace authex::test {

/// Images are 32 bytes of owner key, then the module's name and version.
class World::Builder final : public tee::Builder {
  public:
    explicit Builder(const TemporaryFolder& folder) : folder_(folder) {}
    Expected<tee::Image> build(const tee::BuildSpec& spec) override {
        const std::string text = std::string(spec.owner_key.begin(), spec.owner_key.end()) +
                                 spec.module + std::to_string(versions[spec.module]);
        tee::Image image;
        image.path =
            folder_.write("images/" + spec.module + std::to_string(versions[spec.module]), text);
        const std::vector<std::uint8_t> bytes(text.begin(), text.end());
        const crypto::Hash hash = crypto::sha256(bytes);
        image.identity.assign(hash.begin(), hash.end());
        image.bytes = bytes.size();
        using descriptor::EndpointKind;
        image.endpoints = {{"out", EndpointKind::output, endpoint_out},
                           {"in", EndpointKind::input, endpoint_in},
                           {"ask", EndpointKind::request, endpoint_ask},
                           {"answer", EndpointKind::handler, endpoint_answer},
                           {"tick", EndpointKind::entry, endpoint_tick}};
        return image;
    }
    std::map<std::string, int> versions;

  private:
    const TemporaryFolder& folder_;
};

namespace {

class OneAfterTheOther final : public deployer::Executor {
  public:
    void run(std::vector<std::function<void()>> work) override {
        for (const auto& piece : work) {
            piece();
        }
    }
};

} // namespace

World::World(std::string descriptor)
    : descriptor_(std::move(descriptor)), builder_(std::make_unique<Builder>(folder)),
      disk_(*deployer::Database::in_memory()) {
    for (const char* name : {"a", "b"}) {
        network.nodes[name] = std::make_shared<MemoryNode>(name, network, folder.path());
    }
    owner_.secret.fill(7);
    crypto::x25519_public(owner_.secret, owner_.public_key);
}

World::~World() = default;

void World::change_code(const std::string& module) {
    ++builder_->versions[module];
}

void World::replace(const std::string& from, const std::string& to) {
    descriptor_.replace(descriptor_.find(from), from.size(), to);
}

std::unique_ptr<deployer::Application> World::application() {
    static const tee::native::NativeVerifier verifier;
    descriptor::ParseResult parsed = descriptor::parse(descriptor_, "authex.yaml");
    deployer::Outside outside;
    outside.reach = [this](const std::string& name, const std::string&) {
        return Expected<std::unique_ptr<deployer::Node>>(network.nodes.at(name)->reach());
    };
    outside.executor = std::make_shared<OneAfterTheOther>();
    outside.now = [] { return std::chrono::system_clock::time_point(std::chrono::hours(1)); };
    outside.random = [this](Bytes bytes) {
        for (std::uint8_t& byte : bytes) {
            random_ = random_ * 6364136223846793005U + 1442695040888963407U;
            byte = static_cast<std::uint8_t>(random_ >> 56U);
        }
    };
    outside.builder = [this](descriptor::Tee) { return builder_.get(); };
    outside.verifier = [](descriptor::Tee) { return &verifier; };
    outside.open_state = [this](deployer::StateUse) {
        auto state = deployer::State::open(disk_);
        if (state) {
            (*state)->committed = [this] {
                if (committed) {
                    committed();
                }
            };
        }
        return state;
    };
    outside.owner = owner_;
    deployer::Options options;
    options.descriptor = "authex.yaml";
    return deployer::make_application(
        std::move(options), std::move(*parsed.descriptor), std::move(outside));
}

std::vector<std::string> words(const deployer::Plan& plan) {
    std::vector<std::string> list;
    for (const deployer::PlannedStep& step : plan.steps) {
        list.push_back(step.action + " " + step.subject);
    }
    return list;
}

} // namespace authex::test
