#pragma once
// Reading the values of a descriptor. Each function reports what is wrong and then says nothing, so
// that one fault is one finding.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "descriptor/findings.hpp"
#include "descriptor/model.hpp"
#include "descriptor/tree.hpp"

namespace authex::descriptor {

/// A map of which the keys are known.
class MapReader {
  public:
    /// Reports that it is no map, or keys that are not among `keys`. `what` is named in messages,
    /// e.g. "node «edge»".
    MapReader(const Element& map,
              std::string what,
              const std::vector<std::string>& keys,
              Findings& findings);

    /// Nullptr if absent.
    [[nodiscard]] const Element* find(std::string_view key) const;
    /// Nullptr if absent; then it is reported at `where`, unless this is no map at all.
    [[nodiscard]] const Element* require(std::string_view key, const SourceRange& where) const;
    [[nodiscard]] bool is_map() const { return is_map_; }

  private:
    const Element& map_;
    std::string what_;
    Findings& findings_;
    bool is_map_;
};

struct Range {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
};

/// The entries of a map with free keys; empty if it is no map, which is reported.
[[nodiscard]] const std::vector<Entry>&
read_entries(const Element& element, std::string_view what, Findings& findings);
/// The items of a list; empty if it is no list, which is reported.
[[nodiscard]] const std::vector<ElementPointer>&
read_items(const Element& element, std::string_view what, Findings& findings);
/// Any scalar that is not empty.
[[nodiscard]] std::optional<std::string>
read_text(const Element& element, std::string_view what, Findings& findings);
/// `[a-z][a-z0-9_-]*`, at most 63 bytes; `more` are characters allowed besides.
[[nodiscard]] std::optional<std::string> read_name(const Element& element,
                                                   std::string_view what,
                                                   Findings& findings,
                                                   std::string_view more = {});
[[nodiscard]] std::optional<bool>
read_bool(const Element& element, std::string_view what, Findings& findings);
/// Decimal, or hexadecimal with 0x.
[[nodiscard]] std::optional<std::uint64_t>
read_integer(const Element& element, std::string_view what, Range range, Findings& findings);
/// Bytes: `65536`, `64KiB`, `1MiB`, `1GiB`.
[[nodiscard]] std::optional<std::uint64_t>
read_size(const Element& element, std::string_view what, Range range, Findings& findings);
/// `100us`, `500ms`, `2s`, `1m`, `1h`; 100 µs to 24 h.
[[nodiscard]] std::optional<std::chrono::microseconds>
read_duration(const Element& element, std::string_view what, Findings& findings);
/// IPv4, [IPv6] or a host name (RFC 1123 §2.1), and a port.
[[nodiscard]] std::optional<Address>
read_address(const Element& element, std::string_view what, Findings& findings);
/// A path that is relative to the descriptor's folder.
[[nodiscard]] std::optional<std::filesystem::path>
read_path(const Element& element, std::string_view what, Findings& findings);
/// `module.endpoint` or `module.7`.
[[nodiscard]] std::optional<EndpointReference>
read_endpoint(const Element& element, std::string_view what, Findings& findings);
/// The index of the word among `words`.
[[nodiscard]] std::optional<std::size_t> read_choice(const Element& element,
                                                     std::string_view what,
                                                     const std::vector<std::string>& words,
                                                     Findings& findings);
/// Exactly 2 × `bytes.size()` hexadecimal digits. False if not; then `bytes` are as before.
[[nodiscard]] bool read_hex(const Element& element,
                            std::string_view what,
                            std::span<std::uint8_t> bytes,
                            Findings& findings);

/// Decimal, or hexadecimal with 0x; nothing else around it.
[[nodiscard]] std::optional<std::uint64_t> integer_of(std::string_view text);
[[nodiscard]] bool is_c_identifier(std::string_view text);

} // namespace authex::descriptor
