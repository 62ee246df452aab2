#pragma once
// A module without a process: the real runtime, real endpoints, real keys and seals, run in the
// caller's thread. Its endpoints number what they emit, and record whether what they take is
// exactly once and in order.

#include <authex/abi.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "runtime/runtime.hpp"
#include "support/owner.hpp"
#include "tee/loader.hpp"
#include "wire/frame.hpp"

namespace authex::test {

/// The endpoints of every memory module; an endpoint's id.
enum Endpoint : std::uint16_t {
    endpoint_out = 0,          ///< output: u64 number, then `payload_bytes - 8` bytes
    endpoint_in = 1,           ///< input: records the number
    endpoint_ask = 2,          ///< request: u64 number; records the replies
    endpoint_answer = 3,       ///< handler: replies with what it was given
    endpoint_relay = 4,        ///< input: hands on what it was given to endpoint_out
    endpoint_echo = 5,         ///< entry: results in what it was given
    endpoint_emit = 6,         ///< entry: u32 count of numbered events
    endpoint_refuse = 7,       ///< entry: fails
    endpoint_tick = 8,         ///< timer
    endpoint_server = 9,       ///< stream: echoes
    endpoint_listen = 10,      ///< entry: u16 port for endpoint_server, u8 1: pulled, u8 1: closes
                               ///< after a piece
    endpoint_start_timer = 11, ///< entry: u64 delay in µs for endpoint_tick
    endpoint_report = 12,      ///< entry: a Report as ten u64
    endpoint_pull = 13,        ///< entry: pulls the stream that was opened last
};

/// What the module's code has seen.
struct Ledger {
    std::uint64_t emitted = 0;
    std::uint64_t asked = 0;
    std::map<std::uint16_t, std::uint64_t> taken; ///< by endpoint: numbers seen so far, 0, 1, 2 …
    std::uint64_t out_of_order = 0;               ///< anything but the next number
    std::uint64_t owed = 0;                       ///< events to be emitted when there is room
    std::uint64_t owed_requests = 0;
    std::size_t payload_bytes = 8;
    std::uint64_t ticks = 0;
    std::uint16_t port = 0;
    std::uint64_t stream = 0; ///< opened last
    std::uint64_t pieces = 0; ///< of data that came from streams
    bool closes = false;      ///< streams, after their first piece
};

/// What endpoint_report answers: for who may not touch the ledger.
struct Report {
    std::uint64_t emitted = 0;
    std::uint64_t taken_in = 0;
    std::uint64_t taken_answer = 0;
    std::uint64_t taken_reply = 0;
    std::uint64_t asked = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t ticks = 0;
    std::uint64_t port = 0;
    std::uint64_t stream = 0;
    std::uint64_t pieces = 0;
};
Report parse_report(ByteView data);

class MemoryModule {
  public:
    static constexpr std::size_t ring_bytes = 512 * 1024;

    explicit MemoryModule(std::uint16_t deployment, std::size_t in_bytes = ring_bytes);
    MemoryModule(const MemoryModule&) = delete;
    MemoryModule& operator=(const MemoryModule&) = delete;

    /// The owner's part, past the rings.
    void attest() { owner_.attest(); }
    void connect(std::uint16_t channel, Endpoint endpoint, bool source, std::uint32_t epoch) {
        owner_.connect(channel, endpoint, source, epoch);
    }
    /// A frame as the deployer seals it for a direct connection of this deployment.
    std::vector<std::uint8_t> seal_direct(std::uint16_t channel,
                                          std::uint32_t epoch,
                                          const wire::FrameHeader& header,
                                          ByteView body) const;

    /// The manager's part.
    [[nodiscard]] std::size_t room() const { return in_capacity_ - (in_.size() - in_begin_); }
    void feed(ByteView frames); ///< @pre frames.size() <= room()
    [[nodiscard]] ByteView output() const { return ByteView(out_).first(out_used_); }
    void consume(std::size_t bytes);
    /// Handles what was fed, as far as the output has room, and emits what is owed. @return whether
    /// anything happened.
    bool run();
    /// A frame for run(), made by the untrusted node: a call.
    void call(Endpoint entry, ByteView data, std::uint64_t number = 0);
    /// The module stops taking frames, or goes on.
    void set_asleep(bool asleep) { asleep_ = asleep; }
    /// Empties rings and ledger; keys stay.
    void forget();
    [[nodiscard]] bool has_input() const { return in_begin_ < in_.size(); }

    Ledger ledger;
    std::map<std::uint64_t, std::uint64_t> refusals; ///< frames of kind refusal, by Error value

  private:
    friend struct Endpoints;
    std::vector<std::uint8_t> invoke_alone(ByteView frame);

    std::uint16_t deployment_;
    std::size_t in_capacity_;
    std::unique_ptr<runtime::Runtime> runtime_;
    std::vector<std::uint8_t> in_;
    std::size_t in_begin_ = 0;
    std::vector<std::uint8_t> out_;
    std::size_t out_used_ = 0;
    bool asleep_ = false;
    Owner owner_;
};

/// The module behind the manager's interface. Runs when the manager looks; rings the doorbell only
/// for ring().
class MemoryLink final : public tee::ModuleLink {
  public:
    explicit MemoryLink(std::shared_ptr<MemoryModule> module,
                        std::optional<tee::OwnClock> clock = {});
    ~MemoryLink() override;

    std::optional<ByteView> readable() override;
    void consume(std::size_t count) override { module_->consume(count); }
    std::optional<Bytes> writable() override;
    void commit(std::size_t count) override;
    void notify() override {}
    bool prepare_sleep(bool want_room) override;
    [[nodiscard]] int doorbell_fd() const override { return doorbell_; }
    void drain_doorbell() override;
    [[nodiscard]] int exit_fd() const override { return exit_; }
    std::optional<tee::Exit> exit() override;
    void kill() override;
    [[nodiscard]] std::optional<tee::OwnClock> own_clock() const override { return clock_; }
    void set_periodic(const std::vector<tee::PeriodicCall>& calls) override;
    /// A node with its own clock also says that it carries frames; it carries none.
    bool carry_to(std::uint16_t channel, tee::ModuleLink& destination) override;
    void carry_no_more(std::uint16_t channel) override;
    std::vector<tee::Carried> take_carried() override;
    /// As many as its period has ms.
    [[nodiscard]] tee::PeriodicCounts periodic_counts(const std::string& name) const override;

    /// How often each channel was left to the node, and not ended since. From any thread.
    [[nodiscard]] std::map<std::uint16_t, unsigned> left_to_node() const;
    /// What take_carried() says next. From any thread.
    void has_carried(const tee::Carried& events);
    /// Names of what its clock calls. From any thread.
    [[nodiscard]] std::vector<std::string> periodic() const;
    /// From any thread: wakes the manager.
    void ring() const;
    /// From any thread: the module ends as if by a signal.
    void die() const;

  private:
    std::shared_ptr<MemoryModule> module_;
    std::vector<std::uint8_t> window_;
    std::optional<tee::OwnClock> clock_;
    mutable std::mutex mutex_;
    std::vector<tee::PeriodicCall> periodic_; ///< guarded by mutex_, as what follows
    std::map<std::uint16_t, unsigned> left_to_node_;
    std::vector<tee::Carried> carried_;
    int doorbell_;
    int exit_;
};

} // namespace authex::test
