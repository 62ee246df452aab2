#include "em/control/recorder.hpp"

#include <utility>

namespace authex::em {
namespace {

class RecordedLink final : public tee::ModuleLink {
  public:
    RecordedLink(std::unique_ptr<tee::ModuleLink> link, std::shared_ptr<Recorder> recorder)
        : link_(std::move(link)), recorder_(std::move(recorder)) {}

    std::optional<ByteView> readable() override {
        const std::optional<ByteView> readable = link_->readable();
        readable_ = readable.value_or(ByteView());
        return readable;
    }
    void consume(std::size_t count) override {
        recorder_->add(true, readable_.first(count));
        readable_ = readable_.subspan(count);
        link_->consume(count);
    }
    std::optional<Bytes> writable() override {
        const std::optional<Bytes> writable = link_->writable();
        writable_ = writable.value_or(Bytes());
        return writable;
    }
    /// Before it is published: the answer to a frame is never recorded before the frame.
    void commit(std::size_t count) override {
        recorder_->add(false, writable_.first(count));
        writable_ = writable_.subspan(count);
        link_->commit(count);
    }
    void notify() override { link_->notify(); }
    bool prepare_sleep(bool want_room) override { return link_->prepare_sleep(want_room); }
    [[nodiscard]] std::optional<std::uint64_t> entries() const override { return link_->entries(); }
    [[nodiscard]] int doorbell_fd() const override { return link_->doorbell_fd(); }
    void drain_doorbell() override { link_->drain_doorbell(); }
    [[nodiscard]] int exit_fd() const override { return link_->exit_fd(); }
    std::optional<tee::Exit> exit() override { return link_->exit(); }
    void kill() override { link_->kill(); }

    /// It goes when the module is given up: after its last words were read.
    ~RecordedLink() override {
        const std::optional<tee::Exit> exit = link_->exit();
        recorder_->end(exit ? tee::to_text(*exit) : "given up by its event manager");
    }
    RecordedLink(const RecordedLink&) = delete;
    RecordedLink& operator=(const RecordedLink&) = delete;

  private:
    std::unique_ptr<tee::ModuleLink> link_;
    std::shared_ptr<Recorder> recorder_;
    ByteView readable_; ///< as it was shown last, and is not consumed
    Bytes writable_;
};

} // namespace

void Recorder::add(bool out, ByteView frames) {
    if (frames.empty()) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || overflowed_ || ended_) {
            return;
        }
        overflowed_ = frames.size() > waiting_bytes_max - waiting_bytes_;
        if (!overflowed_) {
            waiting_bytes_ += frames.size();
            entries_.push_back({.out = out,
                                .time_us = outside_.unix_time_us(),
                                .frames = {frames.begin(), frames.end()}});
        }
    }
    outside_.wake();
}

void Recorder::end(std::string how) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || ended_) {
            return;
        }
        ended_ = std::move(how);
    }
    outside_.wake();
}

void Recorder::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    entries_.clear();
    waiting_bytes_ = 0;
}

std::optional<Recorder::Entry> Recorder::take() {
    const std::lock_guard lock(mutex_);
    if (entries_.empty()) {
        return std::nullopt;
    }
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    waiting_bytes_ -= entry.frames.size();
    return entry;
}

std::optional<std::string> Recorder::ended() const {
    const std::lock_guard lock(mutex_);
    return entries_.empty() ? ended_ : std::nullopt;
}

bool Recorder::overflowed() const {
    const std::lock_guard lock(mutex_);
    return overflowed_;
}

std::unique_ptr<tee::ModuleLink> recorded(std::unique_ptr<tee::ModuleLink> link,
                                          std::shared_ptr<Recorder> recorder) {
    return std::make_unique<RecordedLink>(std::move(link), std::move(recorder));
}

} // namespace authex::em
