// Modules: loaded in the order of `after`, attested, removed.
#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "deployer/attest.hpp"
#include "deployer/engine.hpp"

namespace authex::deployer {
namespace {

Expected<std::vector<std::uint8_t>> read_image(const Loadable& loadable) {
    std::ifstream file(loadable.image.path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    std::vector<std::uint8_t> image(bytes.begin(), bytes.end());
    const crypto::Hash hash = crypto::sha256(image);
    if (!std::equal(hash.begin(), hash.end(), loadable.sha256.begin(), loadable.sha256.end())) {
        return failure(
            "image-changed",
            fmt::format("the image {} is not what was built", loadable.image.path.string()),
            "something writes to the cache; run authex build again");
    }
    return image;
}

struct Loading {
    const Step* step = nullptr;
    const Loadable* loadable = nullptr;
    const descriptor::Module* module = nullptr;
    Expected<v1::ModuleStatus> result;
};

Expected<v1::ModuleStatus>
load_one(const Loading& loading, std::uint16_t deployment, Node& node, Report& report) {
    const auto image = read_image(*loading.loadable);
    if (!image) {
        return tl::make_unexpected(image.error());
    }
    if (loading.step->restart) {
        v1::ModuleRequest request;
        request.set_deployment(deployment);
        request.set_module(loading.module->name);
        const auto stopped = node.stop(request);
        if (!stopped && stopped.error().code != "unknown-module") {
            return tl::make_unexpected(stopped.error());
        }
    }
    v1::LoadSpec spec;
    spec.set_deployment(deployment);
    spec.set_module(loading.module->name);
    spec.set_image_bytes(image->size());
    spec.set_image_sha256(loading.loadable->sha256.data(), loading.loadable->sha256.size());
    spec.set_stack_bytes(static_cast<std::uint32_t>(loading.module->max.stack_bytes.value_or(0)));
    for (const descriptor::Reference& device : loading.module->devices) {
        spec.add_devices(device.name);
    }
    spec.set_replace(true);
    return node.load(spec, *image, [&](std::uint64_t received) {
        report.advanced(fmt::format("{} of {} bytes", received, image->size()));
    });
}

} // namespace

void Engine::remove_modules(const Steps& steps) {
    std::vector<Expected<bool>> results(steps.size(), true);
    std::vector<std::function<void()>> work;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PlannedStep& shown = steps[i]->shown;
        if (!context_.survey.contains(shown.node) || !context_.survey.at(shown.node).usable()) {
            continue; // the node is gone, and said to be forgotten
        }
        work.emplace_back([&, i] {
            Report report(context_.reporter, shown.action, shown.subject, shown.node);
            const auto reply = context_.nodes.at(shown.node)->remove(module_request(shown.subject));
            if (!reply) {
                results[i] = tl::make_unexpected(reply.error());
                report.failed(reply.error().summary);
            } else {
                report.done();
            }
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PlannedStep& shown = steps[i]->shown;
        if (!results[i]) {
            result_.errors.push_back(results[i].error());
            continue;
        }
        const ModuleRecord* record = context_.state.module(shown.subject);
        if (record != nullptr && record->node == shown.node) {
            ended_.insert(shown.subject);
            if (context_.descriptor.find_module(shown.subject) == nullptr) {
                change.erased_modules.push_back(shown.subject);
            }
        }
        done(*steps[i]);
    }
    commit(change);
}

void Engine::load(const Steps& steps) {
    Steps waiting = steps;
    while (!waiting.empty()) {
        const auto waits = [&](const Step* step) {
            const auto& after = context_.descriptor.find_module(step->shown.subject)->after;
            return std::any_of(after.begin(), after.end(), [&](const auto& earlier) {
                return std::any_of(waiting.begin(), waiting.end(), [&](const Step* other) {
                    return other->shown.subject == earlier.name;
                });
            });
        };
        Steps wave;
        std::copy_if(waiting.begin(), waiting.end(), std::back_inserter(wave), [&](const Step* s) {
            return !waits(s);
        });
        if (wave.empty()) {
            wave = waiting; // a descriptor without cycles never comes here
        }
        std::erase_if(waiting, [&](const Step* step) {
            return std::find(wave.begin(), wave.end(), step) != wave.end();
        });
        load_wave(wave);
    }
}

void Engine::load_wave(const Steps& steps) {
    std::vector<Loading> all;
    for (const Step* step : steps) {
        const std::string& name = step->shown.subject;
        const descriptor::Module* module = context_.descriptor.find_module(name);
        const auto broken =
            std::find_if(module->after.begin(), module->after.end(), [&](const auto& earlier) {
                return broken_.contains(earlier.name);
            });
        ended_.insert(name);
        if (broken != module->after.end()) {
            broken_.insert(name);
            skip(*step, fmt::format("it comes after {}", broken->name));
            continue;
        }
        all.push_back({.step = step, .loadable = &context_.built.at(name), .module = module});
    }
    std::vector<std::function<void()>> work;
    for (Loading& loading : all) {
        work.emplace_back([&] {
            const PlannedStep& shown = loading.step->shown;
            Report report(context_.reporter, shown.action, shown.subject, shown.node);
            loading.result = load_one(
                loading, context_.state.deployment(), *context_.nodes.at(shown.node), report);
            loading.result ? report.done(fmt::format("{} bytes", loading.loadable->image.bytes))
                           : report.failed(loading.result.error().summary);
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    change.urgent = false;
    for (Loading& loading : all) {
        const std::string& name = loading.module->name;
        if (!loading.result) {
            broken_.insert(name);
            result_.errors.push_back(loading.result.error());
            continue;
        }
        const ModuleRecord* known = context_.state.module(name);
        ModuleRecord record = known == nullptr ? ModuleRecord{.name = name} : *known;
        record.node = loading.step->shown.node;
        record.identity = loading.loadable->image.identity;
        record.image_sha256 = loading.loadable->sha256;
        record.terms = loading.loadable->terms;
        record.endpoints = loading.loadable->image.endpoints;
        record.image_bytes = loading.loadable->image.bytes;
        record.attested_at_us = 0;
        record.disabled = false;
        record.session = Secret();
        record.given.clear();
        change.modules.push_back(std::move(record));
        processes_[name] =
            process_of(context_.survey.at(loading.step->shown.node), *loading.result);
        done(*loading.step);
    }
    commit(change);
}

void Engine::attest(const Steps& steps) {
    struct Attesting {
        const Step* step = nullptr;
        AttestInput input;
        Expected<Attested> result;
    };
    std::vector<Attesting> all;
    for (const Step* step : steps) {
        const std::string& name = step->shown.subject;
        const descriptor::Module* module = context_.descriptor.find_module(name);
        const descriptor::Node* node = context_.descriptor.find_node(module->node.name);
        const ModuleRecord* record = context_.state.module(name);
        const NodeRecord* met = context_.state.node(node->name);
        if (broken_.contains(name) || met == nullptr) {
            broken_.insert(name);
            skip(*step, "it was not loaded");
            continue;
        }
        Attesting attesting{.step = step};
        AttestInput& input = attesting.input;
        input.module = name;
        input.deployment = context_.state.deployment();
        input.owner = &context_.outside.owner;
        input.verifier = context_.outside.verifier(node->tee);
        if (module->external) {
            input.expectation.identity.assign(module->external->identity.begin(),
                                              module->external->identity.end());
        } else if (record != nullptr) {
            input.expectation.identity = record->identity;
        }
        input.expectation.evidence_key = met->evidence_key;
        input.expectation.simulation_allowed = context_.descriptor.simulation_allowed;
        context_.outside.random(input.ephemeral);
        context_.outside.random(input.module_entropy);
        all.push_back(std::move(attesting));
    }
    std::vector<std::function<void()>> work;
    for (Attesting& attesting : all) {
        work.emplace_back([&] {
            const PlannedStep& shown = attesting.step->shown;
            Report report(context_.reporter, shown.action, shown.subject, shown.node);
            attesting.result = deployer::attest(attesting.input, *context_.nodes.at(shown.node));
            attesting.result ? report.done(attesting.result->claims.text)
                             : report.failed(attesting.result.error().summary);
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    change.urgent = false; // keys that are lost with it were never used again
    for (Attesting& attesting : all) {
        wipe(attesting.input.ephemeral);
        wipe(attesting.input.module_entropy);
        if (attesting.result) {
            take_attested(*attesting.step, std::move(*attesting.result), change);
            done(*attesting.step);
        } else {
            broken_.insert(attesting.step->shown.subject);
            result_.errors.push_back(attesting.result.error());
        }
    }
    commit(change);
}

/// A process is the one that has keys already only where it says so itself, under the new channel:
/// the node's word is not enough, for a key that is said again to a fresh process would be used
/// twice.
void Engine::take_attested(const Step& step, Attested&& attested, Change& change) {
    const std::string& name = step.shown.subject;
    const ModuleRecord* known = context_.state.module(name);
    ModuleRecord record = known == nullptr ? ModuleRecord{.name = name} : *known;
    bool continues = false;
    bool lost = false;
    // A connection that outlived its module's record, in a reset that did not reach every node,
    // still names an incarnation: that number is never given to another process.
    std::uint64_t highest = record.incarnation;
    std::vector<ConnectionRecord> windows;
    for (const auto& [id, connection] : context_.state.connections()) {
        for (const EndRecord* end : {&connection.from, &connection.to}) {
            highest = std::max(highest, end->module == name ? end->incarnation : 0);
            const bool ours = end->module == name && end->incarnation == record.incarnation;
            if (!ours || !connection.complete) {
                continue;
            }
            const bool there = std::any_of(
                attested.audit.begin(),
                attested.audit.end(),
                [&connection = connection](const wire::AuditEntry& entry) {
                    return entry.channel == connection.id && entry.epoch == connection.epoch;
                });
            continues = continues || there;
            lost = lost || !there;
            if (end == &connection.to && connection.window_open_since_us != 0) {
                windows.push_back(connection);
            }
        }
    }
    continues = continues && !lost;
    for (ConnectionRecord& connection : windows) {
        connection.window_open_since_us = continues ? now_us() : 0;
        change.connections.push_back(std::move(connection));
    }
    record.node = step.shown.node;
    record.identity = attested.claims.identity;
    record.simulated = attested.claims.simulated;
    record.session = std::move(attested.session);
    record.attested_at_us = now_us();
    record.incarnation = continues ? record.incarnation : highest + 1;
    if (!continues) {
        record.given.clear();
    }
    const NodeView& view = context_.survey.at(record.node);
    const v1::ModuleStatus* status = view.module(name);
    const auto loaded = processes_.find(name);
    record.process = loaded != processes_.end() ? loaded->second
                     : status != nullptr        ? process_of(view, *status)
                                                : "";
    if (lost && known != nullptr && record.process == known->process) {
        result_.errors.push_back(make_error(
            "connections-lost",
            fmt::format("module {} has lost its connections: it is not the process that it was, "
                        "whatever its node says",
                        name),
            "run authex up again: they are keyed anew"));
    }
    change.modules.push_back(std::move(record));
}

} // namespace authex::deployer
