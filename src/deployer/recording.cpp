#include "deployer/recording.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "deployer/private_file.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {
namespace {

constexpr std::string_view magic = "AXRECORD";
constexpr std::uint16_t version = 1;
constexpr std::size_t name_bytes_max = 255;

enum class Tag : std::uint8_t { in = 1, out = 2, end = 3 };

template <typename T>
void put(std::vector<std::uint8_t>& to, const T& value) {
    const ByteView bytes = bytes_of(value);
    to.insert(to.end(), bytes.begin(), bytes.end());
}

template <typename T>
void put_all(std::vector<std::uint8_t>& to, const T& bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

template <typename Length, typename T>
void put_counted(std::vector<std::uint8_t>& to, const T& bytes) {
    put(to, static_cast<Length>(bytes.size()));
    put_all(to, bytes);
}

std::vector<std::uint8_t> encode(const RecordingHead& head) {
    std::vector<std::uint8_t> bytes;
    put_all(bytes, magic);
    put(bytes, version);
    put_all(bytes, head.identity);
    put_all(bytes, head.entropy);
    put(bytes, head.stack_bytes);
    put_counted<std::uint8_t>(bytes, head.module);
    put_counted<std::uint32_t>(bytes, head.image);
    put_counted<std::uint32_t>(bytes, head.symbols);
    return bytes;
}

void encode_frame(std::vector<std::uint8_t>& to, bool out, std::uint64_t time_us, ByteView frame) {
    put(to, out ? Tag::out : Tag::in);
    put(to, time_us);
    put_all(to, frame);
}

void encode_end(std::vector<std::uint8_t>& to, std::uint64_t time_us, std::string_view ended) {
    put(to, Tag::end);
    put(to, time_us);
    put_counted<std::uint8_t>(to, ended.substr(0, name_bytes_max));
}

tl::unexpected<Diagnostic> malformed(const std::string& what) {
    return failure("recording-malformed", fmt::format("this is no recording: {}", what));
}

template <typename T>
T all_of(ByteView bytes) {
    return T(bytes.begin(), bytes.end());
}

Expected<RecordingHead> decode_head(Reader& reader) {
    const ByteView begin = reader.take(magic.size());
    if (!std::equal(begin.begin(), begin.end(), magic.begin(), magic.end())) {
        return malformed("it begins with something else");
    }
    if (const std::uint16_t found = reader.u16(); reader.ok() && found != version) {
        return failure(
            "recording-newer",
            fmt::format("the recording is of format {}, this authex reads {}", found, version),
            "use the release of authex that recorded it");
    }
    RecordingHead head;
    const ByteView identity = reader.take(head.identity.size());
    const ByteView entropy = reader.take(head.entropy.size());
    head.stack_bytes = reader.u32();
    head.module = all_of<std::string>(reader.take(reader.u8()));
    head.image = all_of<std::vector<std::uint8_t>>(reader.take(reader.u32()));
    head.symbols = all_of<std::vector<std::uint8_t>>(reader.take(reader.u32()));
    if (!reader.ok()) {
        return malformed("it is cut");
    }
    copy(identity, head.identity);
    copy(entropy, head.entropy);
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(head.image.data(), head.image.size(), digest.data());
    if (digest != head.identity) {
        return failure("recording-image",
                       fmt::format("the image in the recording is not the one that module {} ran",
                                   head.module),
                       "somebody changed the file: record again");
    }
    return head;
}

/// @return the first frame of what is left, or nothing
ByteView take_frame(Reader& reader) {
    Reader ahead = reader;
    wire::FrameView frame;
    if (wire::parse_frame(ahead.rest(), frame) != Error::none) {
        return {};
    }
    return reader.take(frame.frame_bytes());
}

class FileWriter final : public RecordingWriter {
  public:
    FileWriter(std::filesystem::path file, int descriptor)
        : file_(std::move(file)), descriptor_(descriptor),
          digest_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
        good_ = digest_ && EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) == 1;
    }
    ~FileWriter() override {
        ::close(descriptor_);
        if (!finished_) {
            ::unlink(part_of(file_).c_str());
        }
    }
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;

    static std::filesystem::path part_of(const std::filesystem::path& file) {
        return file.string() + ".part";
    }

    Expected<bool> add(bool out, std::uint64_t time_us, ByteView frames) override {
        std::vector<std::uint8_t> bytes;
        for (Reader reader(frames); reader.remaining() != 0;) {
            const ByteView frame = take_frame(reader);
            if (frame.empty()) {
                return failure("malformed-frames", "the node sends what are no frames");
            }
            encode_frame(bytes, out, time_us, frame);
            ++(out ? gave_ : given_);
        }
        return write(bytes);
    }

    Expected<bool> finish(std::uint64_t time_us, const std::string& ended) override {
        std::vector<std::uint8_t> bytes;
        encode_end(bytes, time_us, ended);
        Expected<bool> written = write(bytes);
        std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
        if (written && EVP_DigestFinal_ex(digest_.get(), digest.data(), nullptr) == 1) {
            written = put_out(digest);
        }
        if (!written) {
            return written;
        }
        // A link, unlike a rename, fails where the name exists.
        const std::filesystem::path part = part_of(file_);
        if (::fsync(descriptor_) != 0 || ::link(part.c_str(), file_.c_str()) != 0) {
            return unwritable();
        }
        ::unlink(part.c_str());
        finished_ = true;
        return true;
    }

