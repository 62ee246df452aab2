#include "tee/native/host/image.hpp"

#include <csignal>
#include <cstring>
#include <elf.h>
#include <functional>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace authex::tee::native {
namespace {

constexpr std::uint64_t base = image_window_begin;

/// An image with code, constants and variables, as the builder makes it.
struct Elf {
    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> segments;
    std::vector<std::uint8_t> content = std::vector<std::uint8_t>(0x3000, 0xC3);

    Elf() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_version = EV_CURRENT;
        header.e_entry = base + 0x1010;
        header.e_phoff = sizeof header;
        header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        segments = {segment(PF_R, 0, base, 0x800, 0x800),
                    segment(PF_R | PF_X, 0x1000, base + 0x1000, 0x900, 0x900),
                    segment(PF_R | PF_W, 0x2000, base + 0x2000, 0x100, 0x5000)};
    }
    static Elf64_Phdr segment(std::uint32_t flags,
                              std::uint64_t offset,
                              std::uint64_t address,
                              std::uint64_t file_bytes,
                              std::uint64_t memory_bytes) {
        return {.p_type = PT_LOAD,
                .p_flags = flags,
                .p_offset = offset,
                .p_vaddr = address,
                .p_paddr = address,
                .p_filesz = file_bytes,
                .p_memsz = memory_bytes,
                .p_align = 0x1000};
    }
    void add_header(std::uint32_t type, std::uint32_t flags = PF_R) {
        segments.push_back(segment(flags, 0, 0, 0, 0));
        segments.back().p_type = type;
    }
    [[nodiscard]] std::vector<std::uint8_t> bytes() const {
        std::vector<std::uint8_t> file = content;
        Elf64_Ehdr complete = header;
        if (complete.e_phnum == 0) {
            complete.e_phnum = static_cast<std::uint16_t>(segments.size());
        }
        std::memcpy(file.data(), &complete, sizeof complete);
        std::memcpy(
            file.data() + sizeof complete, segments.data(), segments.size() * sizeof(Elf64_Phdr));
        return file;
    }
};

std::string refusal(const Elf& elf) {
    const ImagePlan plan = plan_image(elf.bytes());
    return plan.refusal == nullptr ? "" : plan.refusal;
}

TEST(PlanImage, TakesWhatTheBuilderMakes) {
    const Elf elf;
    const ImagePlan plan = plan_image(elf.bytes());
    ASSERT_EQ(plan.refusal, nullptr);
    EXPECT_EQ(plan.segment_count, 3U);
    EXPECT_EQ(plan.begin, base);
    EXPECT_EQ(plan.end, base + 0x7000);
    EXPECT_EQ(plan.entry, base + 0x1010);
    EXPECT_TRUE(plan.segments[1].executable);
    EXPECT_FALSE(plan.segments[1].writable);
    EXPECT_TRUE(plan.segments[2].writable);
}

TEST(PlanImage, RefusesEveryTruncationOfTheHeaders) {
    const std::vector<std::uint8_t> whole = Elf().bytes();
    const std::size_t headers = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
    for (std::size_t size = 0; size < headers; ++size) {
        EXPECT_NE(plan_image(ByteView(whole).first(size)).refusal, nullptr) << size;
    }
}

TEST(PlanImage, RefusesAFileThatEndsInsideASegment) {
    const std::vector<std::uint8_t> whole = Elf().bytes();
    EXPECT_STREQ(plan_image(ByteView(whole).first(0x20FF)).refusal,
                 "a segment lies outside the file");
    EXPECT_EQ(plan_image(ByteView(whole).first(0x2100)).refusal, nullptr);
}

struct Damage {
    const char* name;
    std::function<void(Elf&)> apply;
    const char* refusal;
};

void PrintTo(const Damage& damage, std::ostream* out) {
    *out << damage.name;
}

class DamagedImage : public testing::TestWithParam<Damage> {};

TEST_P(DamagedImage, IsRefused) {
    Elf elf;
    GetParam().apply(elf);
    EXPECT_EQ(refusal(elf), GetParam().refusal);
}

constexpr std::uint64_t far = ~std::uint64_t{0};

