// Modules of the fake nodes: real runtimes with endpoints that count.
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "fake_frames.hpp"
#include "fake_world.hpp"

namespace authex::test {
namespace {

FakeModule* active = nullptr; // the runtime has one at a time, as in an enclave

struct Functions {
    static void in(authex_message*) { ++active->taken; }
    static void reply(authex_message*) {}
    static void answer(authex_message* message) {
        std::memcpy(message->result, message->data, message->size);
        message->result_size = message->size;
        message->status = AUTHEX_OK;
    }
    static void go(authex_message* message);
    static void relay(authex_message* message);
};

const std::array<authex_endpoint, 7> endpoints = {{
    {"out", nullptr, AUTHEX_KIND_OUTPUT},
    {"in", Functions::in, AUTHEX_KIND_INPUT},
    {"ask", Functions::reply, AUTHEX_KIND_REQUEST},
    {"answer", Functions::answer, AUTHEX_KIND_HANDLER},
    {"go", Functions::go, AUTHEX_KIND_ENTRY},
    {"relay", Functions::relay, AUTHEX_KIND_INPUT},
    {"web_evidence", nullptr, AUTHEX_KIND_EVIDENCE},
}};

void emit() {
    const std::array<std::uint8_t, 8> always{};
    const authex_status status = authex_output(&endpoints[fake_out], always.data(), always.size());
    if (status != AUTHEX_OK && status != AUTHEX_NO_CONNECTION) {
        throw std::runtime_error("an output found no room");
    }
}
void Functions::go(authex_message* message) {
    emit();
    message->status = AUTHEX_OK;
}
void Functions::relay(authex_message*) {
    ++active->taken;
    emit();
}

} // namespace

std::span<const authex_endpoint> fake_endpoints() {
    return endpoints;
}

tee::native::EvidenceKey evidence_key(const std::string& name) {
    static const TemporaryFolder folder;
    static std::map<std::string, tee::native::EvidenceKey> keys;
    const auto found = keys.find(name);
    return found != keys.end()
               ? found->second
               : keys.emplace(name, *tee::native::EvidenceKey::open(folder.path() / name))
                     .first->second;
}

FakeNode::FakeNode(FakeWorld& w, std::string n)
    : world(w), name(std::move(n)), key(evidence_key(name)) {}

void FakeNode::start(FakeModule& module) {
    const bool hidden = hides_restarts && module.status.instance() != 0;
    module.runtime = std::make_unique<runtime::Runtime>();
    module.taken = 0;
    module.status.set_name(module.spec.module());
    module.status.set_state(v1::ModuleStatus::RUNNING);
    module.status.set_failure("");
    module.status.set_image_sha256(module.spec.image_sha256());
    if (!hidden) {
        module.status.set_instance(module.status.instance() + 1);
        module.status.set_started_at_us(++world.now_us);
    }
    Octets entropy(32);
    Writer(entropy).u64(++world.seed);
    module.runtime->start(endpoints, world.owner_keys, entropy);
    module.runtime->keep({reinterpret_cast<std::uint8_t*>(&module.taken), sizeof module.taken},
                         module.spec.keeps_state());
    (void)invoke(module,
                 frame_of({.kind = wire::Kind::hello,
                           .deployment = static_cast<std::uint16_t>(module.spec.deployment())}));
}

std::vector<Octets> FakeNode::invoke(FakeModule& module, ByteView frames) {
    std::vector<Octets> told;
    const Bytes out = output;
    while (!frames.empty()) {
        active = &module;
        const runtime::Progress progress = module.runtime->invoke(frames, out);
        if (progress.consumed == 0) {
            break;
        }
        frames = frames.subspan(progress.consumed);
        std::vector<Octets> left = whole_frames(out.first(progress.produced));
        if (!left.empty() && header_of(left.back()).kind == wire::Kind::state) {
            module.kept_state = std::move(left.back());
            left.pop_back();
            module.kept_events.clear();
            std::copy_if(
                left.begin(),
                left.end(),
                std::back_inserter(module.kept_events),
                [](const Octets& frame) { return header_of(frame).kind == wire::Kind::event; });
        }
        for (Octets& frame : left) {
            const wire::FrameHeader header = header_of(frame);
            if (header.kind == wire::Kind::event) {
                world.saw_sealed_by_module(frame);
                if (header.counter == 0) {
                    waiting[header.channel].clear(); // a new epoch: what is older opens nowhere
                }
                if (!module.keeps_to_itself) {
                    waiting[header.channel].push_back(frame);
                }
            }
            told.push_back(std::move(frame));
        }
    }
    return told;
}

} // namespace authex::test
