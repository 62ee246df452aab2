// Modules: loaded in the order of `after`, removed.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "deployer/engine.hpp"
#include "deployer/removal.hpp"
#include "deployer/single_orders.hpp"

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
    std::optional<tee::Placed> placed; ///< where the TEE measures the place
};

/// What the module must show where its node says that it lies.
Expected<bool> take_place(Loading& loading, const Outside& outside, const descriptor::Node& node) {
    if (node.tee != descriptor::Tee::sancus) {
        return true;
    }
    const auto image = read_image(*loading.loadable);
    if (!image) {
        return tl::make_unexpected(image.error());
    }
    const std::string& said = loading.result->placement();
    auto placed = outside.place(
        node, *image, {reinterpret_cast<const std::uint8_t*>(said.data()), said.size()});
    if (!placed) {
        return tl::make_unexpected(placed.error());
    }
    loading.placed = std::move(*placed);
    return true;
}

Expected<v1::ModuleStatus> load_one(const Loading& loading,
                                    std::uint16_t deployment,
                                    const NodeView& view,
                                    Node& node,
                                    Report& report) {
    const auto image = read_image(*loading.loadable);
    if (!image) {
        return tl::make_unexpected(image.error());
    }
    const v1::ModuleStatus* there = view.module(loading.step->record());
    if (loading.step->restart && there != nullptr) {
        v1::ModuleRequest request;
        request.set_deployment(deployment);
        request.set_module(loading.step->record());
        request.set_started_at_us(there->started_at_us());
        const auto stopped = node.stop(request);
        if (!stopped && stopped.error().code != "unknown-module") {
            return tl::make_unexpected(stopped.error());
        }
    }
    v1::LoadSpec spec;
    spec.set_deployment(deployment);
    spec.set_module(loading.step->record());
    spec.set_image_bytes(image->size());
    spec.set_image_sha256(loading.loadable->sha256.data(), loading.loadable->sha256.size());
    spec.set_stack_bytes(static_cast<std::uint32_t>(loading.module->max.stack_bytes.value_or(0)));
    for (const descriptor::Reference& device : loading.module->devices) {
        spec.add_devices(device.name);
    }
    spec.set_keeps_state(loading.module->persist);
    spec.set_replace(true);
    return node.load(spec, *image, [&](std::uint64_t received) {
        report.advanced(fmt::format("{} of {} bytes", received, image->size()));
    });
}

/// Of a module that was loaded and is not attested yet.
ModuleRecord record_of(Loading& loading, const ModuleRecord* known, const InstanceNames& names) {
    const std::string& name = loading.step->record();
    ModuleRecord record = known == nullptr ? ModuleRecord{.name = name} : *known;
    if (!loading.step->instance.empty()) {
        record.on_node = name;
        record.instance_of = loading.module->name;
    } else if (known == nullptr) {
        record.on_node = names.on_node(name);
    }
    record.node = loading.step->shown.node;
    record.identity = loading.loadable->image.identity;
    record.placement.assign(loading.result->placement().begin(), loading.result->placement().end());
    record.module_key = Secret();
    record.simulated = false;
    if (loading.placed) {
        record.identity = loading.placed->identity;
        record.module_key.assign(loading.placed->module_key);
        record.simulated = loading.placed->simulated;
        wipe(loading.placed->module_key);
    }
    record.image_sha256 = loading.loadable->sha256;
    record.terms = loading.loadable->terms;
    record.endpoints = loading.loadable->image.endpoints;
    record.layout = loading.loadable->image.state;
    record.image_bytes = loading.loadable->image.bytes;
    record.attested_at_us = 0;
    record.disabled = false;
    record.quarantined.clear();
    record.session = Secret();
    forget_digests(record.given);
    return record;
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
            results[i] = remove_module(
                *context_.nodes.at(shown.node), context_.state.deployment(), shown.subject);
            results[i] ? report.done() : report.failed(results[i].error().summary);
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const PlannedStep& shown = steps[i]->shown;
        const ModuleRecord* record = context_.state.module(shown.subject);
        if (!results[i]) {
            result_.errors.push_back(results[i].error());
            if (record != nullptr && record->node == shown.node) {
                // It says nothing any more then, whatever its node keeps.
                (void)order_one(context_, shown.subject, {simple(wire::ControlType::disable)});
            }
            continue;
        }
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
        if (!step->instance.empty() && context_.state.module(step->instance) != nullptr) {
            broken_.insert(step->instance);
            skip(*step, "an update before this one is not finished");
            result_.outdated = true;
            continue;
        }
        if (!step->instance.empty()) {
            coming_.insert(step->instance);
        }
        ended_.insert(step->record());
        if (broken != module->after.end()) {
            broken_.insert(step->record());
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
            loading.result = load_one(loading,
                                      context_.state.deployment(),
                                      context_.survey.at(shown.node),
                                      *context_.nodes.at(shown.node),
                                      report);
            const Expected<bool> placed =
                loading.result ? take_place(loading,
                                            context_.outside,
                                            *context_.descriptor.find_node(shown.node))
                               : true;
            if (!placed) {
                loading.result = tl::make_unexpected(placed.error());
            }
            loading.result ? report.done(fmt::format("{} bytes", loading.loadable->image.bytes))
                           : report.failed(loading.result.error().summary);
        });
    }
    context_.outside.executor->run(std::move(work));
    Change change;
    change.urgent = false;
    for (Loading& loading : all) {
        const std::string& name = loading.step->record();
        if (!loading.result) {
            broken_.insert(name);
            result_.errors.push_back(loading.result.error());
            continue;
        }
        change.modules.push_back(record_of(loading, context_.state.module(name), context_.names));
        processes_[name] =
            process_of(context_.survey.at(loading.step->shown.node), *loading.result);
        done(*loading.step);
    }
    commit(change);
}

} // namespace authex::deployer
