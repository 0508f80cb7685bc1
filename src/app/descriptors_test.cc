#include "app/descriptors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle::app {
namespace {

TEST(Descriptors, FilesComeFirstAndConnectionsGetWhatIsLeft) {
  const DescriptorShares shares = *ShareDescriptors(128, 10'000);
  EXPECT_GT(shares.connections_max, 0u);
  EXPECT_GT(shares.refusals_max, 0u);
  EXPECT_EQ(shares.connections_max + shares.refusals_max, 64u);
}

TEST(Descriptors, ConnectionsNeverExceedTheRequestedNumber) {
  EXPECT_EQ(ShareDescriptors(20'000, 500)->connections_max, 500u);
  EXPECT_EQ(ShareDescriptors(UINT64_MAX, 10'000)->connections_max, 10'000u);
  EXPECT_EQ(ShareDescriptors(UINT64_MAX, 10'000)->refusals_max, 64u);
}

TEST(Descriptors, ALimitWithoutRoomForConnectionsIsRefusedWithAReason) {
  EXPECT_TRUE(ShareDescriptors(80, 10'000).ok());
  const Status refusal = ShareDescriptors(79, 10'000).status();
  EXPECT_EQ(refusal.code(), Code::kFailedPrecondition);
  EXPECT_THAT(refusal.message(), testing::HasSubstr("the limit of open files is 79"));
}

}  // namespace
}  // namespace treadle::app
