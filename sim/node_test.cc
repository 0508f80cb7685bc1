// The node on the simulated disk, one situation at a time.

#include "node/node.h"
#include "engine/commands/queues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "engine/engine.h"
#include "sim/node_fixture.h"

namespace treadle::sim {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST_F(NodeTest, AnAnswerLeavesOnlyWhenItsFrameIsDurable) {
  server_.disk().CrashAt(1);  // the write of the frame
  EXPECT_FALSE(Enqueue({Task()}).has_value());
  EXPECT_TRUE(server_.disk().dead());
  Restart();
  EXPECT_TRUE(Enqueue({Task()}).has_value());
}

TEST_F(NodeTest, ATaskIsLeasedInTheFrameInWhichItArrivesWhileAWorkerWaits) {
  std::optional<Result<ExchangeReply>> answer;
  server_.node()->Exchange(Asking(1, 30'000),
                           [&](Result<ExchangeReply> reply) { answer = std::move(reply); });
  EXPECT_FALSE(Await(answer, 100).has_value());
  const uint64_t frame = server_.node()->engine_for_tests().state().frame();
  Enqueue({Task()});
  ASSERT_TRUE(Await(answer).has_value());
  EXPECT_THAT((*answer)->leases, SizeIs(1));
  EXPECT_LE(server_.node()->engine_for_tests().state().frame(), frame + 1);
}

TEST_F(NodeTest, AStoreThatIsBehindTheJournalMakesProducersWaitForACheckpoint) {
  server_.options().backlog_bytes_max = 1'000;
  server_.options().checkpoint_ms = 600'000;
  Restart();
  const auto checkpoints = [&] {
    return Ask<NodeStats>([](Node* node, auto done) { node->Do(GetNodeStats{}, std::move(done)); })
        ->checkpoints;
  };
  const uint64_t before = checkpoints();
  EXPECT_TRUE(Enqueue(std::vector<NewTask>(20, Task()))->ok());
  EXPECT_EQ(checkpoints(), before);
  const auto late = Enqueue({Task()});
  ASSERT_TRUE(late.has_value());
  EXPECT_TRUE(late->ok()) << late->status().ToString();
  EXPECT_EQ(checkpoints(), before + 1);
}

TEST_F(NodeTest, ARepeatedExchangeGetsItsLeasesAgainAfterACrash) {
  EnqueueOne();
  const ExchangeRequest request = Asking(1);
  const Token token = (*Exchange(request))->leases.at(0).token;
  Restart();
  EXPECT_EQ((*Exchange(request))->leases.at(0).token, token);
}

TEST_F(NodeTest, AReportIsAcceptedAgainAfterACrashAndACheckpoint) {
  const TaskId id = EnqueueOne();
  const Token token = (*Exchange(Asking(1)))->leases.at(0).token;
  ExchangeRequest request = Completing(token);
  EXPECT_TRUE((*Exchange(request))->reports.at(0).status.ok());
  EXPECT_TRUE(List().ok());  // forces a checkpoint: the task leaves memory
  Restart();
  EXPECT_TRUE((*Exchange(request))->reports.at(0).status.ok());
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kCompleted);
}

TEST_F(NodeTest, AnAnswerThatWasNotDeliveredReturnsItsLeasesUnspent) {
  const TaskId id = EnqueueOne();
  const ExchangeRequest request = Asking(1);
  ExchangeReply reply = **Exchange(request);
  server_.node()->Undelivered(request.holder, reply);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kReady);
  EXPECT_EQ(Get(id)->task.image.spent(), 0U);
}

TEST_F(NodeTest, AnUndeliveredAnswerThatWasRequestedAgainKeepsItsLeases) {
  const TaskId id = EnqueueOne();
  const ExchangeRequest request = Asking(1);
  const ExchangeReply lost = **Exchange(request);
  const ExchangeReply again = **Exchange(request);
  server_.node()->Undelivered(request.holder, lost);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kRunning);
  EXPECT_TRUE((*Exchange(Completing(again.leases.at(0).token)))->reports.at(0).status.ok());
}

