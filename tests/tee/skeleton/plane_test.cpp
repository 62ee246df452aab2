// Skeleton modules under a manager's own data plane: a TEE whose loader passes this can be a node.
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "crypto/aead.hpp"
#include "em/data_plane.hpp"
#include "tee/skeleton/skeleton_modules.hpp"
#include "wire/seal.hpp"

namespace authex::tee::skeleton {
namespace {

using Octets = std::vector<std::uint8_t>;
using em::DataPlane;

struct Quiet final : em::Observer {
    void log_line(const em::ModuleName&, std::uint8_t, std::string) override {}
    void module_ended(const em::ModuleName&, const Exit& exit) override { ends.set_value(exit); }
    void module_misbehaved(const em::ModuleName&, const std::string&) override {}
    std::promise<Exit> ends;
};

/// Waits for what an operation of the plane came to.
template <typename T, typename Start>
Expected<T> result_of(const Start& start) {
    std::promise<Expected<T>> promise;
    start([&](Expected<T> done) { promise.set_value(std::move(done)); });
    return promise.get_future().get();
}

class SkeletonOnANode : public testing::Test {
  protected:
    static DataPlane::Deadline soon() {
        return std::chrono::steady_clock::now() + std::chrono::seconds(60);
    }
    std::unique_ptr<ModuleLink> start(const std::string& name) {
        return test::require(
            loader_.start(test::spec_of(test::relay_image(), name),
                          test::module_folder(folder_, name, test::relay_image().path)));
    }
    void add(const std::string& name) {
        test::require(result_of<bool>([&](auto done) {
            plane_->add_module({1, name}, start(name), soon(), std::move(done));
        }));
    }
    test::Owner owner_of(const std::string& name) {
        return test::Owner(1, [this, name](ByteView frame) {
            return test::require(result_of<Octets>([&](auto done) {
                plane_->control(
                    {1, name}, {frame.begin(), frame.end()}, 1, soon(), std::move(done));
            }));
        });
    }
    std::uint32_t counted(const std::string& name) {
        const Octets answer = test::require(result_of<Octets>([&](auto done) {
            plane_->call({1, name}, test::relay_count, {}, soon(), std::move(done));
        }));
        return Reader(answer).u32();
    }
    /// An event of the owner on a direct connection.
    static Octets event(std::uint16_t channel, std::uint64_t counter, const Octets& body) {
        crypto::AeadKey key;
        EXPECT_EQ(key.set(crypto::Algorithm::aes_128_gcm, test::connection_key(1, channel, 1)),
                  Error::none);
        Octets frame(wire::header_bytes + body.size() + wire::tag_bytes);
        wire::FrameHeader header{
            .kind = wire::Kind::event, .deployment = 1, .channel = channel, .counter = counter};
        EXPECT_EQ(wire::seal_frame(key, header, body, frame), Error::none);
        return frame;
    }

    test::TemporaryFolder folder_;
    Quiet quiet_;
    SkeletonLoader loader_;
    std::unique_ptr<DataPlane> plane_ =
        test::require(DataPlane::open({.state_directory = folder_.path() / "outboxes"}, quiet_));
};

TEST_F(SkeletonOnANode, EventsTravelFromTheOwnerThroughTwoModules) {
    constexpr std::uint16_t direct = 1;
    constexpr std::uint16_t inner = 2;
    constexpr std::uint64_t events = 1000;
    add("a");
    add("b");
    test::Owner owner_a = owner_of("a");
    test::Owner owner_b = owner_of("b");
    owner_a.attest();
    owner_b.attest();
    owner_b.connect(inner, test::relay_in, false, 1);
    owner_a.connect(inner, test::relay_out, true, 1);
    owner_a.connect(direct, test::relay_in, false, 1);
    ASSERT_TRUE(plane_->connect({.deployment = 1,
                                 .channel = inner,
                                 .epoch = 1,
                                 .source_module = "a",
                                 .destination_module = "b"}));
    ASSERT_TRUE(plane_->connect({.deployment = 1,
                                 .channel = direct,
                                 .epoch = 1,
                                 .destination_module = "a",
                                 .direct = true}));
    Octets frames;
    for (std::uint64_t counter = 0; counter < events; ++counter) {
        const Octets one = event(direct, counter, {1, 2, 3});
        frames.insert(frames.end(), one.begin(), one.end());
    }
    const auto delivered = result_of<em::DirectResult>([&](auto done) {
        plane_->deliver(1, {.channel = direct, .frames = frames}, soon(), std::move(done));
    });
    ASSERT_TRUE(delivered) << to_text(delivered.error());
    EXPECT_EQ(counted("a"), events);
    while (counted("b") < events && std::chrono::steady_clock::now() < soon()) {
        std::this_thread::yield();
    }
    EXPECT_EQ(counted("b"), events);
}

TEST_F(SkeletonOnANode, OrdersBeforeTheHandshakeAreRefused) {
    add("a");
    EXPECT_THROW(owner_of("a").connect(1, test::relay_in, false, 1), std::runtime_error);
}

TEST_F(SkeletonOnANode, EndOfAModuleIsSeen) {
    auto link = start("a");
    link->kill();
    const auto added = result_of<bool>([&](auto done) {
        plane_->add_module({1, "a"}, std::move(link), soon(), std::move(done));
    });
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, "module-ended");
    EXPECT_EQ(to_text(quiet_.ends.get_future().get()), "killed by signal 9 (SIGKILL)");
}

} // namespace
} // namespace authex::tee::skeleton
