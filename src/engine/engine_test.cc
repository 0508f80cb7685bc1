// What the model test (tests/model) cannot ask: tasks that are not in memory, and what the engine
// tells those who wait.

#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class EngineTest : public testing::Test {
 protected:
  template <class Work>
  auto InBatch(Work work) {
    effects_.clear();
    engine_.BeginBatch(++frame_,
                       {ShardTime{now_ms_}, WallTime{1'000'000 + now_ms_ + wall_jump_ms_}, 1},
                       &effects_);
    auto answer = work();
    engine_.EndBatch();
    return answer;
  }

  TaskId Enqueue(NewTask task) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "null";
    task.body = body;
    const auto command = EnqueueCommand::Make({task});
    return InBatch([&] { return engine_.Enqueue(*command); })->tasks[0].id;
  }
  TaskId Enqueue(std::string key = "") {
    auto body = std::make_shared<TaskBody>();
    body->payload = "\"payload\"";
    body->payload_sha256 = Sha256Of(body->payload);
    body->idempotency_key = std::move(key);
    NewTask task;
    task.type = "hello";
    task.body = body;
    const auto command = EnqueueCommand::Make({task});
    return InBatch([&] { return engine_.Enqueue(*command); })->tasks[0].id;
  }

  LeaseCommand Wanting(uint32_t want) {
    return {{"worker", 1}, ++exchange_, {"default"}, {"hello"}, want};
  }
  Outcome<LeaseReply> Lease(const LeaseCommand& command) {
    return InBatch([&] { return engine_.Lease(command); });
  }
  Token LeaseOne() { return Lease(Wanting(1)).reply->leases.at(0).token; }

  Outcome<bool> Apply(Report::Kind kind, const Token& token) {
    Report report{.token = token, .kind = kind};
    report.result = std::make_shared<TaskResult>();
    report.error = std::make_shared<TaskError>();
    return InBatch([&] { return engine_.Apply(report, nullptr, false); });
  }

  // As after a checkpoint, with no memory to spare.
  void ForgetAll() {
    engine_.mutable_state()->parts_bytes_max = 0;
    while (engine_.mutable_state()->Forget(frame_, 100)) {
    }
  }

  TaskRecord Stored(TaskId id) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "\"from the store\"";
    return {.image = engine_.Peek(id)->image(), .body = body};
  }

  Engine engine_{1, 7};
  std::string effects_;
  uint64_t frame_ = 0;
  uint32_t exchange_ = 0;
  int64_t now_ms_ = 0;
  int64_t wall_jump_ms_ = 0;
};

TEST_F(EngineTest, ALeaseOfATaskThatIsNotInMemoryChangesNothingAndNamesWhatItNeeds) {
  const TaskId first = Enqueue();
  const TaskId second = Enqueue();
  ForgetAll();
  const LeaseCommand command = Wanting(2);
  const auto outcome = Lease(command);
  EXPECT_THAT(outcome.needs, ElementsAre(first, second));
  EXPECT_THAT(effects_, IsEmpty());
  engine_.mutable_state()->Supply(Stored(first));
  engine_.mutable_state()->Supply(Stored(second));
  const auto again = Lease(command);
  ASSERT_THAT(again.reply->leases, SizeIs(2));
  EXPECT_EQ(again.reply->leases[0].body->payload, "\"from the store\"");
}

TEST_F(EngineTest, ALeaseNamesTheTasksWhoseTurnComesSoonAndThatAreNotInMemory) {
  const TaskId first = Enqueue();
  const TaskId second = Enqueue();
  const TaskId third = Enqueue();
  const TaskId fourth = Enqueue();
  ForgetAll();
  engine_.mutable_state()->Supply(Stored(first));
  engine_.mutable_state()->Supply(Stored(second));
  const auto outcome = Lease(Wanting(1));
  ASSERT_THAT(outcome.reply->leases, SizeIs(1));
  EXPECT_THAT(outcome.reply->next, ElementsAre(third, fourth));
  engine_.mutable_state()->Supply(Stored(third));
  engine_.mutable_state()->Supply(Stored(fourth));
  EXPECT_THAT(Lease(Wanting(1)).reply->next, IsEmpty());
}

