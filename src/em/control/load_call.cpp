// Load: a spec, then the image in chunks; progress back, ready when the module answers.
#include <algorithm>
#include <deque>
#include <mutex>

#include <fmt/format.h>

#include "em/control/image_intake.hpp"
#include "em/control/messages.hpp"
#include "em/control/service.hpp"

namespace authex::em {
namespace {

/// How many bytes lie between two RECEIVED messages, at least.
constexpr std::uint64_t progress_step_bytes = std::uint64_t{1} << 20U;

class LoadCall final : public grpc::ServerBidiReactor<v1::LoadRequest, v1::LoadProgress>,
                       public std::enable_shared_from_this<LoadCall> {
  public:
    explicit LoadCall(ServiceContext& context) : context_(context) {}

    void begin(const grpc::CallbackServerContext& call) {
        self_ = shared_from_this();
        permit_ = context_.loads.enter();
        const Expected<Caller> caller = caller_of(call, context_.access, Method::load, 0);
        if (permit_ == nullptr || !caller) {
            refuse(caller ? make_error("busy",
                                       "the event manager takes too many images at once already",
                                       "try again later")
                          : caller.error());
            return;
        }
        caller_ = *caller;
        StartRead(&request_);
    }

    void OnReadDone(bool ok) override {
        const std::lock_guard lock(mutex_);
        if (finished_ || handed_over_) {
            return; // the client has nothing more to say
        }
        if (!ok) {
            refuse_locked(make_error("image-size",
                                     intake_ == nullptr
                                         ? "the call ended before its specification"
                                         : fmt::format("the image ended after {} of {} bytes",
                                                       intake_->received_bytes(),
                                                       order_.image_bytes)));
        } else if (intake_ == nullptr) {
            take_spec();
        } else {
            take_chunk();
        }
    }

    void OnWriteDone(bool ok) override {
        const std::lock_guard lock(mutex_);
        writing_ = false;
        outgoing_.pop_front();
        if (ok) {
            write_next();
        }
    }

    void OnCancel() override {
        refuse(make_error("deadline", "the call was cancelled or its deadline has passed"));
    }

    void OnDone() override { self_.reset(); }

  private:
    void take_spec() {
        const Expected<LoadOrder> order =
            request_.has_spec()
                ? load_order_of(request_.spec())
                : Expected<LoadOrder>(failure("bad-request", "an image has no specification"));
        if (!order) {
            refuse_locked(order.error());
            return;
        }
        order_ = *order;
        caller_.deployment = order_.spec.deployment;
        context_.post([self = shared_from_this()] {
            const Expected<LoadPlan> plan =
                self->context_.manager.plan_load(self->caller_, self->order_);
            const std::lock_guard lock(self->mutex_);
            if (!plan) {
                self->refuse_locked(plan.error());
            } else if (*plan == LoadPlan::receive) {
                self->receive();
            } else {
                self->hand_over({});
            }
        });
    }

    void receive() {
        auto intake =
            ImageIntake::open(context_.incoming, order_.image_bytes, order_.spec.image_sha256);
        if (!intake) {
            refuse_locked(intake.error());
            return;
        }
        intake_ = std::move(*intake);
        if (!finished_) {
            StartRead(&request_);
        }
    }

    void take_chunk() {
        const std::string& chunk = request_.chunk();
        if (chunk.empty() || chunk.size() > chunk_max_bytes) {
            refuse_locked(make_error("bad-request",
                                     fmt::format("a chunk of an image has {} bytes", chunk.size()),
                                     fmt::format("send 1 to {}", chunk_max_bytes)));
            return;
        }
        const Expected<bool> written =
            intake_->write({reinterpret_cast<const std::uint8_t*>(chunk.data()), chunk.size()});
        if (!written) {
            refuse_locked(written.error());
            return;
        }
        if (!intake_->complete()) {
            if (intake_->received_bytes() >= reported_bytes_ + progress_step_bytes) {
                report(v1::LoadProgress::RECEIVED);
            }
            StartRead(&request_);
            return;
        }
        const Expected<std::filesystem::path> image = intake_->finish();
        if (!image) {
            refuse_locked(image.error());
            return;
        }
        report(v1::LoadProgress::RECEIVED);
        hand_over(*image);
    }

    /// The image may have been long on its way, and its sender's certificate revoked meanwhile.
    void hand_over(const std::filesystem::path& image) {
        const Expected<bool> valid = context_.access.still_valid(caller_.identity);
        if (!valid) {
            refuse_locked(valid.error());
            return;
        }
        handed_over_ = true;
        context_.post([self = shared_from_this(), image] {
            self->context_.manager.load(
                self->caller_,
                self->order_,
                image,
                [self] {
                    const std::lock_guard lock(self->mutex_);
                    self->report(v1::LoadProgress::STARTED);
                },
                [self](const Expected<Module>& module) { self->conclude(module); });
        });
    }

    void conclude(const Expected<Module>& module) {
        const std::lock_guard lock(mutex_);
        if (!module) {
            refuse_locked(module.error());
            return;
        }
        if (!finished_) {
            concluded_ = true;
            report(v1::LoadProgress::READY);
            fill(*module, *outgoing_.back().mutable_status());
            write_next();
        }
    }

    /// @pre the lock is held, as for all below
    void report(v1::LoadProgress::Step step) {
        if (finished_) {
            return;
        }
        reported_bytes_ = intake_ == nullptr ? 0 : intake_->received_bytes();
        v1::LoadProgress& progress = outgoing_.emplace_back();
        progress.set_step(step);
        progress.set_received_bytes(reported_bytes_);
        if (step != v1::LoadProgress::READY) {
            write_next();
        }
    }

    void write_next() {
        if (writing_ || finished_) {
            return;
        }
        if (!outgoing_.empty()) {
            writing_ = true;
            StartWrite(&outgoing_.front());
        } else if (concluded_) {
            finished_ = true;
            Finish(grpc::Status::OK);
        }
    }

    void refuse(const Diagnostic& reason) {
        const std::lock_guard lock(mutex_);
        refuse_locked(reason);
    }

    void refuse_locked(const Diagnostic& reason) {
        if (!finished_) {
            finished_ = true;
            if (!handed_over_) {
                intake_.reset();
            }
            Finish(rpc::to_status(reason));
        }
    }

    ServiceContext& context_;
    Gate::Permit permit_;
    std::shared_ptr<LoadCall> self_;
    std::mutex mutex_;
    Caller caller_;
    LoadOrder order_;
    v1::LoadRequest request_;
    std::unique_ptr<ImageIntake> intake_;   ///< kept until the manager has taken its file
    std::deque<v1::LoadProgress> outgoing_; ///< the first is being written while writing_
    std::uint64_t reported_bytes_ = 0;
    bool writing_ = false;
    bool handed_over_ = false; ///< the manager has it
    bool concluded_ = false;   ///< READY is the last of outgoing_
    bool finished_ = false;
};

} // namespace

grpc::ServerBidiReactor<v1::LoadRequest, v1::LoadProgress>*
make_load_call(ServiceContext& context, const grpc::CallbackServerContext& call) {
    const auto load = std::make_shared<LoadCall>(context);
    load->begin(call);
    return load.get();
}

} // namespace authex::em
