// Every output is explained by inputs through the source. Step by step: what a module takes was
// sent by the end that the descriptor names, on that connection, with that content; and what it
// sends is what a model of its source (models.hpp) makes of all that it has taken, and of all that
// the instances have taken from which it has its state. By induction over what causes what, every
// output of the application follows from what its owner said.
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "simulation/invariants/invariant.hpp"
#include "simulation/models.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

bool equal(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

class Explained final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "explained"; }

    void sealed(const Process* process, const SealView& seal) override {
        if (!seal.of_connection()) {
            return;
        }
        const descriptor::Connection* connection = world_.shape().connection(seal.channel());
        if (connection == nullptr) {
            violated(fmt::format("channel {} is no connection", seal.channel()));
        } else if (seal.kind() == wire::Kind::reply) {
            check_reply(process, seal, *connection);
        } else if (process == nullptr) {
            check_saying(seal, *connection);
        } else {
            check_sending(*process, seal, *connection);
        }
    }

    void answered(ByteView answer) override {
        const Stream& stream = world_.ledger.streams[said_];
        const auto reply = stream.back.find(said_counter_);
        if (reply == stream.back.end() || reply->second.negative ||
            !equal(reply->second.plain, answer)) {
            violated("the owner's request is answered by what is no reply to it");
        }
    }

    void opened(const Process* process, const SealView& seal) override {
        if (!seal.of_connection()) {
            return;
        }
        const auto stream = world_.ledger.streams.find(seal.key);
        const SealedFrame* sent = nullptr;
        if (stream != world_.ledger.streams.end()) {
            const auto& direction = seal.back() ? stream->second.back : stream->second.forward;
            const auto found = direction.find(seal.counter());
            sent = found == direction.end() ? nullptr : &found->second;
        }
        if (sent == nullptr || !equal(sent->plain, seal.plain) || sent->kind != seal.kind() ||
            sent->negative != seal.negative()) {
            violated(fmt::format("{} opens frame {} of channel {}, which nobody has sent so",
                                 process == nullptr ? "the deployer" : process->module(),
                                 seal.counter(),
                                 seal.channel()));
        }
    }

    void take(const Process& process,
              const authex_endpoint& endpoint,
              const authex_message& message,
              const OpenedFrame* frame) override {
        check_end(process, endpoint, frame);
        Account& account = accounts_[process.actor()];
        if (account.model == nullptr) {
            begin(process, account);
        }
        account.expected.clear();
        account.answer.clear();
        account.next = 0;
        account.taking = true;
        const Model::Given given{.endpoint = endpoint.name,
                                 .data = {message.data, message.size},
                                 .id = message.id,
                                 .status = message.status};
        account.fails = !account.model->take(given, account.expected, account.answer);
    }

    void taken(const Process& process,
               const authex_endpoint& endpoint,
               const authex_message& message) override {
        Account& account = accounts_[process.actor()];
        account.taking = false;
        const Bytes state = process.program().state();
        known_[process.module()][{state.begin(), state.end()}] = account.model->copy();
        if (account.next != account.expected.size()) {
            violated(fmt::format(
                "{} did not send what follows from its input {}", process.module(), endpoint.name));
        }
        const bool answers =
            endpoint.kind == AUTHEX_KIND_HANDLER || endpoint.kind == AUTHEX_KIND_ENTRY;
        const bool fails = message.status != AUTHEX_OK;
        const bool same = fails == account.fails &&
                          (fails || equal({message.result, message.result_size}, account.answer));
        if (answers && !same) {
            violated(fmt::format("{} answers on {} what does not follow from its source",
                                 process.module(),
                                 endpoint.name));
        }
    }

    void send(const Process& process, const Sending& sending) override {
        Account& account = accounts_[process.actor()];
        const bool expected = account.taking && account.next < account.expected.size();
        const Model::Sent* next = expected ? &account.expected[account.next] : nullptr;
        if (next == nullptr || next->what != sending.what ||
            (sending.endpoint != nullptr && next->endpoint != sending.endpoint) ||
            !equal(next->data, sending.data)) {
            violated(fmt::format("{} sends {} on {}, which does not follow from its inputs",
                                 process.module(),
                                 to_hex(sending.data),
                                 sending.endpoint == nullptr ? "its log" : sending.endpoint));
        }
        ++account.next;
        sending_ = &sending;
    }
    void sent(const Process&, const Sending&, authex_status) override { sending_ = nullptr; }

  private:
    struct Account {
        std::unique_ptr<Model> model;
        std::vector<Model::Sent> expected; ///< of the function that runs
        std::vector<std::uint8_t> answer;
        bool fails = false;
        std::size_t next = 0;
        bool taking = false;
    };

    /// It is as its source begins, or as an instance or a process before once was.
    void begin(const Process& process, Account& account) {
        account.model = make_model(process.program().name());
        const ByteView state = process.program().state();
        if (equal(state, process.program().initial_state())) {
            return;
        }
        const auto& known = known_[process.module()];
        const auto before = known.find({state.begin(), state.end()});
        if (before == known.end()) {
            violated(fmt::format("{} begins with a state that no instance before it had",
                                 process.module()));
            return;
        }
        account.model = before->second->copy();
    }

    /// What the owner says once is sealed once.
    void check_saying(const SealView& seal, const descriptor::Connection& connection) {
        if (connection.from || !equal(seal.plain, world_.owner.saying())) {
            violated(fmt::format("the deployer seals {} on {}, which its owner did not say",
                                 to_hex(seal.plain),
                                 connection.name));
        }
        if (std::exchange(commands_, world_.owner.commands()) == world_.owner.commands()) {
            violated(fmt::format("the deployer says twice what its owner said once on {}",
                                 connection.name));
        }
        said_ = seal.key;
        said_counter_ = seal.counter();
    }

    void check_sending(const Process& process,
                       const SealView& seal,
                       const descriptor::Connection& connection) {
        const bool request = seal.kind() == wire::Kind::request;
        const auto what = request ? Sending::What::request : Sending::What::output;
        if (sending_ == nullptr || sending_->what != what || !equal(seal.plain, sending_->data)) {
            violated(fmt::format(
                "{} seals on {} what its module did not send", process.module(), connection.name));
        } else if (!connection.from || connection.from->module != process.module() ||
                   connection.from->endpoint != sending_->endpoint) {
            violated(fmt::format("{}.{} sends on {}, which is another's",
                                 process.module(),
                                 sending_->endpoint,
                                 connection.name));
        }
    }

    void check_reply(const Process* process,
                     const SealView& seal,
                     const descriptor::Connection& connection) {
        const Account* account = process == nullptr ? nullptr : &accounts_[process->actor()];
        if (account == nullptr || connection.to.module != process->module() ||
            seal.negative() != account->fails ||
            (!seal.negative() && !equal(seal.plain, account->answer))) {
            violated(
                fmt::format("a reply on {} does not follow from its request", connection.name));
        }
    }

    void
    check_end(const Process& process, const authex_endpoint& endpoint, const OpenedFrame* frame) {
        if (frame == nullptr) {
            return;
        }
        const descriptor::Connection* connection = world_.shape().connection(frame->channel);
        const bool back = frame->kind == wire::Kind::reply;
        const descriptor::EndpointReference* end = connection == nullptr ? nullptr
                                                   : !back               ? &connection->to
                                                   : connection->from    ? &*connection->from
                                                                         : nullptr;
        if (end == nullptr || end->module != process.module() || end->endpoint != endpoint.name) {
            violated(fmt::format("{}.{} takes a frame of channel {}, which is not its",
                                 process.module(),
                                 endpoint.name,
                                 frame->channel));
        }
    }

    using Known = std::map<std::vector<std::uint8_t>, std::unique_ptr<Model>>;
    std::map<Actor, Account> accounts_;
    std::map<std::string, Known> known_; ///< by module: its memory as it was, and what that means
    const Sending* sending_ = nullptr;
    // The owner's last message.
    std::uint64_t commands_ = 0;
    KeyName said_{};
    std::uint64_t said_counter_ = 0;
};

} // namespace

std::unique_ptr<Invariant> make_explained(World& world) {
    return std::make_unique<Explained>(world);
}

} // namespace authex::simulation
