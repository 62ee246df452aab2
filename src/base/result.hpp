#pragma once
// Errors of the parts that go into enclaves. Nothing throws there; hosted parts use tl::expected
// with a Diagnostic.

#include <cstdint>

namespace authex {

/// Why something was refused. One registry for every part; on the wire as u8 (docs/protocol.md).
/// Values are stable.
enum class Error : std::uint8_t {
    none = 0,
    truncated = 1,       ///< fewer bytes than the format needs
    malformed = 2,       ///< a field has a value that the format does not allow
    unknown_version = 3, ///< a frame of another protocol version
    unknown_kind = 4,    ///< a frame or message kind that this end does not know or take
    too_large = 5,       ///< a body larger than this end takes
    unknown_channel = 6, ///< no connection or entry with this id
    wrong_role = 7,      ///< the connection is not of this kind or direction
    forged = 8,          ///< the tag does not verify
    replayed = 9,        ///< the counter was taken before
    too_early = 10,      ///< a counter beyond the expected one: retransmit from there
    exhausted = 11,      ///< the counter or key is at its limit: a new epoch is needed
    no_connection = 12,  ///< the output or request is not connected
    no_space = 13,       ///< an output buffer or a fixed table is full
    not_attested = 14,   ///< the control channel is not open yet
    old_epoch = 15,      ///< a key of an epoch that is not newer than the one set
    unsupported = 16,    ///< algorithm or feature not built into this image
    disabled = 17,       ///< the module was disabled by its owner
    outside = 18,        ///< a buffer of the caller is not wholly in the agreed shared area
    key_mismatch = 19,   ///< the same epoch with another key or other ends
    failed = 20,         ///< the module's own function answered that it failed
    unanswered = 21,     ///< a request whose reply will never come
    not_set = 22,        ///< the owner has given no value of this name
    superseded = 23,     ///< an owner key whose place another one has taken
    paused = 24,         ///< the owner has told the module to wait: later
    late = 25,           ///< older than its connection's deadline: taken, and not given on
    owners_alone = 26,   ///< an order that a delegate of the owner may not give
};

/// The text of an error, for logs and messages. Never empty; static storage.
const char* error_text(Error error);

/// A value or an Error, with the member names of std::expected. For small, trivially copyable
/// values.
template <typename T>
class [[nodiscard]] Result {
  public:
    constexpr Result(T value) : value_(value) {}     // NOLINT(google-explicit-constructor): meant
    constexpr Result(Error error) : error_(error) {} // NOLINT(google-explicit-constructor): meant

    [[nodiscard]] constexpr bool has_value() const { return error_ == Error::none; }
    constexpr explicit operator bool() const { return has_value(); }
    constexpr const T& operator*() const { return value_; }
    constexpr const T* operator->() const { return &value_; }
    [[nodiscard]] constexpr Error error() const { return error_; }

  private:
    T value_{};
    Error error_ = Error::none;
};

} // namespace authex
