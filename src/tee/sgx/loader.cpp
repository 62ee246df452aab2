#include "tee/sgx/loader.hpp"

#include <cerrno>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "tee/native/host/image.hpp"
#include "tee/process/host_program.hpp"
#include "tee/process/start.hpp"
#include "wire/frame.hpp"
#include "wire/handshake.hpp"

namespace authex::tee::sgx {
namespace {

namespace fs = std::filesystem;

/// Read by the host when it starts (host/main.cpp), and gone after that.
constexpr const char* processor_file = "processor";
constexpr const char* target_file = "target";
constexpr const char* collateral_folder = "sgx-collateral";
constexpr process::HostProgram host_program = {.variable = "AUTHEX_SGX_HOST_PROGRAM",
                                               .name = "authex-sgx-host"};

/// AESM, if it is there; else Intel's library; where that is not there either, AESM says what is
/// missing.
std::unique_ptr<Quoting> quoting_of_machine(const LoaderOptions& options) {
    std::error_code error;
    if (!fs::exists(options.aesm, error)) {
        if (auto library = QuoteLibrary::open(options.quote_library)) {
            return std::move(*library);
        }
    }
    return std::make_unique<Aesm>(options.aesm);
}

const char* word_of(const LoaderOptions& options) {
    if (!options.simulate) {
        return "hardware";
    }
    return options.hide ? "hidden" : "simulated";
}

void remove_host_files(const fs::path& directory) {
    ::unlink((directory / processor_file).c_str());
    ::unlink((directory / target_file).c_str());
}

} // namespace

Expected<std::unique_ptr<SgxLoader>> SgxLoader::open(LoaderOptions options) {
    Expected<fs::path> program =
        process::usable_host(std::move(options.host_program), host_program);
    if (!program) {
        return tl::make_unexpected(program.error());
    }
    options.host_program = std::move(*program);
    if (options.ring_bytes == 0) {
        options.ring_bytes = process::ring_bytes_default;
    }
    std::unique_ptr<SgxLoader> loader(new SgxLoader(std::move(options)));
    const LoaderOptions& kept = loader->options_;
    if (!kept.simulate) {
        if (::access(kept.device.c_str(), R_OK | W_OK) != 0) {
            return failure(
                "sgx-missing",
                fmt::format("{}: {}", kept.device.string(), std::generic_category().message(errno)),
                "a machine with SGX and Linux 5.11, and the group of the device; for "
                "development without them: --simulate");
        }
        loader->quoting_ = quoting_of_machine(kept);
        return loader;
    }
    Expected<SimulatedPlatform> platform = SimulatedPlatform::open(kept.state_directory);
    if (!platform) {
        return tl::make_unexpected(platform.error());
    }
    loader->quoting_ = std::make_unique<SimulatedQuoting>(*platform);
    loader->simulated_ = std::move(*platform);
    return loader;
}

TeeInfo SgxLoader::info() const {
    TeeInfo info{.name = "sgx",
                 .simulated = simulated_.has_value(),
                 .max_body_bytes = wire::max_body_bytes,
                 .max_image_bytes = static_cast<std::uint32_t>(native::image_bytes_max)};
    if (simulated_) {
        const Point root = simulated_->root();
        info.evidence_key.assign(root.begin(), root.end());
    }
    return info;
}

Expected<bool> SgxLoader::write_host_files(const ModuleSpec& spec, const fs::path& directory) {
    const Expected<TargetInfo> target = quoting_->target();
    if (!target) {
        return tl::make_unexpected(target.error());
    }
    Expected<bool> written = process::write_for_host(spec, directory / target_file, *target);
    if (written && simulated_) {
        written =
            process::write_for_host(spec, directory / processor_file, simulated_->processor());
    }
    return written;
}

Expected<std::unique_ptr<ModuleLink>> SgxLoader::start(const ModuleSpec& spec,
                                                       const fs::path& directory) {
    if (const Expected<bool> free = process::check_not_running(spec, directory); !free) {
        return tl::make_unexpected(free.error());
    }
    if (const Expected<bool> written = write_host_files(spec, directory); !written) {
        remove_host_files(directory);
        return tl::make_unexpected(written.error());
    }
    process::HostCommand command =
        process::host_for(spec, options_.host_program, directory, options_.ring_bytes);
    command.arguments.push_back(std::to_string(options_.spin_us));
    command.arguments.emplace_back(word_of(options_));
    const Expected<bool> started = process::start_host(spec, command);
    remove_host_files(directory);
    return started ? adopt(spec, directory) : tl::make_unexpected(started.error());
}

Expected<std::unique_ptr<ModuleLink>> SgxLoader::adopt(const ModuleSpec& spec,
                                                       const fs::path& directory) {
    return process::adopt(spec, directory);
}

Expected<std::vector<std::uint8_t>> SgxLoader::evidence(const ModuleSpec& spec,
                                                        ByteView report_data) {
    if (report_data.size() != wire::report_data_bytes + sgx_report_bytes) {
        return failure("report-data",
                       fmt::format("module `{}` gave {} bytes, not report data and a report",
                                   spec.name,
                                   report_data.size()),
                       "load the module again");
    }
    const Expected<Evidence> evidence =
        quoting_->quote(report_data.subspan(wire::report_data_bytes));
    return evidence ? Expected<std::vector<std::uint8_t>>(write_evidence(*evidence))
                    : tl::make_unexpected(evidence.error());
}

Expected<std::vector<std::uint8_t>> SgxLoader::certificate_evidence(const ModuleSpec& spec,
                                                                    ByteView report) {
    if (report.size() != sgx_report_bytes) {
        return failure(
            "report-data",
            fmt::format("module `{}` gave {} bytes, not a report", spec.name, report.size()),
            "load the module again");
    }
    Expected<Evidence> evidence = quoting_->quote(report);
    if (!evidence) {
        return tl::make_unexpected(evidence.error());
    }
    // In the certificate there is no room for what the quote is checked with.
    const Expected<bool> kept =
        write_collateral(evidence->collateral, options_.state_directory / collateral_folder);
    return kept ? Expected<std::vector<std::uint8_t>>(std::move(evidence->quote))
                : tl::make_unexpected(kept.error());
}

} // namespace authex::tee::sgx
