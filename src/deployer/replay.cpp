#include "deployer/replay.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deployer/private_file.hpp"
#include "tee/compile/compiler.hpp"
#include "tee/loader.hpp"
#include "tee/native/host/image.hpp"
#include "tee/native/host_program.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

/// run_command() says a signal so.
constexpr int signal_status = 128;
constexpr int refused_status = 1;

/// A frame that came of the frame `cause` of the recording, or stands there itself.
struct Frame {
    std::size_t number = 0;
    wire::FrameHeader header;
    ByteView bytes;
};

/// Whose counters an ack counts: channel and direction.
using Acked = std::pair<std::uint16_t, wire::Direction>;
/// What it says of them: the epoch's bytes and the counter. That a frame came too early it says for
/// the batch.
using AckValue = std::pair<std::vector<std::uint8_t>, std::uint64_t>;

struct Sorted {
    std::vector<Frame> frames; ///< all but acks
    std::map<Acked, std::vector<std::pair<AckValue, std::size_t>>> acks;
};

std::string_view name_of(wire::Kind kind) {
    constexpr std::array<std::string_view, wire::kind_max + 1> names = {
        "frame", "handshake", "control", "event",       "request",     "reply",        "ack",
        "call",  "result",    "listen",  "stream-open", "stream-data", "stream-close", "timer",
        "log",   "refusal",   "hello",   "ping",        "state",       "time"};
    const auto index = static_cast<std::size_t>(kind);
    return index < names.size() ? names[index] : names[0];
}

std::string text_of(const Frame& frame) {
    return fmt::format("a {} of channel {}, counter {}, {} bytes",
                       name_of(frame.header.kind),
                       frame.header.channel,
                       frame.header.counter,
                       frame.bytes.size());
}

void sort(ByteView frames, std::size_t number, Sorted& into) {
    while (!frames.empty()) {
        wire::FrameView view;
        // What is no frame is compared as it stands.
        const bool whole = wire::parse_frame(frames, view) == Error::none;
        const ByteView bytes = frames.first(whole ? view.frame_bytes() : frames.size());
        frames = frames.subspan(bytes.size());
        if (whole && view.header.kind == wire::Kind::ack) {
            into.acks[{view.header.channel, view.header.direction()}].push_back(
                {{{view.body.begin(), view.body.end()}, view.header.counter}, number});
        } else {
            into.frames.push_back({.number = number, .header = view.header, .bytes = bytes});
        }
    }
}

bool same(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

/// The first difference of the frames that are not acks.
std::optional<Difference>
compare_frames(const Sorted& recorded, const Sorted& replayed, Comparison& comparison) {
    for (std::size_t i = 0; i < recorded.frames.size(); ++i) {
        const Frame& was = recorded.frames[i];
        if (i == replayed.frames.size()) {
            return Difference{
                was.number,
                fmt::format("the module gave {}; the replay gives nothing more", text_of(was))};
        }
        const Frame& is = replayed.frames[i];
        if (!same(was.bytes, is.bytes)) {
            const bool alike = text_of(was) == text_of(is);
            return Difference{was.number,
                              fmt::format("the module gave {}; the replay gives {}, after frame {}",
                                          text_of(was),
                                          alike ? "the same with other contents" : text_of(is),
                                          is.number)};
        }
        ++comparison.compared;
    }
    comparison.later = replayed.frames.size() - recorded.frames.size();
    return std::nullopt;
}

/// The first ack of the recording that the replay does not give.
std::optional<Difference>
compare_acks(const Sorted& recorded, const Sorted& replayed, Comparison& comparison) {
    std::optional<Difference> first;
    for (const auto& [acked, values] : recorded.acks) {
        const auto found = replayed.acks.find(acked);
        std::size_t next = 0;
        const std::size_t count = found == replayed.acks.end() ? 0 : found->second.size();
        for (const auto& [value, number] : values) {
            while (next < count && found->second[next].first != value) {
                ++next;
            }
            if (next == count) {
                if (!first || number < first->frame) {
                    first = Difference{
                        number,
                        fmt::format("the module acknowledged channel {} up to counter {}; the "
                                    "replay does not",
                                    acked.first,
                                    value.second)};
                }
                break;
            }
            ++comparison.acks;
        }
    }
    return first;
}

/// A module that was killed from outside ends in no replay.
bool ended_by_itself(const std::string& how) {
    return how.starts_with("exit status") ||
           (how.starts_with("killed by signal") && how.find("SIGKILL") == std::string::npos);
}

std::optional<Difference>
compare_ends(const Recording& recording, const ReplayRun& run, std::size_t last) {
    if (run.ended.empty() && !ended_by_itself(recording.ended)) {
        return std::nullopt;
    }
    if (run.ended == recording.ended) {
        return std::nullopt;
    }
    const auto said = [](const std::string& how) { return how.empty() ? "running on" : how; };
    return Difference{last,
                      fmt::format("the module was {} when the recording ended; the replay {}",
                                  said(recording.ended),
                                  run.ended.empty() ? "takes all frames" : "was " + run.ended)};
}

Expected<bool> put(const fs::path& file, ByteView bytes) {
    return create_file(
        file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, FileAccess::owner_only);
}

std::vector<std::uint8_t> frames_file(const Recording& recording) {
    std::vector<std::uint8_t> bytes;
    for (const RecordedFrame& frame : recording.frames) {
        if (!frame.out) {
            const auto size = static_cast<std::uint32_t>(frame.bytes.size());
            const ByteView length = bytes_of(size);
            bytes.insert(bytes.end(), length.begin(), length.end());
            bytes.insert(bytes.end(), frame.bytes.begin(), frame.bytes.end());
        }
    }
    return bytes;
}

/// What a host that refuses says: `code: reason`.
Diagnostic refusal(const std::string& words) {
    const std::size_t colon = words.find(": ");
    return colon == std::string::npos
               ? make_error("host-failed", "the host of the replay ended without a word")
               : make_error(words.substr(0, colon),
                            "the replay does not start: " + words.substr(colon + 2));
}

} // namespace