const Damage damages[] = {
    {"Magic", [](Elf& e) { e.header.e_ident[0] = 0; }, "not an ELF file"},
    {"Class32", [](Elf& e) { e.header.e_ident[EI_CLASS] = ELFCLASS32; }, "not for x86-64"},
    {"BigEndian", [](Elf& e) { e.header.e_ident[EI_DATA] = ELFDATA2MSB; }, "not for x86-64"},
    {"IdentVersion", [](Elf& e) { e.header.e_ident[EI_VERSION] = 2; }, "not for x86-64"},
    {"Version", [](Elf& e) { e.header.e_version = 0; }, "not for x86-64"},
    {"OtherMachine", [](Elf& e) { e.header.e_machine = EM_AARCH64; }, "not for x86-64"},
    {"Flags", [](Elf& e) { e.header.e_flags = 1; }, "not for x86-64"},
    {"Shared", [](Elf& e) { e.header.e_type = ET_DYN; }, "not a program at a fixed place"},
    {"Relocatable", [](Elf& e) { e.header.e_type = ET_REL; }, "not a program at a fixed place"},
    {"Core", [](Elf& e) { e.header.e_type = ET_CORE; }, "not a program at a fixed place"},
    {"HeaderSize", [](Elf& e) { e.header.e_ehsize = 63; }, "header sizes of another format"},
    {"EntrySize", [](Elf& e) { e.header.e_phentsize = 57; }, "header sizes of another format"},
    {"NoHeaders", [](Elf& e) { e.segments.clear(); }, "no or too many program headers"},
    {"TooManyHeaders", [](Elf& e) { e.header.e_phnum = 33; }, "no or too many program headers"},
    {"HeadersFar", [](Elf& e) { e.header.e_phoff = far; }, "program headers outside the file"},
    {"HeadersAtEnd",
     [](Elf& e) { e.header.e_phoff = 0x3000 - 3 * 56 + 1; },
     "program headers outside the file"},
    {"FileLargerThanMemory",
     [](Elf& e) { e.segments[1].p_memsz = 0x8FF; },
     "a segment is larger in the file than in memory"},
    {"OffsetFar", [](Elf& e) { e.segments[1].p_offset = far; }, "a segment lies outside the file"},
    {"OffsetWraps",
     [](Elf& e) { e.segments[1].p_offset = far - 0x8FF; },
     "a segment lies outside the file"},
    {"AddressNull",
     [](Elf& e) { e.segments[0].p_vaddr = 0; },
     "a segment lies outside the addresses of images"},
    {"AddressBelowWindow",
     [](Elf& e) { e.segments[0].p_vaddr = base - 1; },
     "a segment lies outside the addresses of images"},
    {"AddressAboveWindow",
     [](Elf& e) { e.segments[2].p_vaddr = image_window_end - 0x4FFF; },
     "a segment lies outside the addresses of images"},
    {"AddressWraps",
     [](Elf& e) { e.segments[2].p_vaddr = far - 0x10; },
     "a segment lies outside the addresses of images"},
    {"MemoryWraps",
     [](Elf& e) { e.segments[2].p_memsz = far; },
     "a segment lies outside the addresses of images"},
    {"WritableCode",
     [](Elf& e) { e.segments[1].p_flags |= PF_W; },
     "a segment is writable and executable"},
    {"Overlap",
     [](Elf& e) { e.segments[2].p_vaddr = base + 0x1800; },
     "segments overlap, share a page or are out of order"},
    {"SharedPage",
     [](Elf& e) { e.segments[2].p_vaddr = base + 0x1900; },
     "segments overlap, share a page or are out of order"},
    {"OutOfOrder",
     [](Elf& e) { std::swap(e.segments[0], e.segments[2]); },
     "segments overlap, share a page or are out of order"},
    {"SameTwice",
     [](Elf& e) { e.segments[2] = e.segments[1]; },
     "segments overlap, share a page or are out of order"},
    {"TooManySegments",
     [](Elf& e) {
         for (std::uint64_t i = 0; i < 6; ++i) {
             e.segments.push_back(Elf::segment(PF_R, 0, base + 0x10000 * (i + 1), 1, 1));
         }
     },
     "too many segments"},
    {"TooMuchMemory",
     [](Elf& e) { e.segments[2].p_memsz = image_memory_max; },
     "needs too much memory"},
    {"EntryNull", [](Elf& e) { e.header.e_entry = 0; }, "its entry is not in its code"},
    {"EntryInData",
     [](Elf& e) { e.header.e_entry = base + 0x2000; },
     "its entry is not in its code"},
    {"EntryBeforeCode",
     [](Elf& e) { e.header.e_entry = base + 0xFFF; },
     "its entry is not in its code"},
    {"EntryAfterCode",
     [](Elf& e) { e.header.e_entry = base + 0x1900; },
     "its entry is not in its code"},
    {"EntryInUnfilledCode",
     [](Elf& e) {
         e.segments[1].p_memsz = 0x1000;
         e.header.e_entry = base + 0x1900;
     },
     "its entry is not in its code"},
    {"NoCode", [](Elf& e) { e.segments[1].p_flags = PF_R; }, "its entry is not in its code"},
    {"Interpreter", [](Elf& e) { e.add_header(PT_INTERP); }, "needs a dynamic loader"},
    {"Dynamic", [](Elf& e) { e.add_header(PT_DYNAMIC); }, "needs a dynamic loader"},
    {"ThreadLocal", [](Elf& e) { e.add_header(PT_TLS); }, "has thread-local storage"},
    {"ExecutableStack",
     [](Elf& e) { e.add_header(PT_GNU_STACK, PF_R | PF_W | PF_X); },
     "asks for an executable stack"},
    {"UnknownHeader",
     [](Elf& e) { e.add_header(0x60000001); },
     "has a program header of an unknown kind"},
};

