#include "tee/sgx/loader.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/native/host/image.hpp"
#include "tee/process/link.hpp"
#include "tee/process/spawn.hpp"
#include "wire/frame.hpp"
#include "wire/handshake.hpp"

namespace authex::tee::sgx {
namespace {

namespace fs = std::filesystem;

/// Read by the host when it starts (host/main.cpp), and gone after that.
constexpr const char* processor_file = "processor";
constexpr const char* target_file = "target";

fs::path find_host() {
    const char* named =
        std::getenv("AUTHEX_SGX_HOST_PROGRAM"); // NOLINT(concurrency-mt-unsafe): nobody writes it
    if (named != nullptr && *named != '\0') {
        return named;
    }
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    const fs::path installed = folder.parent_path() / "lib/authex/authex-sgx-host";
    return fs::exists(installed, error) ? installed : folder / "authex-sgx-host";
}

std::string hex(const Sha256& hash) {
    return fmt::format("{:02x}", fmt::join(hash, ""));
}

bool write_anew(const fs::path& path, ByteView bytes) {
    ::unlink(path.c_str());
    const process::Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    return file.open() &&
           ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

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
    if (options.host_program.empty()) {
        options.host_program = find_host();
    }
    std::error_code error;
    options.host_program = fs::absolute(options.host_program, error);
    if (::access(options.host_program.c_str(), X_OK) != 0) {
        return failure("host-missing",
                       fmt::format("cannot run {}", options.host_program.string()),
                       "set AUTHEX_SGX_HOST_PROGRAM to the program authex-sgx-host");
    }
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

Expected<bool> SgxLoader::write_host_files(const fs::path& directory) {
    const Expected<TargetInfo> target = quoting_->target();
    if (!target) {
        return tl::make_unexpected(target.error());
    }
    if (!write_anew(directory / target_file, *target) ||
        (simulated_ && !write_anew(directory / processor_file, simulated_->processor()))) {
        return failure("module-files",
                       fmt::format("{} cannot be written", directory.string()),
                       "is the disk full?");
    }
    return true;
}

Expected<std::unique_ptr<ModuleLink>> SgxLoader::start(const ModuleSpec& spec,
                                                       const fs::path& directory) {
    if (const auto earlier = process::ProcessLink::open(directory);
        earlier && !(*earlier)->exit()) {
        return failure(
            "already-running", fmt::format("module `{}` runs already", spec.name), "stop it first");
    }
    if (const Expected<bool> written = write_host_files(directory); !written) {
        return tl::make_unexpected(written.error());
    }
    const Expected<bool> spawned =
        process::spawn_host({.program = options_.host_program,
                             .arguments = {spec.name,
                                           hex(spec.image_sha256),
                                           std::to_string(options_.spin_us),
                                           word_of(options_)},
                             .directory = fs::absolute(directory),
                             .ring_bytes = options_.ring_bytes});
    remove_host_files(directory);
    if (!spawned) {
        Diagnostic diagnostic = spawned.error();
        diagnostic.summary = fmt::format("module `{}`: {}", spec.name, diagnostic.summary);
        return tl::make_unexpected(std::move(diagnostic));
    }
    return adopt(spec, directory);
}

Expected<std::unique_ptr<ModuleLink>> SgxLoader::adopt(const ModuleSpec& spec,
                                                       const fs::path& directory) {
    Expected<std::unique_ptr<process::ProcessLink>> link = process::ProcessLink::open(directory);
    if (!link) {
        return tl::make_unexpected(link.error());
    }
    if ((*link)->record().image != spec.image_sha256) {
        return failure("image-mismatch",
                       fmt::format("module `{}`: the image is {}, not {}",
                                   spec.name,
                                   hex((*link)->record().image),
                                   hex(spec.image_sha256)),
                       "load the module again");
    }
    return std::unique_ptr<ModuleLink>(std::move(*link));
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

} // namespace authex::tee::sgx