TEST_F(NodeTest, AnUndeliveredAnswerIsForgottenOnceTheWorkerAsksForMore) {
  const TaskId id = EnqueueOne();
  const ExchangeRequest request = Asking(1);
  const ExchangeReply lost = **Exchange(request);
  const Token token = (*Exchange(request))->leases.at(0).token;
  EXPECT_TRUE(Exchange(Asking(0))->ok());
  server_.node()->Undelivered(request.holder, lost);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kRunning);
  EXPECT_TRUE((*Exchange(Completing(token)))->reports.at(0).status.ok());
}

TEST_F(NodeTest, AnExchangeMayBeginBeforeThePreviousAnswerArrives) {
  const std::vector<TaskId> ids = {EnqueueOne(), EnqueueOne()};
  const ExchangeRequest first = Asking(1);
  ExchangeRequest second = Asking(1);
  second.answered = first.sequence - 1;
  const ExchangeReply lost = **Exchange(first);
  EXPECT_EQ((*Exchange(second))->leases.at(0).token.task, ids[1]);
  EXPECT_EQ((*Exchange(first))->leases.at(0).token, lost.leases.at(0).token) << "the same again";
  server_.node()->Undelivered(first.holder, lost);
  EXPECT_EQ(Get(ids[0])->task.image.state, TaskState::kRunning) << "it was requested again";
}

TEST_F(NodeTest, AnExchangeMayComeAfterANewerOne) {
  const std::vector<TaskId> ids = {EnqueueOne(), EnqueueOne()};
  const ExchangeRequest first = Asking(1);
  ExchangeRequest second = Asking(1);
  second.answered = first.sequence - 1;
  EXPECT_EQ((*Exchange(second))->leases.at(0).token.task, ids[0]);
  const ExchangeReply late = **Exchange(first);
  EXPECT_EQ(late.leases.at(0).token.task, ids[1]);
  server_.node()->Undelivered(first.holder, late);
  EXPECT_EQ(Get(ids[1])->task.image.state, TaskState::kReady) << "nobody has it";
}

TEST_F(NodeTest, ALateCopyOfAnExchangeThatIsNotDeliveredTakesNothingBack) {
  const TaskId id = EnqueueOne();
  const ExchangeRequest request = Asking(1);
  EXPECT_EQ((*Exchange(request))->leases.size(), 1);
  const ExchangeReply late = **Exchange(request);
  server_.node()->Undelivered(request.holder, late);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kRunning);
}

TEST_F(NodeTest, AnExchangeMarkedAsAnsweredIsClosed) {
  const TaskId id = EnqueueOne();
  const ExchangeRequest first = Asking(1);
  const ExchangeReply reply = **Exchange(first);
  ExchangeRequest second = Asking(1);
  second.answered = first.sequence;
  EXPECT_TRUE(Exchange(second)->ok());
  EXPECT_EQ(Exchange(first)->status().code(), Code::kAborted);
  server_.node()->Undelivered(first.holder, reply);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kRunning);
}

TEST_F(NodeTest, ACancelledTaskThatGetsAnotherPriorityStaysCancelledAfterACrash) {
  const TaskId id = EnqueueOne();
  EXPECT_TRUE(List().ok());  // forces a checkpoint: the task waits in the store
  Do({.kind = TaskCommand::Kind::kCancel, .id = id});
  Do({.kind = TaskCommand::Kind::kEdit, .id = id, .edit = {.priority = 7}});
  EXPECT_TRUE(List().ok());
  Restart();
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kCancelled);
  EXPECT_THAT((*Exchange(Asking(1)))->leases, IsEmpty());
  server_.node()->engine_for_tests().state().CheckInvariants();
}

