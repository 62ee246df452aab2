// Checked, built, planned, brought up.
#include "deployer/application.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "deployer/deployed.hpp"
#include "deployer/engine.hpp"
#include "deployer/image_store.hpp"
#include "deployer/instances.hpp"
#include "deployer/owned_application.hpp"
#include "descriptor/endpoints.hpp"
#include "descriptor/parse.hpp"
#include "tee/sancus/device_check.hpp"

namespace authex::deployer {
namespace {

bool is_whole(const Selection& selection) {
    return selection.modules.empty() && selection.connections.empty() && selection.periodic.empty();
}

/// Ids of 16 bits that are tried before somebody has to look why all are taken.
constexpr int deployments_max = 16;

std::vector<Diagnostic> unknown(const char* what, const std::string& name) {
    return {make_error(fmt::format("unknown-{}", what),
                       fmt::format("the descriptor has no {} {}", what, name))};
}

Expected<std::vector<std::uint8_t>> digest_of(const std::filesystem::path& image) {
    std::ifstream file(image, std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)),
                                  std::istreambuf_iterator<char>());
    if (!file.is_open() || bytes.empty()) {
        return failure("file-unreadable",
                       fmt::format("cannot read the image {}", image.string()),
                       "run authex build again");
    }
    const std::vector<std::uint8_t> octets(bytes.begin(), bytes.end());
    const crypto::Hash hash = crypto::sha256(octets);
    return std::vector<std::uint8_t>(hash.begin(), hash.end());
}

bool uses_spongent(const descriptor::Descriptor& descriptor, const std::string& module) {
    return std::any_of(descriptor.connections.begin(),
                       descriptor.connections.end(),
                       [&](const descriptor::Connection& each) {
                           return each.algorithm == crypto::Algorithm::spongent_128 &&
                                  (each.to.module == module ||
                                   (each.from && each.from->module == module));
                       });
}

tee::BuildSpec spec_of(const descriptor::Descriptor& descriptor,
                       const descriptor::Module& module,
                       const OwnerKey& owner) {
    tee::BuildSpec spec{.module = module.name,
                        .root = descriptor.directory,
                        .definitions = module.definitions,
                        .owner_key = owner.public_key,
                        .recovery_key = owner.recovery_key,
                        .persists = module.persist,
                        .persist_every_ms = static_cast<unsigned>(module.persist_every.count()),
                        .readable_state = module.readable_state,
                        .max_connections = module.max.connections.value_or(0),
                        .max_body_bytes = module.max.body_bytes.value_or(0),
                        .max_keys = module.max.keys.value_or(0),
                        .spongent = uses_spongent(descriptor, module.name),
                        .max_image_bytes = module.max.image_bytes.value_or(0),
                        .stack_bytes =
                            static_cast<std::uint32_t>(module.max.stack_bytes.value_or(0))};
    const descriptor::Node& node = *descriptor.find_node(module.node.name);
    if (node.tee != descriptor::Tee::sancus) {
        spec.delegate_key = owner.delegate_key; // there, whoever has the module's key has all
    }
    if (node.vendor) {
        spec.vendor_id = node.vendor->id;
    }
    if (node.tee == descriptor::Tee::trustzone) {
        spec.machine = to_string(node.machine);
    }
    if (module.enclave) {
        spec.product = module.enclave->product;
        spec.svn = module.enclave->svn;
        spec.debug = module.enclave->debug;
    }
    if (module.driver) {
        spec.driver = module.driver->name;
    }
    for (const descriptor::Reference& device : module.devices) {
        spec.devices.push_back(device.name);
    }
    for (const descriptor::SourceFile& source : module.sources) {
        spec.sources.push_back(source.path);
    }
    return spec;
}

/// Whether it runs, and is the process that goes on from it.
bool has_its_state(const ModuleRecord& record, const Survey& survey) {
    const auto view = survey.find(record.node);
    const v1::ModuleStatus* status =
        view == survey.end() ? nullptr : view->second.module(record.name);
    return status != nullptr && status->state() == v1::ModuleStatus::RUNNING &&
           process_of(view->second, *status) == record.process && !record.waits_for_state();
}

} // namespace

