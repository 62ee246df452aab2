// Quotes from AESM, against a service that speaks its protocol and quotes for a simulated machine.
#include "tee/sgx/aesm.hpp"

#include <atomic>
#include <functional>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/temporary_folder.hpp"
#include "tee/modules.hpp"
#include "tee/sgx/protobuf.hpp"
#include "tee/sgx/simulator/platform.hpp"

namespace authex::tee::sgx {
namespace {

using Octets = std::vector<std::uint8_t>;

/// One key of EPID, one of ECDSA P-256; the second must be chosen.
Octets key_ids() {
    Octets ids(512);
    ids[154] = 0;
    ids[256 + 154] = 2;
    ids[256] = 0x77;
    return ids;
}

class FakeAesm {
  public:
    /// What it answers to a request of this number with these fields: the inner message.
    using Reply = std::function<ProtobufWriter(std::uint32_t, const ProtobufFields&)>;

    FakeAesm(std::filesystem::path path, Reply reply)
        : path_(std::move(path)), reply_(std::move(reply)),
          listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeAesm() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    FakeAesm(const FakeAesm&) = delete;
    FakeAesm& operator=(const FakeAesm&) = delete;

    std::atomic<bool> garbage = false;

  private:
    void serve() {
        for (;;) {
            const int client = ::accept(listener_, nullptr, nullptr);
            if (client < 0) {
                return;
            }
            answer(client);
            ::close(client);
        }
    }
    void answer(int client) {
        std::uint32_t size = 0;
        if (::recv(client, &size, sizeof size, MSG_WAITALL) != sizeof size) {
            return;
        }
        Octets request(size);
        if (::recv(client, request.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) {
            return;
        }
        const auto outer = parse_protobuf(request);
        ASSERT_TRUE(outer && outer->bytes.size() == 1);
        const auto& [which, body] = *outer->bytes.begin();
        const auto inner = parse_protobuf(body);
        ASSERT_TRUE(inner);
        EXPECT_GT(inner->numbers.count(9), 0U) << "a timeout";
        ProtobufWriter whole;
        whole.bytes(which, reply_(which, *inner).written());
        Octets bytes = whole.written();
        if (garbage) {
            bytes.assign(bytes.size(), 0xFF);
        }
        const auto answer_size = static_cast<std::uint32_t>(bytes.size());
        (void)!::write(client, &answer_size, sizeof answer_size);
        (void)!::write(client, bytes.data(), bytes.size());
    }

    std::filesystem::path path_;
    Reply reply_;
    int listener_;
    std::thread thread_;
};

class AesmTest : public testing::Test {
  protected:
    ProtobufWriter reply(std::uint32_t which, const ProtobufFields& fields) {
        ProtobufWriter writer;
        writer.number(1, error_);
        switch (which) {
        case 21:
            return writer.number(2, 2);
        case 22:
            return writer.bytes(2, key_ids());
        case 15: {
            EXPECT_EQ(fields.bytes.at(1)[0], 0x77) << "the ECDSA key";
            const TargetInfo target = test::require(SimulatedQuoting(platform_).target());
            return writer.bytes(2, target).number(3, 32);
        }
        case 16:
            return writer.number(2, 6000);
        case 17: {
            Octets quote = test::require(platform_.quote(fields.bytes.at(1), 1'767'225'600)).quote;
            quote.resize(fields.numbers.at(4)); // a buffer of the size that was asked for
            return writer.bytes(2, quote);
        }
        default:
            ADD_FAILURE() << which;
            return writer;
        }
    }
    Octets report() {
        Octets bytes(sgx_report_bytes);
        ReportBody body;
        body.mrenclave.fill(3);
        write_report(platform_.processor(), SimulatedPlatform::quoting_enclave(), body, bytes);
        return bytes;
    }

    test::TemporaryFolder folder_;
    SimulatedPlatform platform_ = test::require(SimulatedPlatform::open(folder_.path()));
    std::uint64_t error_ = 0;
    FakeAesm service_{
        folder_.path() / "aesm.socket",
        [this](std::uint32_t which, const ProtobufFields& fields) { return reply(which, fields); }};
    Aesm aesm_{folder_.path() / "aesm.socket"};
};

TEST_F(AesmTest, SaysWhomReportsAreFor) {
    const auto target = aesm_.target();
    ASSERT_TRUE(target) << to_text(target.error());
    EXPECT_EQ(parse_target(*target).mrenclave, SimulatedPlatform::quoting_enclave().mrenclave);
}

TEST_F(AesmTest, QuotesAreCutToTheirLength) {
    const auto evidence = aesm_.quote(report());
    ASSERT_TRUE(evidence) << to_text(evidence.error());
    EXPECT_LT(evidence->quote.size(), 6000U);
    const auto quote = parse_quote(evidence->quote);
    ASSERT_TRUE(quote) << to_text(quote.error());
    EXPECT_EQ(quote->body.mrenclave[0], 3);
}

TEST_F(AesmTest, ItsErrorsAreToldByNumber) {
    error_ = 12;
    const auto target = aesm_.target();
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().code, "aesm-refused");
    EXPECT_NE(target.error().summary.find("12"), std::string::npos);
}

TEST_F(AesmTest, AnswersThatAreNoneAreRefused) {
    service_.garbage = true;
    const auto target = aesm_.target();
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().code, "aesm-malformed");
}

TEST(Aesm, ThatIsNotThereIsNamedWithWhatToInstall) {
    const test::TemporaryFolder folder;
    const auto target = Aesm(folder.path() / "nothing").target();
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().code, "aesm-missing");
    EXPECT_NE(target.error().fix.find("aesm"), std::string::npos);
    EXPECT_EQ(Aesm(std::string(200, 'x')).target().error().code, "aesm-missing");
}

TEST(Protobuf, IsReadAsItWasWritten) {
    ProtobufWriter writer;
    const Octets text = {1, 2, 3};
    writer.number(1, 300).bytes(2, text).number(17, UINT64_MAX).bytes(3, {});
    const auto fields = parse_protobuf(writer.written());
    ASSERT_TRUE(fields);
    EXPECT_EQ(fields->numbers.at(1), 300U);
    EXPECT_EQ(fields->numbers.at(17), UINT64_MAX);
    EXPECT_EQ(Octets(fields->bytes.at(2).begin(), fields->bytes.at(2).end()), text);
    EXPECT_TRUE(fields->bytes.at(3).empty());
    EXPECT_EQ(writer.written()[0], 0x08);
    EXPECT_EQ(writer.written()[1], 0xAC) << "300 is ac 02 (protobuf.dev, Encoding)";
}

TEST(Protobuf, DamagedMessagesAreRefused) {
    for (const Octets& wrong : {Octets{0x08},
                                {0x08, 0x80},
                                {0x12, 5, 1},
                                {0x0D, 0, 0, 0, 0},
                                {0x0B},
                                {0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
                                Octets(11, 0xFF)}) {
        EXPECT_FALSE(parse_protobuf(wrong));
    }
    EXPECT_TRUE(parse_protobuf({}));
}

} // namespace
} // namespace authex::tee::sgx
