// What the simulated node answers to reads, and how it behaves with interval durability.

#include <gmock/gmock.h>

#include <string>

#include "engine/commands/queues.h"
#include "engine/engine.h"
#include "sim/node_fixture.h"

namespace treadle::sim {
namespace {

using testing::SizeIs;

class NodeQuestions : public NodeTest {
 protected:
  Result<Explanation> Explain(TaskId id) {
    return Ask<Explanation>([&](Node* node, auto done) { node->Do(ExplainTask{id}, done); });
  }
  NodeStats Stats() {
    return *Ask<NodeStats>([](Node* node, auto done) { node->Do(GetNodeStats{}, done); });
  }
  Result<QueueView> DeleteQueue(const std::string& name) {
    return Ask<QueueView>(
        [&](Node* node, auto done) { node->Do(treadle::DeleteQueue{name}, done); });
  }
};

TEST_F(NodeQuestions, AnExplanationNamesWhatIsAheadOfATask) {
  EnqueueOne();
  const TaskId second = EnqueueOne();
  const Result<Explanation> waiting = Explain(second);
  EXPECT_EQ(waiting->reasons.ahead, 1U);
  EXPECT_EQ(waiting->workers, 0U);

  ExchangeRequest asking = Asking(2);
  EXPECT_THAT((*Exchange(asking))->leases, SizeIs(2));
  const Result<Explanation> running = Explain(second);
  EXPECT_EQ(running->reasons.view.task.image.state, TaskState::kRunning);
  EXPECT_GT(running->reasons.lease_ends.ms, scheduler_.Wall().ms);
  EXPECT_EQ(running->workers, 1U);
}

TEST_F(NodeQuestions, AnEndedTaskIsExplainedEvenAfterItHasLeftMemory) {
  const TaskId id = EnqueueOne();
  const ExchangeReply leased = **Exchange(Asking(1));
  EXPECT_TRUE(Exchange(Completing(leased.leases.at(0).token))->ok());
  EXPECT_TRUE(List().ok());  // makes a checkpoint
  std::optional<int> never;
  Await(never, 2'000);
  EXPECT_EQ(Explain(id)->reasons.view.task.image.state, TaskState::kCompleted);
  EXPECT_EQ(Explain(TaskId{id.packed + 1}).status().code(), Code::kNotFound);
}

TEST_F(NodeQuestions, StatsCountWhatHappened) {
  EnqueueOne();
  EnqueueOne();
  const ExchangeReply leased = **Exchange(Asking(2));
  EXPECT_TRUE(Exchange(Completing(leased.leases.at(0).token))->ok());
  const NodeStats stats = Stats();
  EXPECT_EQ(stats.tasks_enqueued, 2U);
  EXPECT_EQ(stats.tasks_leased, 2U);
  EXPECT_EQ(stats.tasks_completed, 1U);
  EXPECT_GT(stats.frames, 0U);
  EXPECT_FALSE(stats.enqueue_refused);
  EXPECT_TRUE(server_.node()->Readiness().ok());
}

TEST_F(NodeQuestions, ANodeWithAFullDiskIsNotReady) {
  server_.options().disk_reserve_bytes = 1 << 20;
  server_.disk().SetCapacity(server_.disk().used() + (1 << 19));
  Restart();
  EXPECT_EQ(server_.node()->Readiness().code(), Code::kResourceExhausted);
}

TEST_F(NodeQuestions, AnAbandonedExchangeGetsNoLeases) {
  bool answered = false;
  const uint64_t ticket = server_.node()->Exchange(
      Asking(1, 60'000), [&](const Result<ExchangeReply>&) { answered = true; });
  server_.node()->Abandon(ticket);
  const TaskId id = EnqueueOne();
  std::optional<int> never;
  Await(never, 1'000);
  EXPECT_FALSE(answered);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kReady);
}

TEST_F(NodeQuestions, AQueueIsDeletedOnlyWhenItIsEmptyAndStaysSoAfterACrash) {
  const auto configured =
      Ask<QueueView>([](Node* node, auto done) { node->Do(SetQueuePolicy{"default", {}}, done); });
  ASSERT_TRUE(configured.ok());
  const TaskId id = EnqueueOne();
  EXPECT_EQ(DeleteQueue("default").status().code(), Code::kFailedPrecondition);
  Do({.kind = TaskCommand::Kind::kDelete, .id = id});
  EXPECT_TRUE(DeleteQueue("default").ok());
  Restart();
  EXPECT_EQ(DeleteQueue("default").status().code(), Code::kNotFound);
  EXPECT_TRUE(Ask<ListPart<QueueView>>([](Node* node, auto done) {
                node->Do(ListQueues{}, done);
              })->views.empty());
}

class NodeWithInterval : public NodeTest {
 protected:
  NodeWithInterval() {
    server_.options().durability = NodeOptions::Durability::kInterval;
    Restart();
  }
};

TEST_F(NodeWithInterval, ChangesOlderThanASecondSurviveALossOfPower) {
  const TaskId id = EnqueueOne();
  std::optional<int> never;
  Await(never, 1'100);
  server_.Crash(SimulatedServer::Death::kPower);
  ASSERT_TRUE(*server_.Start());
  EXPECT_TRUE(Get(id).ok());
}

TEST_F(NodeWithInterval, ACrashOfTheProcessLosesNothing) {
  const TaskId id = EnqueueOne();
  server_.Crash(SimulatedServer::Death::kProcess);
  ASSERT_TRUE(*server_.Start());
  EXPECT_TRUE(Get(id).ok());
}

TEST_F(NodeWithInterval, TheStoreIsNeverAheadOfTheJournal) {
  for (int round = 0; round < 20; ++round) {
    EnqueueOne();
    EXPECT_TRUE(List().ok());  // forces a checkpoint
    server_.Crash(SimulatedServer::Death::kPower);
    ASSERT_TRUE(*server_.Start()) << "round " << round;
  }
}

TEST_F(NodeWithInterval, ASyncThatFailsStopsTheNode) {
  EnqueueOne();
  server_.disk().FailNextSync();
  std::optional<int> never;
  Await(never, 3'000);
  EXPECT_FALSE(server_.stopped().empty());
}

TEST_F(NodeWithInterval, AnOrderlyStopMakesEverythingDurable) {
  const TaskId id = EnqueueOne();
  server_.BeginStop();
  while (!server_.has_closed()) scheduler_.Step();
  server_.Leave(SimulatedServer::Death::kPower);
  ASSERT_TRUE(*server_.Start());
  EXPECT_TRUE(Get(id).ok());
  EXPECT_EQ(server_.replayed(), 0U);
}

}  // namespace
}  // namespace treadle::sim