/// State, what the nodes say, and the plan between them and the descriptor.
struct OwnedApplication::Prepared {
    std::unique_ptr<State> state;
    Loadables built;
    Survey survey;
    ValuesOfModules values;
    Work work;
    bool code_later = false; ///< new code waits until the old one has got its kept state back
};

Outcome<descriptor::Descriptor> Application::check(const std::filesystem::path& descriptor,
                                                   std::vector<Diagnostic>& warnings) {
    descriptor::ParseResult result = descriptor::load(descriptor, tee::sancus::check_devices);
    if (!result.descriptor) {
        return tl::make_unexpected(std::move(result.diagnostics));
    }
    warnings.insert(warnings.end(), result.diagnostics.begin(), result.diagnostics.end());
    return std::move(*result.descriptor);
}

Outcome<std::unique_ptr<Application>> Application::open(Options options) {
    if (is_delegate(state_directory_of(options))) {
        auto deployed = open_deployed(options);
        return deployed ? Outcome<std::unique_ptr<Application>>(std::move(*deployed))
                        : tl::make_unexpected(std::move(deployed.error()));
    }
    std::vector<Diagnostic> warnings;
    auto descriptor = check(options.descriptor, warnings);
    if (!descriptor) {
        return tl::make_unexpected(std::move(descriptor.error()));
    }
    if (options.warn) {
        std::for_each(warnings.begin(), warnings.end(), options.warn);
    }
    auto outside = make_outside(options, *descriptor);
    if (!outside) {
        return failed(outside.error());
    }
    return make_application(std::move(options), std::move(*descriptor), std::move(*outside));
}

std::unique_ptr<Application>
make_application(Options options, descriptor::Descriptor descriptor, Outside outside) {
    return std::make_unique<OwnedApplication>(
        std::move(options), std::move(descriptor), std::move(outside));
}

OwnedApplication::OwnedApplication(Options options,
                                   descriptor::Descriptor descriptor,
                                   Outside outside)
    : options_(std::move(options)), descriptor_(std::move(descriptor)),
      outside_(std::move(outside)), reporter_(options_.progress) {
    const std::shared_ptr<InstanceNames> names = names_;
    outside_.open_state = [names, open = outside_.open_state](StateUse use) {
        auto state = open(use);
        if (state) {
            (*state)->tell([names](const auto& modules) { names->follow(modules); });
        }
        return state;
    };
    outside_.reach = [names, reach = outside_.reach](const std::string& node,
                                                     const std::string& address) {
        auto reached = reach(node, address);
        return reached ? Expected<std::unique_ptr<Node>>(
                             with_instance_names(std::move(*reached), names))
                       : std::move(reached);
    };
}

void OwnedApplication::warn(const Diagnostic& finding) {
    if (options_.warn) {
        options_.warn(finding);
    }
}

/// The state alone, with a deployment id.
Expected<std::unique_ptr<State>> OwnedApplication::open_to_change() {
    auto state = outside_.open_state(StateUse::change);
    if (!state) {
        return state;
    }
    if (!outside_.has_owner_key) {
        return with_deployment_of_nodes(std::move(*state));
    }
    const auto claimed = (*state)->claim_deployment(outside_.random);
    return claimed ? std::move(state) : tl::make_unexpected(claimed.error());
}

/// Asks the nodes how they stand. An id that is somebody else's on one of them is given up for
/// another one, as long as nothing was deployed under it: another certificate's, or, where there
/// are none, one under which modules run.
Expected<Survey> OwnedApplication::meet_nodes(State& state) {
    Survey survey = ask_nodes(descriptor_, state, outside_, nodes_, reporter_, away_);
    const bool fresh = outside_.has_owner_key && state.nodes().empty() && state.modules().empty();
    const auto is_taken = [](const auto& node) {
        const NodeView& view = node.second;
        return view.problem ? view.problem->code == "deployment-taken"
                            : view.status.modules_size() > 0;
    };
    for (int i = 0; fresh && std::any_of(survey.begin(), survey.end(), is_taken); ++i) {
        if (i == deployments_max) {
            return failure(
                "deployment-taken",
                fmt::format("{} deployment ids in a row belong to others on the nodes", i),
                "ask their owners to run authex down where they are not needed");
        }
        for (const auto& [name, view] : survey) {
            if (view.usable() && view.status.modules_size() == 0) {
                v1::ResetRequest request;
                request.set_deployment(state.deployment());
                (void)nodes_.at(name)->reset(request); // at worst it keeps a claim to nothing
            }
        }
        const Expected<bool> kept = state.set_deployment(any_deployment(outside_.random));
        if (!kept) {
            return tl::make_unexpected(kept.error());
        }
        survey = ask_nodes(descriptor_, state, outside_, nodes_, reporter_);
    }
    return survey;
}

