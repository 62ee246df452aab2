#include "deployer/orders.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "wire/frame.hpp"

namespace authex::deployer {

Diagnostic superseded(const std::string& module, const std::string& why) {
    return make_error(
        "state-superseded",
        fmt::format("module {} was keyed by another copy of this state: {}", module, why),
        "go on where that copy is; to go on here instead: authex export FILE, and authex restore "
        "FILE --replace");
}
namespace {

/// So many orders travel in one call; their frames fit into a module's input many times.
constexpr std::size_t batch_max = 512;

std::string to_begin_without(const std::string& module) {
    return fmt::format(
        "put back what the node has kept, or begin without a state: authex up --afresh {}", module);
}

std::string bytes_of(const std::vector<std::uint8_t>& bytes) {
    return {bytes.begin(), bytes.end()};
}

Diagnostic refused(const std::string& module, wire::ControlType order, Error error) {
    const bool value = order == wire::ControlType::set_value;
    if (order == wire::ControlType::keep_state && error == Error::too_large) {
        return make_error("state-too-large",
                          fmt::format("the state of module {} is too large to be kept", module),
                          "at most 60 KB of AUTHEX_STATE, less with many connections; or leave out "
                          "`persist`");
    }
    switch (error) {
    case Error::unknown_kind:
        return make_error("order-refused",
                          fmt::format("module {} does not know this order", module),
                          value ? "its TEE takes neither `config` nor `secrets`: leave them out"
                                : "use the same release of authex everywhere: authex deploy");
    case Error::no_space:
        if (value) {
            return make_error("order-refused",
                              fmt::format("module {} has no room for more values", module),
                              "shorten `config` and `secrets` of the module");
        }
        return make_error("order-refused",
                          fmt::format("module {} takes no more connections", module),
                          "raise its `max: { connections: … }` in the descriptor");
    case Error::replayed:
        return make_error("state-kept-already",
                          fmt::format("module {} keeps its state already", module));
    case Error::forged:
        return make_error(
            "state-forged",
            fmt::format("what the node gives as the state of module {} was not sealed "
                        "by it, or under a key of before",
                        module),
            to_begin_without(module));
    case Error::malformed:
        if (order == wire::ControlType::restore_state) {
            return make_error(
                "state-layout",
                fmt::format("the kept state of module {} is not as its code has it now", module),
                "put the source back as it was, run authex up, and change it then: "
                "what runs hands over");
        }
        return make_error("order-refused",
                          fmt::format("module {} cannot read the order", module),
                          "use the same release of authex everywhere: authex deploy");
    case Error::disabled:
        return make_error("order-refused",
                          fmt::format("module {} was disabled", module),
                          fmt::format("to use it again: authex deploy --module {}", module));
    case Error::owners_alone:
        return make_error("order-refused",
                          fmt::format("module {} takes this order of its owner alone", module),
                          "the owner has to give it, not a delegate");
    case Error::key_mismatch:
    case Error::old_epoch:
        return superseded(module, "it has a key that was not made here");
    default:
        return make_error("order-refused",
                          fmt::format("module {} refuses the order: {}", module, error_text(error)),
                          "run authex up again; if that does not help, authex deploy it anew");
    }
}

Diagnostic unanswered(const std::string& module, Error error) {
    return make_error(
        "order-unanswered",
        fmt::format("module {} gave no authentic answer: {}",
                    module,
                    error == Error::none ? "it answered something else" : error_text(error)),
        "run authex up again: the module is attested anew");
}

} // namespace

struct OrderBatch::Sealed {
    ModuleOrders* orders = nullptr;
    ControlSession session;
    std::uint64_t first = 0; ///< counter of the first order
    std::vector<std::vector<std::uint8_t>> frames;
    bool open = true; ///< the module is on the control channel still

    void seal_all(std::uint16_t deployment, Error& error);
    void take_answer(std::size_t index, ByteView frame);
    void fail(const std::vector<std::size_t>& chosen, const Diagnostic& problem);
};

ModuleOrders& orders_of(std::vector<ModuleOrders>& all, const std::string& module) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const ModuleOrders& each) { return each.module == module; });
    if (found != all.end()) {
        return *found;
    }
    all.push_back({.module = module});
    return all.back();
}

ByteView take_frame(ByteView& frames) {
    wire::FrameView view;
    if (wire::parse_frame(frames, view) != Error::none) {
        return {};
    }
    const ByteView frame = frames.first(view.frame_bytes());
    frames = frames.subspan(frame.size());
    return frame;
}

void OrderBatch::Sealed::seal_all(std::uint16_t deployment, Error& error) {
    first = session.next_order();
    for (const wire::ControlMessage& message : orders->messages) {
        std::vector<std::uint8_t> frame;
        error = session.order(deployment, message, frame);
        if (error != Error::none) {
            return;
        }
        frames.push_back(std::move(frame));
    }
    orders->record.session.assign(session.serialize());
}

