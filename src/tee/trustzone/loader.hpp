#pragma once
// Trusted applications on a node, each with a process of its own that stands for it, and vouched
// for by the device's attestation PTA.

#include <filesystem>
#include <memory>

#include "tee/loader.hpp"
#include "tee/process/spawn.hpp"
#include "tee/trustzone/client/client.hpp"
#include "tee/trustzone/device_key_file.hpp"
#include "tee/trustzone/image/signed_ta.hpp"

namespace authex::tee::trustzone {

/// How a real TEE is spoken to: through the kernel's device, or a library of the GP TEE Client API.
enum class ClientWay : std::uint8_t { device_or_library, device, library };

struct LoaderOptions {
    std::filesystem::path state_directory;           ///< where a simulated device lives
    bool simulate = false;                           ///< else OP-TEE is needed
    ClientWay client = ClientWay::device_or_library; ///< the device where there is one
    std::filesystem::path device = "/dev/tee0";
    std::string library = "libteec.so.1"; ///< as dlopen() takes it
    /// Where tee-supplicant looks for TAs; the manager writes them there.
    std::filesystem::path ta_folder = "/lib/optee_armtz";
    /// Whose TAs a simulated TEE loads, PEM; empty: anybody's. A real one was built with its key.
    std::filesystem::path ta_key;
    /// Empty: AUTHEX_TZ_HOST_PROGRAM, else ../lib/authex/authex-tz-host or authex-tz-host beside
    /// this program. With a library: authex-tz-library-host beside that one.
    std::filesystem::path host_program;
    std::size_t ring_bytes = 0;  ///< each way, a power of two; 0: 512 KiB, with a real TEE 256
    std::uint32_t spin_us = 200; ///< as of native modules
};

/// The device key as the attestation PTA gives it to anybody; its secret stays there.
/// @error tee-missing
Expected<DeviceKeyPair> ask_device_key(TeeClient& client);

/// TrustZone with OP-TEE, or simulated. Simulated images of AArch64 run elsewhere in qemu-aarch64,
/// through the host program that AUTHEX_TZ_HOST_PROGRAM_AARCH64 names, or aarch64/authex-tz-host
/// beside the other one. That variable says so on AArch64 too, for a manager that is itself in
/// qemu-user. Thread-safe; the links that it makes are not. start() and adopt() may block for some
/// milliseconds.
class TrustZoneLoader final : public Loader {
  public:
    /// @error host-missing | signing-key | module-files | tee-missing: no OP-TEE, or it has no
    /// attestation
    static Expected<std::unique_ptr<TrustZoneLoader>> open(LoaderOptions options);

    [[nodiscard]] TeeInfo info() const override;
    /// `spec.image_sha256` is of the file. As OP-TEE, refuses TAs that are not signed by the key
    /// that it knows, and those older than one of the same UUID that was ever loaded.
    /// @error image-unreadable | image-mismatch | image-malformed | image-signature |
    /// image-rollback | image-machine | already-running | module-files | as process::spawn_host
    Expected<std::unique_ptr<ModuleLink>> start(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                const std::filesystem::path& directory) override;
    /// Evidence (evidence.hpp) of what the TA brought from its TEE. @error report-data
    Expected<std::vector<std::uint8_t>> evidence(const ModuleSpec& spec,
                                                 ByteView report_data) override;

  private:
    TrustZoneLoader(LoaderOptions options, const DeviceKeyPair& device)
        : options_(std::move(options)), device_(device) {}
    /// What a simulated TEE asks of a TA.
    [[nodiscard]] Expected<bool> admit(const ModuleSpec& spec, const SignedTa& ta);
    [[nodiscard]] Expected<bool>
    prepare(const ModuleSpec& spec, const SignedTa& ta, process::HostCommand& command);

    LoaderOptions options_;
    DeviceKeyPair device_; ///< on hardware the modulus alone
};

} // namespace authex::tee::trustzone
