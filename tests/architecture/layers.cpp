#include "architecture/layers.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>

namespace authex::architecture {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

/// Part → parts whose headers it may include beside its own. `authex` are the SDK's headers (in
/// angle brackets) and the generated protocol (in quotes).
const std::map<std::string, Names> allowed = {
    {"sdk", {}},
    {"base", {}},
    {"metrics", {"base"}},
    {"crypto", {"base"}},
    {"wire", {"base", "crypto"}},
    {"runtime", {"base", "crypto", "wire"}},
    {"port", {"base", "crypto", "wire", "runtime"}},
    {"descriptor", {"base", "crypto", "wire"}},
    {"rpc", {"base", "authex"}},
    {"tee", {"base", "crypto", "wire", "runtime", "descriptor"}},
    {"em", {"base", "crypto", "wire", "tee", "rpc", "descriptor", "metrics", "authex"}},
    {"deployer", {"base", "crypto", "wire", "tee", "rpc", "descriptor", "authex"}},
    {"sancus_emulator", {"base", "crypto", "wire", "descriptor"}},
    {"cli",
     {"base", "crypto", "wire", "tee", "rpc", "descriptor", "metrics", "deployer", "em", "authex"}},
    {"manual", {"base", "cli", "em", "sancus_emulator"}},
};

/// What goes into enclaves includes nothing else from the system than these, which libstdc++ and
/// the compiler carry on every target.
const Names freestanding = {"array",
                            "bit",
                            "concepts",
                            "cstddef",
                            "cstdint",
                            "new",
                            "optional",
                            "span",
                            "type_traits",
                            "utility",
                            "stddef.h",
                            "stdint.h",
                            "tee_internal_api.h", // GlobalPlatform's, of a dev kit
                            "authex/abi.h",
                            "authex/device.h",
                            "authex/device.hpp",
                            "authex/module.hpp",
                            "authex/bytes.hpp",
                            "authex/web.hpp",
                            "authex/web/certificate.hpp",
                            "authex/web/channel.hpp",
                            "authex/web/der.hpp",
                            "authex/web/evidence.hpp",
                            "authex/web/http.hpp",
                            "authex/web/identity.hpp",
                            "authex/web/names.hpp",
                            "authex/web/response.hpp"};
/// Of `base`, what is no part of enclaves.
const Names hosted_headers = {"base/diagnostic.hpp", "base/hex.hpp"};
const Names enclave_parts = {"sdk", "base", "crypto", "wire", "runtime", "port"};

/// Third-party headers by their first folder or name → the parts that may include them.
const std::map<std::string, Names> third_party = {
    {"bearssl", {"sdk", "crypto", "tee"}},
    {"asio", {"em", "cli", "deployer", "metrics", "sancus_emulator"}},
    {"grpcpp", {"rpc", "em", "deployer", "cli"}},
    {"grpc", {"rpc", "em", "deployer", "cli"}},
    {"google", {"rpc", "em", "deployer", "cli"}},
    {"openssl", {"em", "tee", "deployer", "cli", "rpc", "sancus_emulator"}},
    {"spdlog", {"em", "cli"}},
    {"yaml-cpp", {"descriptor", "sancus_emulator"}},
    {"sqlite3.h", {"deployer", "em"}},
    {"CLI", {"cli", "em", "manual", "sancus_emulator"}},
    {"gelf.h", {"tee", "sancus_emulator"}},
    {"libelf.h", {"tee", "sancus_emulator"}},
    {"prometheus", {"em", "deployer"}},
};

/// Nobody may be able to deploy to a TEE that protects nothing.
const std::string skeleton = "tee/skeleton/";

struct Place {
    std::string part;
    bool in_skeleton = false;
    bool hosted_file = false; ///< a hosted file in a part whose other files go into enclaves
};

std::string first_of(const std::string& path) {
    return path.substr(0, path.find('/'));
}

Place place_of(const fs::path& file) {
    std::vector<std::string> names;
    for (const fs::path& name : file) {
        names.push_back(name.string());
    }
    if (names.at(0) == "sdk") {
        return {.part = "sdk"};
    }
    const bool in_skeleton = file.string().starts_with("src/" + skeleton);
    if (names.size() > 4 && names[1] == "tee" && names[3] == "port") {
        return {.part = "port", .in_skeleton = in_skeleton};
    }
    return {.part = names.at(1),
            .in_skeleton = in_skeleton,
            .hosted_file = names[1] == "base" &&
                           hosted_headers.contains("base/" + file.stem().string() + ".hpp")};
}

std::optional<std::string> quoted(const Place& place, const std::string& header) {
    const std::string target = first_of(header);
    if (header.find('/') == std::string::npos || target == "..") {
        return place.part == "sdk" ? std::nullopt
                                   : std::optional("`" + header + "` is not a path from src/");
    }
    if (header.starts_with(skeleton) && !place.in_skeleton) {
        return "nothing but its tests may include the skeleton's `" + header + "`";
    }
    if (!place.hosted_file && enclave_parts.contains(place.part) &&
        hosted_headers.contains(header)) {
        return "enclave code includes the hosted `" + header + "`";
    }
    const bool own = target == place.part || (place.part == "port" && target == "tee" &&
                                              header.find("/port/") != std::string::npos);
    if (!own && !allowed.at(place.part).contains(target)) {
        return "part `" + place.part + "` may not include `" + header + "`";
    }
    return std::nullopt;
}

std::optional<std::string> bracketed(const Place& place, const std::string& header) {
    const auto library = third_party.find(first_of(header));
    if (library != third_party.end()) {
        return library->second.contains(place.part)
                   ? std::nullopt
                   : std::optional("part `" + place.part + "` may not use <" + header + ">");
    }
    if (enclave_parts.contains(place.part) && !place.hosted_file &&
        !freestanding.contains(header)) {
        return "enclave code includes <" + header + ">, which is not freestanding";
    }
    return std::nullopt;
}

void check_file(const fs::path& root, const fs::path& file, std::vector<std::string>& found) {
    static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    const fs::path relative = file.lexically_relative(root);
    const Place place = place_of(relative);
    std::ifstream stream(file);
    std::string line;
    for (unsigned number = 1; std::getline(stream, line); ++number) {
        std::smatch match;
        if (!std::regex_search(line, match, include)) {
            continue;
        }
        const std::string header = match[2];
        const auto wrong =
            !allowed.contains(place.part)
                ? std::optional("part `" + place.part + "` is not in the table of layers.cpp")
            : match[1] == "\"" ? quoted(place, header)
                               : bracketed(place, header);
        if (wrong) {
            found.push_back(relative.string() + ":" + std::to_string(number) + ": " + *wrong);
        }
    }
}

std::vector<fs::path> sources(const fs::path& root) {
    static const Names extensions = {".hpp", ".cpp", ".h", ".c", ".S"};
    std::vector<fs::path> files;
    for (const char* folder : {"src", "sdk/include", "sdk/web"}) {
        if (!fs::exists(root / folder)) {
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            if (entry.is_regular_file() && extensions.contains(entry.path().extension())) {
                files.push_back(entry.path());
            }
        }
    }
    return files;
}

} // namespace

std::vector<std::string> violations(const fs::path& root) {
    std::vector<std::string> found;
    for (const fs::path& file : sources(root)) {
        check_file(root, file, found);
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::size_t files_read(const fs::path& root) {
    return sources(root).size();
}

} // namespace authex::architecture
