#pragma once
// Bytes over a connected, non-blocking socket: plain or TLS. The socket is waited for elsewhere.

#include <cstddef>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::em {

enum class Readiness : std::uint8_t { done, wants_read, wants_write, closed };

struct Moved {
    std::size_t bytes = 0;
    Readiness readiness = Readiness::done;
};

class Transport {
  public:
    virtual ~Transport() = default;
    virtual Moved read(Bytes to) = 0;
    virtual Moved write(ByteView from) = 0;
};

/// The TLS side of all links of a manager: its certificate, and whom it accepts. Both ends show
/// one.
class TlsContext {
  public:
    virtual ~TlsContext() = default;
    /// @error tls: a file cannot be read or does not fit the others
    static Expected<std::unique_ptr<TlsContext>>
    open(const std::string& certificate, const std::string& key, const std::string& authority);
    /// `fd` must outlive the transport. `host`: the name or address that the other's certificate
    /// must be for, of an opened connection; empty for an accepted one.
    virtual std::unique_ptr<Transport> make(int fd, bool opened, const std::string& host) = 0;
};

/// recv and send. `fd` must outlive the transport.
std::unique_ptr<Transport> make_plain_transport(int fd);

} // namespace authex::em
