// A module's frames, kept for a replay.
#include <algorithm>
#include <fstream>
#include <future>
#include <iterator>

#include <fmt/format.h>

#include "deployer/owned_application.hpp"
#include "deployer/recording.hpp"

namespace authex::deployer {
namespace {

/// What a node sends, on its way into the file.
class Intake {
  public:
    Intake(RecordingHead head, std::filesystem::path file)
        : head_(std::move(head)), file_(std::move(file)) {}
    ~Intake() { wipe(head_.entropy); }
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    /// @return whether more is wanted
    bool take(const v1::Recorded& message) {
        Expected<bool> taken = true;
        if (message.has_start()) {
            taken = begin(message.start());
        } else if (writer_ == nullptr) {
            taken = failure("node-malformed", "the node sends frames before it begins");
        } else if (message.has_frames()) {
            const std::string& frames = message.frames().frames();
            last_us_ = message.frames().time_us();
            taken =
                writer_->add(message.frames().out(),
                             last_us_,
                             {reinterpret_cast<const std::uint8_t*>(frames.data()), frames.size()});
        } else {
            ended_ = message.ended();
        }
        if (!taken) {
            problem_ = taken.error();
        }
        return taken.has_value();
    }
    /// Nothing comes any more.
    void close(const Expected<bool>& stream) {
        if (!stream && !problem_) {
            problem_ = stream.error();
        }
        if (!std::exchange(told_, true)) {
            begun_.set_value();
        }
    }
    /// Until the module runs, or will not.
    void wait() { begun_.get_future().wait(); }
    [[nodiscard]] bool recording() const { return writer_ != nullptr; }
    [[nodiscard]] const std::optional<Diagnostic>& problem() const { return problem_; }

    Expected<RecordSummary> finish() {
        const Expected<bool> finished = writer_->finish(last_us_, ended_);
        if (!finished) {
            return tl::make_unexpected(finished.error());
        }
        return RecordSummary{.given = writer_->given(), .gave = writer_->gave(), .ended = ended_};
    }

  private:
    Expected<bool> begin(const v1::RecordStart& start) {
        if (start.entropy().size() != head_.entropy.size() || writer_ != nullptr) {
            return failure("node-malformed", "the node does not say what the module begins with");
        }
        std::copy(start.entropy().begin(), start.entropy().end(), head_.entropy.begin());
        head_.stack_bytes = start.stack_bytes();
        auto writer = RecordingWriter::create(file_, head_);
        if (!writer) {
            return tl::make_unexpected(writer.error());
        }
        writer_ = std::move(*writer);
        told_ = true;
        begun_.set_value();
        return true;
    }

    RecordingHead head_;
    std::filesystem::path file_;
    std::unique_ptr<RecordingWriter> writer_;
    std::uint64_t last_us_ = 0;
    std::string ended_;
    std::optional<Diagnostic> problem_;
    std::promise<void> begun_;
    bool told_ = false;
};

Expected<RecordingHead> head_of(const BuiltModule& module) {
    std::ifstream file(module.image.path, std::ios::binary);
    RecordingHead head;
    head.module = module.name;
    head.image.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (!module.image.symbols.empty()) {
        std::ifstream symbols(module.image.symbols, std::ios::binary);
        head.symbols.assign(std::istreambuf_iterator<char>(symbols),
                            std::istreambuf_iterator<char>());
    }
    if (!file.is_open() || module.image.identity.size() != head.identity.size()) {
        return failure("file-unreadable", fmt::format("cannot read the image of {}", module.name));
    }
    copy(module.image.identity, head.identity);
    return head;
}

} // namespace

Outcome<RecordSummary> OwnedApplication::record(const RecordOrder& order) {
    const descriptor::Module* stated = descriptor_.find_module(order.module);
    if (stated == nullptr) {
        return failed(make_error("unknown-module",
                                 fmt::format("the descriptor has no module {}", order.module)));
    }
    if (const auto owns = must_own(); !owns) {
        return failed(owns.error());
    }
    std::error_code error;
    if (std::filesystem::exists(order.file, error)) {
        return failed(make_error("file-exists",
                                 fmt::format("{} exists already", order.file.string()),
                                 "name another one: --out FILE"));
    }
    if (stated->external) {
        return failed(make_error(
            "module-external",
            fmt::format("module {} was given from outside: there is no image to run again",
                        order.module)));
    }
    const auto built = build_images({order.module}, true);
    if (!built) {
        return tl::make_unexpected(built.error());
    }
    auto head = head_of(built->front());
    const auto request = head ? record_request(order.module, *head)
                              : Expected<v1::RecordRequest>(tl::make_unexpected(head.error()));
    const auto node = node_of(stated->node.name);
    if (!request || !node) {
        return failed(request ? node.error() : request.error());
    }
    Intake intake(std::move(*head), order.file);
    std::stop_source ended;
    const std::stop_callback forward(order.stop, [&ended] { ended.request_stop(); });
    Report report(reporter_, "record", order.module, stated->node.name);
    auto stream = std::async(std::launch::async, [&] {
        intake.close((*node)->record(
            *request,
            [&intake](const v1::Recorded& message) { return intake.take(message); },
            ended.get_token()));
    });
    intake.wait();
    if (!intake.recording()) {
        stream.get();
        const Diagnostic problem = intake.problem().value_or(
            make_error("stopped", "the recording was stopped before it began"));
        report.failed(problem.summary);
        return failed(problem);
    }
    report.done();
    if (auto connected = up({}); !connected) {
        ended.request_stop();
        stream.get();
        return tl::make_unexpected(connected.error());
    }
    order.begun();
    stream.get();
    if (intake.problem()) {
        Diagnostic problem = *intake.problem();
        problem.severity = Severity::warning;
        problem.detail = "the recording ends here";
        warn(problem);
    }
    const auto summary = intake.finish();
    return summary ? Outcome<RecordSummary>(*summary) : failed(summary.error());
}

Expected<v1::RecordRequest> OwnedApplication::record_request(const std::string& module,
                                                             const RecordingHead& head) {
    const auto state = outside_.open_state(StateUse::look);
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    if ((*state)->deployment() == 0) {
        return failure("not-deployed", "the application is not deployed", "run authex up first");
    }
    v1::RecordRequest request;
    request.set_deployment((*state)->deployment());
    request.set_module(module);
    request.set_image_sha256(head.identity.data(), head.identity.size());
    return request;
}

} // namespace authex::deployer
