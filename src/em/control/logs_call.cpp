// Logs: what is kept, and with `follow` what comes.
#include "em/control/messages.hpp"
#include "em/control/stream_call.hpp"

namespace authex::em {
namespace {

class LogsCall final : public StreamCall<v1::LogLine> {
  public:
    LogsCall(ServiceContext& context, const v1::LogsRequest& request)
        : StreamCall(context), filter_{.deployment = narrow(request.deployment()),
                                       .module = request.module()},
          last_(request.last()), follow_(request.follow()) {}

    void begin(const grpc::CallbackServerContext& call) {
        const auto caller = admit(call, Method::logs, filter_.deployment);
        if (!caller) {
            return;
        }
        context().post(
            [self = std::static_pointer_cast<LogsCall>(shared_from_this()), caller = *caller] {
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
        if (follow_) {
            follower_ = context().logs.follow(filter_, waker());
        }
        sequence_ = context().logs.before_last(last_, filter_);
        open();
    }

    Step next(v1::LogLine& line) override {
        const std::optional<LogEntry> entry = context().logs.after(sequence_, filter_);
        if (entry) {
            sequence_ = entry->sequence;
            fill(*entry, line);
            return {.has_message = true};
        }
        return follow_ ? Step{} : Step{.end = grpc::Status::OK};
    }

    LogFilter filter_;
    std::uint32_t last_;
    bool follow_;
    LogBook::Follower follower_;
    std::uint64_t sequence_ = 0;
};

} // namespace

grpc::ServerWriteReactor<v1::LogLine>* make_logs_call(ServiceContext& context,
                                                      const grpc::CallbackServerContext& call,
                                                      const v1::LogsRequest& request) {
    const auto logs = std::make_shared<LogsCall>(context, request);
    logs->begin(call);
    return logs.get();
}

} // namespace authex::em
