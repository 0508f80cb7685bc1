#include "shard/memory_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;

class MemoryGuardTest : public testing::Test {
 protected:
  Status RefusalAt(uint64_t used_mib) {
    use_.used_bytes = used_mib * kMiB;
    guard_.Check();
    return guard_.Refusal();
  }

  MemoryUse use_{.limit_bytes = 1024 * kMiB, .bound = "server.memory_max"};
  std::vector<std::string> log_;
  MemoryGuard guard_{[this] { return use_; },
                     [this](const std::string& line) { log_.push_back(line); }};
};

TEST_F(MemoryGuardTest, RefusesTasksBeforeTheReserveIsTouched) {
  EXPECT_TRUE(RefusalAt(100).ok());
  EXPECT_EQ(guard_.spendable_bytes(), (1024 - 256 - 100) * kMiB);
  EXPECT_TRUE(RefusalAt(768).ok());
  EXPECT_EQ(RefusalAt(769).code(), Code::kResourceExhausted);
  EXPECT_EQ(guard_.spendable_bytes(), 0);
}

TEST_F(MemoryGuardTest, DoesNotFlutterAtTheLimit) {
  EXPECT_FALSE(RefusalAt(800).ok());
  EXPECT_FALSE(RefusalAt(768).ok());
  EXPECT_FALSE(RefusalAt(740).ok());
  EXPECT_TRUE(RefusalAt(736).ok());
  EXPECT_TRUE(RefusalAt(768).ok());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("800 of 1024 MiB, server.memory_max"),
                                HasSubstr("new tasks are accepted")));
}

TEST_F(MemoryGuardTest, RefusesWhenMoreIsUsedThanThereIs) { EXPECT_FALSE(RefusalAt(5'000).ok()); }

TEST_F(MemoryGuardTest, HasAReserveThatFitsTheLimit) {
  EXPECT_EQ(MemoryGuard::ReserveOf(64 * kMiB), 32 * kMiB);
  EXPECT_EQ(MemoryGuard::ReserveOf(300 * kMiB), 75 * kMiB);
  EXPECT_EQ(MemoryGuard::ReserveOf(64 * 1024 * kMiB), 512 * kMiB);
}

TEST(MemoryGuard, WithoutAProbeRefusesNothing) {
  MemoryGuard guard(nullptr, [](const std::string&) {});
  guard.Check();
  EXPECT_TRUE(guard.Refusal().ok());
  EXPECT_EQ(guard.spendable_bytes(), UINT64_MAX);
}

}  // namespace
}  // namespace treadle
