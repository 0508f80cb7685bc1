// What TypeHistory accepts as agreed, and what it reports.

#include "sim/type_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle::sim {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kVersion = 3;

class TypeHistoryTest : public testing::Test {
 protected:
  TypeHistoryTest() {
    Agree({{kVersion}, std::nullopt}, 10);
    Lease(1, 20);
  }

  void Agree(const Agreement& agreement, int64_t ms) {
    history_.Asked(agreement, ms);
    history_.Answered(ms + 1);
  }
  void Lease(uint32_t attempt, int64_t ms) {
    Leased lease{.token = {id_, attempt, 1}, .type = kAgreedType, .contract = kVersion};
    lease.body = std::make_shared<TaskBody>();
    history_.Leased(lease, {ms, ms + 1});
  }
  void FailHopelessly(uint32_t attempt, int64_t asked_ms, int64_t answered_ms) {
    Report report{.token = {id_, attempt, 1}, .kind = Report::Kind::kFailed};
    report.error = std::make_shared<TaskError>(TaskError{kHopelessCode, ""});
    history_.Reported(report, Status(), {asked_ms, answered_ms});
  }

  const TaskId id_ = TaskId::Of(1, 142);
  std::vector<std::string> violations_;
  TypeHistory history_{[this](const std::string& what) { violations_.push_back(what); }};
};

TEST_F(TypeHistoryTest, NoAttemptMayFollowAnErrorThatTheContractCallsFinal) {
  FailHopelessly(1, 30, 40);
  Lease(2, 50);
  EXPECT_THAT(violations_, SizeIs(1));
}

TEST_F(TypeHistoryTest, AnErrorReportedWhileTheContractWasRemovedMayBeRetried) {
  Agree({{}, std::nullopt}, 25);
  FailHopelessly(1, 30, 40);
  Agree({{kVersion}, std::nullopt}, 45);
  Lease(2, 50);
  EXPECT_THAT(violations_, IsEmpty());
}

// Seed 7710200: the contract was back when the report was repeated.
TEST_F(TypeHistoryTest, ARepeatedReportCountsFromItsFirstArrival) {
  Agree({{}, std::nullopt}, 25);
  FailHopelessly(1, 30, 40);
  Agree({{kVersion}, std::nullopt}, 45);
  FailHopelessly(1, 50, 60);
  Lease(2, 70);
  EXPECT_THAT(violations_, IsEmpty());
}

}  // namespace
}  // namespace treadle::sim
