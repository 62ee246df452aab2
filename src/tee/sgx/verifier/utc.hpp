#pragma once
// Times of the verifier: seconds since 1970 in UTC.

#include <optional>
#include <string>
#include <string_view>

#include <openssl/asn1.h>

namespace authex::tee::sgx {

/// `2026-11-26T12:00:00Z`, or with an offset like `+01:00` in place of Z. (RFC 3339 §5.6, without
/// fractions of seconds)
[[nodiscard]] std::optional<std::int64_t> parse_utc(std::string_view text);

[[nodiscard]] std::string utc_text(std::int64_t time);

/// The smallest number where the time is malformed.
[[nodiscard]] std::int64_t utc_of(const ASN1_TIME& time);

} // namespace authex::tee::sgx
