#pragma once
// A call that answers with one message after another as they come, to a reader who may be slow, go
// away or lose his certificate meanwhile; with an end that comes exactly once.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "em/control/calls.hpp"
#include "em/control/service.hpp"

namespace authex::em {

/// Lives until gRPC is done with it.
template <typename Message>
class StreamCall : public grpc::ServerWriteReactor<Message>,
                   public std::enable_shared_from_this<StreamCall<Message>> {
  public:
    explicit StreamCall(ServiceContext& context) : context_(context) {}
    StreamCall(const StreamCall&) = delete;
    StreamCall& operator=(const StreamCall&) = delete;

    void OnWriteDone(bool ok) final {
        {
            const std::lock_guard lock(mutex_);
            writing_ = false;
            written(message_);
        }
        if (ok) {
            write_next();
        } else {
            end(grpc::Status::CANCELLED);
        }
    }
    void OnCancel() final { end(grpc::Status::CANCELLED); }
    void OnDone() final { self_.reset(); }

  protected:
    /// What comes next: nothing yet; a message; the end; or a message and with it the end.
    struct Step {
        bool has_message = false;
        std::optional<grpc::Status> end;
    };

    ~StreamCall() override = default;

    // Called with the lock held, after open().
    virtual Step next(Message& message) = 0;
    /// gRPC has the message, or will never want it.
    virtual void written(Message& /*message*/) {}
    /// Nothing more is asked for. May come before open().
    virtual void ended() {}

    /// First of all. @return the caller, if he may call this; else the call has ended
    std::optional<Caller>
    admit(const grpc::CallbackServerContext& call, Method method, std::uint16_t deployment) {
        self_ = this->shared_from_this();
        permit_ = context_.followers.enter();
        const Expected<Caller> caller = caller_of(call, context_.access, method, deployment);
        if (permit_ == nullptr) {
            end(make_error("busy", "too many calls read this node already", "end some of them"));
            return std::nullopt;
        }
        if (!caller) {
            end(caller.error());
            return std::nullopt;
        }
        identity_ = caller->identity;
        return *caller;
    }
    /// From now on there may be messages.
    void open() {
        {
            const std::lock_guard lock(mutex_);
            open_ = true;
        }
        write_next();
    }
    /// To be called whenever something came; keeps nothing alive.
    [[nodiscard]] std::function<void()> waker() {
        return [weak = this->weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->write_next();
            }
        };
    }
    void end(const grpc::Status& status) {
        const std::lock_guard lock(mutex_);
        finish(status);
    }
    void end(const Diagnostic& reason) { end(rpc::to_status(reason)); }
    [[nodiscard]] ServiceContext& context() { return context_; }

  private:
    void write_next() {
        const std::lock_guard lock(mutex_);
        if (!open_ || writing_ || finished_) {
            return;
        }
        if (const Expected<bool> valid = context_.access.still_valid(identity_); !valid) {
            finish(rpc::to_status(valid.error()));
            return;
        }
        message_.Clear();
        const Step step = next(message_);
        if (step.has_message && step.end) {
            finished_ = true;
            ended();
            this->StartWriteAndFinish(&message_, grpc::WriteOptions(), *step.end);
        } else if (step.has_message) {
            writing_ = true;
            this->StartWrite(&message_);
        } else if (step.end) {
            finish(*step.end);
        }
    }
    void finish(const grpc::Status& status) {
        if (!std::exchange(finished_, true)) {
            ended();
            this->Finish(status);
        }
    }

    ServiceContext& context_;
    Identity identity_;
    Gate::Permit permit_;
    std::shared_ptr<StreamCall> self_;
    std::mutex mutex_;
    Message message_;
    bool open_ = false;
    bool writing_ = false;
    bool finished_ = false;
};

} // namespace authex::em
