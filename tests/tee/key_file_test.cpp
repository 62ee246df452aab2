#include "tee/key_file.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "support/temporary_folder.hpp"

namespace authex::tee {
namespace {

KeyKind quickly_made() {
    return {.make = [] { return SharedKey(EVP_EC_gen("P-256"), EVP_PKEY_free); },
            .fits = [](const EVP_PKEY& key) { return EVP_PKEY_get_bits(&key) == 256; },
            .name = "key on P-256",
            .command = "openssl genpkey"};
}

TEST(KeyFile, ThreadsThatStartAtOnceAgreeOnOneKey) {
    constexpr std::size_t rounds = 20;
    constexpr std::size_t threads = 8;
    for (std::size_t round = 0; round < rounds; ++round) {
        const test::TemporaryFolder folder;
        const std::filesystem::path file = folder.path() / "key.pem";
        std::vector<Expected<SharedKey>> keys(threads);
        std::atomic<bool> go = false;
        std::vector<std::thread> all;
        for (Expected<SharedKey>& key : keys) {
            all.emplace_back([&] {
                while (!go) {
                    std::this_thread::yield();
                }
                key = open_key_file(file, quickly_made());
            });
        }
        go = true;
        for (std::thread& each : all) {
            each.join();
        }
        for (const Expected<SharedKey>& key : keys) {
            ASSERT_TRUE(key) << to_text(key.error());
            EXPECT_EQ(EVP_PKEY_eq(key->get(), keys[0]->get()), 1);
        }
        std::size_t files = 0;
        for ([[maybe_unused]] const auto& each :
             std::filesystem::directory_iterator(folder.path())) {
            ++files;
        }
        EXPECT_EQ(files, 1U) << "nothing is left but the key";
    }
}

TEST(KeyFile, WhereNoneCanBeWrittenItSaysSo) {
    const test::TemporaryFolder folder;
    const auto in_the_way = folder.write("file", "");
    const auto key = open_key_file(in_the_way / "key.pem", quickly_made());
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, "signing-key");
}

} // namespace
} // namespace authex::tee
