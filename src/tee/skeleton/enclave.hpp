#pragma once
// A module in the manager's own process: its image, the memory that it shares with the manager, and
// its end. It works while the manager's thread is inside, and at no other time.

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "runtime/invocation.hpp"
#include "tee/loader.hpp"
#include "tee/process/descriptor.hpp"

namespace authex::tee::skeleton {

/// Not thread-safe, but for identity() and ended().
class Enclave {
  public:
    /// Loads and starts an image. What runs is `image`, whatever happens to the file that it was
    /// read from. @param identity its SHA-256
    /// @error image-malformed: no shared object, no entry, or it refuses to start | module-files
    static Expected<std::shared_ptr<Enclave>> load(ByteView image, const Sha256& identity);
    ~Enclave();
    Enclave(const Enclave&) = delete;
    Enclave& operator=(const Enclave&) = delete;

    [[nodiscard]] const Sha256& identity() const { return identity_; }
    [[nodiscard]] bool ended() const { return ended_; }

    // As ModuleLink's.
    [[nodiscard]] ByteView readable() { return out_area().first(out_bytes_); }
    void consume(std::size_t count);
    [[nodiscard]] Bytes writable() { return in_area().subspan(in_bytes_); }
    void commit(std::size_t count) { in_bytes_ += count; }
    [[nodiscard]] int exit_fd() const { return ended_bell_.get(); }
    [[nodiscard]] std::optional<Exit> exit() const { return exit_; }

    /// Enters the module until it does nothing more. One that breaks the contract is ended.
    void run();
    /// Unloads the image. The first end stays.
    void end(const Exit& exit);

  private:
    using Entry = void(runtime::Invocation*);

    explicit Enclave(const Sha256& identity);
    Expected<bool> map(ByteView image);
    Expected<bool> start();
    [[nodiscard]] Bytes in_area();
    [[nodiscard]] Bytes out_area();

    Sha256 identity_;
    process::Descriptor file_; ///< of the image, open as long as it is mapped
    void* image_ = nullptr;    ///< the dynamic linker's handle
    Entry* entry_ = nullptr;
    std::vector<std::uint8_t> shared_;
    std::size_t in_bytes_ = 0;  ///< frames that the module has not taken
    std::size_t out_bytes_ = 0; ///< frames that the manager has not taken
    process::Descriptor ended_bell_;
    std::optional<Exit> exit_;
    std::atomic<bool> ended_{false};
};

} // namespace authex::tee::skeleton