Comparison compare(const Recording& recording, const ReplayRun& run) {
    Comparison comparison{.given = run.outputs.size(), .ended = run.ended};
    Sorted recorded;
    Sorted replayed;
    std::size_t number = 0;
    std::size_t over = 0; ///< the frame over which the process ended
    std::size_t given = 0;
    for (const RecordedFrame& frame : recording.frames) {
        ++number;
        if (frame.out) {
            sort(frame.bytes, number, recorded);
        } else if (given < run.outputs.size()) {
            sort(run.outputs[given++], number, replayed);
        } else if (over == 0) {
            over = number;
        }
    }
    for (const auto& found : {compare_frames(recorded, replayed, comparison),
                              compare_acks(recorded, replayed, comparison),
                              compare_ends(recording, run, over != 0 ? over : number)}) {
        if (found && (!comparison.difference || found->frame < comparison.difference->frame)) {
            comparison.difference = found;
        }
    }
    comparison.compared += comparison.acks;
    return comparison;
}

Expected<std::unique_ptr<ReplayFolder>> ReplayFolder::make(const Recording& recording) {
    std::string name = (fs::temp_directory_path() / "authex-replay-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        return failure("file-unwritable", "cannot make a folder in the temporary folder");
    }
    std::unique_ptr<ReplayFolder> folder(new ReplayFolder(name));
    folder->host_ = tee::process::find_host(tee::native::host_program);
    folder->identity_ = fmt::format("{:02x}", fmt::join(recording.head.identity, ""));
    folder->stack_bytes_ = recording.head.stack_bytes != 0 ? recording.head.stack_bytes
                                                           : tee::native::stack_bytes_default;
    Expected<bool> written = put(folder->path_ / "image", recording.head.image);
    if (written) {
        written = put(folder->path_ / "entropy", recording.head.entropy);
    }
    if (written) {
        written = put(folder->path_ / "frames", frames_file(recording));
    }
    if (written && !recording.head.symbols.empty()) {
        folder->symbols_ = folder->path_ / "symbols";
        written = put(folder->symbols_, recording.head.symbols);
    }
    if (!written) {
        return tl::make_unexpected(written.error());
    }
    return folder;
}

ReplayFolder::~ReplayFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
}

std::vector<std::string> ReplayFolder::host(bool debugged) const {
    std::vector<std::string> words = {
        host_.string(), "--replay", identity_, std::to_string(stack_bytes_)};
    if (debugged) {
        words.emplace_back("debugged");
    }
    return words;
}

Expected<ReplayRun> run_replay(const Recording& recording) {
    const auto folder = ReplayFolder::make(recording);
    if (!folder) {
        return tl::make_unexpected(folder.error());
    }
    const auto result = tee::compile::run_command((*folder)->host(false), (*folder)->path());
    if (!result) {
        return failure("host-missing",
                       result.error().summary,
                       "set AUTHEX_HOST_PROGRAM to the program authex-host");
    }
    if (result->status == refused_status) {
        return tl::make_unexpected(refusal(result->output));
    }
    ReplayRun run;
    Reader reader(
        {reinterpret_cast<const std::uint8_t*>(result->output.data()), result->output.size()});
    while (reader.remaining() != 0) {
        const ByteView frames = reader.take(reader.u32());
        if (!reader.ok()) {
            break; // it was killed while it wrote
        }
        run.outputs.emplace_back(frames.begin(), frames.end());
    }
    if (result->status != 0) {
        const bool signalled = result->status > signal_status;
        run.ended =
            tee::to_text({.signalled = signalled,
                          .code = signalled ? result->status - signal_status : result->status});
    }
    return run;
}

} // namespace authex::deployer
