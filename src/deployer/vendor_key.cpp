#include "deployer/vendor_key.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "deployer/private_file.hpp"
#include "tee/compile/compiler.hpp"
#include "tee/sancus/verifier.hpp"

namespace authex::deployer {
namespace {

using VendorKey = std::array<std::uint8_t, 16>;

std::optional<VendorKey> parse(std::string content) {
    VendorKey key{};
    if (content.size() == key.size()) {
        std::copy(content.begin(), content.end(), key.begin());
        return key;
    }
    std::erase_if(content, [](unsigned char c) { return std::isspace(c) != 0; });
    const bool hex = content.size() == 2 * key.size() &&
                     std::all_of(content.begin(), content.end(), [](unsigned char c) {
                         return std::isxdigit(c) != 0;
                     });
    if (!hex) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::uint8_t>(std::stoul(content.substr(2 * i, 2), nullptr, 16));
    }
    return key;
}

constexpr const char* where_from = "put K(node, vendor) there: 32 hexadecimal digits; of an "
                                   "emulator, authex-sancus keys prints it";

} // namespace

Expected<VendorKey> read_vendor_key(const descriptor::Vendor& vendor,
                                    const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / vendor.key_file;
    const auto in_descriptor = [&](Diagnostic problem) {
        problem.where = vendor.where;
        return tl::make_unexpected(std::move(problem));
    };
    Expected<std::string> content = tee::compile::read_file(file);
    if (!content) {
        Diagnostic problem = content.error();
        problem.fix = where_from;
        return in_descriptor(std::move(problem));
    }
    const std::optional<VendorKey> key = parse(std::move(*content));
    if (!key) {
        return in_descriptor(
            make_error("vendor-key-malformed",
                       fmt::format("{} holds no key: it must be 32 hexadecimal digits, or 16 bytes",
                                   file.string()),
                       where_from));
    }
    if (!tee::sancus::is_development_key(*key, vendor.id)) {
        if (const auto mine = read_private_file(file); !mine) {
            return in_descriptor(mine.error());
        }
    }
    return *key;
}

} // namespace authex::deployer
