// How an enclave is made on hardware, against a driver that refuses what the kernel and the
// processor refuse.
#include "tee/sgx/host/hardware.hpp"

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <map>

#include <bearssl/bearssl_hash.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tee/compile/compiler.hpp"
#include "tee/sgx/host/vdso.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/sgx_modules.hpp"

namespace authex::tee::sgx {
namespace {

/// Rules of arch/x86/kernel/cpu/sgx/{ioctl,encl,driver}.c, and of ECREATE, EADD, EEXTEND and EINIT.
/// (Intel SDM vol. 3D)
class StrictDriver final : public Driver {
  public:
    int reserve(std::uint64_t base, std::uint64_t bytes) override {
        base_ = base;
        bytes_ = bytes;
        return bytes == 0 || base % page_bytes != 0 ? EINVAL : 0;
    }
    int create(const std::uint8_t* secs) override {
        Reader reader({secs, page_bytes});
        size_ = reader.u64();
        const std::uint64_t base = reader.u64();
        const std::uint32_t frame_pages = reader.u32();
        const std::uint32_t misc = reader.u32();
        reader.take(24);
        flags_ = reader.u64();
        const std::uint64_t xfrm = reader.u64();
        const ByteView rest = reader.rest();
        if (created_ || !aligned(secs)) {
            return EINVAL;
        }
        // ECREATE faults.
        if (size_ < 2 * page_bytes || (size_ & (size_ - 1)) != 0 || base % size_ != 0 ||
            base != base_ || size_ > bytes_ || frame_pages == 0 || misc != 0 ||
            (flags_ & attribute::init) != 0 || (flags_ & attribute::mode64) == 0 ||
            (xfrm & 3) != 3 ||
            std::any_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte != 0; })) {
            return EIO;
        }
        created_ = true;
        record("ECREATE\0", {{frame_pages, 4}, {size_, 8}});
        return 0;
    }
    int add(ByteView pages,
            std::uint64_t offset,
            const std::uint8_t* secinfo,
            std::uint64_t& done) override {
        done = 0;
        ++add_calls;
        const std::uint64_t flags = Reader({secinfo, 64}).u64();
        const std::uint64_t type = flags & 0xFF00;
        const std::uint64_t rights = flags & 7;
        if (!created_ || initialised_ || !aligned(pages.data()) || pages.empty() ||
            pages.size() % page_bytes != 0 || offset % page_bytes != 0 || offset >= size_ ||
            pages.size() > size_ - offset || reinterpret_cast<std::uintptr_t>(secinfo) % 64 != 0) {
            return EINVAL;
        }
        if ((type != secinfo::type_tcs && type != secinfo::type_regular) ||
            ((rights & secinfo::write) != 0 && (rights & secinfo::read) == 0) ||
            (type == secinfo::type_tcs && rights != 0) || (flags & ~std::uint64_t{0xFF07}) != 0) {
            return EINVAL;
        }
        // A signal comes in between, now and then.
        const std::size_t count = interrupts && add_calls % 3 == 0 ? page_bytes : pages.size();
        if (interrupts && add_calls % 5 == 0) {
            return EINTR;
        }
        for (std::size_t at = 0; at < count; at += page_bytes) {
            if (!page_flags_.emplace(offset + at, flags).second) {
                return EBUSY;
            }
            measure(pages.subspan(at, page_bytes), offset + at, flags);
        }
        done = count;
        return count == pages.size() ? 0 : EINTR;
    }
    int initialise(const std::uint8_t* sigstruct) override {
        Sigstruct fields;
        const ByteView bytes(sigstruct, sigstruct_bytes);
        if (!created_ || initialised_ || !aligned(sigstruct)) {
            return EINVAL;
        }
        Measurement measured{};
        br_sha256_out(&hash_, measured.data());
        if (!parse_sigstruct(bytes, fields) || !signature_holds(bytes) ||
            fields.enclave_hash != measured ||
            (fields.attributes.flags & fields.attributes_mask.flags) !=
                (flags_ & fields.attributes_mask.flags)) {
            return EPERM;
        }
        initialised_ = true;
        return 0;
    }
    int map(std::uint64_t address, std::uint64_t bytes, int rights) override {
        if (address % page_bytes != 0 || bytes == 0 || address < base_ ||
            address - base_ >= size_ || bytes > size_ - (address - base_)) {
            return EINVAL;
        }
        for (std::uint64_t at = address - base_; at < address - base_ + bytes; at += page_bytes) {
            const auto page = page_flags_.find(at);
            const std::uint64_t has = page == page_flags_.end() ? 0
                                      : page->second == secinfo::type_tcs
                                          ? secinfo::read | secinfo::write
                                          : page->second & 7;
            const std::uint64_t wanted = ((rights & PROT_READ) != 0 ? secinfo::read : 0) |
                                         ((rights & PROT_WRITE) != 0 ? secinfo::write : 0) |
                                         ((rights & PROT_EXEC) != 0 ? secinfo::execute : 0);
            if ((wanted & ~has) != 0) {
                return EACCES;
            }
            mapped[at] = rights;
        }
        return 0;
    }