TEST_F(EngineTest, OrderHoldsWhenOnlyALaterTaskIsInMemory) {
  const TaskId first = Enqueue();
  ForgetAll();
  Enqueue();
  EXPECT_THAT(Lease(Wanting(2)).needs, ElementsAre(first));
}

TEST_F(EngineTest, AnEndedTaskIsLoadedFromTheStoreAndRecognizesItsReport) {
  const TaskId id = Enqueue();
  const Token token = LeaseOne();
  EXPECT_TRUE(Apply(Report::Kind::kCompleted, token).reply.ok());
  TaskRecord stored = Stored(id);
  ForgetAll();
  EXPECT_EQ(engine_.Peek(id), nullptr);
  EXPECT_THAT(engine_.Get(id, nullptr, false).needs, ElementsAre(id));
  EXPECT_EQ(engine_.Get(id, &stored, true).reply->task.image.state, TaskState::kCompleted);
  EXPECT_EQ(engine_.Get(id, nullptr, true).reply.status().code(), Code::kNotFound);
  const Report report{.token = token};
  EXPECT_THAT(engine_.Apply(report, nullptr, false).needs, ElementsAre(id));
  EXPECT_TRUE(engine_.Apply(report, &stored, true).reply.ok());
  const Report older{.token = {id, token.attempt + 1, token.term}};
  EXPECT_EQ(engine_.Apply(older, &stored, true).reply.status().code(), Code::kLeaseLost);
}

TEST_F(EngineTest, ATaskBeyondItsRetentionIsNotShownEvenIfTheStoreHasIt) {
  QueuePolicy policy;
  policy.retention.completed_tasks = 0;
  ASSERT_TRUE(InBatch([&] { return engine_.Configure("default", policy); }).ok());
  const TaskId id = Enqueue();
  const Token token = LeaseOne();
  TaskRecord stored = Stored(id);
  Apply(Report::Kind::kCompleted, token);
  EXPECT_EQ(engine_.Peek(id), nullptr);
  stored.image.state = TaskState::kCompleted;
  stored.image.ordinal = 1;
  EXPECT_EQ(engine_.Get(id, &stored, true).reply.status().code(), Code::kNotFound);
  // And a store that has not even heard that it ended.
  stored.image.state = TaskState::kRunning;
  EXPECT_EQ(engine_.Get(id, &stored, true).reply.status().code(), Code::kNotFound);
}

TEST_F(EngineTest, ARepeatedExchangeIsGivenTheSameLeasesAgain) {
  Enqueue();
  Enqueue();
  const LeaseCommand command = Wanting(1);
  const Token first = Lease(command).reply->leases.at(0).token;
  EXPECT_EQ(Lease(command).reply->leases.at(0).token, first);
  EXPECT_NE(LeaseOne(), first);
}

TEST_F(EngineTest, AQueueThatIsNamedTwiceLeasesEachTaskOnce) {
  Enqueue();
  LeaseCommand command = Wanting(5);
  command.queues = {"default", "default"};
  command.types = {"hello", "hello"};
  EXPECT_THAT(Lease(command).reply->leases, SizeIs(1));
}

TEST_F(EngineTest, ACompletionAfterAnotherReportOfTheSameAttemptIsRefusedWithoutEffect) {
  Enqueue();
  const Token token = LeaseOne();
  EXPECT_TRUE(Apply(Report::Kind::kReleased, token).reply.ok());
  EXPECT_TRUE(Apply(Report::Kind::kReleased, token).reply.ok()) << "the same again is the same";
  EXPECT_EQ(Apply(Report::Kind::kCompleted, token).reply.status().code(), Code::kLeaseLost);
}

