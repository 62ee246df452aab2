#pragma once
// The links between simulated managers: what src/em/peer_links.cpp does over TCP, over a network
// that is the attacker's. It carries the records of src/em/link.hpp.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "em/link.hpp"
#include "em/router.hpp"

namespace authex::simulation {

class World;

/// What becomes of the next records that a machine sends.
struct RecordFault {
    enum class What : std::uint8_t {
        drop,
        delay,     ///< by `value` µs; later ones wait behind it
        duplicate, ///< the second one comes `value` µs later
        overtaken, ///< by those of the next `value` µs
        flip,      ///< bit `value`
        rewrite,   ///< bit `value` of the payload; the checksums are made right again
        cut,       ///< the link breaks after `value` bytes of it
    };
    What what = What::drop;
    std::uint64_t value = 0;
};

class Network {
  public:
    explicit Network(World& world) : world_(world) {}

    void arm(std::size_t machine, const RecordFault& fault);
    /// What the machine answers to those who sent it frames, its modules' acknowledgements, is
    /// held, at most for so long: until it was sent the first frame of a new epoch. Then what was
    /// held arrives, and that frame is lost with its link.
    void hold_answers(std::size_t machine, std::uint64_t at_most_us);
    /// Nothing passes between the two, until heal().
    void part(std::size_t a, std::size_t b);
    /// No fault is armed any more, nobody is parted.
    void heal();

    // A machine's side.
    em::PeerId open(std::size_t machine, const std::string& address);
    [[nodiscard]] std::size_t room(std::size_t machine, em::PeerId peer) const;
    void send(std::size_t machine, em::PeerId peer, ByteView frames);
    /// Puts what was sent on its way. @return whether there was anything.
    bool flush(std::size_t machine);
    /// The machine's manager has died: its links break, and those that it had opened are forgotten.
    void forget(std::size_t machine);
    /// Frames by a liar, past his router: to the first machine that he has a link with.
    void inject(std::size_t machine, std::uint64_t which, ByteView frames);

    [[nodiscard]] std::size_t held_bytes() const;

  private:
    using Record = std::vector<std::uint8_t>;
    struct Side {
        std::size_t machine = 0;
        em::PeerId peer = em::no_id;
        em::RecordWriter out;
        em::RecordParser in;
        std::uint64_t last_arrival_us = 0;
        std::size_t in_flight_bytes = 0;
        std::vector<Record> held; ///< that it has sent
    };
    struct Wire {
        std::array<Side, 2> sides; ///< 0 has opened it
        std::string address;
        bool up = false;
        bool gone = false; ///< nobody dials it any more
        std::uint64_t generation = 0;
        std::uint64_t backoff_us = 0;
        std::uint64_t down_us = 0; ///< when it was opened, or up last
    };
    using WirePtr = std::shared_ptr<Wire>;

    [[nodiscard]] bool parted(const Wire& wire) const;
    std::pair<Wire*, std::size_t> find(std::size_t machine, em::PeerId peer) const;
    void dial_later(const WirePtr& wire);
    void dial(const WirePtr& wire);
    void cut(const WirePtr& wire);
    void carry(const WirePtr& wire, std::size_t from, Record record);
    bool hold(const WirePtr& wire, std::size_t from, const Record& record);
    void let_go(std::size_t machine);
    void let_go(const WirePtr& wire);
    void cut_at(std::uint64_t time_us, const WirePtr& wire);
    void arrive_at(std::uint64_t time_us, const WirePtr& wire, std::size_t to, Record record);
    void arrived(const WirePtr& wire, std::size_t to, const Record& record);

    World& world_;
    std::vector<WirePtr> wires_;
    std::deque<std::pair<std::size_t, RecordFault>> armed_;
    std::set<std::pair<std::size_t, std::size_t>> parted_;
    std::map<std::size_t, std::uint64_t> holding_; ///< machines, and since when
    em::PeerId next_peer_ = 0;
};

} // namespace authex::simulation
