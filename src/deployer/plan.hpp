#pragma once
// What separates a deployment from its descriptor. A pure function: nothing is asked, written or
// sent.
//
// A module that runs and hands over gets a new instance beside it, which is loaded, attested and
// configured as any; then the one takes the other's place (engine_update.cpp).
//
// The order of phases is what the promise needs (DESIGN "Trust"): all modules are loaded and
// attested, then inner connections are keyed, then those to output drivers, then those from input
// drivers, then those of the deployer. An output driver is a module with `devices:`, or with no
// outgoing connection; an input driver is one with `devices:`, or with no incoming connection but
// direct ones. A connection from an input driver to an output driver is one of the last.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "deployer/application.hpp"
#include "deployer/module_values.hpp"
#include "deployer/state.hpp"
#include "deployer/survey.hpp"
#include "descriptor/model.hpp"

namespace authex::deployer {

/// An image that can be loaded.
struct Loadable {
    tee::Image image;
    std::vector<std::uint8_t> sha256; ///< of the file
    std::string terms;                ///< see terms_of()
};
using Loadables = std::map<std::string, Loadable>;

/// The images that the state's modules were loaded from, as they are kept in the folder.
Loadables loaded_images(const State& state, const std::filesystem::path& folder);

struct PlanInput {
    const descriptor::Descriptor& descriptor;
    const Loadables& built; ///< only these are loaded
    const State& state;
    const Survey& survey;
    const Selection& selection;
    const ValuesOfModules& values; ///< of modules that may be configured
};

/// One step with what it needs beside its words.
struct Step {
    PlannedStep shown;
    /// connect: what is wanted, the epoch that is set now; disconnect: what is.
    std::optional<ConnectionRecord> connection;
    std::optional<PeriodicRecord> periodic; ///< register: what is wanted
    std::vector<std::size_t> set_values;    ///< configure: which of the module's values
    std::vector<GivenValue> removed_values; ///< configure: what it is to forget
    bool new_epoch = false;                 ///< connect: the key is made anew, else said again
    bool restart = false;                   ///< load: the module is ended first
    bool suspects = false; ///< attest: a module that is refused is cut off from all others
    std::string cut_off;   ///< cut off: from which module its peer is
    std::string instance;  ///< of the module, beside the one that runs; else empty

    /// Of the module, or of the instance beside it.
    [[nodiscard]] const std::string& record() const {
        return instance.empty() ? shown.subject : instance;
    }
};

struct Work {
    std::vector<Step> steps;          ///< by phase
    std::vector<Diagnostic> problems; ///< what cannot be done
    std::vector<Diagnostic> warnings; ///< what is left as it is

    Step& add(Phase phase,
              const char* action,
              const std::string& subject,
              const std::string& node,
              std::string reason);
};

Work make_plan(const PlanInput& input);

/// What Load is told beside the image, in words that are compared.
[[nodiscard]] std::string terms_of(const descriptor::Module& module);
[[nodiscard]] bool is_output_driver(const descriptor::Descriptor& descriptor,
                                    const std::string& module);
[[nodiscard]] bool is_input_driver(const descriptor::Descriptor& descriptor,
                                   const std::string& module);
[[nodiscard]] Phase phase_of(const descriptor::Descriptor& descriptor,
                             const descriptor::Connection& connection);

} // namespace authex::deployer
