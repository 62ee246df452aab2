#include "fake_world.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "crypto/x25519.hpp"
#include "descriptor/parse.hpp"
#include "fake_frames.hpp"
#include "tee/native/verifier.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;

/// An image is a text that names module and version; its endpoints are those of every module here.
class FakeBuilder final : public tee::Builder {
  public:
    FakeBuilder(fs::path folder,
                const std::map<std::string, int>& versions,
                const std::map<std::string, tee::StateLayout>& layouts)
        : folder_(std::move(folder)), versions_(versions), layouts_(layouts) {}
    Expected<tee::Image> build(const tee::BuildSpec& spec) override {
        const auto version = versions_.find(spec.module);
        const std::string content = fmt::format("{} version {}{}",
                                                spec.module,
                                                version == versions_.end() ? 0 : version->second,
                                                spec.spongent ? " with SPONGENT" : "");
        const crypto::Hash hash = crypto::sha256(octets(content));
        tee::Image image{.path = folder_ / (content + ".image"),
                         .identity = {hash.begin(), hash.end()},
                         .bytes = content.size()};
        std::ofstream(image.path, std::ios::binary) << content;
        const auto layout = layouts_.find(spec.module);
        image.state = layout == layouts_.end()
                          ? tee::StateLayout{.variables = {{.name = "taken", .bytes = 8}}}
                          : layout->second;
        const auto endpoints = fake_endpoints();
        for (std::uint16_t id = 0; id < endpoints.size(); ++id) {
            image.endpoints.push_back(
                {.name = endpoints[id].name,
                 .kind = static_cast<descriptor::EndpointKind>(endpoints[id].kind),
                 .id = id});
        }
        if (spec.module.starts_with("driver")) { // and goes to its safe state as it takes an event
            image.endpoints.push_back(
                {.name = "safe_state", .kind = descriptor::EndpointKind::input, .id = fake_in});
        }
        return image;
    }

  private:
    fs::path folder_;
    const std::map<std::string, int>& versions_;
    const std::map<std::string, tee::StateLayout>& layouts_;
};

class InTurn final : public deployer::Executor {
  public:
    void run(std::vector<std::function<void()>> work) override {
        for (const auto& each : work) {
            each();
        }
    }
};

} // namespace

FakeWorld::FakeWorld(const std::string& descriptor)
    : builder_(std::make_unique<FakeBuilder>(folder_.path(), versions, layouts)),
      verifier_(std::make_unique<tee::native::NativeVerifier>()) {
    owner.secret.fill(7);
    crypto::x25519_public(owner.secret, owner.public_key);
    recovery.secret.fill(8);
    recovery.index = 1;
    recovery.public_key = owner.public_key;
    recovery.recovery_key.emplace();
    crypto::x25519_public(recovery.secret, *recovery.recovery_key);
    owner.recovery_key = recovery.recovery_key;
    owner_keys.assign(owner.public_key.begin(), owner.public_key.end());
    owner_keys.insert(
        owner_keys.end(), recovery.recovery_key->begin(), recovery.recovery_key->end());
    database = std::move(*deployer::Database::in_memory());
    set_descriptor(descriptor);
}

void FakeWorld::set_descriptor(const std::string& yaml) {
    folder_.write("authex.yaml", yaml);
    const auto parsed = descriptor::parse(yaml, "authex.yaml");
    if (!parsed.descriptor) {
        throw std::runtime_error(to_text(parsed.diagnostics.at(0)));
    }
    for (const descriptor::Module& module : parsed.descriptor->modules) {
        for (const descriptor::SourceFile& source : module.sources) {
            folder_.write(source.path.string(), "");
        }
    }
    for (const descriptor::Node& node : parsed.descriptor->nodes) {
        if (!nodes.contains(node.name)) {
            nodes[node.name] = std::make_unique<FakeNode>(*this, node.name);
        }
    }
}

