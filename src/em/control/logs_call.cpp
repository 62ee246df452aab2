// Logs: what is kept, and with `follow` what comes.
#include <mutex>

#include "em/control/messages.hpp"
#include "em/control/service.hpp"

namespace authex::em {
namespace {

class LogsCall final : public grpc::ServerWriteReactor<v1::LogLine>,
                       public std::enable_shared_from_this<LogsCall> {
  public:
    LogsCall(ServiceContext& context, const v1::LogsRequest& request)
        : context_(context), filter_{.deployment = narrow(request.deployment()),
                                     .module = request.module()},
          last_(request.last()), follow_(request.follow()) {}

    void begin(const grpc::CallbackServerContext& call) {
        self_ = shared_from_this();
        permit_ = context_.followers.enter();
        const Expected<Caller> caller =
            caller_of(call, context_.access, Method::logs, filter_.deployment);
        if (permit_ == nullptr || !caller) {
            end(caller ? rpc::to_status(make_error(
                             "busy", "too many calls read the logs already", "end some of them"))
                       : rpc::to_status(caller.error()));
            return;
        }
        identity_ = caller->identity;
        context_.post([self = shared_from_this(), caller = *caller] {
            const Expected<bool> authorized = self->context_.manager.authorize(caller);
            if (authorized) {
                self->open();
            } else {
                self->end(rpc::to_status(authorized.error()));
            }
        });
    }

    void OnWriteDone(bool ok) override {
        {
            const std::lock_guard lock(mutex_);
            writing_ = false;
        }
        if (ok) {
            write_next();
        } else {
            end(grpc::Status::CANCELLED);
        }
    }
    void OnCancel() override { end(grpc::Status::CANCELLED); }
    void OnDone() override { self_.reset(); }

  private:
    void open() {
        if (follow_) {
            // The reader goes when the call does: the book must not keep it.
            auto follower =
                context_.logs.follow(filter_, [weak = std::weak_ptr<LogsCall>(shared_from_this())] {
                    if (const auto self = weak.lock()) {
                        self->write_next();
                    }
                });
            const std::lock_guard lock(mutex_);
            follower_ = std::move(follower);
        }
        {
            const std::lock_guard lock(mutex_);
            sequence_ = context_.logs.before_last(last_, filter_);
            open_ = true;
        }
        write_next();
    }

    void write_next() {
        const std::lock_guard lock(mutex_);
        if (!open_ || writing_ || finished_) {
            return;
        }
        const Expected<bool> valid = context_.access.still_valid(identity_);
        if (!valid) {
            finished_ = true;
            Finish(rpc::to_status(valid.error()));
            return;
        }
        const std::optional<LogEntry> line = context_.logs.after(sequence_, filter_);
        if (line) {
            sequence_ = line->sequence;
            line_.Clear();
            fill(*line, line_);
            writing_ = true;
            StartWrite(&line_);
        } else if (!follow_) {
            finished_ = true;
            Finish(grpc::Status::OK);
        }
    }

    void end(const grpc::Status& status) {
        const std::lock_guard lock(mutex_);
        if (!finished_) {
            finished_ = true;
            Finish(status);
        }
    }

    ServiceContext& context_;
    LogFilter filter_;
    Identity identity_;
    std::uint32_t last_;
    bool follow_;
    Gate::Permit permit_;
    std::shared_ptr<LogsCall> self_;
    LogBook::Follower follower_;
    std::mutex mutex_;
    v1::LogLine line_;
    std::uint64_t sequence_ = 0;
    bool open_ = false;
    bool writing_ = false;
    bool finished_ = false;
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
