// A module that is started anew, and every frame from its first on.
#include <algorithm>
#include <random>

#include "em/control/messages.hpp"
#include "em/control/stream_call.hpp"

namespace authex::em {
namespace {

Recorder::Entropy draw() {
    std::random_device device;
    Recorder::Entropy entropy{};
    Writer writer(entropy);
    for (std::size_t i = 0; i < entropy.size() / sizeof(std::uint32_t); ++i) {
        writer.u32(device());
    }
    return entropy;
}

class RecordCall final : public StreamCall<v1::Recorded> {
  public:
    RecordCall(ServiceContext& context, const v1::RecordRequest& request)
        : StreamCall(context), request_(request) {}

    void begin(const grpc::CallbackServerContext& call) {
        const auto caller = admit(call, Method::record, narrow(request_.deployment()));
        tee::Sha256 image{};
        if (caller && request_.image_sha256().size() != image.size()) {
            end(make_error("bad-request", "the image's SHA-256 is not 32 bytes long"));
        } else if (caller) {
            std::copy(
                request_.image_sha256().begin(), request_.image_sha256().end(), image.begin());
            start(*caller, image);
        }
    }

  private:
    void start(const Caller& caller, const tee::Sha256& image) {
        // The module's link has the recorder as long as the module lives: it must not keep the
        // call.
        recorder_ = std::make_shared<Recorder>(
            draw(), Recorder::Outside{.unix_time_us = unix_time_us, .wake = waker()});
        context().post(
            [self = std::static_pointer_cast<RecordCall>(shared_from_this()), caller, image] {
                self->context().manager.record(caller,
                                               self->request_.module(),
                                               image,
                                               self->recorder_,
                                               [self](const Expected<Module>& started) {
                                                   if (started) {
                                                       self->stack_bytes_ =
                                                           started->spec.stack_bytes;
                                                       self->open();
                                                   } else {
                                                       self->end(started.error());
                                                   }
                                               });
            });
    }

    Step next(v1::Recorded& message) override {
        if (!std::exchange(start_told_, true)) {
            const Recorder::Entropy& entropy = recorder_->entropy();
            message.mutable_start()->set_entropy(entropy.data(), entropy.size());
            message.mutable_start()->set_stack_bytes(stack_bytes_);
            return {.has_message = true};
        }
        if (auto entry = recorder_->take()) {
            v1::RecordedFrames& frames = *message.mutable_frames();
            frames.set_out(entry->out);
            frames.set_time_us(entry->time_us);
            frames.set_frames(entry->frames.data(), entry->frames.size());
            return {.has_message = true};
        }
        if (recorder_->overflowed()) {
            return {.end = rpc::to_status(
                        make_error("recording-lost",
                                   "more frames came than the recorder takes",
                                   "record from a machine that is nearer to the node"))};
        }
        if (const auto how = recorder_->ended()) {
            message.set_ended(rpc::valid_utf8(*how));
            return {.has_message = true, .end = grpc::Status::OK};
        }
        return {};
    }
    void written(v1::Recorded& message) override {
        if (message.has_start()) {
            std::string& entropy = *message.mutable_start()->mutable_entropy();
            wipe({reinterpret_cast<std::uint8_t*>(entropy.data()), entropy.size()});
        }
    }
    void ended() override {
        if (recorder_ != nullptr) {
            recorder_->close();
        }
    }

    v1::RecordRequest request_;
    std::shared_ptr<Recorder> recorder_;
    std::uint32_t stack_bytes_ = 0;
    bool start_told_ = false;
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
