// The file of a recording: whole and unchanged, or refused.
#include "deployer/recording.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include "support/frames.hpp"
#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

using test::Octets;
using test::operator+;
using wire::Kind;

RecordingHead head() {
    RecordingHead head{.stack_bytes = 4096, .module = "led", .image = {1, 2, 3}, .symbols = {4}};
    SHA256(head.image.data(), head.image.size(), head.identity.data());
    head.entropy.fill(7);
    return head;
}

Recording recording() {
    return {.head = head(),
            .frames = {{.out = false, .time_us = 10, .bytes = test::plain({.kind = Kind::hello})},
                       {.out = true,
                        .time_us = 20,
                        .bytes = test::plain({.kind = Kind::log}, {'h', 'i'})}},
            .end_us = 30,
            .ended = "killed by signal 11 (SIGSEGV)"};
}

std::string code_of(const Octets& content) {
    const auto decoded = decode(content);
    return decoded ? "ok" : decoded.error().code;
}

class RecordingFile : public testing::Test {
  protected:
    std::string text() {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    void overwrite(const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
    std::string code() {
        const auto read = read_recording(path);
        return read ? "ok" : read.error().code;
    }
    /// @return the code of what went wrong
    std::string record(const Octets& frames) {
        auto writer = RecordingWriter::create(path, head());
        if (!writer) {
            return writer.error().code;
        }
        for (const bool out : {false, true}) {
            if (const auto added = (*writer)->add(out, 5, frames); !added) {
                return added.error().code;
            }
        }
        const auto finished = (*writer)->finish(6, "");
        return finished ? "ok" : finished.error().code;
    }
    test::TemporaryFolder folder;
    std::filesystem::path path = folder.path() / "led.recording";
    Octets two = test::plain({.kind = Kind::hello}) + test::plain({.kind = Kind::log}, {1});
};

TEST(Recording, IsReadAsItWasWritten) {
    const auto decoded = decode(encode(recording()));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(encode(*decoded), encode(recording()));
    EXPECT_EQ(decoded->head.module, "led");
    EXPECT_EQ(decoded->frames.size(), 2U);
    EXPECT_EQ(decoded->ended, recording().ended);
}

TEST(Recording, IsRefusedWhereverItIsCut) {
    const Octets whole = encode(recording());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_NE(code_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), "ok")
            << size;
    }
}

TEST(Recording, IsRefusedWithMoreThanItsEnd) {
    EXPECT_EQ(code_of(encode(recording()) + Octets{0}), "recording-malformed");
}

TEST(Recording, OfALaterFormatIsRefusedAsThat) {
    Octets content = encode(recording());
    content[8] = 2;
    EXPECT_EQ(code_of(content), "recording-newer");
}

TEST(Recording, WithAnotherImageIsRefused) {
    Recording other = recording();
    other.head.image[0] ^= 1U;
    EXPECT_EQ(code_of(encode(other)), "recording-image");
    other.head.image.clear();
    EXPECT_EQ(code_of(encode(other)), "recording-image");
}

TEST(Recording, WithWhatIsNoFrameIsRefused) {
    Recording odd = recording();
    odd.frames[1].bytes[0] = 9; // version
    EXPECT_EQ(code_of(encode(odd)), "recording-malformed");
}

// The module's process told it the time, and the module said after how many frames.
TEST(Recording, ItsTimesStandWhereTheModuleTookThem) {
    const auto in = [](std::uint64_t counter) {
        return RecordedFrame{.bytes = test::plain({.kind = Kind::call, .counter = counter})};
    };
    const auto told = [](std::uint64_t time, std::uint8_t before) {
        return RecordedFrame{
            .out = true,
            .bytes =
                test::plain({.kind = Kind::time, .flags = wire::flag_direction, .counter = time},
                            {before, 0, 0, 0, 0, 0, 0, 0})};
    };
    const auto time = [](std::uint64_t now) {
        return RecordedFrame{.bytes = test::plain({.kind = Kind::time, .counter = now})};
    };
    const RecordedFrame wish{.out = true, .bytes = test::plain({.kind = Kind::time})};
    Recording recording{.frames = {in(0), in(1), wish, told(7, 1), in(2), told(8, 3), told(9, 3)}};
    put_back_times(recording);
    const std::vector<RecordedFrame> expected = {
        in(0), time(7), in(1), wish, told(7, 1), in(2), told(8, 3), told(9, 3), time(8), time(9)};
    ASSERT_EQ(recording.frames.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(recording.frames[i].out, expected[i].out) << i;
        EXPECT_EQ(recording.frames[i].bytes, expected[i].bytes) << i;
    }
}

TEST_F(RecordingFile, HoldsTheFramesOneByOneAndIsOfItsOwnerAlone) {
    ASSERT_EQ(record(two), "ok");
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto read = read_recording(path);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->frames.size(), 4U);
    EXPECT_FALSE(read->frames[1].out);
    EXPECT_TRUE(read->frames[2].out);
    EXPECT_EQ(read->frames[2].bytes, test::plain({.kind = Kind::hello}));
    EXPECT_EQ(read->end_us, 6U);
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST_F(RecordingFile, IsNotThereBeforeItIsWhole) {
    {
        auto writer = RecordingWriter::create(path, head());
        ASSERT_TRUE(writer);
        ASSERT_TRUE((*writer)->add(false, 1, two));
        EXPECT_FALSE(std::filesystem::exists(path));
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "nothing is left of it";
}

TEST_F(RecordingFile, TakesNoPlaceOfAnother) {
    ASSERT_EQ(record(two), "ok");
    EXPECT_EQ(record(two), "file-exists");
    EXPECT_EQ(code(), "ok");
}

TEST_F(RecordingFile, TakesNothingButWholeFrames) {
    two.pop_back();
    EXPECT_EQ(record(two), "malformed-frames");
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(RecordingFile, IsRefusedWithAnyByteChanged) {
    ASSERT_EQ(record(two), "ok");
    const std::string whole = text();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        overwrite(changed);
        EXPECT_NE(code(), "ok") << i;
    }
}

TEST_F(RecordingFile, IsRefusedWhereverItIsCut) {
    ASSERT_EQ(record(two), "ok");
    const std::string whole = text();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        overwrite(whole.substr(0, size));
        EXPECT_NE(code(), "ok") << size;
    }
}

TEST_F(RecordingFile, IsRefusedWhereOthersMayReadIt) {
    ASSERT_EQ(record(two), "ok");
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    EXPECT_EQ(code(), "file-readable-by-others");
}

TEST_F(RecordingFile, ThatIsMissingOrSomethingElseIsRefused) {
    EXPECT_EQ(code(), "file-unreadable");
    overwrite("what is this?");
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    EXPECT_EQ(code(), "recording-malformed");
}

} // namespace
} // namespace authex::deployer
