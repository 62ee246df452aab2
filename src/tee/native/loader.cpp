#include "tee/native/loader.hpp"

#include <array>
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "tee/native/host/image.hpp"
#include "tee/native/host_program.hpp"
#include "tee/process/start.hpp"
#include "wire/frame.hpp"

namespace authex::tee::native {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t stack_bytes_min = 16U << 10U;
constexpr std::uint32_t stack_bytes_max = 64U << 20U;

Expected<Sha256> hash_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    bool good = file && context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    std::array<char, 65536> buffer{};
    while (good && file) {
        file.read(buffer.data(), buffer.size());
        good = EVP_DigestUpdate(
                   context.get(), buffer.data(), static_cast<std::size_t>(file.gcount())) == 1;
    }
    Sha256 hash{};
    if (!good || file.bad() || EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) {
        return failure("image-unreadable", fmt::format("cannot read {}", path.string()));
    }
    return hash;
}

constexpr const char* entropy_file = "entropy"; ///< host/prepare.hpp

/// Rounded up to whole pages; 0 is the default.
Expected<std::uint32_t> stack_size(const ModuleSpec& spec) {
    if (spec.stack_bytes == 0) {
        return stack_bytes_default;
    }
    if (spec.stack_bytes < stack_bytes_min || spec.stack_bytes > stack_bytes_max) {
        return failure(
            "stack-size",
            fmt::format("module `{}`: a stack of {} bytes", spec.name, spec.stack_bytes),
            fmt::format("native nodes give {} to {} bytes", stack_bytes_min, stack_bytes_max));
    }
    constexpr auto page = static_cast<std::uint32_t>(process::page_bytes);
    return (spec.stack_bytes + page - 1) / page * page;
}

} // namespace

Expected<std::unique_ptr<NativeLoader>> NativeLoader::open(LoaderOptions options) {
    Expected<fs::path> program =
        process::usable_host(std::move(options.host_program), host_program);
    if (!program) {
        return tl::make_unexpected(program.error());
    }
    options.host_program = std::move(*program);
    if (options.ring_bytes == 0) {
        options.ring_bytes = process::ring_bytes_default;
    }
    Expected<EvidenceKey> key = EvidenceKey::open(options.state_directory);
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    return std::unique_ptr<NativeLoader>(new NativeLoader(std::move(options), std::move(*key)));
}

TeeInfo NativeLoader::info() const {
    return {.name = "native",
            .simulated = true,
            .replayable = true,
            .evidence_key = key_.public_key(),
            .max_body_bytes = wire::max_body_bytes,
            .max_image_bytes = static_cast<std::uint32_t>(image_bytes_max)};
}

Expected<std::unique_ptr<ModuleLink>> NativeLoader::start(const ModuleSpec& spec,
                                                          const fs::path& directory) {
    const Expected<std::uint32_t> stack = stack_size(spec);
    if (!stack) {
        return tl::make_unexpected(stack.error());
    }
    const Expected<Sha256> found = hash_of(directory / process::image_file);
    if (!found) {
        return tl::make_unexpected(found.error());
    }
    if (*found != spec.image_sha256) {
        return process::mismatch(spec, *found);
    }
    if (const Expected<bool> free = process::check_not_running(spec, directory); !free) {
        return tl::make_unexpected(free.error());
    }
    process::HostCommand command =
        process::host_for(spec, options_.host_program, directory, options_.ring_bytes);
    command.arguments.push_back(std::to_string(*stack));
    command.arguments.push_back(std::to_string(options_.spin_us));
    if (spec.entropy) {
        const Expected<bool> written =
            process::write_for_host(spec, directory / entropy_file, *spec.entropy);
        if (!written) {
            return tl::make_unexpected(written.error());
        }
        command.arguments.emplace_back("recorded");
    }
    const Expected<bool> started = process::start_host(spec, command);
    ::unlink((directory / entropy_file).c_str());
    if (!started) {
        return tl::make_unexpected(started.error());
    }
    return adopt(spec, directory);
}

Expected<std::unique_ptr<ModuleLink>> NativeLoader::adopt(const ModuleSpec& spec,
                                                          const fs::path& directory) {
    auto link = process::adopt(spec, directory);
    if (link) {
        remember(spec);
    }
    return link;
}

void NativeLoader::remember(const ModuleSpec& spec) {
    const std::lock_guard lock(mutex_);
    running_[{spec.deployment, spec.name}] = spec.image_sha256;
}

Expected<std::vector<std::uint8_t>> NativeLoader::evidence(const ModuleSpec& spec,
                                                           ByteView report_data) {
    if (report_data.size() != report_data_bytes) {
        return failure("report-data",
                       fmt::format("module `{}` gave {} bytes of report data, not {}",
                                   spec.name,
                                   report_data.size(),
                                   report_data_bytes));
    }
    Evidence evidence;
    {
        const std::lock_guard lock(mutex_);
        const auto running = running_.find({spec.deployment, spec.name});
        if (running == running_.end() || running->second != spec.image_sha256) {
            return failure("not-running",
                           fmt::format("module `{}` does not run from this image", spec.name));
        }
        evidence.identity = running->second;
    }
    copy(report_data, evidence.report_data);
    const auto signature = key_.sign(signed_bytes(evidence));
    if (!signature) {
        return tl::make_unexpected(signature.error());
    }
    evidence.signature = *signature;
    return write_evidence(evidence);
}

} // namespace authex::tee::native
