#include "simulation/images.hpp"

#include <fstream>
#include <map>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "support/temporary_folder.hpp"

namespace authex::simulation {
namespace {

struct Built {
    LoadedImage loaded;
    tee::Image image;
};

const test::TemporaryFolder& folder() {
    static const test::TemporaryFolder temporary;
    return temporary;
}

std::map<std::string, Built>& images() {
    static std::map<std::string, Built> all; // by content
    return all;
}

Built make_image(const std::string& module, const std::string& program, const std::string& text) {
    const crypto::Hash hash =
        crypto::sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    Built built;
    built.loaded = {.module = module, .program = &Program::named(program), .sha256 = {}};
    copy(hash, built.loaded.sha256);
    built.image.path = folder().path() / (text + ".image");
    built.image.identity.assign(hash.begin(), hash.end());
    built.image.bytes = text.size();
    std::ofstream(built.image.path, std::ios::binary) << text;
    built.image.state.variables = {
        {.name = "all", .bytes = static_cast<std::uint32_t>(built.loaded.program->state().size())}};
    std::uint16_t id = 0;
    for (const authex_endpoint& record : built.loaded.program->records()) {
        built.image.endpoints.push_back({.name = record.name,
                                         .kind = static_cast<descriptor::EndpointKind>(record.kind),
                                         .id = id++});
    }
    return built;
}

} // namespace

Expected<tee::Image> ImageBuilder::build(const tee::BuildSpec& spec) {
    const std::string program = spec.sources.at(0).stem().string();
    const std::string text =
        fmt::format("{} is {}, version {}", spec.module, program, versions_[spec.module]);
    const auto found = images().find(text);
    return found != images().end()
               ? found->second.image
               : images().emplace(text, make_image(spec.module, program, text)).first->second.image;
}

void ImageBuilder::change(const std::string& module) {
    constexpr int versions_max = 3; // images are kept for all worlds
    versions_[module] = (versions_[module] + 1) % versions_max;
}

const LoadedImage* find_image(const tee::Sha256& sha256) {
    for (const auto& [text, built] : images()) {
        if (built.loaded.sha256 == sha256) {
            return &built.loaded;
        }
    }
    return nullptr;
}

const LoadedImage* find_image_of(const std::string& module) {
    for (const auto& [text, built] : images()) {
        if (built.loaded.module == module) {
            return &built.loaded;
        }
    }
    return nullptr;
}

const tee::native::EvidenceKey& evidence_key(std::size_t machine) {
    static std::map<std::size_t, tee::native::EvidenceKey> keys;
    const auto found = keys.find(machine);
    return found != keys.end() ? found->second
                               : keys.emplace(machine,
                                              *tee::native::EvidenceKey::open(
                                                  folder().path() / fmt::format("n{}", machine)))
                                     .first->second;
}

const deployer::OwnerKey& owner_key() {
    static const deployer::OwnerKey key = [] {
        deployer::OwnerKey made;
        made.secret.fill(7);
        crypto::x25519_public(made.secret, made.public_key);
        return made;
    }();
    return key;
}

} // namespace authex::simulation
