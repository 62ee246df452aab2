#pragma once
// The registers of an interrupted thread, as a signal has saved them. (Linux,
// arch/x86/include/uapi/asm/sigcontext.h)

#include <cstdint>
#include <cstring>
#include <ucontext.h>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

/// x87 and SSE as XSAVE lays them out, without the bytes behind that software may use.
/// (Intel SDM vol. 1, §13.4.1)
constexpr std::size_t legacy_state_bytes = 464;
constexpr std::size_t xsave_header_offset = 512; ///< of XSTATE_BV, and the header
constexpr std::size_t mxcsr_offset = 24;
constexpr std::uint64_t x87_and_sse = 3;

class Registers {
  public:
    explicit Registers(ucontext_t& context) : all_(context.uc_mcontext.gregs), context_(context) {}

    [[nodiscard]] std::uint64_t get(int which) const {
        return static_cast<std::uint64_t>(all_[which]);
    }
    void set(int which, std::uint64_t value) { all_[which] = static_cast<greg_t>(value); }
    [[nodiscard]] std::uint32_t leaf() const { return static_cast<std::uint32_t>(get(REG_RAX)); }
    /// Behind an ENCLU.
    void next_instruction() { set(REG_RIP, get(REG_RIP) + 3); }
    /// x87 and SSE as after XRSTOR with no component in use.
    void initialise_vectors() {
        auto* state = context_.uc_mcontext.fpregs;
        std::memset(state->_st, 0, sizeof state->_st);
        std::memset(state->_xmm, 0, sizeof state->_xmm);
        state->cwd = 0x37F;
        state->swd = 0;
        state->ftw = 0;
        state->mxcsr = 0x1F80;
    }
    [[nodiscard]] ByteView vectors() const {
        return {reinterpret_cast<const std::uint8_t*>(context_.uc_mcontext.fpregs),
                legacy_state_bytes};
    }
    /// @param legacy of legacy_state_bytes
    void set_vectors(ByteView legacy) {
        constexpr std::uint32_t extended = 0x46505853; // FP_XSTATE_MAGIC1: a header follows
        auto* const state = reinterpret_cast<std::uint8_t*>(context_.uc_mcontext.fpregs);
        std::memcpy(state, legacy.data(), legacy_state_bytes);
        std::uint32_t magic = 0;
        std::memcpy(&magic, state + legacy_state_bytes, sizeof magic);
        if (magic == extended) {
            state[xsave_header_offset] |= static_cast<std::uint8_t>(x87_and_sse); // in use
        }
    }

  private:
    gregset_t& all_;
    ucontext_t& context_;
};

} // namespace authex::tee::sgx