Expected<std::shared_ptr<Node>> OwnedApplication::node_of(const std::string& name) {
    std::shared_ptr<Node>& node = nodes_[name];
    if (node == nullptr) {
        const descriptor::Node* stated = descriptor_.find_node(name);
        if (stated == nullptr) {
            return failure("unknown-node",
                           fmt::format("the descriptor has no node {}", name),
                           "run authex up");
        }
        auto reached = outside_.reach(name, to_string(stated->address));
        if (!reached) {
            return tl::make_unexpected(reached.error());
        }
        node = std::move(*reached);
    }
    return node;
}

Outcome<std::vector<BuiltModule>> OwnedApplication::build(const std::vector<std::string>& modules) {
    return build_images(modules, false);
}

Outcome<std::vector<BuiltModule>>
OwnedApplication::build_images(const std::vector<std::string>& modules, bool symbols) {
    std::vector<BuiltModule> built;
    std::vector<tee::Builder*> builders;
    Errors errors;
    const Expected<bool> owned = must_own();
    if (!owned) {
        return failed(owned.error());
    }
    for (const std::string& name : modules) {
        if (descriptor_.find_module(name) == nullptr) {
            return tl::make_unexpected(unknown("module", name));
        }
    }
    for (const descriptor::Module& module : descriptor_.modules) {
        const bool chosen = modules.empty() ||
                            std::find(modules.begin(), modules.end(), module.name) != modules.end();
        const descriptor::Tee tee = descriptor_.find_node(module.node.name)->tee;
        if (!chosen) {
            continue;
        }
        tee::Builder* builder = outside_.builder(tee);
        if (builder == nullptr || outside_.verifier(tee) == nullptr) {
            Diagnostic problem = make_error(
                "tee-unsupported",
                fmt::format("module {} is on a node of the TEE {}, which this version of authex "
                            "cannot build for",
                            module.name,
                            to_string(tee)),
                "use another node, or a version of authex with this TEE");
            problem.where = module.where;
            errors.push_back(std::move(problem));
        } else if (!module.external) {
            built.push_back({.name = module.name, .tee = std::string(to_string(tee))});
            builders.push_back(builder);
        }
    }
    std::vector<Expected<tee::Image>> images(built.size());
    std::vector<std::function<void()>> work;
    for (std::size_t i = 0; i < built.size(); ++i) {
        work.emplace_back([&, i] {
            Report report(reporter_, "build", built[i].name, "");
            const descriptor::Module& module = *descriptor_.find_module(built[i].name);
            tee::BuildSpec spec = spec_of(descriptor_, module, outside_.owner);
            spec.signing = outside_.signing(descriptor_.find_node(module.node.name)->tee);
            spec.symbols = symbols;
            images[i] = builders[i]->build(spec);
            images[i] ? report.done(images[i]->cached ? "cached"
                                                      : fmt::format("{} bytes", images[i]->bytes))
                      : report.failed(images[i].error().summary);
        });
    }
    outside_.executor->run(std::move(work));
    descriptor::EndpointsOfModule endpoints;
    for (std::size_t i = 0; i < built.size(); ++i) {
        if (!images[i]) {
            errors.push_back(images[i].error());
            continue;
        }
        built[i].image = std::move(*images[i]);
        endpoints[built[i].name] = built[i].image.endpoints;
    }
    const Errors mismatches = check_endpoints(descriptor_, endpoints);
    errors.insert(errors.end(), mismatches.begin(), mismatches.end());
    if (!errors.empty()) {
        return tl::make_unexpected(std::move(errors));
    }
    return built;
}

