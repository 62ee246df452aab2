#include "deployer/role_certificates.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "deployer/certificates.hpp"
#include "deployer/credentials.hpp"
#include "deployer/private_file.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t role_name_bytes_max = 63;

bool is_name(const std::string& name) {
    constexpr auto allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    return !name.empty() && name.size() <= role_name_bytes_max && name[0] >= 'a' &&
           name[0] <= 'z' && name.find_first_not_of(allowed) == std::string::npos;
}

Expected<RoleCertificate> read(const fs::path& file, bool revoked) {
    const auto facts = read_certificate(file);
    if (!facts) {
        return tl::make_unexpected(facts.error());
    }
    return RoleCertificate{.name = facts->common_name,
                           .role = facts->role.value_or(rpc::Role::observer),
                           .serial = facts->serial,
                           .valid_until = facts->valid_until,
                           .revoked = revoked};
}

Expected<bool>
read_folder(const fs::path& folder, bool revoked, std::vector<RoleCertificate>& all) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
        if (entry.path().extension() != ".crt") {
            continue;
        }
        auto certificate = read(entry.path(), revoked);
        if (!certificate) {
            return tl::make_unexpected(certificate.error());
        }
        all.push_back(std::move(*certificate));
    }
    return true;
}

Expected<bool> copy_certificate(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
    return error ? failure("file-unwritable",
                           fmt::format("cannot write {}: {}", to.string(), error.message()))
                 : Expected<bool>(true);
}

} // namespace

Expected<RoleCertificate> add_role(const fs::path& state_directory, const RoleRequest& request) {
    if (!is_name(request.name)) {
        return failure("bad-name",
                       fmt::format("\"{}\" is no name for a certificate", request.name),
                       "small letters, digits, - and _, beginning with a letter; at most 63");
    }
    const auto own = open_deployer_tls(state_directory);
    if (!own) {
        return tl::make_unexpected(own.error());
    }
    const fs::path tls = state_directory / "tls";
    if (!fs::exists(tls / "ca.key")) {
        return failure("not-authority",
                       "this folder has a certificate, but not the authority that makes them",
                       "run it where the application was made (authex init)");
    }
    const fs::path record = tls / "clients" / (request.name + ".crt");
    if (fs::exists(record)) {
        return failure("role-exists",
                       fmt::format("there is a certificate for {} already", request.name),
                       fmt::format("authex role revoke {}", request.name));
    }
    const auto authority = open_authority(tls);
    if (!authority) {
        return tl::make_unexpected(authority.error());
    }
    const fs::path out = request.directory / "tls";
    Expected<bool> done = create_private_folder(request.directory);
    const auto then = [&](auto&& next) {
        if (done) {
            done = next();
        }
    };
    then([&] {
        // Never in the place of another certificate, the owner's own least of all.
        return fs::exists(out / "deployer.crt") || fs::exists(out / "deployer.key")
                   ? failure(
                         "role-exists",
                         fmt::format("{} has a certificate already", request.directory.string()),
                         "name another folder with --out")
                   : create_private_folder(out);
    });
    then([&] { return create_private_folder(tls / "clients"); });
    // No certificate is anywhere without its record: it could not be revoked.
    then([&] {
        return authority->issue({.common_name = request.name,
                                 .hosts = {},
                                 .client = true,
                                 .role = request.role,
                                 .days = request.days},
                                record,
                                out / "deployer.key");
    });
    then([&] { return copy_certificate(record, out / "deployer.crt"); });
    // Last: without it the folder is nobody's yet.
    then([&] { return copy_certificate(own->authority, out / "ca.crt"); });
    return done ? read(record, false) : tl::make_unexpected(done.error());
}

Expected<std::vector<RoleCertificate>> list_roles(const fs::path& state_directory) {
    std::vector<RoleCertificate> all;
    Expected<bool> done = read_folder(state_directory / "tls" / "clients", false, all);
    if (done) {
        done = read_folder(state_directory / "tls" / "revoked", true, all);
    }
    if (!done) {
        return tl::make_unexpected(done.error());
    }
    std::sort(all.begin(), all.end(), [](const RoleCertificate& a, const RoleCertificate& b) {
        return std::tie(a.name, a.serial) < std::tie(b.name, b.serial);
    });
    return all;
}

Expected<RoleCertificate> revoke_role(const fs::path& state_directory, const std::string& name) {
    const fs::path record = state_directory / "tls" / "clients" / (name + ".crt");
    if (!is_name(name) || !fs::exists(record)) {
        return failure("unknown-role",
                       fmt::format("there is no certificate for \"{}\" to revoke", name),
                       "authex role list shows them");
    }
    auto certificate = read(record, true);
    if (!certificate) {
        return certificate;
    }
    const fs::path revoked = state_directory / "tls" / "revoked";
    Expected<bool> done = create_private_folder(revoked);
    if (done) {
        std::error_code error;
        fs::rename(record, revoked / (certificate->serial + ".crt"), error);
        done = error ? failure("file-unwritable",
                               fmt::format("cannot move {}: {}", record.string(), error.message()))
                     : Expected<bool>(true);
    }
    return done ? certificate : tl::make_unexpected(done.error());
}

Expected<std::vector<std::string>> revoked_serials(const fs::path& state_directory) {
    std::vector<std::string> serials;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(state_directory / "tls" / "revoked", none)) {
        if (entry.path().extension() == ".crt") {
            serials.push_back(entry.path().stem());
        }
    }
    return serials;
}

} // namespace authex::deployer
