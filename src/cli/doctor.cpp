// What is missing, and what mends it.
#include "deployer/doctor.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "cli/run.hpp"
#include "cli/views.hpp"

namespace authex::cli {

using deployer::Application;
using deployer::Examined;

int Run::doctor() {
    std::vector<Diagnostic> warnings;
    std::error_code error;
    const bool has_descriptor = std::filesystem::exists(arguments_.file, error);
    auto descriptor = has_descriptor ? Application::check(arguments_.file, warnings)
                                     : tl::make_unexpected(std::vector<Diagnostic>());
    if (has_descriptor && !descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    std::vector<Examined> all =
        deployer::examine_machine(state_directory(), descriptor ? &*descriptor : nullptr);
    const auto add = [&](std::vector<Examined> more) {
        std::move(more.begin(), more.end(), std::back_inserter(all));
    };
    if (descriptor) {
        add(deployer::examine_keys(state_directory(), std::chrono::system_clock::now()));
        deployer::Options options;
        options.descriptor = arguments_.file;
        options.state_directory = arguments_.state_directory;
        options.insecure = arguments_.insecure;
        options.timeout = arguments_.timeout;
        const auto outside = deployer::make_outside(options, *descriptor);
        if (!outside) {
            return fail(outside.error());
        }
        add(deployer::examine_nodes(*descriptor, state_directory(), *outside));
        add(deployer::examine_collateral(*descriptor, std::chrono::system_clock::now()));
    }
    if (arguments_.json) {
        print(examined_json(all));
    } else {
        std::cout << examined_text(all, out_);
        if (!has_descriptor) {
            std::cout << fmt::format("\nThere is no {}: nodes were not looked at. See -f.\n",
                                     arguments_.file.string());
        }
    }
    const bool failed = std::any_of(all.begin(), all.end(), [](const Examined& each) {
        return each.level == Examined::Level::failure;
    });
    return failed ? exit_failed : exit_done;
}

} // namespace authex::cli
