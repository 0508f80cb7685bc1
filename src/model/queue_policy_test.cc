#include "model/queue_policy.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(QueuePolicy, TheDefaultIsValidAndABadFieldIsNamed) {
  EXPECT_TRUE(Validate(QueuePolicy{}).ok());
  QueuePolicy policy;
  policy.retention.dead_ms = -1;
  EXPECT_EQ(Validate(policy).code(), Code::kInvalidArgument);
  EXPECT_NE(Validate(policy).message().find("retention.dead_ms"), std::string::npos);
}

}  // namespace
}  // namespace treadle