deployer::Outside FakeWorld::outside() {
    deployer::Outside outside;
    outside.reach = [this](const std::string& name, const std::string&) {
        return Expected<std::unique_ptr<deployer::Node>>(call_of(*nodes.at(name)));
    };
    outside.executor = std::make_shared<InTurn>();
    outside.now = [this] {
        return std::chrono::system_clock::time_point(std::chrono::microseconds(++now_us));
    };
    outside.wait = [this](std::chrono::milliseconds) { pump(); };
    outside.random = [this](Bytes out) {
        Octets bytes(8);
        Writer(bytes).u64(++seed);
        const crypto::Hash hash = crypto::sha256(bytes);
        copy(ByteView(hash).first(out.size()), out);
    };
    const auto knows = [this](descriptor::Tee tee) {
        return tee == descriptor::Tee::native || (knows_sgx && tee == descriptor::Tee::sgx);
    };
    outside.builder = [this, knows](descriptor::Tee tee) {
        return knows(tee) ? builder_.get() : nullptr;
    };
    outside.verifier = [this, knows](descriptor::Tee tee) {
        return knows(tee) ? verifier_.get() : nullptr;
    };
    outside.open_state = [this](deployer::StateUse) {
        auto state = deployer::State::open(database);
        if (state) {
            (*state)->committed = [this] { burn(); };
        }
        return state;
    };
    outside.state_directory = folder_.path() / ".authex";
    outside.images = outside.state_directory / "images";
    outside.signing = [](descriptor::Tee) { return tee::Signing{}; };
    outside.owner = owner;
    outside.has_owner_key = has_owner_key;
    outside.values = values;
    outside.revoked = revoked;
    outside.environment = [this](const std::string& name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
    };
    return outside;
}

std::unique_ptr<deployer::Application> FakeWorld::open() {
    std::vector<Diagnostic> found;
    auto descriptor = deployer::Application::check(folder_.path() / "authex.yaml", found);
    if (!descriptor) {
        throw std::runtime_error(to_text(descriptor.error().at(0)));
    }
    deployer::Options options;
    options.progress = [this](const deployer::Progress& each) { progress.push_back(each); };
    options.warn = [this](const Diagnostic& each) { warnings.push_back(each); };
    return deployer::make_application(options, std::move(*descriptor), outside());
}

std::unique_ptr<deployer::OwnedApplication> FakeWorld::open_deployed() {
    const auto state = deployer::State::open(database);
    auto parsed =
        descriptor::parse((*state)->descriptor(), (folder_.path() / "authex.yaml").string());
    if (!parsed.descriptor) {
        throw std::runtime_error("nothing was deployed");
    }
    return std::make_unique<deployer::OwnedApplication>(
        deployer::Options(), std::move(*parsed.descriptor), outside());
}

void FakeWorld::burn() {
    ++places;
    if (fuse > 0 && --fuse == 0) {
        throw Killed{};
    }
}

FakeModule* FakeWorld::newest(const std::string& name, FakeNode** where) {
    FakeModule* found = nullptr;
    int highest = 0;
    for (auto& [node_name, node] : nodes) {
        for (auto& [key, module] : node->modules) {
            const bool is_first = key == name;
            const bool is_later = key.starts_with(name + ".");
            const int number = is_first ? 1 : is_later ? std::stoi(key.substr(name.size() + 1)) : 0;
            if (number > highest) {
                highest = number;
                found = &module;
                *where = node.get();
            }
        }
    }
    return found;
}

FakeModule& FakeWorld::module(const std::string& name) {
    FakeNode* node = nullptr;
    FakeModule* found = newest(name, &node);
    if (found == nullptr) {
        throw std::runtime_error("no module " + name);
    }
    return *found;
}

void FakeWorld::go(const std::string& name) {
    FakeNode* node = nullptr;
    FakeModule* found = newest(name, &node);
    if (found != nullptr && found->runtime != nullptr) {
        (void)node->invoke(
            *found,
            frame_of({.kind = wire::Kind::call,
                      .deployment = static_cast<std::uint16_t>(found->spec.deployment()),
                      .channel = fake_go}));
    }
    pump();
}

