#include "deployer/orders.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "wire/frame.hpp"

namespace authex::deployer {
namespace {

/// So many orders travel in one call; their frames fit into a module's input many times.
constexpr std::size_t batch_max = 512;

struct Sealed {
    ModuleOrders* orders = nullptr;
    ControlSession session;
    std::uint64_t first = 0; ///< counter of the first order
    std::vector<std::vector<std::uint8_t>> frames;
};

std::string bytes_of(const std::vector<std::uint8_t>& bytes) {
    return {bytes.begin(), bytes.end()};
}

Diagnostic refused(const std::string& module, Error error) {
    switch (error) {
    case Error::no_space:
        return make_error("order-refused",
                          fmt::format("module {} takes no more connections", module),
                          "raise its `max: { connections: … }` in the descriptor");
    case Error::disabled:
        return make_error("order-refused",
                          fmt::format("module {} was disabled", module),
                          fmt::format("to use it again: authex deploy --module {}", module));
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

/// @return whether the module is on the control channel still.
bool take_answers(Sealed& sealed, std::size_t begin, std::size_t end, ByteView frames) {
    for (std::size_t i = begin; i < end; ++i) {
        OrderAnswer answer;
        const Error error = sealed.session.answer(take_frame(frames), answer);
        const std::string& module = sealed.orders->module;
        if (error != Error::none || answer.answers != sealed.first + i) {
            const Diagnostic problem = unanswered(module, error);
            std::fill(sealed.orders->answers.begin() + static_cast<std::ptrdiff_t>(i),
                      sealed.orders->answers.end(),
                      tl::make_unexpected(problem));
            return false;
        }
        sealed.orders->answers[i] = answer.error == Error::none
                                        ? Expected<OrderAnswer>(std::move(answer))
                                        : tl::make_unexpected(refused(module, answer.error));
    }
    return true;
}

void send(Sealed& sealed, std::uint16_t deployment, Node& node) {
    ModuleOrders& orders = *sealed.orders;
    for (std::size_t begin = 0; begin < sealed.frames.size(); begin += batch_max) {
        const std::size_t end = std::min(begin + batch_max, sealed.frames.size());
        v1::ControlRequest request;
        request.set_deployment(deployment);
        request.set_module(orders.module);
        request.set_answers(static_cast<std::uint32_t>(end - begin));
        for (std::size_t i = begin; i < end; ++i) {
            request.mutable_frames()->append(bytes_of(sealed.frames[i]));
        }
        const Expected<v1::ControlReply> reply = node.control(request);
        bool open = false;
        if (reply) {
            const std::vector<std::uint8_t> frames(reply->frames().begin(), reply->frames().end());
            open = take_answers(sealed, begin, end, frames);
        } else {
            std::fill(orders.answers.begin() + static_cast<std::ptrdiff_t>(begin),
                      orders.answers.end(),
                      tl::make_unexpected(reply.error()));
            // A node that cannot be reached says nothing about the module.
            open = reply.error().code != "deadline";
        }
        if (!open) {
            orders.record.attested_at_us = 0; // the next `up` finds out what it is
        }
        if (!open || !reply) {
            break;
        }
    }
    orders.record.session.assign(sealed.session.serialize());
}

Expected<bool> seal(Sealed& sealed, const State& state, Change& change) {
    ModuleOrders& orders = *sealed.orders;
    orders.record = *state.module(orders.module);
    if (sealed.session.restore(orders.record.session.view()) != Error::none) {
        return failure("state-damaged",
                       fmt::format("the control channel of module {} is damaged", orders.module),
                       fmt::format("authex attest --module {}", orders.module));
    }
    sealed.first = sealed.session.next_order();
    for (const wire::ControlMessage& message : orders.messages) {
        std::vector<std::uint8_t> frame;
        const Error error = sealed.session.order(state.deployment(), message, frame);
        if (error != Error::none) {
            return tl::make_unexpected(unanswered(orders.module, error));
        }
        sealed.frames.push_back(std::move(frame));
    }
    orders.record.session.assign(sealed.session.serialize());
    change.modules.push_back(orders.record);
    return true;
}

} // namespace

ByteView take_frame(ByteView& frames) {
    wire::FrameView view;
    if (wire::parse_frame(frames, view) != Error::none) {
        return {};
    }
    const ByteView frame = frames.first(view.frame_bytes());
    frames = frames.subspan(frame.size());
    return frame;
}

Expected<bool>
give_orders(const OrderContext& context, Change change, std::vector<ModuleOrders>& orders) {
    std::vector<Sealed> all(orders.size());
    for (std::size_t i = 0; i < orders.size(); ++i) {
        all[i].orders = &orders[i];
        orders[i].answers.assign(
            orders[i].messages.size(),
            tl::make_unexpected(unanswered(orders[i].module, Error::not_attested)));
        const Expected<bool> sealed = seal(all[i], context.state, change);
        if (!sealed) {
            return sealed;
        }
    }
    const Expected<bool> kept = context.state.commit(change);
    if (!kept) {
        return kept;
    }
    std::vector<std::function<void()>> work;
    for (Sealed& sealed : all) {
        work.emplace_back([&] {
            send(sealed, context.state.deployment(), *context.nodes.at(sealed.orders->record.node));
        });
    }
    context.executor.run(std::move(work));
    return true;
}

} // namespace authex::deployer
