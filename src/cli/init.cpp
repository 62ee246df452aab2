#include "cli/init.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "deployer/credentials.hpp"
#include "deployer/private_file.hpp"
#include "descriptor/schema.hpp"

namespace authex::cli {
namespace {

constexpr std::string_view descriptor_text =
    R"(# yaml-language-server: $schema=authex.schema.json
# A button and a counter on two nodes. Try:  authex dev --up
application: {}
nodes:
  field: {{ tee: native, address: 127.0.0.1:6201 }}
  cloud: {{ tee: native, address: 127.0.0.1:6202 }}
modules:
  button:  {{ node: field, sources: [button.cpp] }}
  counter: {{ node: cloud, sources: [counter.cpp] }}
connections:
  - {{ from: button.pressed, to: counter.count }}
  - {{ name: press, direct: true, to: button.press }}        # authex output press
  - {{ name: total, direct: true, to: counter.read_total }}  # authex request total
simulation: allowed   # native nodes prove nothing: for development
)";

constexpr std::string_view button_text = R"(// Each press becomes an authenticated event.
#include <authex/module.hpp>

AUTHEX_OUTPUT(pressed);

AUTHEX_INPUT(press, event) {
    authex::log_info("pressed");
    pressed();
}
)";

constexpr std::string_view counter_text =
    R"(// Counts presses, and tells the number to whom is connected to read_total.
#include <authex/module.hpp>

AUTHEX_STATE static std::uint32_t total;

AUTHEX_INPUT(count, event) {
    ++total;
}

AUTHEX_HANDLER(read_total, request, reply) {
    reply.u32(total);
}
)";

/// Lower-case letters, digits and single dashes, beginning with a letter.            (DESIGN
/// "Descriptor": application)
std::string name_from(const std::filesystem::path& folder) {
    constexpr std::size_t length_max = 32;
    std::string name;
    // With the slash, `hello`, `hello/` and `.` all end in an empty name below their own.
    const std::filesystem::path whole = (std::filesystem::absolute(folder) / "").lexically_normal();
    for (const char c : whole.parent_path().filename().string()) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const bool letter = lower >= 'a' && lower <= 'z';
        const bool digit = lower >= '0' && lower <= '9';
        if (letter || (digit && !name.empty())) {
            name += lower;
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    name = name.substr(0, length_max);
    while (!name.empty() && name.back() == '-') {
        name.pop_back();
    }
    return name.empty() ? "application" : name;
}

} // namespace

Expected<std::string> make_application(const std::filesystem::path& folder) {
    std::error_code error;
    if (std::filesystem::exists(folder, error) && (!std::filesystem::is_directory(folder, error) ||
                                                   !std::filesystem::is_empty(folder, error))) {
        return failure("folder-not-empty",
                       fmt::format("{} is there already and not an empty folder", folder.string()),
                       "name a new folder");
    }
    std::filesystem::create_directories(folder, error);
    const std::string name = name_from(folder);
    const std::string descriptor = fmt::format(fmt::runtime(descriptor_text), name);
    const std::array<std::pair<const char*, std::string_view>, 5> files = {
        {{"authex.yaml", descriptor},
         // Beside the descriptor, so that whoever has the sources has it too.
         {"authex.schema.json", descriptor::schema()},
         {"button.cpp", button_text},
         {"counter.cpp", counter_text},
         {".gitignore", ".authex/\n"}}};
    for (const auto& [file, text] : files) {
        const auto written =
            deployer::create_file(folder / file, text, deployer::FileAccess::everyone_reads);
        if (!written) {
            return tl::make_unexpected(written.error());
        }
    }
    const auto key = deployer::open_owner_key(folder / ".authex");
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    return name;
}

} // namespace authex::cli
