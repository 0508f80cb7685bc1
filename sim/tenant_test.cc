// What Tenant reports as a broken promise, and what it does not.

#include "sim/tenant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "sim/worker.h"

namespace treadle::sim {
namespace {

class TenantTest : public testing::Test {
 protected:
  TenantTest() {
    faults_.Stop();
    EXPECT_TRUE(*server_.Start());
  }

  bool IsPaused() {
    const auto queue = server_.node()->engine_for_tests().GetQueue(kTenantQueue);
    return queue.ok() && queue->policy.paused;
  }

  // Deletes each task that arrives while the queue is paused, at once.
  void DeleteWhatComesWhilePaused() {
    for (; seen_ < history_.accepted().size(); ++seen_) {
      if (!IsPaused()) {
        ++came_before_;
        continue;
      }
      TaskCommand command{.kind = TaskCommand::Kind::kDelete, .id = history_.accepted()[seen_]};
      history_.Asked(command);
      server_.node()->Do(command, [](const Result<TaskStanding>&) {});
    }
  }

  Scheduler scheduler_{1};
  Faults faults_{1};
  SimulatedServer server_{&scheduler_, 1};
  SimExecutor* outside_ = scheduler_.MakeExecutor();
  Network network_{&scheduler_, &server_, &faults_, outside_};
  History history_{&scheduler_};
  Stage stage_{&scheduler_, &network_, &history_, &faults_, outside_};
  size_t seen_ = 0;
  size_t came_before_ = 0;
};

// Seed 7710800: a task created the queue and a worker completed it, and only then was the queue
// paused.
TEST_F(TenantTest, ExpectsNoTaskFromBeforeThePauseToRemain) {
  history_.Queue(kTenantQueue, {.forgets = true});
  Worker worker(stage_, "w0");
  Tenant tenant(stage_);
  worker.Start();
  tenant.Start();
  while (came_before_ < 10 && scheduler_.steps() < 1'000'000 && scheduler_.Step())
    DeleteWhatComesWhilePaused();
  EXPECT_EQ(came_before_, 10U);
  EXPECT_THAT(history_.violations(), testing::IsEmpty());
}

}  // namespace
}  // namespace treadle::sim
