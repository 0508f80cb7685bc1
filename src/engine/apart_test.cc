// One task that kills its workers costs no other task more than one attempt.

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
      EXPECT_LE(engine_.Peek(id)->spent(), 2U) << "it lost one attempt at most";
      EXPECT_EQ(engine_.Peek(id)->image().worker_losses, 0U);
    }
  }
}

TEST_F(ApartTest, ATaskThatIsAloneIsCountedFromItsFirstLoss) {
  const TaskId bad = Enqueue();
  for (uint32_t loss = 1; loss <= policy_.max_worker_losses; ++loss) {
    ASSERT_THAT(Lease({"worker", loss}, 10), SizeIs(1));
    LoseAll();
    EXPECT_EQ(engine_.Peek(bad)->image().worker_losses, loss);
  }
  EXPECT_EQ(StateOf(bad), TaskState::kDead);
}

TEST_F(ApartTest, AWorkerThatRunsATaskApartGetsNothingElse) {
  const TaskId first = Enqueue();
  const TaskId second = Enqueue();
  ASSERT_THAT(Lease({"worker", 1}, 2), SizeIs(2));
  LoseAll();
  Enqueue();
  const std::vector<Token> alone = Lease({"worker", 2}, 3);
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_EQ(alone[0].task, first);
  EXPECT_THAT(Lease({"worker", 2}, 3), IsEmpty());
  Complete(alone[0]);
  const std::vector<Token> next = Lease({"worker", 2}, 3);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].task, second);
}

TEST_F(ApartTest, AnAttemptThatEndsByAReportClearsItsTask) {
  const TaskId first = Enqueue();
  const TaskId second = Enqueue();
  Lease({"worker", 1}, 2);
  LoseAll();
  Tell(Lease({"worker", 2}, 2).at(0), Report::Kind::kFailed);
  Tell(Lease({"worker", 2}, 2).at(0), Report::Kind::kReleased);  // says nothing
  EXPECT_FALSE(engine_.Peek(first)->apart);
  EXPECT_TRUE(engine_.Peek(second)->apart);
  Tell(Lease({"worker", 2}, 2).at(0), Report::Kind::kSnoozed);
  Pass(1'000);
  EXPECT_THAT(Lease({"worker", 2}, 2), SizeIs(2));
}

TEST_F(ApartTest, ABusyWorkerGoesOnAndBecomesIdleForATaskThatHasWaitedLong) {
  Enqueue();
  Enqueue();
  Lease({"worker", 1}, 2);
  const TaskId busy = Enqueue();
  const Token held = Lease({"busy", 1}, 1).at(0);
  ASSERT_EQ(held.task, busy);
  Pass(15'000);
  InBatch([&] { return engine_.Renew({held}); });
  Pass(15'000);
  Pass(1'000);
  Enqueue();
  Enqueue();
  EXPECT_THAT(Lease({"busy", 1}, 1), SizeIs(1)) << "it passes over those that run apart";
  Pass(10'000);
  EXPECT_THAT(Lease({"busy", 1}, 1), IsEmpty()) << "they have waited long";
  engine_.TakeReadyLanes();
  EXPECT_THAT(Lease({"idle", 1}, 5), SizeIs(1));
  EXPECT_THAT(engine_.TakeReadyLanes(), SizeIs(1)) << "who was held back is asked again";
}

TEST_F(ApartTest, ARedrivenTaskStillRunsApartFirst) {
  policy_.max_worker_losses = 1;
  Configure();
  const TaskId bad = Enqueue();
  Lease({"worker", 1}, 1);
  LoseAll();
  ASSERT_EQ(StateOf(bad), TaskState::kDead);
  TaskCommand redrive{.kind = TaskCommand::Kind::kRedrive, .id = bad};
  ASSERT_TRUE(InBatch([&] { return engine_.Do(redrive, nullptr, false); }).reply.ok());
  Enqueue();
  EXPECT_THAT(Lease({"worker", 2}, 5), SizeIs(1));
}

}  // namespace
}  // namespace treadle
