// What is secret decides about no branch: the processor goes the same way, instruction by
// instruction, wherever a forged tag differs from the true one. Told apart by steps, not by time.
#include <array>

#include "base/bytes.hpp"
#include "crypto/aead.hpp"
#include "crypto/trace.hpp"

namespace authex::crypto {
namespace {

using test::expect_same_steps;

bool refuses_as_aes_gcm(std::size_t wrong_byte, std::uint8_t wrong_bits) {
    AeadKey key;
    const std::array<std::uint8_t, 16> secret{1, 2, 3};
    const std::array<std::uint8_t, nonce_bytes> nonce{};
    const std::array<std::uint8_t, 12> associated{};
    std::array<std::uint8_t, 32> body{};
    std::array<std::uint8_t, tag_bytes> tag{};
    (void)key.set(Algorithm::aes_128_gcm, secret);
    (void)key.seal(nonce, associated, body, tag);
    auto again = body; // functions are bound at their first call, which is not what is measured
    (void)key.open(nonce, associated, again, tag);
    tag[wrong_byte] ^= wrong_bits;
    (void)::raise(SIGTRAP);
    const Error error = key.open(nonce, associated, body, tag);
    authex_trace_ends();
    return error == Error::forged;
}

/// Expands a key and seals a body; both differ from others in one byte.
bool seals_as_aes_gcm(std::size_t byte, std::uint8_t bits) {
    AeadKey key;
    std::array<std::uint8_t, 16> secret{1, 2, 3};
    const std::array<std::uint8_t, nonce_bytes> nonce{};
    std::array<std::uint8_t, 16> body{};
    std::array<std::uint8_t, tag_bytes> tag{};
    (void)key.set(Algorithm::aes_128_gcm, secret);
    (void)key.seal(nonce, {}, body, tag);
    secret[byte] ^= bits;
    body[byte] ^= bits;
    (void)::raise(SIGTRAP);
    (void)key.set(Algorithm::aes_128_gcm, secret);
    const Error error = key.seal(nonce, {}, body, tag);
    authex_trace_ends();
    return error == Error::none;
}

/// What SPONGENT and everything else compares with.
bool refuses_as_equal(std::size_t wrong_byte, std::uint8_t wrong_bits) {
    const std::array<std::uint8_t, tag_bytes> tag{4, 5, 6};
    auto forged = tag;
    (void)equal_constant_time(tag, forged);
    forged[wrong_byte] ^= wrong_bits;
    (void)::raise(SIGTRAP);
    const bool equal = equal_constant_time(tag, forged);
    authex_trace_ends();
    return !equal;
}

TEST(ConstantTime, AForgedTagOfAesGcmTakesTheSameStepsWhereverItIsWrong) {
    expect_same_steps(refuses_as_aes_gcm, {1, 7, 8, 15});
}

TEST(ConstantTime, SealingWithAesGcmTakesTheSameStepsWhateverTheKeyAndTheBody) {
    expect_same_steps(seals_as_aes_gcm, {7, 15});
}

TEST(ConstantTime, AComparisonTakesTheSameStepsWhereverItFails) {
    expect_same_steps(refuses_as_equal, {1, 7, 8, 15});
}

} // namespace
} // namespace authex::crypto
