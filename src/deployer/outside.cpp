// The real world of an application.
#include "deployer/outside.hpp"

#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "deployer/delegation.hpp"
#include "deployer/grpc_node.hpp"
#include "deployer/role_certificates.hpp"
#include "deployer/sgx_trust.hpp"
#include "deployer/thread_executor.hpp"
#include "deployer/vendor_key.hpp"
#include "tee/native/builder.hpp"
#include "tee/native/verifier.hpp"
#include "tee/sancus/builder.hpp"
#include "tee/sancus/verifier.hpp"
#include "tee/sgx/builder.hpp"
#include "tee/trustzone/builder.hpp"
#include "tee/trustzone/verifier.hpp"
#include "wire/control.hpp"

namespace authex::deployer {

std::uint64_t unix_time_us(const Outside& outside) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(outside.now().time_since_epoch())
            .count());
}

Secret fresh_key(const Outside& outside) {
    std::vector<std::uint8_t> key(wire::connection_key_bytes);
    outside.random(key);
    return Secret(std::move(key));
}

namespace {

/// Looks for Authex' sources when something is built, not before: status, logs and the like do
/// without.
class BuilderOnDemand final : public tee::Builder {
  public:
    using Make = std::unique_ptr<tee::Builder> (*)(tee::compile::BuilderPaths);
    explicit BuilderOnDemand(Make make) : make_(make) {}

    Expected<tee::Image> build(const tee::BuildSpec& spec) override {
        std::call_once(once_, [&] {
            const auto paths = tee::compile::BuilderPaths::find();
            if (paths) {
                builder_ = make_(*paths);
            } else {
                problem_ = paths.error();
            }
        });
        return builder_ ? builder_->build(spec) : tl::make_unexpected(problem_);
    }

  private:
    Make make_;
    std::once_flag once_;
    std::unique_ptr<tee::Builder> builder_;
    Diagnostic problem_;
};

/// All that is known of each TEE.
struct Tees {
    explicit Tees(const descriptor::Descriptor& descriptor) : sgx_verifier(sgx_trust(descriptor)) {}

    BuilderOnDemand native{tee::native::make_builder};
    BuilderOnDemand sancus{tee::sancus::make_builder};
    BuilderOnDemand sgx{tee::sgx::make_builder};
    BuilderOnDemand trustzone{tee::trustzone::make_builder};
    tee::native::NativeVerifier native_verifier;
    tee::sancus::SancusVerifier sancus_verifier;
    tee::sgx::SgxVerifier sgx_verifier;
    tee::trustzone::TrustZoneVerifier trustzone_verifier;

    tee::Builder* builder(descriptor::Tee tee) {
        switch (tee) {
        case descriptor::Tee::native:
            return &native;
        case descriptor::Tee::sgx:
            return &sgx;
        case descriptor::Tee::sancus:
            return &sancus;
        case descriptor::Tee::trustzone:
            return &trustzone;
        }
        return nullptr;
    }
    [[nodiscard]] const tee::Verifier* verifier(descriptor::Tee tee) const {
        switch (tee) {
        case descriptor::Tee::native:
            return &native_verifier;
        case descriptor::Tee::sgx:
            return &sgx_verifier;
        case descriptor::Tee::sancus:
            return &sancus_verifier;
        case descriptor::Tee::trustzone:
            return &trustzone_verifier;
        }
        return nullptr;
    }
};

tee::Signing signing_of(const descriptor::Descriptor& descriptor,
                        const std::filesystem::path& state_directory,
                        descriptor::Tee tee) {
    const auto found = descriptor.signing.find(tee);
    const descriptor::Signing stated =
        found == descriptor.signing.end() ? descriptor::Signing{} : found->second;
    if (stated.public_key) {
        return {.key = {},
                .public_key = descriptor.directory / *stated.public_key,
                .signatures = descriptor.directory / *stated.signatures};
    }
    return {.key = stated.key ? descriptor.directory / *stated.key
                              : state_directory / (tee == descriptor::Tee::trustzone
                                                       ? "ta-signing-key.pem"
                                                       : "sgx-signing-key.pem"),
            .public_key = {},
            .signatures = {}};
}

Expected<tee::Placed> place(const std::filesystem::path& folder,
                            const descriptor::Node& node,
                            ByteView image,
                            ByteView placement) {
    auto key = read_vendor_key(*node.vendor, folder);
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    auto placed = tee::sancus::place(*key, image, placement);
    wipe(*key);
    return placed;
}

/// Plaintext only on loopback, or where it was asked for; there also TLS, if the descriptor names
/// the node's certificate authority.
Expected<std::unique_ptr<Node>> reach(const Options& options,
                                      const std::filesystem::path& state_directory,
                                      const std::optional<std::filesystem::path>& authority,
                                      const std::string& name,
                                      const std::string& address) {
    GrpcNodeOptions node{
        .name = name, .address = address, .tls = std::nullopt, .timeout = options.timeout};
    if (authority || !(is_loopback_address(address) || options.insecure)) {
        auto tls = open_deployer_tls(state_directory);
        if (!tls) {
            return tl::make_unexpected(tls.error());
        }
        if (authority) {
            tls->authority = *authority;
        }
        node.tls = std::move(*tls);
    }
    return make_grpc_node(node);
}

/// Whom to trust for a node, where its descriptor says it.
std::map<std::string, std::filesystem::path>
authorities_of(const descriptor::Descriptor& descriptor) {
    std::map<std::string, std::filesystem::path> authorities;
    for (const descriptor::Node& node : descriptor.nodes) {
        if (node.certificate) {
            authorities[node.name] = descriptor.directory / *node.certificate;
        }
    }
    return authorities;
}

/// Without random numbers nothing here is worth anything.
void draw(Bytes out) {
    if (RAND_priv_bytes(out.data(), static_cast<int>(out.size())) != 1) {
        std::abort();
    }
}

/// What the owner computes from his keys, a delegate was given.
Expected<bool> know_as_delegate(Outside& outside) {
    auto values = delegated_values(outside.state_directory);
    if (!values) {
        return tl::make_unexpected(values.error());
    }
    outside.values = std::make_shared<const ValuesOfModules>(std::move(*values));
    outside.place = [state_directory = outside.state_directory](
                        const descriptor::Node& node, ByteView image, ByteView placement) {
        return place_as_before(state_directory, node.name, image, placement);
    };
    return true;
}

} // namespace

