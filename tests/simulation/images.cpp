#include "simulation/images.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "crypto/kdf.hpp"
#include "simulation/random.hpp"
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

/// An Ed25519 key for each machine, the same in every process: PKCS #8 (RFC 8410 §7) in PEM.
std::string key_file(std::size_t machine) {
    std::array<std::uint8_t, 48> der{0x30,
                                     0x2E,
                                     0x02,
                                     0x01,
                                     0x00,
                                     0x30,
                                     0x05,
                                     0x06,
                                     0x03,
                                     0x2B,
                                     0x65,
                                     0x70,
                                     0x04,
                                     0x22,
                                     0x04,
                                     0x20};
    Random(machine).fill(Bytes(der).subspan(16));
    std::array<unsigned char, 4 * der.size() / 3 + 1> text{};
    const int size = EVP_EncodeBlock(text.data(), der.data(), static_cast<int>(der.size()));
    return fmt::format("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                       std::string(text.begin(), text.begin() + size));
}

} // namespace

Expected<tee::Image> ImageBuilder::build(const tee::BuildSpec& spec) {
    const std::string program = spec.sources.at(0).stem().string();
    const std::string text =
        fmt::format("{} is {}, version {}", spec.module, program, versions_[spec.module]);
    auto found = images().find(text);
    if (found == images().end()) {
        found = images().emplace(text, make_image(spec.module, program, text)).first;
    }
    newest_[spec.module] = &found->second.loaded;
    return found->second.image;
}

const LoadedImage* ImageBuilder::newest(const std::string& module) const {
    const auto found = newest_.find(module);
    return found == newest_.end() ? nullptr : found->second;
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

const tee::native::EvidenceKey& evidence_key(std::size_t machine) {
    static std::map<std::size_t, tee::native::EvidenceKey> keys;
    auto found = keys.find(machine);
    if (found == keys.end()) {
        const std::string name = fmt::format("n{}", machine);
        const auto file = folder().write(name + "/evidence-key.pem", key_file(machine));
        std::filesystem::permissions(file, std::filesystem::perms::owner_read);
        found = keys.emplace(machine, *tee::native::EvidenceKey::open(file.parent_path())).first;
    }
    return found->second;
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