/// Images of all modules that the selection may load.
Outcome<Loadables> OwnedApplication::loadables(const Selection& selection) {
    const bool others = selection.modules.empty() &&
                        (!selection.connections.empty() || !selection.periodic.empty());
    if (!selection.load || others) {
        return Loadables{};
    }
    auto built = build(selection.modules);
    if (!built) {
        return tl::make_unexpected(std::move(built.error()));
    }
    Loadables loadables;
    for (BuiltModule& module : *built) {
        const auto digest = digest_of(module.image.path);
        if (!digest) {
            return failed(digest.error());
        }
        const descriptor::Module* stated = descriptor_.find_module(module.name);
        loadables[module.name] = {
            .image = std::move(module.image), .sha256 = *digest, .terms = terms_of(*stated)};
    }
    return loadables;
}

OwnedApplication::Errors OwnedApplication::check_names(const Selection& selection) const {
    Errors errors;
    const auto check = [&](const auto& names, const char* what, const auto& is_known) {
        for (const std::string& name : names) {
            if (!is_known(name)) {
                const Errors more = unknown(what, name);
                errors.insert(errors.end(), more.begin(), more.end());
            }
        }
    };
    check(selection.modules, "module", [&](const std::string& name) {
        return descriptor_.find_module(name) != nullptr;
    });
    check(selection.connections, "connection", [&](const std::string& name) {
        return descriptor_.find_connection(name) != nullptr;
    });
    check(selection.periodic, "periodic", [&](const std::string& name) {
        return std::any_of(descriptor_.periodic.begin(),
                           descriptor_.periodic.end(),
                           [&](const auto& each) { return each.name == name; });
    });
    return errors;
}

Outcome<OwnedApplication::Prepared> OwnedApplication::prepare(Selection selection) {
    const bool goes_on = selection.heal || !selection.load;
    const Expected<bool> may =
        outside_.owner.is_delegates() && goes_on ? Expected<bool>(true) : must_own();
    if (!may) {
        return failed(may.error());
    }
    selection.remove_stale = selection.remove_stale && !outside_.owner.is_delegates();
    Errors errors = check_names(selection);
    if (!errors.empty()) {
        return tl::make_unexpected(std::move(errors));
    }
    auto built = selection.heal ? Outcome<Loadables>(Loadables{}) : loadables(selection);
    if (!built) {
        return tl::make_unexpected(std::move(built.error()));
    }
    auto state = open_to_change();
    if (!state) {
        return failed(state.error());
    }
    Prepared prepared{.state = std::move(*state), .built = std::move(*built)};
    if (selection.heal) {
        prepared.built = loaded_images(*prepared.state, outside_.images);
    }
    connect_safe_states(prepared.built, *prepared.state);
    auto survey = meet_nodes(*prepared.state);
    if (!survey) {
        return failed(survey.error());
    }
    prepared.survey = std::move(*survey);
    descriptor::Descriptor placed = selection.heal ? as_placed(*prepared.state) : descriptor_;
    for (const std::string& module : selection.afresh.modules) {
        if (descriptor_.find_module(module) == nullptr) {
            return failed(make_error("unknown-module",
                                     fmt::format("the descriptor has no module {}", module)));
        }
    }
    prepared.code_later = begin_with_kept_states(
        *prepared.state, prepared.survey, selection.afresh, placed, prepared.built);
    prepared.values = values(selection, *prepared.state);
    prepared.work = make_plan(
        {placed, prepared.built, *prepared.state, prepared.survey, selection, prepared.values});
    for (const Diagnostic& warning : prepared.work.warnings) {
        if (!selection.heal) {
            warn(warning);
        }
    }
    return prepared;
}

Outcome<Plan> OwnedApplication::plan(const Selection& selection) {
    auto prepared = prepare(selection);
    if (!prepared) {
        return tl::make_unexpected(std::move(prepared.error()));
    }
    if (!prepared->work.problems.empty()) {
        return tl::make_unexpected(std::move(prepared->work.problems));
    }
    Plan plan;
    for (const Step& step : prepared->work.steps) {
        plan.steps.push_back(step.shown);
    }
    return plan;
}

