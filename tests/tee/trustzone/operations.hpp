#pragma once
// Keys and operations of a TA that makes system calls, on one processor after the other.

#include <gmock/gmock.h>

#include "support/vectors.hpp"
#include "tee/trustzone/caller.hpp"
#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

using optee::Call;
using test::Caller;
using test::CallerMemory;
using test::from_hex;
using test::place;

constexpr std::uint64_t elsewhere = 0x1000; ///< no memory of the TA's
constexpr std::uint64_t sha256 = 0x50000004;
constexpr std::uint64_t hmac_sha256 = 0x30000004;
constexpr std::uint64_t key_of_hkdf = 0xA10000C0;
constexpr std::uint64_t aes_gcm = 0x40000810;
constexpr std::uint64_t key_of_aes = 0xA0000010;
constexpr std::uint64_t key_of_hmac_sha256 = 0xA0000004;
constexpr std::uint64_t secret_value = 0xC0000000;
enum Mode : std::uint64_t { encrypt, decrypt, signs, verifies, mac, digest, derives };

// Where things lie in the TA's memory.
constexpr std::uint64_t data_at = 0;
constexpr std::uint64_t out_at = 300;
constexpr std::uint64_t size_at = 600;
constexpr std::uint64_t tag_at = 616;
constexpr std::uint64_t tag_size_at = 648;
constexpr std::uint64_t attribute_at = 664;

/// An attribute as a TA gives it: memory, or a value.
struct Given {
    std::uint64_t id = 0;
    std::vector<std::uint8_t> content;
    std::uint64_t value = 0;
};