    bool interrupts = false;
    int add_calls = 0;
    std::map<std::uint64_t, int> mapped;
    [[nodiscard]] bool ready() const { return initialised_; }
    [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& pages() const {
        return page_flags_;
    }

    StrictDriver() { br_sha256_init(&hash_); }

  private:
    static bool aligned(const void* memory) {
        return reinterpret_cast<std::uintptr_t>(memory) % page_bytes == 0;
    }
    void record(const char* name, std::initializer_list<std::pair<std::uint64_t, int>> values) {
        std::array<std::uint8_t, 64> bytes{};
        Writer writer(bytes);
        writer.bytes({reinterpret_cast<const std::uint8_t*>(name), 8});
        for (const auto& [value, size] : values) {
            size == 4 ? writer.u32(static_cast<std::uint32_t>(value)) : writer.u64(value);
        }
        br_sha256_update(&hash_, bytes.data(), bytes.size());
    }
    void measure(ByteView page, std::uint64_t offset, std::uint64_t flags) {
        record("EADD\0\0\0\0", {{offset, 8}, {flags, 8}});
        for (std::size_t at = 0; at < page_bytes; at += 256) {
            record("EEXTEND\0", {{offset + at, 8}});
            br_sha256_update(&hash_, page.data() + at, 256);
        }
    }

    std::uint64_t base_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t flags_ = 0;
    bool created_ = false;
    bool initialised_ = false;
    std::map<std::uint64_t, std::uint64_t> page_flags_;
    br_sha256_context hash_{};
};

class HardwareTest : public testing::Test {
  protected:
    HardwareTest() {
        static const Image image =
            test::build_enclave("#include <authex/module.hpp>\n"
                                "AUTHEX_ENTRY(e, call) { call.result.u8(1); }\n");
        bytes_ = test::require(compile::read_file(image.path));
        identity_ = image.identity;
        EXPECT_TRUE(parse_image_file(
            {reinterpret_cast<const std::uint8_t*>(bytes_.data()), bytes_.size()}, file_));
        plan_enclave(file_.program, file_.stack_bytes, plan_);
        EXPECT_EQ(plan_.refusal, nullptr);
    }
    std::string code(Driver& driver) {
        const Refusal refusal = build_enclave(driver, plan_, file_.sigstruct);
        return refusal.code == nullptr ? "" : refusal.code;
    }