TEST_F(EngineTest, RepeatedLeasesStartOver) {
  Enqueue();
  const LeaseCommand command = Wanting(1);
  Lease(command);
  now_ms_ = 29'000;
  Lease(command);
  now_ms_ = 31'000;
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_THAT(engine_.TakeLostLeases(), IsEmpty());
}

TEST_F(EngineTest, RetentionCountsPayloadsThatAreNotInMemory) {
  QueuePolicy policy;
  policy.retention.completed_bytes = 5;  // less than one payload
  ASSERT_TRUE(InBatch([&] { return engine_.Configure("default", policy); }).ok());
  const TaskId id = Enqueue();
  const Token token = LeaseOne();
  ForgetAll();
  EXPECT_TRUE(Apply(Report::Kind::kCompleted, token).reply.ok());
  EXPECT_EQ(engine_.Peek(id), nullptr);
}

TEST_F(EngineTest, LostLeasesEndedTasksAndReadyLanesAreReportedOnce) {
  Enqueue();
  ASSERT_THAT(engine_.TakeReadyLanes(), SizeIs(1));
  EXPECT_THAT(engine_.TakeReadyLanes(), IsEmpty());
  const Token token = LeaseOne();
  now_ms_ += 30'000;
  InBatch([&] { return engine_.Tick(10); });
  const auto lost = engine_.TakeLostLeases();
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].token, token);
  EXPECT_EQ(lost[0].holder.worker, "worker");
  EXPECT_THAT(engine_.TakeLostLeases(), IsEmpty());
  EXPECT_EQ(Apply(Report::Kind::kCompleted, token).reply.status().code(), Code::kLeaseLost);
}

TEST_F(EngineTest, ARenewedLeaseLastsFromTheRenewal) {
  Enqueue();
  const Token token = LeaseOne();
  now_ms_ = 29'000;
  EXPECT_THAT(InBatch([&] { return engine_.Renew({token}); }), IsEmpty());
  EXPECT_THAT(effects_, IsEmpty()) << "a renewal is memory only";
  now_ms_ = 58'000;
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_THAT(engine_.TakeLostLeases(), IsEmpty());
  now_ms_ = 59'000;
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_THAT(engine_.TakeLostLeases(), SizeIs(1));
}

TEST_F(EngineTest, AShorterLeaseDoesNotShortenExistingLeases) {
  Enqueue();
  LeaseOne();
  QueuePolicy policy;
  policy.lease_ms = 2'000;
  now_ms_ = 1'000;
  for (int i = 0; i < 2; ++i)  // a second change does not forget the first
    EXPECT_TRUE(InBatch([&] { return engine_.Configure("default", policy); }).ok());
  now_ms_ = 20'000;
  engine_.mutable_state()->BeginFrame(frame_, {now_ms_});
  engine_.mutable_state()->RenewAllLeases();  // as a restart does
  now_ms_ = 49'999;
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_THAT(engine_.TakeLostLeases(), IsEmpty());
  now_ms_ = 50'000;
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_THAT(engine_.TakeLostLeases(), SizeIs(1));
}

