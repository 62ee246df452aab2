// Which enclaves get the same key of sealing from a simulated processor.
#include "tee/sgx/simulator/key_request.hpp"

#include <gtest/gtest.h>

namespace authex::tee::sgx {
namespace {

class SealKey : public testing::Test {
  protected:
    SealKey() {
        self_.attributes = {.flags = attribute::init | attribute::mode64, .xfrm = 3};
        self_.mrenclave.fill(1);
        self_.mrsigner.fill(2);
        self_.cpu_svn.fill(5);
        self_.isv_prod_id = 7;
        self_.isv_svn = 2;
        request_.name = key_name::seal;
        request_.policy = key_policy::mrsigner;
        request_.isv_svn = 1;
    }

    [[nodiscard]] std::uint32_t error() const {
        DerivedKey ignored{};
        return derive_key(root_, self_, request_, ignored);
    }
    [[nodiscard]] DerivedKey key() const {
        DerivedKey key{};
        EXPECT_EQ(derive_key(root_, self_, request_, key), key_error::none);
        return key;
    }

    CpuKey root_{9, 9, 9};
    ReportBody self_;
    KeyRequest request_;
};

TEST_F(SealKey, OfAnEarlierVersionIsALaterVersionsToo) {
    const DerivedKey of_later = key();
    self_.isv_svn = 1;
    EXPECT_EQ(key(), of_later) << "what was sealed before an update is read after it";
    self_.isv_svn = 0;
    EXPECT_EQ(error(), key_error::invalid_isv_svn) << "and not the other way round";
}

TEST_F(SealKey, OfEachVersionIsAnother) {
    const DerivedKey of_one = key();
    request_.isv_svn = 2;
    EXPECT_NE(key(), of_one);
}

TEST_F(SealKey, OfAnEarlierProcessorStateIsALatersToo) {
    request_.cpu_svn.fill(4);
    const DerivedKey of_earlier = key();
    request_.cpu_svn.fill(5);
    EXPECT_NE(key(), of_earlier);
    request_.cpu_svn[3] = 6;
    EXPECT_EQ(error(), key_error::invalid_cpu_svn) << "each component counts for itself";
}

TEST_F(SealKey, OfAVendorIsOfOneProductAndOfAllItsEnclaves) {
    const DerivedKey mine = key();
    self_.mrenclave.fill(3);
    EXPECT_EQ(key(), mine);
    self_.isv_prod_id = 8;
    EXPECT_NE(key(), mine);
    self_.isv_prod_id = 7;
    self_.mrsigner.fill(3);
    EXPECT_NE(key(), mine);
}

TEST_F(SealKey, OfAnEnclaveIsOfItAlone) {
    request_.policy = key_policy::mrenclave;
    const DerivedKey mine = key();
    self_.mrsigner.fill(3);
    EXPECT_EQ(key(), mine);
    self_.mrenclave.fill(3);
    EXPECT_NE(key(), mine);
}

TEST_F(SealKey, HasTheAttributesThatWereAskedForAndAlwaysDebug) {
    const DerivedKey mine = key();
    self_.attributes.xfrm = 7;
    EXPECT_EQ(key(), mine) << "not asked for";
    request_.attribute_mask.xfrm = 7;
    const DerivedKey with_more_state = key();
    self_.attributes.xfrm = 3;
    EXPECT_NE(key(), with_more_state);
    request_.attribute_mask.xfrm = 0;
    self_.attributes.flags |= attribute::debug;
    EXPECT_NE(key(), mine);
}

TEST_F(SealKey, IsOfOneProcessorAndOneId) {
    const DerivedKey mine = key();
    EXPECT_EQ(key(), mine);
    request_.key_id[31] = 1;
    EXPECT_NE(key(), mine);
    request_.key_id[31] = 0;
    root_[0] ^= 1;
    EXPECT_NE(key(), mine);
}

} // namespace
} // namespace authex::tee::sgx