void OrderBatch::Sealed::take_answer(std::size_t index, ByteView frame) {
    OrderAnswer answer;
    const Error error = session.answer(frame, answer);
    if (error != Error::none || answer.answers != first + index) {
        open = false;
        orders->answers[index] = tl::make_unexpected(unanswered(orders->module, error));
        return;
    }
    // A module that knows no values has none.
    const bool removed = answer.error == Error::unknown_kind &&
                         orders->messages[index].type == wire::ControlType::remove_value;
    orders->answers[index] = answer.error == Error::none || removed
                                 ? Expected<OrderAnswer>(std::move(answer))
                                 : tl::make_unexpected(refused(
                                       orders->module, orders->messages[index].type, answer.error));
}

void OrderBatch::Sealed::fail(const std::vector<std::size_t>& chosen, const Diagnostic& problem) {
    for (const std::size_t index : chosen) {
        orders->answers[index] = tl::make_unexpected(problem);
    }
}

Expected<bool> OrderBatch::seal(std::vector<ModuleOrders>& orders, Change& change) {
    for (ModuleOrders& each : orders) {
        auto sealed = std::make_shared<Sealed>();
        sealed->orders = &each;
        each.record = *context_.state.module(each.module);
        Error error = sealed->session.restore(each.record.session.view());
        if (error != Error::none) {
            return failure("state-damaged",
                           fmt::format("the control channel of module {} is damaged", each.module),
                           fmt::format("authex attest --module {}", each.module));
        }
        each.answers.assign(each.messages.size(),
                            tl::make_unexpected(unanswered(each.module, Error::not_attested)));
        sealed->seal_all(context_.state.deployment(), error);
        if (error != Error::none) {
            return tl::make_unexpected(unanswered(each.module, error));
        }
        change.modules.push_back(each.record);
        sealed_.push_back(std::move(sealed));
    }
    return true;
}

void OrderBatch::send(int turn,
                      const std::function<bool(const ModuleOrders&, std::size_t)>& wanted) {
    std::vector<std::function<void()>> work;
    for (const std::shared_ptr<Sealed>& sealed : sealed_) {
        const ModuleOrders& orders = *sealed->orders;
        std::vector<std::size_t> chosen;
        const std::size_t begin = turn == 0 ? 0 : orders.first_turn;
        const std::size_t end = turn == 0 ? orders.first_turn : orders.messages.size();
        for (std::size_t i = begin; i < end && sealed->open; ++i) {
            if (wanted(orders, i)) {
                chosen.push_back(i);
            }
        }
        if (!chosen.empty()) {
            work.emplace_back([this, sealed, chosen] {
                send(*sealed, chosen, *context_.nodes.at(sealed->orders->record.node));
            });
        }
    }
    context_.executor.run(std::move(work));
}

void OrderBatch::send(Sealed& sealed, const std::vector<std::size_t>& chosen, Node& node) {
    ModuleOrders& orders = *sealed.orders;
    for (std::size_t begin = 0; begin < chosen.size() && sealed.open; begin += batch_max) {
        const auto from = chosen.begin() + static_cast<std::ptrdiff_t>(begin);
        const std::vector<std::size_t> some(
            from, from + static_cast<std::ptrdiff_t>(std::min(batch_max, chosen.size() - begin)));
        v1::ControlRequest request;
        request.set_deployment(context_.state.deployment());
        request.set_module(orders.module);
        request.set_answers(static_cast<std::uint32_t>(some.size()));
        for (const std::size_t index : some) {
            request.mutable_frames()->append(bytes_of(sealed.frames[index]));
        }
        const Expected<v1::ControlReply> reply = node.control(request);
        if (!reply) {
            sealed.fail({from, chosen.end()}, reply.error());
            // A node that cannot be reached says nothing about the module.
            sealed.open = reply.error().code != "deadline" && reply.error().code != "order-refused";
            break;
        }
        const std::vector<std::uint8_t> frames(reply->frames().begin(), reply->frames().end());
        ByteView rest(frames);
        for (const std::size_t index : some) {
            if (sealed.open) {
                sealed.take_answer(index, take_frame(rest));
            }
        }
    }
    if (!sealed.open) {
        orders.record.attested_at_us = 0; // the next `up` finds out what it is
    }
    orders.record.session.assign(sealed.session.serialize());
}

Expected<bool>
give_orders(const OrderContext& context, Change change, std::vector<ModuleOrders>& orders) {
    for (ModuleOrders& each : orders) {
        each.first_turn = each.messages.size();
    }
    OrderBatch batch(context);
    const Expected<bool> sealed = batch.seal(orders, change);
    Expected<bool> kept = sealed ? context.state.commit(change) : sealed;
    if (kept) {
        batch.send(0, [](const ModuleOrders&, std::size_t) { return true; });
    }
    return kept;
}

} // namespace authex::deployer