/// Frames wait at their source's node until the destination has taken them.
void FakeWorld::pump() {
    for (bool moved = true; moved;) {
        moved = false;
        for (auto& [source_name, source] : nodes) {
            if (source->carries_nothing) {
                continue;
            }
            for (auto& [channel, frames] : source->waiting) {
                const auto route = source->routes.find(channel);
                while (!frames.empty() && route != source->routes.end()) {
                    bool taken = false;
                    for (auto& [name, node] : nodes) {
                        const auto here = node->routes.find(channel);
                        if (here == node->routes.end() ||
                            here->second.destination_module().empty()) {
                            continue;
                        }
                        const auto module = node->modules.find(here->second.destination_module());
                        if (module == node->modules.end() || module->second.runtime == nullptr) {
                            continue;
                        }
                        const auto told = node->invoke(module->second, Octets(frames.front()));
                        taken = std::none_of(
                            told.begin(), told.end(), [&channel = channel](const Octets& frame) {
                                const wire::FrameHeader header = header_of(frame);
                                return header.kind == wire::Kind::refusal &&
                                       header.channel == channel &&
                                       frame[wire::header_bytes + 1] !=
                                           static_cast<std::uint8_t>(Error::replayed);
                            });
                    }
                    if (!taken) {
                        break;
                    }
                    frames.erase(frames.begin());
                    moved = true;
                }
            }
        }
    }
}

void FakeWorld::restart(const std::string& name) {
    FakeNode* node = nullptr;
    if (FakeModule* found = newest(name, &node)) {
        node->start(*found);
    }
}

void FakeWorld::crash(const std::string& name) {
    FakeModule& failed = module(name);
    failed.runtime.reset();
    failed.status.set_state(v1::ModuleStatus::FAILED);
    failed.status.set_failure("killed by signal 11 (SIGSEGV)");
}

/// All events have one plaintext: two that are equal were sealed under one key and counter.
void FakeWorld::saw_sealed_by_module(ByteView frame) {
    ++sent[header_of(Octets(frame.begin(), frame.end())).channel];
    if (!emitted_.emplace(frame.begin(), frame.end()).second) {
        used_twice.push_back("a module sealed two events under one key and counter");
    }
}

void FakeWorld::saw_sealed_by_deployer(std::uint16_t channel, ByteView frames) {
    const auto state = deployer::State::open(database);
    const ByteView key = (*state)->connections().at(channel).key.view();
    for (const Octets& frame : whole_frames(frames)) {
        const auto [before, is_new] = sealed_.emplace(
            std::pair(Octets(key.begin(), key.end()), header_of(frame).counter), frame);
        if (!is_new && before->second != frame) {
            used_twice.push_back("the deployer sealed two messages under one key and counter");
        }
    }
}

void FakeWorld::saw_orders(const std::string& module, ByteView frames) {
    // No more of the state than is looked at: this is asked with every order.
    auto record = *database->prepare("SELECT session FROM module WHERE attested_at_us > 0 AND "
                                     "iif(on_node = '', name, on_node) = ?");
    record.bind(module);
    Octets key = *record.step() ? record.blob() : Octets();
    if (key.empty()) {
        return; // the keys are of a handshake that is under way
    }
    key.resize(32);
    for (const Octets& frame : whole_frames(frames)) {
        if (header_of(frame).kind != wire::Kind::control) {
            handshakes_[module] = key; // what follows is under keys that the state has not yet
            return;
        }
        if (handshakes_[module] == key) {
            return;
        }
        const auto [before, is_new] =
            sealed_.emplace(std::pair(key, header_of(frame).counter), frame);
        if (!is_new && before->second != frame) {
            used_twice.push_back("two orders were sealed under one key and counter");
        }
    }
}

} // namespace authex::test
