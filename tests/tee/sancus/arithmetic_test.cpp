// What a module on the 16-bit processor computes with numbers of each width is what the compiler of
// this machine computes.
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "driven.hpp"

namespace authex::test {
namespace {

using wire::Kind;

/// For one type: a product, quotient, remainder, and shifts to the left and right.
constexpr const char* calculator_source = R"(
#include <authex/module.hpp>
template <typename T>
static std::uint64_t result(std::uint8_t operation, T a, T b) {
    switch (operation) {
    case 0: return static_cast<std::uint64_t>(static_cast<T>(a * b));
    case 1: return static_cast<std::uint64_t>(static_cast<T>(a / b));
    case 2: return static_cast<std::uint64_t>(static_cast<T>(a % b));
    case 3: return static_cast<std::uint64_t>(static_cast<T>(a << static_cast<std::uint8_t>(b)));
    default: return static_cast<std::uint64_t>(static_cast<T>(a >> static_cast<std::uint8_t>(b)));
    }
}
AUTHEX_ENTRY(compute, call) {
    auto in = call.reader();
    const std::uint8_t operation = in.u8();
    const std::uint64_t a = in.u64();
    const std::uint64_t b = in.u64();
    call.result.u64(result<TYPE>(operation, static_cast<TYPE>(a), static_cast<TYPE>(b)));
}
)";

template <typename T>
std::uint64_t expected(std::uint8_t operation, T a, T b) {
    // As unsigned: in signed products and shifts an overflow is undefined here.
    using U = std::make_unsigned_t<T>;
    const auto u = static_cast<std::uint64_t>(static_cast<U>(a));
    const auto v = static_cast<std::uint64_t>(static_cast<U>(b));
    T result = 0;
    switch (operation) {
    case 0:
        result = static_cast<T>(u * v);
        break;
    case 1:
        result = static_cast<T>(a / b);
        break;
    case 2:
        result = static_cast<T>(a % b);
        break;
    case 3:
        result = static_cast<T>(u << v);
        break;
    default:
        result = static_cast<T>(a >> b);
        break;
    }
    return static_cast<std::uint64_t>(result);
}

template <typename T>
class SancusArithmetic : public testing::Test {
  protected:
    static std::string type() {
        return std::string("std::") + (std::is_signed_v<T> ? "" : "u") + "int" +
               std::to_string(8 * sizeof(T)) + "_t";
    }
    SancusArithmetic() : module_(made()) {}

    void compare(std::uint8_t operation, T a, T b) {
        if (operation == 1 || operation == 2) {
            const bool overflows = std::is_signed_v<T> && a == std::numeric_limits<T>::min() &&
                                   b == static_cast<T>(-1);
            if (b == 0 || overflows) {
                return;
            }
        } else if (operation > 2) {
            b = static_cast<T>(static_cast<std::make_unsigned_t<T>>(b) % (8 * sizeof(T)));
        }
        Octets operands(17);
        Writer(operands)
            .u8(operation)
            .u64(static_cast<std::uint64_t>(a))
            .u64(static_cast<std::uint64_t>(b));
        std::uint64_t result = 0;
        for (const Frame& frame : module_.node.give(
                 module_.entry, plain({.kind = Kind::call, .channel = 0}, operands))) {
            if (frame.header.kind == Kind::result && frame.body.size() == 8) {
                Reader reader(frame.body);
                result = reader.u64();
            }
        }
        ASSERT_EQ(result, expected(operation, a, b))
            << static_cast<std::int64_t>(a) << " "
            << "*/%<>"[operation] << " " << static_cast<std::int64_t>(b);
    }

  private:
    static Built made() {
        const TemporaryFolder folder;
        folder.write("module.cpp", calculator_source);
        return built(
            {.sources = {"module.cpp"}, .root = folder.path(), .definitions = {{"TYPE", type()}}});
    }
    Driven module_;
};

using Types = testing::Types<std::uint8_t,
                             std::int8_t,
                             std::uint16_t,
                             std::int16_t,
                             std::uint32_t,
                             std::int32_t,
                             std::uint64_t,
                             std::int64_t>;
TYPED_TEST_SUITE(SancusArithmetic, Types);

TYPED_TEST(SancusArithmetic, IsThatOfEveryOtherProcessor) {
    using T = TypeParam;
    using Limits = std::numeric_limits<T>;
    const std::vector<T> corners = {0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    static_cast<T>(-1),
                                    static_cast<T>(-2),
                                    Limits::max(),
                                    Limits::min(),
                                    static_cast<T>(Limits::max() / 2 + 1)};
    for (std::uint8_t operation = 0; operation < 5; ++operation) {
        for (const T a : corners) {
            for (const T b : corners) {
                this->compare(operation, a, b);
            }
        }
    }
    std::mt19937_64 random(8 * sizeof(T));
    for (int i = 0; i < 200; ++i) {
        // Of all lengths: quotients are not just 0 and 1.
        const auto a = static_cast<T>(random() >> random() % 64);
        const auto b = static_cast<T>(random() >> random() % 64);
        this->compare(static_cast<std::uint8_t>(i % 5), a, b);
    }
}

} // namespace
} // namespace authex::test
