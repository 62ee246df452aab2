// Changes: one message at the beginning, and one whenever something is otherwise than it was; what
// changes while a message is on its way is told with the next.
#include "em/control/messages.hpp"
#include "em/control/stream_call.hpp"

namespace authex::em {
namespace {

class ChangesCall final : public StreamCall<v1::Changed> {
  public:
    ChangesCall(ServiceContext& context, const v1::ChangesRequest& request)
        : StreamCall(context), deployment_(narrow(request.deployment())) {}

    void begin(const grpc::CallbackServerContext& call) {
        const auto caller = admit(call, Method::changes, deployment_);
        if (!caller) {
            return;
        }
        context().post(
            [self = std::static_pointer_cast<ChangesCall>(shared_from_this()), caller = *caller] {
                const Expected<bool> authorized = self->context().manager.authorize(caller);
                if (authorized) {
                    self->start();
                } else {
                    self->end(authorized.error());
                }
            });
    }

  private:
    void start() {
        follower_ = context().manager.changes().follow(deployment_, waker());
        open();
    }

    Step next(v1::Changed& message) override {
        const std::uint64_t count = context().manager.changes().count(deployment_);
        if (begun_ && count == told_) {
            return {};
        }
        begun_ = true;
        told_ = count;
        message.set_count(count);
        return {.has_message = true};
    }

    std::uint16_t deployment_;
    Changes::Follower follower_;
    bool begun_ = false;
    std::uint64_t told_ = 0;
};

} // namespace

grpc::ServerWriteReactor<v1::Changed>* make_changes_call(ServiceContext& context,
                                                         const grpc::CallbackServerContext& call,
                                                         const v1::ChangesRequest& request) {
    const auto changes = std::make_shared<ChangesCall>(context, request);
    changes->begin(call);
    return changes.get();
}

} // namespace authex::em