    std::string bytes_;
    std::vector<std::uint8_t> identity_;
    ImageFile file_;
    EnclavePlan plan_;
    StrictDriver driver_;
};

TEST_F(HardwareTest, AnEnclaveIsMadeByTheRules) {
    EXPECT_EQ(code(driver_), "");
    EXPECT_TRUE(driver_.ready());
    EXPECT_EQ(driver_.mapped.size(), driver_.pages().size());
    for (const auto& [page, rights] : driver_.mapped) {
        EXPECT_NE(rights & (PROT_WRITE | PROT_EXEC), PROT_WRITE | PROT_EXEC) << page;
    }
    EXPECT_EQ(driver_.mapped.at(plan_.tcs_offset), PROT_READ | PROT_WRITE);
}

TEST_F(HardwareTest, SignalsInBetweenChangeNothing) {
    driver_.interrupts = true;
    EXPECT_EQ(code(driver_), "");
    EXPECT_TRUE(driver_.ready())
        << "the measurement is right only if each page was added once, in order";
}

TEST_F(HardwareTest, PagesThatAreNobodysAreNotAdded) {
    ASSERT_EQ(code(driver_), "");
    EXPECT_FALSE(driver_.pages().contains(plan_.tcs_offset - page_bytes)) << "below the TCS";
    const std::uint64_t stack = plan_.tcs_offset - page_bytes - file_.stack_bytes;
    EXPECT_TRUE(driver_.pages().contains(stack));
    EXPECT_FALSE(driver_.pages().contains(stack - page_bytes)) << "below the stack";
}

TEST_F(HardwareTest, AnotherSignatureIsRefusedByTheProcessor) {
    std::vector<std::uint8_t> sigstruct(file_.sigstruct.begin(), file_.sigstruct.end());
    sigstruct[960] ^= 1; // enclave hash
    const Refusal refusal = build_enclave(driver_, plan_, sigstruct);
    EXPECT_STREQ(refusal.code, "image-malformed");
    EXPECT_TRUE(driver_.mapped.empty());
}

/// Refuses one call.
class RefusingDriver final : public Driver {
  public:
    RefusingDriver(int which, int error) : which_(which), error_(error) {}
    int reserve(std::uint64_t base, std::uint64_t bytes) override {
        return which_ == 0 ? error_ : inner_.reserve(base, bytes);
    }
    int create(const std::uint8_t* secs) override {
        return which_ == 1 ? error_ : inner_.create(secs);
    }
    int add(ByteView pages,
            std::uint64_t offset,
            const std::uint8_t* secinfo,
            std::uint64_t& done) override {
        done = 0;
        return which_ == 2 ? error_ : inner_.add(pages, offset, secinfo, done);
    }
    int initialise(const std::uint8_t* sigstruct) override {
        return which_ == 3 ? error_ : inner_.initialise(sigstruct);
    }
    int map(std::uint64_t address, std::uint64_t bytes, int rights) override {
        return which_ == 4 ? error_ : inner_.map(address, bytes, rights);
    }

  private:
    int which_;
    int error_;
    StrictDriver inner_;
};

TEST_F(HardwareTest, EachRefusalOfTheKernelHasItsWord) {
    const std::tuple<int, int, const char*> refusals[] = {{0, EEXIST, "sgx-failed"},
                                                          {1, EIO, "sgx-failed"},
                                                          {1, ENOMEM, "sgx-memory"},
                                                          {2, EACCES, "sgx-refused"},
                                                          {2, ENOMEM, "sgx-memory"},
                                                          {2, EINTR, "sgx-failed"},
                                                          {2, 0, "sgx-failed"},
                                                          {3, EPERM, "image-malformed"},
                                                          {3, EIO, "sgx-failed"},
                                                          {4, EACCES, "sgx-refused"}};
    for (const auto& [which, error, word] : refusals) {
        RefusingDriver driver(which, error);
        EXPECT_EQ(code(driver), word) << which << ' ' << error;
    }
}

TEST(Vdso, FunctionsAreFoundWhereTheLoaderFindsThem) {
    const ByteView vdso = own_vdso();
    if (vdso.empty()) {
        GTEST_SKIP() << "this kernel has no vDSO";
    }
    const std::uint64_t found = find_in_vdso(vdso, "__vdso_clock_gettime");
    void* const handle = ::dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
    ASSERT_NE(handle, nullptr);
    EXPECT_EQ(vdso.data() + found, ::dlvsym(handle, "__vdso_clock_gettime", "LINUX_2.6"));
    ::dlclose(handle);
    EXPECT_EQ(find_in_vdso(vdso, "__vdso_clock_gettim"), 0U);
    EXPECT_EQ(find_in_vdso(vdso, ""), 0U);
}

TEST(Vdso, DamagedOnesHaveNoFunctions) {
    const ByteView vdso = own_vdso();
    for (std::size_t size = 0; size < vdso.size(); size += 61) {
        const std::vector<std::uint8_t> cut(vdso.begin(),
                                            vdso.begin() + static_cast<std::ptrdiff_t>(size));
        const std::uint64_t found = find_in_vdso(cut, "__vdso_clock_gettime");
        EXPECT_TRUE(found == 0 || found < size);
    }
    std::vector<std::uint8_t> changed(vdso.begin(), vdso.end());
    for (std::size_t i = 0; i < std::min<std::size_t>(changed.size(), 4096); ++i) {
        changed[i] ^= 0xFF;
        const std::uint64_t found = find_in_vdso(changed, "__vdso_clock_gettime");
        EXPECT_LT(found, changed.size());
        changed[i] ^= 0xFF;
    }
}

} // namespace
} // namespace authex::tee::sgx
