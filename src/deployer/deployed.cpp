#include "deployer/deployed.hpp"

#include "deployer/delegation.hpp"
#include "descriptor/parse.hpp"
#include "tee/sancus/device_check.hpp"

namespace authex::deployer {

std::filesystem::path state_directory_of(const Options& options) {
    const std::filesystem::path folder = options.descriptor.parent_path();
    return !options.state_directory.empty() ? options.state_directory
                                            : (folder.empty() ? "." : folder) / ".authex";
}

Outcome<std::unique_ptr<OwnedApplication>> open_deployed(const Options& options) {
    const std::filesystem::path directory = state_directory_of(options);
    const auto state = State::open(directory, StateUse::look);
    if (!state) {
        return failed(state.error());
    }
    if ((*state)->deployment() == 0 || (*state)->descriptor().empty()) {
        return failed(make_error("nothing-deployed",
                                 "the state here knows of nothing that was deployed",
                                 "run authex up first, or name the state directory with --state"));
    }
    descriptor::ParseResult parsed = descriptor::parse(
        (*state)->descriptor(), options.descriptor.string(), tee::sancus::check_devices);
    if (!parsed.descriptor) {
        return tl::make_unexpected(std::move(parsed.diagnostics));
    }
    if (is_delegate(directory)) {
        use_delegated_files(*parsed.descriptor, directory);
    }
    auto outside = make_outside(options, *parsed.descriptor);
    if (!outside) {
        return failed(outside.error());
    }
    return std::make_unique<OwnedApplication>(
        options, std::move(*parsed.descriptor), std::move(*outside));
}

} // namespace authex::deployer