INSTANTIATE_TEST_SUITE_P(All, DamagedImage, testing::ValuesIn(damages), [](const auto& info) {
    return std::string(info.param.name);
});

TEST(PlanImage, PassesOverHeadersThatMeanNothingToTheLoader) {
    Elf elf;
    elf.add_header(PT_NOTE);
    elf.add_header(PT_PHDR);
    elf.add_header(PT_GNU_RELRO);
    elf.add_header(PT_GNU_STACK, PF_R | PF_W);
    EXPECT_EQ(refusal(elf), "");
}

/// Runs in a process of its own, because the image stays where it was put.
template <typename Action>
int status_of(Action action) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL); // sanitizers have handlers of their own
        ::_exit(action());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

class PlaceImage : public testing::Test {
  protected:
    static volatile std::uint8_t* at(std::uint64_t address) {
        return reinterpret_cast<volatile std::uint8_t*>(address);
    }
    /// @return the wait status of a process that puts the image in its place and goes on
    template <typename Action>
    static int after_placing(Action action) {
        return status_of([&] {
            const std::vector<std::uint8_t> file = Elf().bytes();
            return place_image(file, plan_image(file)) ? action() : 99;
        });
    }
};

TEST_F(PlaceImage, FillsAndZeroesMemory) {
    EXPECT_EQ(after_placing([] {
                  const bool right = *at(base + 0x1010) == 0xC3 && *at(base + 0x20FF) == 0xC3 &&
                                     *at(base + 0x2100) == 0 && *at(base + 0x6FFF) == 0;
                  *at(base + 0x6FFF) = 1;
                  return right ? 0 : 1;
              }),
              0);
}

TEST_F(PlaceImage, CodeAndConstantsCannotBeWritten) {
    for (const std::uint64_t address : {base + 0x10, base + 0x1010}) {
        EXPECT_TRUE(WIFSIGNALED(after_placing([address] {
            *at(address) = 1;
            return 0;
        }))) << std::hex
             << address;
    }
}

TEST_F(PlaceImage, DataCannotBeExecuted) {
    EXPECT_TRUE(WIFSIGNALED(after_placing([] {
        reinterpret_cast<void (*)()>(base + 0x2000)();
        return 0;
    })));
}

TEST_F(PlaceImage, GuardPagesStandOnBothSides) {
    for (const std::uint64_t address : {base - 1, base + 0x7000}) {
        EXPECT_TRUE(WIFSIGNALED(after_placing([address] { return int{*at(address)}; })))
            << std::hex << address;
    }
}

TEST_F(PlaceImage, RefusesAPlaceThatIsTaken) {
    EXPECT_EQ(after_placing([] {
                  const std::vector<std::uint8_t> file = Elf().bytes();
                  return place_image(file, plan_image(file)) ? 1 : 0;
              }),
              0);
}

} // namespace
} // namespace authex::tee::native
