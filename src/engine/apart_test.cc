// One task that kills its workers costs no other task more than two attempts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/engine.h"

namespace treadle {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kLeaseMs = 30'000;

class ApartTest : public testing::Test {
 protected:
  ApartTest() {
    policy_.retry.backoff = Backoff::kFixed;
    policy_.retry.backoff_base_ms = 1'000;
    policy_.retry.jitter = Jitter::kNone;
    Configure();
  }

  template <class Work>
  auto InBatch(Work work) {
    effects_.clear();
    engine_.BeginBatch(++frame_, {ShardTime{now_ms_}, WallTime{1'000'000 + now_ms_}, 1}, &effects_);
    auto answer = work();
    engine_.EndBatch();
    return answer;
  }
  void Configure() {
    EXPECT_TRUE(InBatch([&] { return engine_.Configure("default", policy_); }).ok());
  }
  TaskId Enqueue(uint16_t max_attempts = 20) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "null";
    const auto command =
        EnqueueCommand::Make({{.type = "hello", .body = body, .max_attempts = max_attempts}});
    return InBatch([&] { return engine_.Enqueue(*command); })->tasks[0].id;
  }
  std::vector<Token> Lease(const LeaseHolder& holder, uint32_t want) {
    const auto outcome =
        InBatch([&] { return engine_.Lease({holder, ++exchange_, {"default"}, {"hello"}, want}); });
    std::vector<Token> tokens;
    for (const Leased& lease : outcome.reply->leases) tokens.push_back(lease.token);
    return tokens;
  }
  void Tell(const Token& token, Report::Kind kind) {
    Report report{.token = token, .kind = kind};
    report.result = std::make_shared<TaskResult>();
    report.error = std::make_shared<TaskError>(TaskError{"broken", ""});
    report.delay_ms = 1;
    EXPECT_TRUE(InBatch([&] { return engine_.Apply(report, nullptr, false); }).reply.ok());
  }
  void Complete(const Token& token) { Tell(token, Report::Kind::kCompleted); }
  void Pass(int64_t ms) {
    now_ms_ += ms;
    InBatch([&] { return engine_.Tick(1'000); });
  }
  // Its worker dies with all that it holds, and what it held is ready again.
  void LoseAll() {
    Pass(kLeaseMs);
    Pass(1'000);
  }
  // So many ready tasks, the first two of which run apart: workers were lost with them twice.
  std::vector<TaskId> EnqueueTwoApart() {
    std::vector<TaskId> ids{Enqueue(), Enqueue()};
    for (const uint64_t incarnation : {91, 92}) {
      EXPECT_THAT(Lease({"lost", incarnation}, 2), SizeIs(2));
      LoseAll();
    }
    return ids;
  }
  TaskState StateOf(TaskId id) { return engine_.Peek(id)->state; }

  QueuePolicy policy_;
  Engine engine_{1, 7};
  std::string effects_;
  uint64_t frame_ = 0;
  uint32_t exchange_ = 0;
  int64_t now_ms_ = 0;
};

TEST_F(ApartTest, OfTenTasksInOneWorkerOnlyTheOneThatKillsItDies) {
  for (const uint32_t concurrency : {10U, 3U, 1U}) {
    std::set<TaskId> good;
    for (int i = 0; i < 5; ++i) good.insert(Enqueue());
    const TaskId bad = Enqueue();
    for (int i = 0; i < 4; ++i) good.insert(Enqueue());
    for (uint64_t incarnation = 1; !IsTerminal(StateOf(bad)); ++incarnation) {
      ASSERT_LT(incarnation, 100U);
      bool dies = false;
      while (!dies) {
        const std::vector<Token> leases = Lease({"worker", incarnation}, concurrency);
        if (leases.empty()) break;
        for (const Token& lease : leases) dies |= lease.task == bad;
        if (!dies)
          for (const Token& lease : leases) Complete(lease);
      }
      LoseAll();
      engine_.state().CheckInvariants();
    }
    EXPECT_EQ(StateOf(bad), TaskState::kDead);
    EXPECT_EQ(engine_.Peek(bad)->parts->error->code, "worker_lost");
    EXPECT_EQ(engine_.Peek(bad)->image().worker_losses, policy_.max_worker_losses);
    for (const TaskId id : good) {
      if (StateOf(id) != TaskState::kCompleted)
        for (const Token& lease : Lease({"another", 1}, 10)) Complete(lease);
      EXPECT_EQ(StateOf(id), TaskState::kCompleted) << concurrency;
      EXPECT_LE(engine_.Peek(id)->spent(), 3U) << "it lost two attempts at most";
      EXPECT_LE(engine_.Peek(id)->image().worker_losses, 1U);
    }
  }
}

TEST_F(ApartTest, ATaskThatRanAloneIsCountedFromItsFirstLoss) {
  const TaskId bad = Enqueue();
  for (uint32_t loss = 1; loss <= policy_.max_worker_losses; ++loss) {
    ASSERT_THAT(Lease({"worker", loss}, 10), SizeIs(1));
    LoseAll();
    EXPECT_EQ(engine_.Peek(bad)->image().worker_losses, loss);
  }
  EXPECT_EQ(StateOf(bad), TaskState::kDead);
}

TEST_F(ApartTest, AWorkerThatRunsATaskApartGetsNothingElse) {
  const std::vector<TaskId> apart = EnqueueTwoApart();
  Enqueue();
  const std::vector<Token> alone = Lease({"worker", 2}, 3);
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_EQ(alone[0].task, apart[0]);
  EXPECT_THAT(Lease({"worker", 2}, 3), IsEmpty());
  Complete(alone[0]);
  const std::vector<Token> next = Lease({"worker", 2}, 3);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].task, apart[1]);
}

TEST_F(ApartTest, AnAttemptThatEndsByAReportClearsItsTask) {
  const std::vector<TaskId> apart = EnqueueTwoApart();
  Tell(Lease({"worker", 2}, 2).at(0), Report::Kind::kFailed);
  Tell(Lease({"worker", 2}, 2).at(0), Report::Kind::kReleased);  // says nothing
  EXPECT_FALSE(engine_.Peek(apart[0])->apart);
  EXPECT_TRUE(engine_.Peek(apart[1])->apart);
  Tell(Lease({"worker", 2}, 2).at(0), Report::Kind::kSnoozed);
  Pass(1'000);
  EXPECT_THAT(Lease({"worker", 2}, 2), SizeIs(2));
}

TEST_F(ApartTest, AFirstLossOfManyTasksSetsNoneApart) {
  for (int i = 0; i < 10; ++i) Enqueue();
  ASSERT_THAT(Lease({"worker", 1}, 10), SizeIs(10));
  LoseAll();
  EXPECT_THAT(Lease({"worker", 2}, 10), SizeIs(10)) << "a machine that fails is no task's fault";
}

class HeldBackTest : public ApartTest {
 protected:
  HeldBackTest() {
    for (const uint64_t number : {1, 2}) {
      Enqueue();
      held_.push_back(Lease({"busy", number}, 1).at(0));
    }
    apart_ = Enqueue();
    Lease({"lost", 1}, 1);
    PassWhileBusy(36'000);
    Lease({"lost", 2}, 1);
    PassWhileBusy(36'000);
    for (int i = 0; i < 20; ++i) Enqueue();
  }
  void PassWhileBusy(int64_t ms) {
    for (; ms > 0; ms -= 4'000) {
      Pass(4'000);
      EXPECT_THAT(InBatch([&] { return engine_.Renew(held_); }), IsEmpty());
    }
  }
  bool Gets(uint64_t number) { return !Lease({"busy", number}, 1).empty(); }

  std::vector<Token> held_;  // by two workers
  TaskId apart_;
};

TEST_F(HeldBackTest, OneBusyWorkerBecomesIdleForATaskThatHasWaitedLong) {
  ASSERT_TRUE(engine_.Peek(apart_)->apart);
  EXPECT_TRUE(Gets(1)) << "it passes over those that run apart";
  PassWhileBusy(12'000);
  EXPECT_FALSE(Gets(1)) << "it has waited long";
  EXPECT_FALSE(engine_.MayTakeMore({"busy", 1}));
  EXPECT_TRUE(Gets(2)) << "one worker is enough";
  engine_.TakeReadyLanes();
  const std::vector<Token> alone = Lease({"idle", 1}, 5);
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_EQ(alone[0].task, apart_);
  EXPECT_THAT(engine_.TakeReadyLanes(), SizeIs(1)) << "who was held back is asked again";
  EXPECT_TRUE(Gets(1));
}

TEST_F(HeldBackTest, AfterAMinuteItContinuesForAMinute) {
  PassWhileBusy(12'000);
  EXPECT_FALSE(Gets(1));
  PassWhileBusy(56'000);
  EXPECT_FALSE(Gets(1));
  PassWhileBusy(4'000);
  EXPECT_TRUE(Gets(1));
  EXPECT_TRUE(Gets(2));
  PassWhileBusy(60'000);
  EXPECT_FALSE(Gets(2)) << "it is another one's turn";
  EXPECT_TRUE(Gets(1));
}

TEST_F(HeldBackTest, MoreUrgentTasksDoNotKeepItBusy) {
  PassWhileBusy(12'000);
  EXPECT_FALSE(Gets(1));
  TaskCommand urgent{.kind = TaskCommand::Kind::kEdit, .id = TaskId::Of(1, 20)};
  urgent.edit.priority = 9;
  ASSERT_TRUE(InBatch([&] { return engine_.Do(urgent, nullptr, false); }).reply.ok());
  EXPECT_FALSE(Gets(1));
  EXPECT_TRUE(Gets(2));
}

TEST_F(ApartTest, ARedrivenTaskStillRunsApartFirst) {
  policy_.max_worker_losses = 2;
  Configure();
  const TaskId bad = Enqueue();
  for (const uint64_t incarnation : {1, 2}) {
    Lease({"worker", incarnation}, 1);
    LoseAll();
  }
  ASSERT_EQ(StateOf(bad), TaskState::kDead);
  TaskCommand redrive{.kind = TaskCommand::Kind::kRedrive, .id = bad};
  ASSERT_TRUE(InBatch([&] { return engine_.Do(redrive, nullptr, false); }).reply.ok());
  Enqueue();
  EXPECT_THAT(Lease({"worker", 3}, 5), SizeIs(1));
}

}  // namespace
}  // namespace treadle