TEST_F(EngineTest, AShorterLeaseAppliesOnceNoOlderLeaseCanExist) {
  Enqueue();
  LeaseOne();
  QueuePolicy policy;
  policy.lease_ms = 2'000;
  policy.attempt_timeout_ms = 60'000;
  EXPECT_TRUE(InBatch([&] { return engine_.Configure("default", policy); }).ok());
  now_ms_ = 30 * 60'000;  // the attempt that ran then is revoked by now
  InBatch([&] { return engine_.Tick(10); });
  engine_.TakeLostLeases();
  now_ms_ += 60'000;  // its backoff
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_EQ(Lease(Wanting(1)).reply->leases.at(0).lease_ms, 2'000);
  now_ms_ += 2'000;
  InBatch([&] { return engine_.Tick(10); });
  EXPECT_THAT(engine_.TakeLostLeases(), SizeIs(1));
}

TEST_F(EngineTest, TickDoesABoundedAmountAndReportsThatThereIsMore) {
  for (int i = 0; i < 5; ++i) Enqueue();
  Lease(Wanting(5));
  now_ms_ += 30'000;
  EXPECT_TRUE(InBatch([&] { return engine_.Tick(3); }));
  EXPECT_THAT(engine_.TakeLostLeases(), SizeIs(3));
}

TEST_F(EngineTest, ALeaseWithoutTimeoutLastsAsLongAsItIsRenewed) {
  Enqueue();
  const Token token = LeaseOne();
  for (int minute = 0; minute < 120; ++minute)
    for (int i = 0; i < 6; ++i) {
      now_ms_ += 10'000;
      InBatch([&] { return engine_.Tick(10); });
      ASSERT_TRUE(InBatch([&] { return engine_.Renew({token}); }).empty());
    }
  EXPECT_TRUE(Apply(Report::Kind::kCompleted, token).reply.ok());
}

// Without a timeout nobody knows when the last lease ends that was promised to last longer.
TEST_F(EngineTest, AShorterLeaseAppliesToNewTasksOnceTheLongOnesHaveEnded) {
  const auto configure = [&](int64_t lease_ms) {
    QueuePolicy policy;
    policy.lease_ms = lease_ms;
    return InBatch([&] { return engine_.Configure("default", policy); }).ok();
  };
  const auto tick = [&] {
    now_ms_ += 1'000;
    return InBatch([&] { return engine_.Tick(10); });
  };
  ASSERT_TRUE(configure(3'600'000));
  Enqueue();
  const Token longer = LeaseOne();
  ASSERT_TRUE(configure(5'000));
  for (int i = 0; i < 100; ++i) tick();
  EXPECT_THAT(engine_.TakeLostLeases(), IsEmpty()) << "it was promised an hour";
  Enqueue();
  tick();
  LeaseOne();  // busy at every moment
  EXPECT_TRUE(Apply(Report::Kind::kCompleted, longer).reply.ok());
  tick();
  Enqueue();
  LeaseOne();
  for (int i = 0; i < 6; ++i) tick();
  EXPECT_THAT(engine_.TakeLostLeases(), SizeIs(1));
}

TEST_F(EngineTest, DelaysFollowShardTimeWhateverTheWallClockSays) {
  const auto tick = [&] { return InBatch([&] { return engine_.Tick(10); }); };
  const TaskId delayed = Enqueue(NewTask{.type = "hello", .delay_ms = 60'000});
  const TaskId edited = Enqueue(NewTask{.type = "hello", .delay_ms = 1});
  TaskCommand edit{.kind = TaskCommand::Kind::kEdit, .id = edited, .edit = {.delay_ms = 60'000}};
  ASSERT_TRUE(InBatch([&] { return engine_.Do(edit, nullptr, false); }).reply.ok());
  const TaskId snoozed = Enqueue();
  Report report{.token = LeaseOne(), .kind = Report::Kind::kSnoozed, .delay_ms = 60'000};
  ASSERT_TRUE(InBatch([&] { return engine_.Apply(report, nullptr, false); }).reply.ok());
  const TaskId dated =
      Enqueue(NewTask{.type = "hello", .run_at = WallTime{1'000'000 + now_ms_ + 60'000}});
  for (const int64_t jump_ms : {120'000, -120'000}) {
    wall_jump_ms_ = jump_ms;
    tick();
    for (const TaskId id : {delayed, edited, snoozed})
      EXPECT_EQ(engine_.Peek(id)->state, TaskState::kScheduled) << jump_ms;
    EXPECT_EQ(engine_.Peek(dated)->state, TaskState::kReady) << "by the wall clock, at once";
    const auto view = InBatch([&] { return engine_.Get(delayed, nullptr, false); }).reply;
    EXPECT_EQ(view->run_at, WallTime{1'000'000 + jump_ms + 60'000});
  }
  engine_.mutable_state()->RenewAllLeases();  // as after a restart
  now_ms_ += 59'999;
  tick();
  EXPECT_EQ(engine_.Peek(delayed)->state, TaskState::kScheduled);
  now_ms_ += 1;
  tick();
  for (const TaskId id : {delayed, edited, snoozed})
    EXPECT_EQ(engine_.Peek(id)->state, TaskState::kReady);
  engine_.state().CheckInvariants();
}

TEST_F(EngineTest, ATaskThatOftenSnoozesForNoTimeWaitsALittle) {
  const auto tick = [&] { return InBatch([&] { return engine_.Tick(10); }); };
  const TaskId id = Enqueue();
  const auto snooze = [&](int64_t delay_ms) {
    const Report report{.token = LeaseOne(), .kind = Report::Kind::kSnoozed, .delay_ms = delay_ms};
    ASSERT_TRUE(InBatch([&] { return engine_.Apply(report, nullptr, false); }).reply.ok());
  };
  for (int i = 0; i < 10; ++i) {
    snooze(0);
    ASSERT_EQ(engine_.Peek(id)->state, TaskState::kReady) << i;
  }
  for (const int64_t delay_ms : {0, 1, 100}) {
    snooze(delay_ms);
    now_ms_ += 99;
    tick();
    EXPECT_EQ(engine_.Peek(id)->state, TaskState::kScheduled) << delay_ms;
    now_ms_ += 1;
    tick();
    EXPECT_EQ(engine_.Peek(id)->state, TaskState::kReady) << delay_ms;
  }
}

TEST_F(EngineTest, AKeyIsFreeAgainAfterItsWindow) {
  const TaskId first = Enqueue("key");
  EXPECT_EQ(Enqueue("key"), first);
  now_ms_ += QueuePolicy{}.idempotency_window_ms;
  EXPECT_NE(Enqueue("key"), first);
  EXPECT_EQ(engine_.state().keys().size(), 1U);
}

TEST_F(EngineTest, ADeletedTaskReleasesItsUniqueKeyEvenIfItWasMoved) {
  NewTask task{.type = "hello", .unique = Unique::kDone};
  auto body = std::make_shared<TaskBody>();
  body->payload = "null";
  body->idempotency_key = "key";
  task.body = body;
  const auto enqueue = [&](const std::string& queue) {
    task.queue = queue;
    const auto command = *EnqueueCommand::Make({task});
    return InBatch([&] { return engine_.Enqueue(command); })->tasks[0];
  };
  const TaskId id = enqueue("default").id;
  TaskCommand move{.kind = TaskCommand::Kind::kEdit, .id = id, .edit = {.queue = "other"}};
  EXPECT_TRUE(InBatch([&] { return engine_.Do(move, nullptr, false); }).reply.ok());
  EXPECT_TRUE(enqueue("other").duplicate);
  TaskCommand away{.kind = TaskCommand::Kind::kDelete, .id = id};
  EXPECT_TRUE(InBatch([&] { return engine_.Do(away, nullptr, false); }).reply.ok());
  EXPECT_FALSE(enqueue("other").duplicate);
}

TEST_F(EngineTest, OldKeysAreRemovedAsFastAsTickIsCalled) {
  for (int i = 0; i < 10; ++i) Enqueue("key" + std::to_string(i));
  now_ms_ += QueuePolicy{}.idempotency_window_ms;
  while (InBatch([&] { return engine_.Tick(4); })) {
  }
  EXPECT_EQ(engine_.state().keys().size(), 0U);
}

TEST_F(EngineTest, ABuriedTaskGoesDeadAndItsWorkerLosesTheLease) {
  const TaskId id = Enqueue();
  LeaseOne();
  InBatch([&] {
    engine_.Bury(id, {"payload_damaged", "it was"});
    return 0;
  });
  EXPECT_EQ(engine_.Peek(id)->state, TaskState::kDead);
  EXPECT_THAT(engine_.TakeLostLeases(), SizeIs(1));
}

}  // namespace
}  // namespace treadle