    Expected<bool> write(ByteView bytes) {
        good_ = good_ && EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size()) == 1;
        return put_out(bytes);
    }

  private:
    Expected<bool> put_out(ByteView bytes) {
        while (good_ && !bytes.empty()) {
            const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
            good_ = count >= 0 || errno == EINTR;
            bytes = bytes.subspan(count > 0 ? static_cast<std::size_t>(count) : 0);
        }
        return good_ ? Expected<bool>(true) : unwritable();
    }
    [[nodiscard]] Expected<bool> unwritable() const {
        return failure("file-unwritable",
                       fmt::format("cannot write {}: {}",
                                   file_.string(),
                                   std::generic_category().message(errno)),
                       "is the disk full?");
    }

    std::filesystem::path file_;
    int descriptor_;
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest_;
    bool good_ = true;
    bool finished_ = false;
};

} // namespace

std::vector<std::uint8_t> encode(const Recording& recording) {
    std::vector<std::uint8_t> bytes = encode(recording.head);
    for (const RecordedFrame& frame : recording.frames) {
        encode_frame(bytes, frame.out, frame.time_us, frame.bytes);
    }
    encode_end(bytes, recording.end_us, recording.ended);
    return bytes;
}

Expected<Recording> decode(ByteView content) {
    Reader reader(content);
    Expected<RecordingHead> head = decode_head(reader);
    if (!head) {
        return tl::make_unexpected(head.error());
    }
    Recording recording{.head = std::move(*head)};
    for (;;) {
        const auto tag = static_cast<Tag>(reader.u8());
        const std::uint64_t time_us = reader.u64();
        if (tag == Tag::end) {
            recording.end_us = time_us;
            recording.ended = all_of<std::string>(reader.take(reader.u8()));
            return reader.done() ? Expected<Recording>(std::move(recording))
                                 : malformed("its end is not its end");
        }
        const ByteView frame = take_frame(reader);
        if ((tag != Tag::in && tag != Tag::out) || frame.empty()) {
            return malformed(fmt::format("frame {} is none", recording.frames.size() + 1));
        }
        recording.frames.push_back(
            {.out = tag == Tag::out, .time_us = time_us, .bytes = {frame.begin(), frame.end()}});
    }
}

namespace {

/// The frame that told a module the time, of its answer to it; and how many it had taken before.
std::optional<std::pair<std::uint64_t, RecordedFrame>> time_told(const RecordedFrame& answer) {
    wire::FrameView view;
    if (!answer.out || wire::parse_frame(answer.bytes, view) != Error::none ||
        view.header.kind != wire::Kind::time || view.header.direction() != wire::Direction::back) {
        return std::nullopt;
    }
    RecordedFrame told{.time_us = answer.time_us,
                       .bytes = std::vector<std::uint8_t>(wire::header_bytes)};
    view.header.flags = 0;
    view.header.length = 0;
    wire::write_header(view.header, told.bytes);
    return std::pair(Reader(view.body).u64(), std::move(told));
}

} // namespace

void put_back_times(Recording& recording) {
    std::multimap<std::uint64_t, RecordedFrame> times;
    for (const RecordedFrame& frame : recording.frames) {
        if (auto told = time_told(frame)) {
            times.insert(std::move(*told));
        }
    }
    std::vector<RecordedFrame> frames;
    std::uint64_t taken = 0;
    auto next = times.begin();
    for (RecordedFrame& frame : recording.frames) {
        for (; !frame.out && next != times.end() && next->first <= taken; ++next) {
            frames.push_back(next->second);
        }
        taken += frame.out ? 0 : 1;
        frames.push_back(std::move(frame));
    }
    for (; next != times.end(); ++next) {
        frames.push_back(next->second);
    }
    recording.frames = std::move(frames);
}

Expected<Recording> read_recording(const std::filesystem::path& file) {
    const auto recorded = read_private_file(file);
    if (!recorded) {
        return tl::make_unexpected(recorded.error());
    }
    const ByteView bytes = recorded->view();
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    if (bytes.size() >= magic.size() && recorded->text().starts_with(magic)) {
        const std::size_t content = bytes.size() - std::min(bytes.size(), digest.size());
        SHA256(bytes.data(), content, digest.data());
        const ByteView stated = bytes.subspan(content);
        if (!std::equal(digest.begin(), digest.end(), stated.begin(), stated.end())) {
            return failure(
                "recording-damaged",
                fmt::format("{} was cut or changed after it was recorded", file.string()),
                "record again");
        }
        Expected<Recording> recording = decode(bytes.first(content));
        if (recording) {
            put_back_times(*recording);
        }
        return recording;
    }
    return malformed("it begins with something else");
}

Expected<std::unique_ptr<RecordingWriter>> RecordingWriter::create(std::filesystem::path file,
                                                                   const RecordingHead& head) {
    const std::filesystem::path part = FileWriter::part_of(file);
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        return failure("file-exists",
                       fmt::format("{} exists already", file.string()),
                       "name another one: --out FILE");
    }
    ::unlink(part.c_str());
    const int descriptor =
        ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return failure("file-unwritable",
                       fmt::format("cannot write {}: {}",
                                   file.string(),
                                   std::generic_category().message(errno)));
    }
    auto writer = std::make_unique<FileWriter>(std::move(file), descriptor);
    const Expected<bool> written = writer->write(encode(head));
    if (!written) {
        return tl::make_unexpected(written.error());
    }
    return writer;
}

} // namespace authex::deployer
