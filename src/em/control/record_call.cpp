// A module that is started anew, and every frame from its first on.
#include <algorithm>
#include <mutex>
#include <random>

#include "em/control/messages.hpp"
#include "em/control/service.hpp"

namespace authex::em {
namespace {

std::uint64_t unix_time_us() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

Recorder::Entropy draw() {
    std::random_device device;
    Recorder::Entropy entropy{};
    Writer writer(entropy);
    for (std::size_t i = 0; i < entropy.size() / sizeof(std::uint32_t); ++i) {
        writer.u32(device());
    }
    return entropy;
}

class RecordCall final : public grpc::ServerWriteReactor<v1::Recorded>,
                         public std::enable_shared_from_this<RecordCall> {
  public:
    RecordCall(ServiceContext& context, const v1::RecordRequest& request)
        : context_(context), request_(request) {}
    ~RecordCall() override { wipe_start(); }
    RecordCall(const RecordCall&) = delete;
    RecordCall& operator=(const RecordCall&) = delete;

    void begin(const grpc::CallbackServerContext& call) {
        self_ = shared_from_this();
        permit_ = context_.followers.enter();
        const Expected<Caller> caller =
            caller_of(call, context_.access, Method::record, narrow(request_.deployment()));
        tee::Sha256 image{};
        if (permit_ == nullptr) {
            end(make_error("busy", "too many calls read this node already", "end some of them"));
        } else if (!caller) {
            end(caller.error());
        } else if (request_.image_sha256().size() != image.size()) {
            end(make_error("bad-request", "the image's SHA-256 is not 32 bytes long"));
        } else {
            std::copy(
                request_.image_sha256().begin(), request_.image_sha256().end(), image.begin());
            identity_ = caller->identity;
            start(*caller, image);
        }
    }

    void OnWriteDone(bool ok) override {
        {
            const std::lock_guard lock(mutex_);
            writing_ = false;
            wipe_start();
        }
        if (ok) {
            write_next();
        } else {
            cancel();
        }
    }
    void OnCancel() override { cancel(); }
    void OnDone() override { self_.reset(); }

  private:
    void start(const Caller& caller, const tee::Sha256& image) {
        // The module's link has the recorder as long as the module lives: it must not keep the
        // call.
        recorder_ = std::make_shared<Recorder>(
            draw(),
            Recorder::Outside{.unix_time_us = unix_time_us,
                              .wake = [weak = std::weak_ptr<RecordCall>(shared_from_this())] {
                                  if (const auto self = weak.lock()) {
                                      self->write_next();
                                  }
                              }});
        context_.post([self = shared_from_this(), caller, image] {
            self->context_.manager.record(caller,
                                          self->request_.module(),
                                          image,
                                          self->recorder_,
                                          [self](const Expected<Module>& started) {
                                              if (started) {
                                                  self->started(*started);
                                              } else {
                                                  self->end(started.error());
                                              }
                                          });
        });
    }

    void started(const Module& module) {
        {
            const std::lock_guard lock(mutex_);
            stack_bytes_ = module.spec.stack_bytes;
            open_ = true;
        }
        write_next();
    }

    void write_next() {
        const std::lock_guard lock(mutex_);
        if (!open_ || writing_ || finished_) {
            return;
        }
        if (const auto valid = context_.access.still_valid(identity_); !valid) {
            finish(rpc::to_status(valid.error()));
            return;
        }
        message_.Clear();
        if (!std::exchange(start_told_, true)) {
            const Recorder::Entropy& entropy = recorder_->entropy();
            message_.mutable_start()->set_entropy(entropy.data(), entropy.size());
            message_.mutable_start()->set_stack_bytes(stack_bytes_);
        } else if (auto entry = recorder_->take()) {
            v1::RecordedFrames& frames = *message_.mutable_frames();
            frames.set_out(entry->out);
            frames.set_time_us(entry->time_us);
            frames.set_frames(entry->frames.data(), entry->frames.size());
        } else if (recorder_->overflowed()) {
            finish(rpc::to_status(make_error("recording-lost",
                                             "more frames came than the recorder takes",
                                             "record from a machine that is nearer to the node")));
            return;
        } else if (const auto how = recorder_->ended()) {
            message_.set_ended(rpc::valid_utf8(*how));
            finished_ = true;
            recorder_->close();
            StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
            return;
        } else {
            return;
        }
        writing_ = true;
        StartWrite(&message_);
    }

    void end(const Diagnostic& reason) {
        const std::lock_guard lock(mutex_);
        finish(rpc::to_status(reason));
    }
    void cancel() {
        const std::lock_guard lock(mutex_);
        finish(grpc::Status::CANCELLED);
    }
    void finish(const grpc::Status& status) {
        if (recorder_ != nullptr) {
            recorder_->close();
        }
        if (!std::exchange(finished_, true)) {
            Finish(status);
        }
    }
    void wipe_start() {
        if (message_.has_start()) {
            std::string& entropy = *message_.mutable_start()->mutable_entropy();
            wipe({reinterpret_cast<std::uint8_t*>(entropy.data()), entropy.size()});
        }
    }

    ServiceContext& context_;
    v1::RecordRequest request_;
    Identity identity_;
    Gate::Permit permit_;
    std::shared_ptr<RecordCall> self_;
    std::shared_ptr<Recorder> recorder_;
    std::mutex mutex_;
    v1::Recorded message_;
    std::uint32_t stack_bytes_ = 0;
    bool open_ = false;
    bool start_told_ = false;
    bool writing_ = false;
    bool finished_ = false;
};

} // namespace

grpc::ServerWriteReactor<v1::Recorded>* make_record_call(ServiceContext& context,
                                                         const grpc::CallbackServerContext& call,
                                                         const v1::RecordRequest& request) {
    const auto record = std::make_shared<RecordCall>(context, request);
    record->begin(call);
    return record.get();
}

} // namespace authex::em
