// Bulk actions on the simulated node.

#include "engine/commands/queues.h"
#include "node/bulk.h"

#include <gmock/gmock.h>

#include <string>

#include "sim/node_fixture.h"

namespace treadle::sim {
namespace {

using testing::SizeIs;
using Kind = TaskCommand::Kind;

class BulkTest : public NodeTest {
 protected:
  void EnqueueMany(size_t tasks) {
    std::vector<NewTask> batch;
    for (size_t i = 0; i < tasks; ++i) batch.push_back(Task());
    ASSERT_TRUE(Enqueue(batch)->ok());
  }
  Result<BulkView> Start(const BulkRequest& request) {
    return Ask<BulkView>([&](Node* node, auto done) { node->Do(StartBulk{request}, done); });
  }
  Result<BulkView> Look(uint64_t id) {
    return Ask<BulkView>([&](Node* node, auto done) { node->Do(GetBulk{id}, done); });
  }
  Result<BulkView> Stop(uint64_t id) {
    return Ask<BulkView>([&](Node* node, auto done) { node->Do(StopBulk{id}, done); });
  }
  BulkView AwaitEnd(uint64_t id) {
    const int64_t deadline = scheduler_.MonotonicMs() + 600'000;
    while (!Look(id)->has_ended() && scheduler_.MonotonicMs() < deadline) scheduler_.Step();
    return *Look(id);
  }
  uint64_t Count(TaskState state) {
    const auto view =
        Ask<QueueView>([](Node* node, auto done) { node->Do(GetQueue{"default"}, done); });
    return view->tasks[static_cast<size_t>(state)];
  }
  static BulkRequest Cancelling() { return {.command = {.kind = Kind::kCancel}, .tasks = {}}; }
};

TEST_F(BulkTest, AnActionReachesEveryListedTaskPageByPage) {
  EnqueueMany(1'000);
  EnqueueMany(200);
  const BulkView ended = AwaitEnd(Start(Cancelling())->id);
  EXPECT_EQ(ended.state, BulkView::State::kDone);
  EXPECT_EQ(ended.found, 1'200U);
  EXPECT_EQ(ended.changed, 1'200U);
  EXPECT_EQ(Count(TaskState::kCancelled), 1'200U);
}

TEST_F(BulkTest, TasksThatChangedSinceTheListAreSkipped) {
  EnqueueMany(3);
  AwaitEnd(Start(Cancelling())->id);
  const BulkView again = AwaitEnd(Start(Cancelling())->id);
  EXPECT_EQ(again.found, 3U);
  EXPECT_EQ(again.changed, 0U);
  EXPECT_EQ(again.skipped, 3U);
}

TEST_F(BulkTest, CountingChangesNothing) {
  EnqueueMany(20);
  BulkRequest request = Cancelling();
  request.count_only = true;
  EXPECT_EQ(AwaitEnd(Start(request)->id).found, 20U);
  EXPECT_EQ(Count(TaskState::kReady), 20U);
}

TEST_F(BulkTest, ActionsKeepTheirRate) {
  EnqueueMany(40);
  BulkRequest request = Cancelling();
  request.rate = 20;
  const int64_t begin_ms = scheduler_.MonotonicMs();
  EXPECT_EQ(AwaitEnd(Start(request)->id).changed, 40U);
  // The last page need not wait.
  EXPECT_GE(scheduler_.MonotonicMs() - begin_ms, 1'900);
}

TEST_F(BulkTest, AStoppedActionGoesNoFurther) {
  EnqueueMany(40);
  BulkRequest request = Cancelling();
  request.rate = 10;
  const uint64_t id = Start(request)->id;
  while (Look(id)->changed == 0) scheduler_.Step();
  EXPECT_EQ(Stop(id)->state, BulkView::State::kStopped);
  const uint64_t changed = Look(id)->changed;
  std::optional<int> never;
  Await(never, 5'000);
  EXPECT_LE(Look(id)->changed, changed + 1);  // the page in progress
  EXPECT_GE(Count(TaskState::kReady), 38U);
  EXPECT_EQ(Stop(999).status().code(), Code::kNotFound);
}

TEST_F(BulkTest, SlowActionsDelayNoOthersAndTheNewestIsListedFirst) {
  EnqueueMany(100);
  BulkRequest slow = Cancelling();
  slow.rate = 1;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Start(slow).ok());
  BulkRequest quick = Cancelling();
  quick.count_only = true;
  EXPECT_EQ(AwaitEnd(Start(quick)->id).state, BulkView::State::kDone);
  const auto list =
      Ask<std::vector<BulkView>>([](Node* node, auto done) { node->Do(ListBulk{}, done); });
  ASSERT_THAT(*list, SizeIs(21));
  EXPECT_GT(list->front().id, list->back().id);
  EXPECT_EQ(list->back().state, BulkView::State::kRunning);
}

TEST_F(BulkTest, AStoppedActionGivesItsTurnToWaitingOnes) {
  EnqueueMany(1'000);
  std::vector<uint64_t> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(Start(Cancelling())->id);
  EXPECT_EQ(Look(ids.back())->state, BulkView::State::kPending);
  for (size_t i = 0; i < 11; ++i) EXPECT_TRUE(Stop(ids[i]).ok());
  EXPECT_EQ(AwaitEnd(ids.back()).state, BulkView::State::kDone);
  EXPECT_EQ(Count(TaskState::kCancelled), 1'000U);
}

TEST_F(BulkTest, TheErrorNamesTheLimitOfRunningActions) {
  EnqueueMany(2);
  BulkRequest slow = Cancelling();
  slow.rate = 1;
  for (int i = 0; i < 1'000; ++i) server_.node()->Do(StartBulk{slow}, [](const auto&) {});
  const Status refused = Start(slow).status();
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.message(), testing::HasSubstr("there are 1000 bulk actions"));
}

TEST_F(BulkTest, TheOldestThatEndedAreForgotten) {
  const uint64_t first = Start(Cancelling())->id;
  AwaitEnd(first);
  for (int i = 0; i < 100; ++i) AwaitEnd(Start(Cancelling())->id);
  EXPECT_EQ(Look(first).status().code(), Code::kNotFound);
}

TEST_F(BulkTest, ItEndsWithTheServer) {
  EnqueueMany(100);
  BulkRequest slow = Cancelling();
  slow.rate = 1;
  const uint64_t id = Start(slow)->id;
  server_.BeginStop();
  while (!server_.has_closed()) scheduler_.Step();
  server_.Leave(SimulatedServer::Death::kProcess);
  ASSERT_TRUE(*server_.Start());
  EXPECT_EQ(Look(id).status().code(), Code::kNotFound);
  EXPECT_GE(Count(TaskState::kReady), 95U);
}

}  // namespace
}  // namespace treadle::sim
