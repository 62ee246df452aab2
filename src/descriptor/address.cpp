#include <algorithm>
#include <array>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "descriptor/values.hpp"

namespace authex::descriptor {
namespace {

constexpr std::string_view address_fix =
    "write host:port, e.g. 127.0.0.1:6000, node.example.org:6000 or \"[::1]:6000\"";

/// RFC 1123 §2.1 and RFC 1035 §2.3.4: labels of 1..63 letters, digits and inner hyphens, 253 in
/// all.
bool is_host_name(std::string_view host) {
    std::size_t label = 0;
    char previous = '.';
    for (const char c : host) {
        const char lower = static_cast<char>(c | 0x20);
        const bool alphanumeric = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        const bool ends = c == '.';
        if ((!alphanumeric && c != '-' && !ends) || (ends && (label == 0 || previous == '-')) ||
            (c == '-' && label == 0)) {
            return false;
        }
        label = ends ? 0 : label + 1;
        if (label > 63) {
            return false;
        }
        previous = c;
    }
    return label > 0 && previous != '-' && host.size() <= 253;
}

/// The host in the form that equal hosts share.
std::optional<std::string> host_of(const std::string& text, bool in_brackets) {
    if (in_brackets) {
        in6_addr address{};
        std::array<char, INET6_ADDRSTRLEN> canonical{};
        if (inet_pton(AF_INET6, text.c_str(), &address) != 1 ||
            inet_ntop(AF_INET6, &address, canonical.data(), canonical.size()) == nullptr) {
            return std::nullopt;
        }
        return std::string(canonical.data());
    }
    if (text.find_first_not_of("0123456789.") == std::string::npos) {
        in_addr address{};
        return inet_pton(AF_INET, text.c_str(), &address) == 1 ? std::optional(text) : std::nullopt;
    }
    if (!is_host_name(text)) {
        return std::nullopt;
    }
    std::string lower = text;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return lower;
}

} // namespace

std::optional<Address>
read_address(const Element& element, std::string_view what, Findings& findings) {
    if (element.kind == Element::Kind::list) {
        findings.error(element.where,
                       {"invalid-address",
                        fmt::format("{} is an address, and brackets make this a list", what),
                        "put an IPv6 address in quotes: \"[::1]:6000\""});
        return std::nullopt;
    }
    const std::optional<std::string> text = read_text(element, what, findings);
    if (!text) {
        return std::nullopt;
    }
    const bool in_brackets = text->front() == '[';
    const std::size_t colon = in_brackets ? text->find("]:") : text->find(':');
    const std::size_t host_begin = in_brackets ? 1 : 0;
    const std::optional<std::string> host =
        colon == std::string::npos
            ? std::nullopt
            : host_of(text->substr(host_begin, colon - host_begin), in_brackets);
    if (!host) {
        findings.error(element.where,
                       {"invalid-address",
                        fmt::format("{} is no address: {}", what, quote(*text)),
                        std::string(address_fix)});
        return std::nullopt;
    }
    const std::string port_text = text->substr(colon + 1 + host_begin);
    const bool decimal = !port_text.empty() && port_text.size() <= 5 &&
                         port_text.find_first_not_of("0123456789") == std::string::npos;
    const std::uint64_t port = decimal ? integer_of(port_text).value_or(0) : 0;
    if (port == 0 || port > 0xFFFF) {
        const bool is_number = port_text.find_first_not_of("0123456789") == std::string::npos;
        findings.error(element.where,
                       {is_number && !port_text.empty() ? "out-of-range" : "invalid-address",
                        fmt::format("{} has no valid port: {}", what, quote(*text)),
                        "a port is a number from 1 to 65535"});
        return std::nullopt;
    }
    return Address{.host = *host, .port = static_cast<std::uint16_t>(port), .where = element.where};
}

} // namespace authex::descriptor