class Operations : public testing::TestWithParam<const char*> {
  protected:
    std::uint32_t call(Call number, std::array<std::uint64_t, 8> arguments) {
        return call_(number, arguments, memory_);
    }
    void put(std::uint64_t at, ByteView bytes) {
        std::copy(
            bytes.begin(), bytes.end(), memory_.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
    /// The handle, or the error.
    std::uint64_t allocate(std::uint64_t type, std::uint64_t bits) {
        const std::uint32_t result = call(Call::object_allocate, {type, bits, place(size_at)});
        return result == tee_success ? memory_.take<std::uint32_t>(size_at) : result;
    }
    std::uint32_t
    populate(std::uint64_t key, ByteView secret, std::uint64_t attribute = secret_value) {
        memory_ = {};
        put(data_at, secret);
        memory_.put_address(attribute_at, data_at);
        memory_.put(attribute_at + 8, std::uint64_t{secret.size()});
        memory_.put(attribute_at + 16, attribute);
        const std::uint32_t result = call(Call::object_populate, {key, place(attribute_at), 1});
        memory_ = {};
        return result;
    }
    static constexpr std::uint64_t given_at = 8; ///< the TA takes no address at 0
    /// Puts them there, and what they name behind them.
    void give(std::uint64_t at, const std::vector<Given>& all) {
        constexpr std::uint64_t each = 24;
        std::uint64_t content_at = at + each * all.size();
        for (const Given& one : all) {
            memory_.put(at, one.value);
            memory_.put(at + 8, std::uint64_t{one.content.size()});
            memory_.put(at + 16, one.id);
            if (!one.content.empty()) {
                memory_.put_address(at, content_at);
                put(content_at, one.content);
                content_at += one.content.size();
            }
            at += each;
        }
    }
    std::uint32_t populate_with(std::uint64_t key, const std::vector<Given>& all) {
        memory_ = {};
        give(given_at, all);
        const std::uint32_t result =
            call(Call::object_populate, {key, place(given_at), all.size()});
        memory_ = {};
        return result;
    }
    std::uint64_t
    make_key(std::uint64_t type, std::uint64_t bits, const std::vector<Given>& attributes) {
        const std::uint64_t key = allocate(type, bits);
        EXPECT_EQ(populate_with(key, attributes), tee_success);
        return key;
    }
    std::uint32_t
    generate(std::uint64_t key, std::uint64_t bits, const std::vector<Given>& all = {}) {
        memory_ = {};
        give(given_at, all);
        return call(Call::object_generate_key, {key, bits, place(given_at), all.size()});
    }
    /// An attribute of a key.
    std::vector<std::uint8_t> attribute(std::uint64_t key, std::uint64_t id) {
        constexpr std::uint64_t room = 512;
        memory_ = {};
        memory_.put(size_at, room);
        EXPECT_EQ(call(Call::object_get_attribute, {key, id, place(0), place(size_at)}),
                  tee_success)
            << std::hex << id;
        return memory_.part(0, memory_.take<std::uint64_t>(size_at));
    }
    std::uint64_t make_key(std::uint64_t type, std::uint64_t bits, ByteView secret) {
        const std::uint64_t key = allocate(type, bits);
        EXPECT_EQ(populate(key, secret), tee_success);
        return key;
    }
    /// The state, or the error.
    std::uint64_t begin(std::uint64_t algorithm, std::uint64_t mode, std::uint64_t key = 0) {
        const std::uint32_t result =
            call(Call::state_allocate, {algorithm, mode, key, 0, place(size_at)});
        return result == tee_success ? memory_.take<std::uint32_t>(size_at) : result;
    }
    std::vector<std::uint8_t> end_hash(std::uint64_t state, ByteView data) {
        put(data_at, data);
        memory_.put(size_at, std::uint64_t{64});
        EXPECT_EQ(call(Call::hash_final,
                       {state, place(data_at), data.size(), place(out_at), place(size_at)}),
                  tee_success);
        return memory_.part(out_at, memory_.take<std::uint64_t>(size_at));
    }
    std::vector<std::uint8_t> hash(std::uint64_t state, ByteView data) {
        EXPECT_EQ(call(Call::hash_init, {state}), tee_success);
        put(data_at, data.first(1));
        EXPECT_EQ(call(Call::hash_update, {state, place(data_at), 1}), tee_success);
        return end_hash(state, data.subspan(1));
    }
    std::uint32_t begin_gcm(std::uint64_t state, ByteView nonce, std::uint64_t tag_bytes = 16) {
        put(data_at, nonce);
        return call(Call::authenc_init, {state, place(data_at), nonce.size(), tag_bytes, 0, 0});
    }
    std::uint32_t add(std::uint64_t state, ByteView data) {
        put(data_at, data);
        return call(Call::authenc_update_aad, {state, place(data_at), data.size()});
    }
    /// What comes out in two pieces; `last` ends it, with the tag at tag_at.
    std::vector<std::uint8_t>
    payload(std::uint64_t state, ByteView data, Call last, std::uint32_t& result) {
        constexpr std::size_t first = 21;
        put(data_at, data);
        memory_.put(size_at, std::uint64_t{200});
        EXPECT_EQ(call(Call::authenc_update_payload,
                       {state, place(data_at), first, place(out_at), place(size_at)}),
                  tee_success);
        EXPECT_EQ(memory_.take<std::uint64_t>(size_at), first);
        memory_.put(size_at, std::uint64_t{200});
        memory_.put(tag_size_at, std::uint64_t{16});
        result = call(last,
                      {state,
                       place(data_at + first),
                       data.size() - first,
                       place(out_at + first),
                       place(size_at),
                       place(tag_at),
                       last == Call::authenc_enc_final ? place(tag_size_at) : 16});
        return memory_.part(out_at, data.size());
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<TrustZoneLoader> loader_ = test::open_trustzone_loader(folder_);
    Image image_ = test::build_ta(test::caller_source, {.machine = GetParam()});
    Caller call_{test::require(loader_->start(test::spec_of_file(test::content_of(image_), "m"),
                                              test::module_folder(folder_, "m", image_.path)))};
    CallerMemory memory_;
};

} // namespace authex::tee::trustzone
