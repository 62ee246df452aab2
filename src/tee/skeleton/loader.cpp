#include "tee/skeleton/loader.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/eventfd.h>

#include "tee/skeleton/evidence.hpp"
#include "tee/skeleton/link.hpp"
#include "wire/frame.hpp"

namespace authex::tee::skeleton {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t image_bytes_max = 16U << 20U;

Expected<std::vector<std::uint8_t>> read_image(const fs::path& path) {
    std::error_code error;
    std::ifstream file(path, std::ios::binary);
    if (!file || fs::file_size(path, error) > image_bytes_max || error) {
        return failure("image-unreadable",
                       fmt::format("cannot read an image from {}", path.string()));
    }
    return std::vector<std::uint8_t>(std::istreambuf_iterator<char>(file), {});
}

Expected<bool> check_hash(const ModuleSpec& spec, ByteView image) {
    Sha256 found{};
    if (EVP_Digest(image.data(), image.size(), found.data(), nullptr, EVP_sha256(), nullptr) != 1 ||
        found != spec.image_sha256) {
        return failure("image-mismatch",
                       fmt::format("module `{}`: the image is another one", spec.name),
                       "load the module again");
    }
    return true;
}

Expected<std::unique_ptr<ModuleLink>> link_to(std::shared_ptr<Enclave> enclave) {
    process::Descriptor doorbell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!doorbell.open()) {
        return failure("module-files", "no doorbell can be made");
    }
    return std::make_unique<SkeletonLink>(std::move(enclave), std::move(doorbell));
}

} // namespace

TeeInfo SkeletonLoader::info() const {
    return {.name = "skeleton",
            .simulated = true,
            .evidence_key = {},
            .max_body_bytes = wire::max_body_bytes,
            .max_image_bytes = image_bytes_max};
}

Expected<std::unique_ptr<ModuleLink>> SkeletonLoader::start(const ModuleSpec& spec,
                                                            const fs::path& directory) {
    const Expected<std::vector<std::uint8_t>> image = read_image(directory / "image");
    if (!image) {
        return tl::make_unexpected(image.error());
    }
    if (const Expected<bool> same = check_hash(spec, *image); !same) {
        return tl::make_unexpected(same.error());
    }
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Enclave>& place = enclaves_[directory];
    if (place != nullptr && !place->ended()) {
        return failure(
            "already-running", fmt::format("module `{}` runs already", spec.name), "stop it first");
    }
    const Expected<std::shared_ptr<Enclave>> enclave = Enclave::load(*image, spec.image_sha256);
    if (!enclave) {
        return tl::make_unexpected(enclave.error());
    }
    place = *enclave;
    return link_to(*enclave);
}

Expected<std::unique_ptr<ModuleLink>> SkeletonLoader::adopt(const ModuleSpec& spec,
                                                            const fs::path& directory) {
    const std::lock_guard lock(mutex_);
    const auto found = enclaves_.find(directory);
    if (found == enclaves_.end() || found->second == nullptr) {
        return failure("not-running", fmt::format("module `{}` does not run", spec.name));
    }
    if (found->second->identity() != spec.image_sha256) {
        return failure("image-mismatch",
                       fmt::format("module `{}` runs another image", spec.name),
                       "load the module again");
    }
    return link_to(found->second);
}

Expected<std::vector<std::uint8_t>> SkeletonLoader::evidence(const ModuleSpec& spec,
                                                             ByteView report_data) {
    Evidence evidence{.identity = spec.image_sha256, .report_data = {}};
    if (report_data.size() != evidence.report_data.size()) {
        return failure("report-data",
                       fmt::format("module `{}` gave {} bytes of report data, not {}",
                                   spec.name,
                                   report_data.size(),
                                   evidence.report_data.size()));
    }
    copy(report_data, evidence.report_data);
    const std::lock_guard lock(mutex_);
    const bool runs = std::any_of(enclaves_.begin(), enclaves_.end(), [&](const auto& entry) {
        return entry.second != nullptr && entry.second->identity() == spec.image_sha256;
    });
    if (!runs) {
        return failure("not-running",
                       fmt::format("module `{}` does not run from this image", spec.name));
    }
    return write_evidence(evidence);
}

} // namespace authex::tee::skeleton
