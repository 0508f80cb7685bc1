// What History reports as a broken promise, and what it does not.

#include "sim/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle::sim {
namespace {

class HistoryTest : public testing::Test {
 protected:
  // A task in queue "a" with the unique key "k", held until the task is done.
  void Accept(uint64_t id) {
    NewTask task{.queue = "a", .type = "t", .body = body_, .unique = Unique::kDone};
    history_.Accepted(task, {.id = {id}}, history_.Now());
  }
  void Lease(uint64_t id, const std::string& queue, int64_t asked_ms) {
    treadle::Leased lease{.token = {.task = {id}, .attempt = 1, .term = 1},
                          .queue = queue,
                          .type = "t",
                          .attempt = 1,
                          .max_attempts = 3,
                          .lease_ms = 1'000,
                          .body = body_};
    history_.Leased(lease, {.ms = asked_ms});
  }

  std::shared_ptr<const TaskBody> body_ =
      std::make_shared<TaskBody>(TaskBody{.payload = "1", .idempotency_key = "k"});
  Scheduler scheduler_{1};
  History history_{&scheduler_};
};

// Seeds 1796028630575 and 1796028631609: the first was moved to queue "b".
TEST_F(HistoryTest, TheUniqueKeyOfAMovedTaskIsFreeInItsOldQueue) {
  Accept(1);
  Accept(2);
  Lease(1, "b", 1);
  Lease(2, "a", 2);
  EXPECT_THAT(history_.violations(), testing::IsEmpty());
}

TEST_F(HistoryTest, TwoRunningTasksOfOneUniqueKeyInOneQueueBreakAPromise) {
  Accept(1);
  Accept(2);
  Lease(1, "a", 1);
  Lease(2, "a", 2);
  EXPECT_THAT(history_.violations(),
              testing::ElementsAre(testing::HasSubstr("of the unique key k run at once")));
}

}  // namespace
}  // namespace treadle::sim