TEST_F(NodeTest, AnOlderExchangeOfAWorkerIsRefusedAndANewerOneEndsTheParkedOne) {
  std::optional<Result<ExchangeReply>> parked;
  const ExchangeRequest first = Asking(1, 30'000);
  server_.node()->Exchange(first, [&](Result<ExchangeReply> reply) { parked = std::move(reply); });
  EXPECT_TRUE(Exchange(Asking(0))->ok());
  ASSERT_TRUE(parked.has_value());
  EXPECT_THAT((*parked)->leases, IsEmpty());
  EXPECT_EQ(Exchange(first)->status().code(), Code::kAborted);
}

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kYearMs = 365 * 24 * kHourMs;

TEST_F(NodeTest, AWallClockThatJumpsExpiresNothingEarly) {
  NewTask task = Task("key");
  task.expires_at = scheduler_.Wall() + 60'000;
  const TaskId id = (*Enqueue({task}))->tasks.at(0).id;
  for (const int64_t jump : {kYearMs, -kYearMs - kHourMs}) {
    scheduler_.StepWall(jump);
    Await(std::optional<int>(), 20'000);
    EXPECT_EQ(Get(id)->task.image.state, TaskState::kReady);
    EXPECT_TRUE((*Enqueue({task}))->tasks.at(0).duplicate) << "its key is within its window";
  }
  Await(std::optional<int>(), 25'000);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kExpired) << "after a minute of world time";
}

TEST_F(NodeTest, ABusyParkedWorkerGetsTheNextTaskOnceTheIsolatedOnesAreTaken) {
  const auto as = [&](const char* worker, uint32_t want, int64_t wait_ms = 0) {
    ExchangeRequest request = Asking(want, wait_ms);
    request.holder = {worker, 1};
    return request;
  };
  EnqueueOne();
  EnqueueOne();
  ASSERT_THAT((*Exchange(as("lost", 2)))->leases, SizeIs(2));
  Await(std::optional<int>(), 60'000);
  ASSERT_THAT((*Exchange(as("lost again", 2)))->leases, SizeIs(2));
  EnqueueOne();
  const Token held = (*Exchange(as("busy", 1)))->leases.at(0).token;
  for (int i = 0; i < 6; ++i) {
    Await(std::optional<int>(), 10'000);
    ExchangeRequest renewing = as("busy", 0);
    renewing.renew = {held};
    ASSERT_THAT((*Exchange(renewing))->lost, IsEmpty());
  }
  const TaskId last = EnqueueOne();
  std::optional<Result<ExchangeReply>> parked;
  server_.node()->Exchange(as("busy", 1, 50'000),
                           [&](Result<ExchangeReply> reply) { parked = std::move(reply); });
  for (const char* idle : {"second", "third"}) {
    EXPECT_FALSE(Await(parked, 1'000).has_value());
    EXPECT_THAT((*Exchange(as(idle, 5)))->leases, SizeIs(1));
  }
  ASSERT_TRUE(Await(parked, 1'000).has_value());
  EXPECT_EQ((*parked)->leases.at(0).token.task, last);
}

TEST_F(NodeTest, AWallClockThatJumpsMovesNoDelay) {
  NewTask task = Task();
  task.delay_ms = 60'000;
  const TaskId id = (*Enqueue({task}))->tasks.at(0).id;
  for (const int64_t jump : {120'000, -240'000}) {
    scheduler_.StepWall(jump);
    Await(std::optional<int>(), 20'000);
    EXPECT_EQ(Get(id)->task.image.state, TaskState::kScheduled);
    const auto list = List();
    ASSERT_TRUE(list.ok());
    EXPECT_EQ(list->page.tasks.at(0).run_at, Get(id)->run_at);
  }
  Await(std::optional<int>(), 25'000);
  EXPECT_EQ(Get(id)->task.image.state, TaskState::kReady) << "after a minute of world time";
}

TEST_F(NodeTest, AStopMovesShardTimeByAtMostADay) {
  NewTask early = Task();
  early.expires_ms = 23 * kHourMs;
  NewTask late = Task("key");
  late.expires_ms = 25 * kHourMs;
  const std::vector<EnqueueReply::Task> ids = (*Enqueue({early, late}))->tasks;
  Await(std::optional<int>(), 5'000);  // a checkpoint records the time
  server_.Crash();
  scheduler_.StepWall(kYearMs);
  ASSERT_TRUE(*server_.Start());
  Await(std::optional<int>(), 1'000);
  EXPECT_EQ(Get(ids[0].id)->task.image.state, TaskState::kExpired);
  EXPECT_EQ(Get(ids[1].id)->task.image.state, TaskState::kReady);
  scheduler_.StepWall(-2 * kYearMs);
  Await(std::optional<int>(), kHourMs);
  EXPECT_EQ(Get(ids[1].id)->task.image.state, TaskState::kExpired);
}

TEST_F(NodeTest, AFailureIsAnsweredWithTheTimeUntilTheNextAttempt) {
  EnqueueOne();
  const ExchangeRequest failing = Failing((*Exchange(Asking(1)))->leases.at(0).token, 5'000);
  const ReportReply first = (*Exchange(failing))->reports.at(0);
  EXPECT_EQ(first.state, TaskState::kRetrying);
  EXPECT_EQ(first.retry_in_ms, 5'000);
  scheduler_.Pass(2'000);
  const ReportReply repeated = (*Exchange(failing))->reports.at(0);
  EXPECT_EQ(repeated.state, TaskState::kRetrying);
  ASSERT_TRUE(repeated.retry_in_ms);
  EXPECT_LE(*repeated.retry_in_ms, 3'000);
  EXPECT_GE(*repeated.retry_in_ms, 2'000);
  Await(std::optional<int>(), 5'000);
  const ReportReply due = (*Exchange(failing))->reports.at(0);
  EXPECT_EQ(due.state, TaskState::kReady);
  EXPECT_EQ(due.retry_in_ms, 0);
}

TEST_F(NodeTest, TheLastFailureIsAnsweredWithDeadEvenAfterTheTaskHasLeftMemory) {
  EnqueueOne();
  ExchangeRequest failing = Failing((*Exchange(Asking(1)))->leases.at(0).token, std::nullopt);
  failing.reports.at(0).retry = false;
  const auto expect_dead = [&] {
    const ReportReply reply = (*Exchange(failing))->reports.at(0);
    EXPECT_TRUE(reply.status.ok());
    EXPECT_EQ(reply.state, TaskState::kDead);
    EXPECT_EQ(reply.retry_in_ms, std::nullopt);
  };
  expect_dead();
  EXPECT_TRUE(List().ok());  // forces a checkpoint
  Restart();
  expect_dead();
}

TEST_F(NodeTest, OnlyAnAcceptedFailureReportsTheNextAttempt) {
  EnqueueOne();
  const Token token = (*Exchange(Asking(1)))->leases.at(0).token;
  const ReportReply completed = (*Exchange(Completing(token)))->reports.at(0);
  EXPECT_TRUE(completed.status.ok());
  EXPECT_EQ(completed.state, std::nullopt);
  const ReportReply late = (*Exchange(Failing(token, 5'000)))->reports.at(0);
  EXPECT_EQ(late.status.code(), Code::kLeaseLost);
  EXPECT_EQ(late.state, std::nullopt);
  EXPECT_EQ(late.retry_in_ms, std::nullopt);
}

// Each opening starts shard time over from the time recorded in the store. A slow opening must not
// leave its node behind, because the next one would catch up in one jump.
TEST_F(NodeTest, ASlowOpeningCausesNoEarlyRetryAfterTheNextOne) {
  EnqueueOne();
  Await(std::optional<int>(), 5'000);  // a checkpoint records the time
  server_.disk().while_it_looks = [this] { scheduler_.Pass(500); };
  Restart();
  server_.disk().while_it_looks = nullptr;
  const Token token = (*Exchange(Asking(1)))->leases.at(0).token;
  const int64_t failed_ms = scheduler_.MonotonicMs();
  Exchange(Failing(token, 2'000));
  Restart();
  EXPECT_THAT((*Exchange(Asking(1, 60'000)))->leases, SizeIs(1));
  EXPECT_GE(scheduler_.MonotonicMs() - failed_ms, 2'000);
}

TEST_F(NodeTest, AParkedWorkerIsNotifiedOfALostLease) {
  EnqueueOne();
  const Token token = (*Exchange(Asking(1)))->leases.at(0).token;
  const auto news = Exchange(Asking(0, 60'000));  // does not renew its lease
  EXPECT_THAT((*news)->lost, testing::ElementsAre(token));
}

TEST_F(NodeTest, AParkedWorkerHearsThatItsLeaseEndedBeforeItGetsTheTaskAgain) {
  const TaskId task = EnqueueOne();
  const Token old = (*Exchange(Asking(1)))->leases.at(0).token;
  std::optional<Result<ExchangeReply>> answer;
  server_.node()->Exchange(Asking(1, 60'000),
                           [&](Result<ExchangeReply> reply) { answer = std::move(reply); });
  Do({.kind = TaskCommand::Kind::kRelease, .id = task});
  EXPECT_EQ((*Await(answer))->lost, std::vector<Token>{old});
  const std::vector<Leased> again = (*Exchange(Asking(1)))->leases;
  EXPECT_EQ(again.at(0).token.task, task);
}

TEST_F(NodeTest, AReaderWaitsForTheEndOfATask) {
  const TaskId id = EnqueueOne();
  const Token token = (*Exchange(Asking(1)))->leases.at(0).token;
  std::optional<Result<TaskView>> view;
  server_.node()->Do(GetTask{id, 60'000}, [&](Result<TaskView> v) { view = std::move(v); });
  EXPECT_FALSE(Await(view, 100).has_value());
  Exchange(Completing(token));
  ASSERT_TRUE(Await(view).has_value());
  EXPECT_EQ((*view)->task.image.state, TaskState::kCompleted);
  EXPECT_EQ(Get(EnqueueOne(), 50)->task.image.state, TaskState::kReady) << "or until its timeout";
}

TEST_F(NodeTest, AListContainsEverythingAcknowledgedBeforeIt) {
  const TaskId id = EnqueueOne();
  const auto list = List();
  ASSERT_THAT(list->page.tasks, SizeIs(1));
  EXPECT_EQ(list->page.tasks[0].task.image.id, id);
}

TEST_F(NodeTest, AFullDiskRefusesEnqueuesAndStillTakesCompletions) {
  EnqueueOne();
  const Token token = (*Exchange(Asking(1)))->leases.at(0).token;
  server_.disk().SetCapacity(0);
  // The guard looks once a second.
  std::optional<int> never;
  Await(never, 2'000);
  EXPECT_EQ(server_.node()->Readiness().code(), Code::kResourceExhausted);
  EXPECT_EQ(Enqueue({Task()})->status().code(), Code::kResourceExhausted);
  EXPECT_GT(Enqueue({Task()})->status().retry_after_ms(), 0);
  EXPECT_TRUE((*Exchange(Completing(token)))->reports.at(0).status.ok());
  server_.disk().SetCapacity(UINT64_MAX);
  Await(never, 2'000);
  EXPECT_TRUE(Enqueue({Task()})->ok());
  EXPECT_EQ(server_.stopped(), "");
}

TEST_F(NodeTest, AFailedSyncStopsTheNodeAndNoReplyFollows) {
  server_.disk().FailNextSync();
  EXPECT_FALSE(Enqueue({Task()}).has_value());
  EXPECT_NE(server_.stopped(), "");
}

// The parameter is how many syncs succeed before one fails.
class NodeWithAFailedSync : public NodeTest, public testing::WithParamInterface<uint64_t> {
 protected:
  /// Causes all kinds of syncs: batches, checkpoints, and a disk that is full for a while.
  void Work() {
    std::optional<int> never;
    for (int round = 0; round < 3 && server_.stopped().empty(); ++round) {
      Enqueue({Task()});
      Await(never, 500);
      server_.disk().SetCapacity(round == 1 ? 0 : UINT64_MAX);
      Await(never, 2'000);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Syncs, NodeWithAFailedSync, testing::Range<uint64_t>(0, 24));

TEST_P(NodeWithAFailedSync, StopsWhicheverSyncItWas) {
  server_.disk().FailNextSync(GetParam());
  Work();
  EXPECT_EQ(server_.stopped().empty(), server_.disk().failed_syncs() == 0);
}

TEST_P(NodeWithAFailedSync, KeepsAcknowledgedWorkOverARestartAndThenALossOfPower) {
  const TaskId id = EnqueueOne();
  server_.disk().FailNextSync(GetParam());
  Work();
  server_.disk().Soothe();
  server_.disk().SetCapacity(UINT64_MAX);
  server_.Crash(SimulatedServer::Death::kProcess);
  ASSERT_TRUE(*server_.Start());
  const TaskId later = EnqueueOne();
  EXPECT_TRUE(List().ok());
  server_.Crash(SimulatedServer::Death::kPower);
  const Result<bool> started = server_.Start();
  ASSERT_TRUE(started.ok()) << started.status().ToString();
  EXPECT_TRUE(Get(id).ok());
  EXPECT_TRUE(Get(later).ok());
}

// The parameter is the free space in bytes. For some value between none and enough, space runs out
// between two transactions of the checkpoint.
class NodeOnASmallDisk : public NodeTest, public testing::WithParamInterface<uint64_t> {};

INSTANTIATE_TEST_SUITE_P(Rooms, NodeOnASmallDisk, testing::Range<uint64_t>(0, 400 << 10, 8 << 10));

TEST_P(NodeOnASmallDisk, AnInterruptedCheckpointIsRepairedByTheNext) {
  std::vector<NewTask> tasks(40, Task());
  EnqueueReply reply = **Enqueue(tasks);
  server_.disk().SetCapacity(server_.disk().used() + GetParam());
  std::optional<int> never;
  Await(never, 1'500);
  const ExchangeRequest asking = Asking(40);
  const ExchangeReply leased = **Exchange(asking);
  ExchangeRequest request = Asking(0);
  for (const Leased& lease : leased.leases) {
    Report report{.token = lease.token};
    report.result = std::make_shared<TaskResult>();
    request.reports.push_back(report);
  }
  EXPECT_TRUE(Exchange(request)->ok());
  server_.disk().SetCapacity(UINT64_MAX);
  Await(never, 3'000);
  Restart();
  for (const auto& task : reply.tasks)
    EXPECT_EQ(Get(task.id)->task.image.state, TaskState::kCompleted) << task.id.ToString();
  server_.node()->engine_for_tests().state().CheckInvariants();
}

TEST_F(NodeTest, CloseEndsEvenIfReadersKeepAsking) {
  EnqueueOne();
  std::optional<bool> closed;
  server_.node()->Close([&] { closed = true; });
  std::optional<Result<QueueView>> view;
  server_.node()->Do(GetQueue{"default"}, [&](Result<QueueView> v) { view = std::move(v); });
  EXPECT_TRUE(Await(closed).has_value());
}

TEST_F(NodeTest, AClosedNodeHasEverythingInItsStore) {
  const TaskId id = EnqueueOne();
  std::optional<bool> closed;
  server_.node()->Close([&] { closed = true; });
  ASSERT_TRUE(Await(closed).has_value());
  EXPECT_EQ(Enqueue({Task()})->status().code(), Code::kUnavailable);
  server_.Crash();
  ASSERT_TRUE(*server_.Start());
  EXPECT_EQ(server_.node()->engine_for_tests().Peek(id)->changed_in, 0U) << "nothing to replay";
}

}  // namespace
}  // namespace treadle::sim