/// A kept state lies where its module was, and fits the code that has left it: that runs there
/// first, and hands over to what was built since, or is to be elsewhere. @return whether any does
bool OwnedApplication::begin_with_kept_states(const State& state,
                                              const Survey& survey,
                                              const Afresh& afresh,
                                              descriptor::Descriptor& placed,
                                              Loadables& built) const {
    const Loadables before = loaded_images(state, outside_.images);
    bool any = false;
    for (descriptor::Module& module : placed.modules) {
        const ModuleRecord* record = state.module(module.name);
        if (record == nullptr || record->state_key.empty() || afresh.contains(module.name) ||
            has_its_state(*record, survey)) {
            continue;
        }
        if (record->node != module.node.name && placed.find_node(record->node) != nullptr) {
            module.node.name = record->node;
            any = true;
        }
        const auto wanted = built.find(module.name);
        const auto old = before.find(module.name);
        if (wanted != built.end() && old != before.end() &&
            old->second.sha256 != wanted->second.sha256 &&
            std::filesystem::exists(old->second.image.path)) {
            wanted->second = old->second;
            any = true;
        }
    }
    return any;
}

/// What a watch works from: the descriptor and the images as they are about to be deployed.
Expected<bool>
OwnedApplication::remember_deployed(State& state, const Loadables& built, bool whole) {
    for (const auto& [name, loadable] : built) {
        const Expected<bool> kept =
            outside_.images.empty()
                ? Expected<bool>(true)
                : keep_image(outside_.images, loadable.image.path, loadable.sha256);
        if (!kept) {
            return kept;
        }
    }
    Change change;
    if (whole && state.descriptor() != descriptor_.text) {
        change.descriptor = descriptor_.text;
    }
    return state.commit(change);
}

Engine::Result OwnedApplication::attempt(const Selection& selection) {
    auto prepared = prepare(selection);
    if (!prepared) {
        return {.done = {}, .errors = std::move(prepared.error())};
    }
    Engine engine({descriptor_,
                   prepared->built,
                   *prepared->state,
                   outside_,
                   nodes_,
                   prepared->survey,
                   reporter_,
                   prepared->values,
                   *names_,
                   selection.afresh});
    const bool deploys = selection.load && !selection.heal;
    if (deploys) {
        const Expected<bool> kept =
            remember_deployed(*prepared->state, prepared->built, is_whole(selection));
        if (!kept) {
            return {.done = {}, .errors = {kept.error()}};
        }
    }
    Engine::Result result = engine.run(prepared->work);
    result.outdated = result.outdated || prepared->code_later;
    if (deploys && is_whole(selection) && !outside_.images.empty()) {
        std::set<std::vector<std::uint8_t>> loaded;
        for (const auto& [name, module] : prepared->state->modules()) {
            loaded.insert(module.image_sha256);
        }
        keep_only(outside_.images, loaded);
    }
    Errors errors = std::move(prepared->work.problems);
    for (Diagnostic& error : result.errors) {
        // What stopped many steps is said once.
        const bool said = std::any_of(errors.begin(), errors.end(), [&](const Diagnostic& other) {
            return other.code == error.code && other.summary == error.summary;
        });
        if (!said) {
            errors.push_back(std::move(error));
        }
    }
    result.errors = std::move(errors);
    return result;
}

Outcome<Engine::Result> OwnedApplication::up_once(const Selection& selection) {
    Engine::Result result = attempt(selection);
    cut_off(result);
    if (!result.errors.empty()) {
        return tl::make_unexpected(std::move(result.errors));
    }
    return result;
}

Outcome<Plan> OwnedApplication::up(const Selection& selection) {
    auto first = up_once(selection);
    if (!first) {
        return tl::make_unexpected(std::move(first.error()));
    }
    Plan done = std::move(first->done);
    if (!first->outdated || !selection.connect) {
        return done;
    }
    // What attestation has brought to light is planned for as well.
    Selection rest = selection;
    rest.attest_again = false;
    rest.turn_epoch = false;
    auto second = up_once(rest);
    if (!second) {
        return tl::make_unexpected(std::move(second.error()));
    }
    std::move(second->done.steps.begin(), second->done.steps.end(), std::back_inserter(done.steps));
    std::move(second->done.attestations.begin(),
              second->done.attestations.end(),
              std::back_inserter(done.attestations));
    return done;
}

} // namespace authex::deployer
