// Keys and cryptographic operations that the simulated TEE has for its TAs: the standards' own
// vectors, and what OP-TEE refuses. On both processors, where they are.
#include "tee/trustzone/operations.hpp"

namespace authex::tee::trustzone {
namespace {

INSTANTIATE_TEST_SUITE_P(Machines,
                         Operations,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST_P(Operations, DigestsAreThoseOfTheStandard) {
    // FIPS 180-4, examples of "abc"
    const std::vector<std::uint8_t> abc = {'a', 'b', 'c'};
    const std::pair<std::uint64_t, std::string> expected[] = {
        {0x50000002, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {0x50000003, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
        {sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {0x50000005,
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca13"
         "4"
         "c825a7"},
        {0x50000006,
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a"
         "3"
         "feebbd454d4423643ce80e2a9ac94fa54ca49f"}};
    for (const auto& [algorithm, digest_hex] : expected) {
        const std::uint64_t state = begin(algorithm, digest);
        EXPECT_EQ(hash(state, abc), from_hex(digest_hex)) << std::hex << algorithm;
        EXPECT_EQ(hash(state, abc), from_hex(digest_hex)) << "once more";
        EXPECT_EQ(call(Call::state_free, {state}), tee_success);
        EXPECT_EQ(call(Call::hash_init, {state}), tee_bad_parameters) << "gone";
    }
}

TEST_P(Operations, MacsAreThoseOfTheStandard) {
    // RFC 4231, §4.3, with zeros that HMAC pads a key with anyway: no key here has 32 bits.
    std::vector<std::uint8_t> jefe = {'J', 'e', 'f', 'e', 0, 0, 0, 0};
    const std::string text = "what do ya want for nothing?";
    const std::uint64_t key = make_key(key_of_hmac_sha256, 256, jefe);
    const std::uint64_t state = begin(hmac_sha256, mac, key);
    EXPECT_EQ(hash(state, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}),
              from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    EXPECT_EQ(begin(hmac_sha256, mac, key), tee_bad_parameters) << "the key is in use";
    EXPECT_EQ(call(Call::object_close, {key}), tee_item_not_found) << "likewise";
    EXPECT_EQ(call(Call::state_free, {state}), tee_success);
    EXPECT_EQ(call(Call::object_close, {key}), tee_success);
}

TEST_P(Operations, ADigestIsCopiedAsFarAsItIs) {
    const std::uint64_t one = begin(sha256, digest);
    const std::uint64_t other = begin(sha256, digest);
    const std::vector<std::uint8_t> abc = {'a', 'b', 'c'};
    EXPECT_EQ(call(Call::hash_init, {one}), tee_success);
    put(data_at, abc);
    EXPECT_EQ(call(Call::hash_update, {one, place(data_at), 2}), tee_success);
    EXPECT_EQ(call(Call::state_copy, {other, one}), tee_success);
    EXPECT_EQ(end_hash(other, ByteView(abc).subspan(2)),
              from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    EXPECT_EQ(call(Call::state_copy, {begin(0x50000006, digest), one}), tee_bad_parameters);
}

/// The GCM proposal to NIST (McGrew, Viega), test case 4.
class Gcm : public Operations {
  protected:
    const std::vector<std::uint8_t> key_ = from_hex("feffe9928665731c6d6a8f9467308308");
    const std::vector<std::uint8_t> nonce_ = from_hex("cafebabefacedbaddecaf888");
    const std::vector<std::uint8_t> added_ = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const std::vector<std::uint8_t> plain_ = from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e"
        "2449a6b525b16aedf5aa0de657ba637b39");
    const std::vector<std::uint8_t> sealed_ = from_hex(
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a"
        "5aac84aa051ba30b396a0aac973d58e091");
    const std::vector<std::uint8_t> tag_ = from_hex("5bc94fbc3221a5db94fae95ae7121a47");
};
INSTANTIATE_TEST_SUITE_P(Machines, Gcm, testing::ValuesIn(test::machines()), test::name_of_machine);

TEST_P(Gcm, SealsAndOpensAsTheStandardSays) {
    std::uint32_t result = 0;
    std::uint64_t key = make_key(key_of_aes, 128, key_);
    std::uint64_t state = begin(aes_gcm, encrypt, key);
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(begin_gcm(state, nonce_), tee_success);
        EXPECT_EQ(add(state, added_), tee_success);
        EXPECT_EQ(payload(state, plain_, Call::authenc_enc_final, result), sealed_);
        EXPECT_EQ(result, tee_success);
        EXPECT_EQ(memory_.part(tag_at, 16), tag_);
    }
    EXPECT_EQ(add(state, added_), tee_bad_parameters) << "too late for that";
    EXPECT_EQ(call(Call::state_free, {state}), tee_success);
    state = begin(aes_gcm, decrypt, key);
    EXPECT_EQ(begin_gcm(state, nonce_), tee_success);
    EXPECT_EQ(add(state, added_), tee_success);
    put(tag_at, tag_);
    EXPECT_EQ(payload(state, sealed_, Call::authenc_dec_final, result), plain_);
    EXPECT_EQ(result, tee_success);
}

TEST_P(Gcm, WhatWasChangedDoesNotOpen) {
    const std::uint64_t state = begin(aes_gcm, decrypt, make_key(key_of_aes, 128, key_));
    const auto open_with = [&](ByteView added, ByteView sealed, ByteView tag) {
        std::uint32_t result = 0;
        EXPECT_EQ(begin_gcm(state, nonce_), tee_success);
        EXPECT_EQ(add(state, added), tee_success);
        put(tag_at, tag);
        (void)payload(state, sealed, Call::authenc_dec_final, result);
        return result;
    };
    const auto changed = [](std::vector<std::uint8_t> bytes) {
        bytes.back() ^= 1U;
        return bytes;
    };
    EXPECT_EQ(open_with(added_, sealed_, tag_), tee_success);
    EXPECT_EQ(open_with(changed(added_), sealed_, tag_), tee_mac_invalid);
    EXPECT_EQ(open_with(added_, changed(sealed_), tag_), tee_mac_invalid);
    EXPECT_EQ(open_with(added_, sealed_, changed(tag_)), tee_mac_invalid);
    EXPECT_EQ(begin_gcm(state, nonce_, 12), tee_success);
    EXPECT_EQ(call(Call::authenc_dec_final, {state, 0, 0, 0, 0, place(tag_at), 16}),
              tee_mac_invalid)
        << "a tag of another size";
}

TEST_P(Gcm, WhatDoesNotFitIsRefused) {
    const std::uint64_t key = make_key(key_of_aes, 128, key_);
    const std::uint64_t state = begin(aes_gcm, encrypt, key);
    EXPECT_EQ(add(state, added_), tee_bad_state) << "it has not begun";
    EXPECT_EQ(begin_gcm(state, nonce_, 17), tee_bad_parameters);
    EXPECT_EQ(call(Call::authenc_init, {state, elsewhere, 12, 16}), tee_access_denied);
    EXPECT_EQ(begin_gcm(state, nonce_), tee_success);
    EXPECT_EQ(call(Call::authenc_update_aad, {state, elsewhere, 1}), tee_access_denied);
    memory_.put(size_at, std::uint64_t{15});
    EXPECT_EQ(call(Call::authenc_update_payload,
                   {state, place(data_at), 16, place(out_at), place(size_at)}),
              tee_short_buffer);
    EXPECT_EQ(memory_.take<std::uint64_t>(size_at), 16U);
    EXPECT_EQ(
        call(Call::authenc_update_payload, {state, place(data_at), 16, elsewhere, place(size_at)}),
        tee_access_denied);
    EXPECT_EQ(
        call(Call::authenc_update_payload, {state, place(data_at), 16, place(out_at), elsewhere}),
        tee_access_denied);
    memory_.put(tag_size_at, std::uint64_t{15});
    EXPECT_EQ(call(Call::authenc_enc_final, {state, 0, 0, 0, 0, place(tag_at), place(tag_size_at)}),
              tee_short_buffer);
    EXPECT_EQ(memory_.take<std::uint64_t>(tag_size_at), 16U);
    EXPECT_EQ(call(Call::authenc_dec_final, {state, 0, 0, 0, 0, place(tag_at), 16}),
              tee_bad_parameters)
        << "it seals";
    EXPECT_EQ(call(Call::hash_init, {state}), tee_bad_parameters);
    EXPECT_EQ(call(Call::hash_update, {state, place(data_at), 1}), tee_bad_parameters);
}

TEST_P(Operations, ThatAreNotThereAreNotSupported) {
    EXPECT_EQ(begin(0x10000310, encrypt), tee_not_supported) << "AES-CTS";
    EXPECT_EQ(begin(0x40000710, encrypt), tee_not_supported) << "AES-CCM";
    EXPECT_EQ(begin(0x60000030, encrypt), tee_not_supported) << "RSA that encrypts";
    EXPECT_EQ(begin(0x70002131, signs), tee_not_supported) << "DSA";
    EXPECT_EQ(begin(0x80000032, derives), tee_not_supported) << "Diffie and Hellman's";
    EXPECT_EQ(begin(0x50000001, digest), tee_not_supported) << "MD5";
    EXPECT_EQ(begin(sha256, digest, 77), tee_bad_state) << "no such key";
    EXPECT_EQ(begin(aes_gcm, encrypt), tee_bad_parameters) << "no key";
    EXPECT_EQ(begin(hmac_sha256, mac), tee_bad_parameters);
    const std::uint64_t key = allocate(key_of_aes, 128);
    EXPECT_EQ(begin(hmac_sha256, mac, key), tee_bad_parameters) << "of another kind";
    EXPECT_EQ(begin(sha256, digest, key), tee_bad_parameters);
    const std::uint64_t state = begin(aes_gcm, encrypt, key);
    EXPECT_EQ(begin_gcm(state, from_hex("00")), tee_bad_parameters) << "its key is empty";
    for (const Call number : {Call::hash_init,
                              Call::hash_final,
                              Call::authenc_init,
                              Call::authenc_enc_final,
                              Call::authenc_dec_final,
                              Call::authenc_update_payload,
                              Call::state_free,
                              Call::state_copy}) {
        memory_ = {};
        EXPECT_EQ(
            call(number,
                 {99, 0, 0, place(out_at), place(size_at), place(tag_at), place(tag_size_at)}),
            tee_bad_parameters);
    }
    std::uint64_t last = 0;
    for (int i = 0; i < 16; ++i) {
        last = begin(sha256, digest);
    }
    EXPECT_EQ(last, tee_out_of_memory);
}

TEST_P(Operations, KeysAreWhatTheTaMakesOfThem) {
    const auto secret = from_hex("000102030405060708090a0b0c0d0e0f");
    const std::uint64_t key = allocate(key_of_aes, 192);
    EXPECT_EQ(populate(key, secret, 0xC0000001), tee_item_not_found) << "no such attribute";
    EXPECT_EQ(call(Call::object_populate, {key, place(attribute_at), 0}), tee_item_not_found);
    EXPECT_EQ(call(Call::object_populate, {key, elsewhere, 1}), tee_access_denied);
    EXPECT_EQ(populate(key, ByteView(secret).first(15)), tee_bad_parameters);
    EXPECT_EQ(populate(key, std::vector<std::uint8_t>(32)), tee_bad_state)
        << "more than it has room";
    EXPECT_EQ(populate(key, secret), tee_success);
    EXPECT_EQ(populate(key, secret), tee_bad_parameters) << "it has one";
    EXPECT_EQ(call(Call::object_get_info, {key, place(out_at)}), tee_success);
    EXPECT_EQ(memory_.take<std::uint32_t>(out_at), key_of_aes);
    EXPECT_EQ(memory_.take<std::uint32_t>(out_at + 4), 128U);
    EXPECT_EQ(memory_.take<std::uint32_t>(out_at + 8), 192U);
    EXPECT_EQ(memory_.take<std::uint32_t>(out_at + 24), 0x20000U);
    memory_.put(size_at, std::uint64_t{16});
    EXPECT_EQ(call(Call::object_get_attribute, {key, secret_value, place(out_at), place(size_at)}),
              tee_success);
    EXPECT_EQ(memory_.part(out_at, 16), secret);
    memory_.put(size_at, std::uint64_t{15});
    EXPECT_EQ(call(Call::object_get_attribute, {key, secret_value, place(out_at), place(size_at)}),
              tee_short_buffer);
    const std::uint64_t copy = allocate(key_of_aes, 128);
    EXPECT_EQ(call(Call::object_restrict_usage, {key, 6}), tee_success);
    EXPECT_EQ(call(Call::object_copy, {copy, key}), tee_success);
    EXPECT_EQ(call(Call::object_get_attribute, {copy, secret_value, place(out_at), place(size_at)}),
              tee_bad_parameters)
        << "not to be extracted";
    EXPECT_EQ(call(Call::object_reset, {key}), tee_success);
    EXPECT_EQ(call(Call::object_copy, {copy, key}), tee_bad_parameters) << "nothing to copy";
    EXPECT_EQ(call(Call::object_generate_key, {key, 192, 0, 0}), tee_success);
    EXPECT_EQ(call(Call::object_generate_key, {key, 192, 0, 0}), tee_bad_state) << "it has one";
    memory_.put(size_at, std::uint64_t{24});
    EXPECT_EQ(call(Call::object_get_attribute, {key, secret_value, place(out_at), place(size_at)}),
              tee_success);
    EXPECT_NE(memory_.part(out_at, 24), std::vector<std::uint8_t>(24));
    EXPECT_EQ(allocate(key_of_aes, 64), tee_not_supported);
    EXPECT_EQ(allocate(0xA0000011, 64), tee_not_supported) << "DES";
    EXPECT_EQ(allocate(0xA1000043, 256), tee_not_supported) << "Ed25519";
    EXPECT_EQ(call(Call::object_close, {key}), tee_success);
    for (const Call number : {Call::object_close,
                              Call::object_get_info,
                              Call::object_populate,
                              Call::object_generate_key,
                              Call::object_copy,
                              Call::object_reset,
                              Call::object_restrict_usage}) {
        EXPECT_EQ(call(number, {key, copy, 1}), tee_bad_state) << "it is gone";
    }
    EXPECT_EQ(call(Call::object_get_attribute, {key, secret_value, 0, 0}), tee_item_not_found);
}

} // namespace
} // namespace authex::tee::trustzone
