#pragma once
// A client of a TEE in the normal world: sessions, commands, shared memory. (GP TEE Client API 1.0)
// No allocation of its own, no exceptions.

#include <array>
#include <cstdint>

#include "base/bytes.hpp"

namespace authex::tee::trustzone {

using Uuid = std::array<std::uint8_t, 16>; ///< octets in the order in which they are written

/// Memory that client and TEE share for the life of the client.
struct SharedMemory {
    std::int32_t id = -1; ///< < 0: there is none
    Bytes bytes;
};

/// One parameter; of the kinds that are used here. (GP TEE Client API 1.0, §4.4.5)
struct Parameter {
    enum class Kind : std::uint64_t {
        none = 0,
        value_output = 2,
        memory_input = 5,
        memory_output = 6
    };
    Kind kind = Kind::none;
    std::uint64_t offset = 0; ///< in the shared memory; a of a value
    std::uint64_t bytes = 0;  ///< b of a value; of memory that is given out: what came
    std::int32_t memory = -1; ///< id
};
using Parameters = std::array<Parameter, 4>;

constexpr std::uint32_t client_failed = 0xFFFF000E; ///< TEE_ERROR_COMMUNICATION

class TeeClient {
  public:
    /// Whether a TEE answers that this client can speak to.
    [[nodiscard]] virtual bool is_there() = 0;
    /// Memory that the TEE's driver or library makes.
    virtual SharedMemory share(std::size_t bytes) = 0;
    /// Memory of this process, mapped from a file or not, which stays where it is. (GP TEE Client
    /// API 1.0, §4.5.4) There is none where driver or TEE do not take it. @pre it is whole pages
    virtual SharedMemory register_memory(Bytes pages) = 0;
    /// @return TEEC_SUCCESS (0), what the TEE or the TA says, or client_failed
    virtual std::uint32_t open(const Uuid& ta, std::uint32_t& session) = 0;
    /// Sizes and values that come back are bounded by what was given.
    virtual std::uint32_t
    invoke(std::uint32_t session, std::uint32_t command, Parameters& parameters) = 0;
    virtual void close(std::uint32_t session) = 0;

  protected:
    ~TeeClient() = default; // nobody owns one through it
};

} // namespace authex::tee::trustzone
