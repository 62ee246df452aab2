#pragma once
// The guarded door of an enclave: what the host hands in is checked here before anything else runs.
// (DESIGN "The door is guarded")

#include "base/result.hpp"
#include "runtime/invocation.hpp"
#include "runtime/port.hpp"
#include "runtime/runtime.hpp"

namespace authex::runtime {

class Door {
  public:
    constexpr explicit Door(Runtime& runtime) : runtime_(runtime) {}

    /// Serves one invocation. `invocation` is the host's memory: each field is read once. Sets its
    /// answer fields.
    /// @error (in invocation.error) unknown_version | malformed: unknown operation, started twice
    /// or not at all, entered while inside | outside: a range that wraps, leaves the shared area or
    /// touches the image | no_space: more endpoints than this build carries
    /// An `invocation` that touches the image is not answered at all.
    void enter(Invocation* invocation);

  private:
    [[nodiscard]] Error serve(Invocation& copied, Progress& progress);
    [[nodiscard]] Error start(Invocation& copied);
    [[nodiscard]] bool shared(std::uint64_t address, std::uint64_t bytes) const;

    Runtime& runtime_;
    std::uint64_t shared_begin_ = 0;
    std::uint64_t shared_end_ = 0;
    bool started_ = false;
    bool inside_ = false;
};

} // namespace authex::runtime
