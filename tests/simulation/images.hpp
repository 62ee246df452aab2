#pragma once
// Images of simulated modules, and keys of simulated TEEs: made once in a process, for all worlds.

#include <map>
#include <string>
#include <vector>

#include "crypto/x25519.hpp"
#include "deployer/credentials.hpp"
#include "simulation/program.hpp"
#include "tee/builder.hpp"
#include "tee/loader.hpp"
#include "tee/native/evidence_key.hpp"

namespace authex::simulation {

struct LoadedImage {
    std::string module;
    const Program* program = nullptr;
    tee::Sha256 sha256{};
};

/// An image is a text that names module, program and version.
class ImageBuilder final : public tee::Builder {
  public:
    Expected<tee::Image> build(const tee::BuildSpec& spec) override;
    /// The next build of the module is another image, of the same program.
    void change(const std::string& module);
    /// What this one built last for it. Null: nothing.
    [[nodiscard]] const LoadedImage* newest(const std::string& module) const;

  private:
    std::map<std::string, const LoadedImage*> newest_;
    std::map<std::string, int> versions_;
};
/// Null: none was built.
const LoadedImage* find_image(const tee::Sha256& sha256);

const tee::native::EvidenceKey& evidence_key(std::size_t machine);
const deployer::OwnerKey& owner_key();

} // namespace authex::simulation
