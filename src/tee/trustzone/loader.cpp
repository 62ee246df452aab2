#include "tee/trustzone/loader.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tee/compile/compiler.hpp"
#include "tee/process/host_program.hpp"
#include "tee/process/start.hpp"
#include "tee/trustzone/client/device_client.hpp"
#include "tee/trustzone/client/library_client.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/image/ta_elf.hpp"
#include "tee/trustzone/signer.hpp"
#include "wire/frame.hpp"
#include "wire/handshake.hpp"

namespace authex::tee::trustzone {
namespace {

namespace fs = std::filesystem;

/// Read by the host when it starts (host/main.cpp), and gone after that.
constexpr const char* machinery_file = "machinery";
/// In the module's folder another name of the TA's file in objects_folder.
constexpr const char* objects_file = "objects";
constexpr const char* objects_folder = "ta-objects";
const std::string emulator_program = "qemu-aarch64";
constexpr const char* emulated_host = "AUTHEX_TZ_HOST_PROGRAM_AARCH64";
constexpr process::HostProgram host_program = {.variable = "AUTHEX_TZ_HOST_PROGRAM",
                                               .name = "authex-tz-host"};
#if defined(__aarch64__)
constexpr Machine own_machine = Machine::aarch64;
#else
constexpr Machine own_machine = Machine::x86_64;
#endif

fs::path named(const char* variable) {
    const char* value = std::getenv(variable); // NOLINT(concurrency-mt-unsafe): nobody writes it
    return value != nullptr ? value : "";
}

tl::unexpected<Diagnostic> refused(const ModuleSpec& spec,
                                   const char* code,
                                   const std::string& why,
                                   const std::string& fix = {}) {
    return failure(code, fmt::format("module `{}`: {}", spec.name, why), fix);
}

/// Where a program of this name lies on PATH; empty: nowhere.
fs::path on_path(const std::string& name) {
    const std::string path = named("PATH").string();
    for (std::size_t begin = 0; begin < path.size();) {
        const std::size_t end = std::min(path.find(':', begin), path.size());
        const fs::path program = fs::path(path.substr(begin, end - begin)) / name;
        if (::access(program.c_str(), X_OK) == 0) {
            return program;
        }
        begin = end + 1;
    }
    return {};
}

/// Of AArch64, and that is not this processor; or this manager is itself in the emulator, and its
/// kernel starts no program of AArch64.
bool needs_emulator(Machine machine) {
    return machine == Machine::aarch64 &&
           (own_machine != Machine::aarch64 || !named(emulated_host).empty());
}

/// The host of AArch64, run by an emulator of that processor.
Expected<bool> emulate(process::HostCommand& command) {
    const fs::path emulator = on_path(emulator_program);
    fs::path host = named(emulated_host);
    if (host.empty()) {
        host = command.program.parent_path() / "aarch64/authex-tz-host";
    }
    if (emulator.empty() || ::access(host.c_str(), X_OK) != 0) {
        return failure("host-missing",
                       fmt::format("its image is for AArch64, and there is no {}",
                                   emulator.empty() ? emulator_program : host.string()),
                       "say `machine: x86-64` of the node; or install qemu-user and the libraries "
                       "of AArch64 (tools/setup does), and build again");
    }
    command.arguments.insert(command.arguments.begin(), host);
    command.arguments.back() = "emulated";
    command.program = emulator;
    return true;
}

tl::unexpected<Diagnostic> no_tee(const std::string& why) {
    return failure("tee-missing",
                   why,
                   "a machine with OP-TEE, built with CFG_ATTESTATION_PTA=y, and the group of the "
                   "device; for development without them: --simulate");
}

Expected<DeviceKeyPair> ask_device_key(const LoaderOptions& options) {
    if (options.client == ClientWay::library) {
        LibraryClient client;
        client.load(options.library.c_str());
        return client.is_there()
                   ? ask_device_key(client)
                   : no_tee(fmt::format("{} cannot be loaded, or reaches no TEE", options.library));
    }
    const process::Descriptor descriptor(::open(options.device.c_str(), O_RDWR | O_CLOEXEC));
    if (!descriptor.open()) {
        return no_tee(fmt::format("cannot open {}", options.device.string()));
    }
    KernelTeeDriver driver(descriptor.get());
    DeviceClient client(driver);
    return ask_device_key(client);
}

/// The program that stands for TAs where a library speaks for the TEE.
Expected<fs::path> library_host(const fs::path& host) {
    fs::path program = host.parent_path() / "authex-tz-library-host";
    if (::access(program.c_str(), X_OK) != 0) {
        return failure("host-missing",
                       fmt::format("cannot run {}", program.string()),
                       "it lies beside authex-tz-host");
    }
    return program;
}

/// A file for the persistent objects of a TA, which outlives the module, as they do in a device.
Expected<bool> give_storage(const ModuleSpec& spec, const fs::path& kept, const fs::path& name) {
    const process::Descriptor file(
        ::open(kept.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    ::unlink(name.c_str());
    return file.open() && ::link(kept.c_str(), name.c_str()) == 0
               ? Expected<bool>(true)
               : refused(spec,
                         "module-files",
                         fmt::format("{} cannot be made", name.string()),
                         "is the state directory writable, and one file system?");
}

/// 0: none was loaded yet.
std::uint32_t version_seen(const fs::path& file) {
    const Expected<std::string> text = compile::read_file(file);
    std::uint32_t version = 0;
    if (text) {
        std::from_chars(text->data(), text->data() + text->size(), version);
    }
    return version;
}

} // namespace

/// GET_PUBKEY: exponent, modulus, algorithm. (OP-TEE, `pta_attestation.h`)
Expected<DeviceKeyPair> ask_device_key(TeeClient& client) {
    constexpr Uuid attestation = {0x39,
                                  0x80,
                                  0x08,
                                  0x61,
                                  0x18,
                                  0x2A,
                                  0x47,
                                  0x20,
                                  0x9B,
                                  0x67,
                                  0x2B,
                                  0xCD,
                                  0x62,
                                  0x2B,
                                  0xC0,
                                  0xB5};
    constexpr std::uint32_t get_public_key = 0;
    constexpr std::size_t exponent_room = 8;
    using Kind = Parameter::Kind;
    if (!client.is_there()) {
        return no_tee("the TEE is no OP-TEE");
    }
    std::uint32_t session = 0;
    const SharedMemory memory = client.share(process::page_bytes);
    if (memory.id < 0 || client.open(attestation, session) != 0) {
        return no_tee("OP-TEE vouches for nothing");
    }
    Parameters parameters = {
        Parameter{
            .kind = Kind::memory_output, .offset = 0, .bytes = exponent_room, .memory = memory.id},
        Parameter{.kind = Kind::memory_output,
                  .offset = exponent_room,
                  .bytes = device_modulus_bytes,
                  .memory = memory.id},
        Parameter{.kind = Kind::value_output},
        Parameter{}};
    const std::uint32_t result = client.invoke(session, get_public_key, parameters);
    client.close(session);
    constexpr std::array<std::uint8_t, 3> exponent = {1, 0, 1};
    const ByteView found = ByteView(memory.bytes)
                               .first(static_cast<std::size_t>(
                                   std::min<std::uint64_t>(parameters[0].bytes, exponent_room)));
    if (result != 0 || parameters[1].bytes != device_modulus_bytes ||
        !std::equal(found.begin(), found.end(), exponent.begin(), exponent.end()) ||
        parameters[2].offset != algorithm_pss) {
        return no_tee("OP-TEE has no attestation key of 3072 bits");
    }
    DeviceKeyPair device;
    copy(ByteView(memory.bytes).subspan(exponent_room, device_modulus_bytes), device.modulus);
    return device;
}

Expected<std::unique_ptr<TrustZoneLoader>> TrustZoneLoader::open(LoaderOptions options) {
    Expected<fs::path> program =
        process::usable_host(std::move(options.host_program), host_program);
    if (!program) {
        return tl::make_unexpected(program.error());
    }
    options.host_program = std::move(*program);
    std::error_code error;
    if (options.client == ClientWay::device_or_library) {
        options.client = fs::exists(options.device, error) ? ClientWay::device : ClientWay::library;
    }
    if (!options.simulate && options.client == ClientWay::library) {
        Expected<fs::path> host = library_host(options.host_program);
        if (!host) {
            return tl::make_unexpected(host.error());
        }
        options.host_program = std::move(*host);
    }
    if (options.ring_bytes == 0) {
        // A TEE remembers each page that is shared with it.
        options.ring_bytes =
            options.simulate ? process::ring_bytes_default : process::ring_bytes_min;
    }
    const Expected<DeviceKeyPair> device =
        options.simulate ? open_device_key(options.state_directory / "tee-device-key.pem")
                         : ask_device_key(options);
    if (!device) {
        return tl::make_unexpected(device.error());
    }
    fs::create_directories(options.state_directory / "ta-versions", error);
    fs::create_directories(options.state_directory / objects_folder, error);
    return std::unique_ptr<TrustZoneLoader>(new TrustZoneLoader(std::move(options), *device));
}

TeeInfo TrustZoneLoader::info() const {
    return {.name = "trustzone",
            .simulated = options_.simulate,
            .evidence_key = {device_.modulus.begin(), device_.modulus.end()},
            .max_body_bytes = wire::max_body_bytes,
            .max_image_bytes = static_cast<std::uint32_t>(ta_bytes_max)};
}

Expected<bool> TrustZoneLoader::admit(const ModuleSpec& spec, const SignedTa& ta) {
    const TaPlan plan = plan_ta(ta.elf);
    if (plan.refusal != nullptr) {
        return refused(spec, "image-malformed", plan.refusal);
    }
    if (plan.machine == Machine::x86_64 && own_machine != Machine::x86_64) {
        return refused(spec,
                       "image-machine",
                       "its image is for x86-64, this machine is not",
                       "leave out `machine` of the node");
    }
    if (uuid_of(plan.head) != ta.uuid) {
        return refused(spec, "image-malformed", "its header names another UUID than its image");
    }
    if (!options_.ta_key.empty()) {
        const Expected<bool> holds = signature_holds(ta, options_.ta_key);
        if (!holds) {
            return holds;
        }
        if (!*holds) {
            return refused(spec,
                           "image-signature",
                           "the TA is not signed by the key that this TEE knows",
                           "sign it with that key: `signing` in the descriptor");
        }
    }
    const fs::path versions = options_.state_directory / "ta-versions" / to_text(ta.uuid);
    const std::uint32_t seen = version_seen(versions);
    if (ta.version < seen) {
        return refused(spec,
                       "image-rollback",
                       fmt::format("version {} of the TA, and {} was here", ta.version, seen),
                       "raise its version");
    }
    return ta.version == seen ? Expected<bool>(true)
                              : compile::write_file(versions, std::to_string(ta.version));
}

/// Puts what the TEE loads where it looks for it.
Expected<bool> TrustZoneLoader::prepare(const ModuleSpec& spec,
                                        const SignedTa& ta,
                                        process::HostCommand& command) {
    if (!options_.simulate) {
        const fs::path file = options_.ta_folder / (to_text(ta.uuid) + ".ta");
        const std::vector<std::uint8_t> whole = write_signed_ta(ta);
        const Expected<bool> written =
            compile::write_file(file, {reinterpret_cast<const char*>(whole.data()), whole.size()});
        return written ? written
                       : refused(spec,
                                 "module-files",
                                 written.error().summary,
                                 "let the manager's user write there, or name another folder of "
                                 "tee-supplicant: --ta-folder");
    }
    if (const Expected<bool> admitted = admit(spec, ta); !admitted) {
        return admitted;
    }
    command.arguments.back() = "simulated";
    if (needs_emulator(plan_ta(ta.elf).machine)) {
        if (const Expected<bool> emulated = emulate(command); !emulated) {
            return refused(spec, "host-missing", emulated.error().summary, emulated.error().fix);
        }
    }
    const Expected<bool> stores =
        give_storage(spec,
                     options_.state_directory / objects_folder / to_text(ta.uuid),
                     command.directory / objects_file);
    if (!stores) {
        return stores;
    }
    const ByteView secret(reinterpret_cast<const std::uint8_t*>(&device_.secret),
                          sizeof device_.secret);
    return process::write_for_host(spec, command.directory / machinery_file, secret);
}

Expected<std::unique_ptr<ModuleLink>> TrustZoneLoader::start(const ModuleSpec& spec,
                                                             const fs::path& directory) {
    if (const Expected<bool> free = process::check_not_running(spec, directory); !free) {
        return tl::make_unexpected(free.error());
    }
    const Expected<std::string> image = compile::read_file(directory / process::image_file);
    if (!image) {
        return refused(spec, "image-unreadable", image.error().summary);
    }
    SignedTa ta;
    if (!parse_signed_ta({reinterpret_cast<const std::uint8_t*>(image->data()), image->size()},
                         ta)) {
        return refused(spec, "image-malformed", "not a signed TA, or its hash does not hold");
    }
    process::HostCommand command =
        process::host_for(spec, options_.host_program, directory, options_.ring_bytes);
    command.arguments.push_back(std::to_string(options_.spin_us));
    command.arguments.emplace_back(options_.client == ClientWay::library ? options_.library
                                                                         : "hardware");
    if (const Expected<bool> prepared = prepare(spec, ta, command); !prepared) {
        return tl::make_unexpected(prepared.error());
    }
    const Expected<bool> started = process::start_host(spec, command);
    ::unlink((directory / machinery_file).c_str());
    if (started) {
        return adopt(spec, directory);
    }
    Diagnostic why = started.error();
    if (const std::string remedy = remedy_of(why.code); !options_.simulate && !remedy.empty()) {
        why.fix = remedy;
    }
    return tl::make_unexpected(std::move(why));
}

Expected<std::unique_ptr<ModuleLink>> TrustZoneLoader::adopt(const ModuleSpec& spec,
                                                             const fs::path& directory) {
    return process::adopt(spec, directory);
}

Expected<std::vector<std::uint8_t>> TrustZoneLoader::evidence(const ModuleSpec& spec,
                                                              ByteView report_data) {
    if (report_data.size() != wire::report_data_bytes + statement_bytes) {
        return refused(
            spec,
            "report-data",
            fmt::format("it gave {} bytes, not report data and a statement", report_data.size()),
            "load the module again");
    }
    return write_evidence(report_data.subspan(wire::report_data_bytes));
}

} // namespace authex::tee::trustzone