Expected<Outside> make_outside(const Options& options, const descriptor::Descriptor& descriptor) {
    const std::filesystem::path state_directory = options.state_directory.empty()
                                                      ? descriptor.directory / ".authex"
                                                      : options.state_directory;
    std::error_code error;
    std::filesystem::create_directories(state_directory, error);
    if (error) {
        return failure(
            "state-unwritable",
            fmt::format("cannot make the folder {}: {}", state_directory.string(), error.message()),
            "check owner and mode of the folder that it is in");
    }
    std::filesystem::permissions(state_directory, std::filesystem::perms::owner_all, error);
    const auto owner = open_owner_key(state_directory);
    const bool guest = !owner && owner.error().code == "no-owner-key";
    if (!owner && !guest) {
        return tl::make_unexpected(owner.error());
    }
    auto revoked = revoked_serials(state_directory);
    if (!revoked) {
        return tl::make_unexpected(revoked.error());
    }
    const auto tees = std::make_shared<Tees>(descriptor);
    Outside outside;
    outside.reach = [options, state_directory, authorities = authorities_of(descriptor)](
                        const std::string& name, const std::string& address) {
        const auto authority = authorities.find(name);
        return deployer::reach(options,
                               state_directory,
                               authority == authorities.end() ? std::nullopt
                                                              : std::optional(authority->second),
                               name,
                               address);
    };
    outside.executor = std::make_shared<ThreadExecutor>();
    outside.now = [] { return std::chrono::system_clock::now(); };
    outside.wait = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
    outside.random = draw;
    outside.builder = [tees](descriptor::Tee tee) { return tees->builder(tee); };
    outside.verifier = [tees](descriptor::Tee tee) { return tees->verifier(tee); };
    outside.place = [folder = descriptor.directory](
                        const descriptor::Node& node, ByteView image, ByteView placement) {
        return place(folder, node, image, placement);
    };
    outside.open_state = [state_directory](StateUse use) {
        return State::open(state_directory, use);
    };
    outside.state_directory = state_directory;
    outside.images = state_directory / "images";
    outside.signing = [descriptor, state_directory](descriptor::Tee tee) {
        return signing_of(descriptor, state_directory, tee);
    };
    outside.has_owner_key = owner.has_value();
    if (owner) {
        outside.owner = *owner;
    }
    if (outside.owner.is_delegates()) {
        const Expected<bool> known = know_as_delegate(outside);
        if (!known) {
            return tl::make_unexpected(known.error());
        }
    }
    outside.revoked = std::move(*revoked);
    outside.environment = [](const std::string& name) {
        const char* value =
            std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe): nobody writes it
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    return outside;
}

} // namespace authex::deployer
