// Runs random commands against the engine and the Reference and compares every answer and every
// task. Also replays the engine from its own frames. TREADLE_SEED repeats a run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "base/test_rounds.h"
#include "engine/engine.h"
#include "tests/model/reference.h"

namespace treadle::model {
namespace {

constexpr uint32_t kTerm = 7;

struct SavedFrame {
  uint64_t sequence;
  ShardTime time;
  std::string effects;
};

// What is visible from outside.
auto Shape(const TaskImage& image) {
  return std::tuple(image.id, image.state, image.priority, image.attempt, image.spent(), image.term,
                    image.reported, image.queue, image.type);
}

class ModelRun {
 public:
  explicit ModelRun(uint64_t seed) : random_(seed), engine_(1, kTerm), reference_(kTerm) {
    reference_.policy.retention.completed_tasks = 20;
    reference_.policy.retention.completed_ms = 40'000;
    reference_.policy.retention.dead_ms = 90'000;
    reference_.policy.lease_ms = 5'000;
    reference_.policy.idempotency_window_ms = 20'000;
    reference_.policy.cancel_grace_ms = 3'000;
    reference_.policy.attempt_timeout_ms = random_.OneIn(2) ? 15'000 : 0;
    reference_.policy.max_worker_losses = 2;
    reference_.policy.retry.max_attempts = 3;
    if (random_.OneIn(2))
      reference_.policy.capacity = {.tasks = 15, .bytes = 0, .shed = random_.OneIn(2)};
    reference_.wall_ms = 1'000'000;
    InBatch([&] {
      for (const std::string& queue : queues_)
        EXPECT_TRUE(engine_.Configure(queue, reference_.policy).ok());
    });
  }

  void Step() {
    reference_.shard_ms += static_cast<int64_t>(random_.Below(400));
    reference_.wall_ms += static_cast<int64_t>(random_.Below(800)) - 200;
    InBatch([&] {
      while (engine_.Tick(3)) {
      }
      reference_.Tick();
      TakeDueTimes();
      TakeOrderOfEnds();
      const uint64_t commands = 1 + random_.Below(4);
      for (uint64_t i = 0; i < commands; ++i) Command();
    });
    for (const QueueId id : {1U, 2U}) engine_.mutable_state()->Touch(id);
    InBatch([] {});
    reference_.Retain();
    if (random_.OneIn(5)) CompareAll();
  }

  void CompareAll() {
    engine_.state().CheckInvariants();
    uint64_t kept = 0;
    for (const auto& [id, task] : reference_.tasks()) {
      const TaskSlot* slot = engine_.Peek(id);
      ASSERT_NE(slot, nullptr) << id.ToString() << " is missing";
      Compare(task, *slot);
      ++kept;
    }
    EXPECT_EQ(engine_.state().tasks().size(), kept);
    uint64_t accepted = 0;
    std::array<uint64_t, kRemovals> removed{};
    for (const QueueView& queue : engine_.Queues().views) {
      accepted += queue.counters.accepted;
      for (size_t i = 0; i < kRemovals; ++i) removed[i] += queue.counters.removed[i];
    }
    EXPECT_EQ(accepted, reference_.accepted);
    EXPECT_THAT(removed, testing::ElementsAre(reference_.removed, reference_.deleted,
                                              reference_.moved, reference_.replaced));
    for (const LeaseHolder& holder : Holders())
      EXPECT_THAT(engine_.CancelRequestsOf(holder),
                  testing::UnorderedElementsAreArray(reference_.CancelRequestsOf(holder)));
  }

  // Replaying the frames so far must give the same engine.
  void CompareReplay() {
    Engine again(1, kTerm);
    for (const SavedFrame& frame : frames_)
      ASSERT_TRUE(again.Replay(frame.sequence, frame.time, frame.effects).ok());
    again.state().CheckInvariants();
    ASSERT_EQ(again.state().tasks().size(), engine_.state().tasks().size());
    for (const auto& [id, task] : reference_.tasks()) {
      ASSERT_NE(again.Peek(id), nullptr);
      EXPECT_EQ(again.Peek(id)->image(), engine_.Peek(id)->image());
      EXPECT_EQ(*again.Peek(id)->parts->body, *engine_.Peek(id)->parts->body);
      EXPECT_EQ(Flat(again.Peek(id)->parts->saved.get()), task.saved);
    }
    EXPECT_EQ(again.state().keys().size(), engine_.state().keys().size());
    for (QueueId id = 1; id <= again.state().queues(); ++id)
      EXPECT_EQ(again.state().queue(id).counters, engine_.state().queue(id).counters);
    EXPECT_EQ(again.state().next_task(), engine_.state().next_task());
  }

 private:
  template <class Work>
  void InBatch(Work work) {
    SavedFrame frame{next_frame_, ShardTime{reference_.shard_ms}, {}};
    engine_.BeginBatch(next_frame_, {frame.time, WallTime{reference_.wall_ms}, random_.Next()},
                       &frame.effects);
    work();
    engine_.EndBatch();
    if (frame.effects.empty()) return;
    NoteTrails(frame.effects);
    ++next_frame_;
    frames_.push_back(std::move(frame));
  }

  // The engine keeps no history, so this collects it from its effects.
  void NoteTrails(const std::string& effects) {
    EffectReader reader(1, effects);
    while (true) {
      const auto effect = reader.Next();
      ASSERT_TRUE(effect.ok());
      if (!*effect) return;
      const auto* now = std::get_if<TaskIsNow>(&**effect);
      if (now == nullptr || now->trail == nullptr) continue;
      ASSERT_TRUE(now->image.has_trail);
      if (now->trail->ended)
        histories_[now->image.id].emplace_back(now->trail->ended->attempt,
                                               now->trail->ended->outcome);
      if (now->trail->log) {
        std::string& log = logs_[{now->image.id, now->trail->log->attempt}];
        EXPECT_EQ(log.size(), now->trail->log->offset);
        log += now->trail->log->text;
      }
    }
  }

  static std::map<std::string, std::string> Flat(const TaskSaved* saved) {
    std::map<std::string, std::string> flat;
    if (saved == nullptr) return flat;
    for (const auto& [name, step] : saved->steps) flat[name] = step.bytes;
    if (saved->checkpoint) flat[""] = saved->checkpoint->bytes;
    return flat;
  }

  void CompareTrail(const ReferenceTask& task, const TaskSlot& slot) {
    EXPECT_EQ(histories_[task.id], task.history);
    EXPECT_EQ((logs_[{task.id, task.attempt}]), task.log);
    EXPECT_EQ(LogBytes(engine_.state().TermsOf(slot), task.attempt), task.log.size());
    EXPECT_EQ(Flat(slot.parts->saved.get()), task.saved);
  }

  void Compare(const ReferenceTask& task, const TaskSlot& slot) {
    const TaskImage image = slot.image();
    EXPECT_EQ(Shape(image),
              std::tuple(task.id, task.state, task.priority, task.attempt, task.spent, task.term,
                         task.reported, engine_.state().FindQueue(task.queue)->id,
                         engine_.state().FindType(task.type)));
    EXPECT_EQ(image.max_attempts, task.max_attempts);
    EXPECT_EQ(image.cancel_requested, task.cancel_requested);
    EXPECT_EQ(image.worker_losses, task.worker_losses);
    EXPECT_EQ(image.apart, task.apart);
    EXPECT_EQ(slot.parts->body->payload, task.payload);
    EXPECT_EQ(slot.parts->error ? slot.parts->error->code : "", task.error_code);
    EXPECT_EQ(slot.parts->result ? slot.parts->result->bytes : "", task.result);
    if (task.state == TaskState::kRunning) {
      EXPECT_EQ(engine_.state().HolderOf(slot), task.holder);
    }
    CompareTrail(task, slot);
  }

  // A backoff is random: take the engine's, which must lie within the policy.
  void TakeDueTimes() {
    for (auto& [id, task] : reference_.tasks()) {
      if (task.state != TaskState::kRetrying || task.due_ms != -1) continue;
      const TaskSlot* slot = engine_.Peek(id);
      ASSERT_NE(slot, nullptr);
      if (slot->state == TaskState::kReady) {
        task.state = TaskState::kReady;  // a draw of 0, due at once
        task.ready_since_ms = reference_.shard_ms;
        continue;
      }
      if (task.may_be_dead && slot->state == TaskState::kDead) {
        reference_.End(&task, TaskState::kDead);  // the draw exceeded the total time
        continue;
      }
      task.due_ms = slot->when_ms;
      EXPECT_GE(task.due_ms, reference_.shard_ms + task.wait_min_ms);
      EXPECT_LE(task.due_ms, reference_.shard_ms + task.wait_max_ms);
    }
  }

  // The engine decides which of several tasks that were canceled or expired at the same moment
  // ended first.
  void TakeOrderOfEnds() {
    for (auto& [id, task] : reference_.tasks()) {
      if (!IsTerminal(task.state) || task.end_order != 0) continue;
      const TaskSlot* slot = engine_.Peek(id);
      ASSERT_NE(slot, nullptr);
      task.end_order = slot->image().ordinal;
    }
  }

  std::vector<LeaseHolder> Holders() const {
    std::vector<LeaseHolder> holders;
    for (const char* name : {"w0", "w1", "w2"})
      for (const uint64_t incarnation : {0U, 1U}) holders.push_back({name, incarnation});
    return holders;
  }

  void Command() {
    switch (random_.Below(12)) {
      case 11:
        return Save();
      case 8:
      case 9:
        return ByHand();
      case 10:
        return PauseOrResume();
      case 0:
      case 1:
        return Enqueue();
      case 2:
      case 3:
        return Lease();
      case 4:
        return Renew();
      default:
        return Report();
    }
  }

  NewTask RandomTask() {
    NewTask task;
    task.queue = queues_[random_.Below(2)];
    task.type = types_[random_.Below(2)];
    task.priority = static_cast<uint8_t>(random_.Below(3) * 4);
    task.max_attempts = static_cast<uint16_t>(1 + random_.Below(4));
    if (random_.OneIn(4))
      task.delay_ms = static_cast<int64_t>(random_.Below(3'000));
    else if (random_.OneIn(6))
      task.run_at = WallTime{reference_.wall_ms + static_cast<int64_t>(random_.Below(3'000)) - 500};
    if (random_.OneIn(4)) task.expires_ms = static_cast<int64_t>(1 + random_.Below(8'000));
    if (random_.OneIn(6)) task.deadline_ms = static_cast<int64_t>(1 + random_.Below(15'000));
    if (random_.OneIn(4)) task.attempt_timeout_ms = static_cast<int64_t>(1 + random_.Below(4'000));
    if (random_.OneIn(3)) task.retry = RandomRetry();
    if (random_.OneIn(4)) task.max_attempts = 0;
    auto body = std::make_shared<TaskBody>();
    body->payload = std::string(random_.Below(30), 'x') + std::to_string(random_.Below(3));
    body->payload_sha256 = Sha256Of(body->payload);
    if (random_.OneIn(3)) {
      body->idempotency_key = "key" + std::to_string(random_.Below(20));
      // Few enough variants that the same request repeats.
      body->payload = std::to_string(random_.Below(2));
      body->payload_sha256 = Sha256Of(body->payload);
      task.type = types_[0];
      task.priority = 4;
      task.max_attempts = 2;
      task.run_at.reset();
      task.delay_ms = task.expires_ms = task.deadline_ms = std::nullopt;
      task.attempt_timeout_ms = 0;
      task.retry.reset();
      task.on_duplicate = static_cast<OnDuplicate>(random_.Below(8) < 5 ? 0 : random_.Below(3));
      if (random_.OneIn(3)) task.idempotency_window_ms = 3'000;
      if (task.idempotency_window_ms == 0 && random_.OneIn(2))
        task.unique = static_cast<Unique>(random_.Below(4));
    }
    task.body = body;
    return task;
  }

  RetryPolicy RandomRetry() {
    RetryPolicy retry;
    retry.backoff = static_cast<Backoff>(1 + random_.Below(4));
    retry.jitter = static_cast<Jitter>(1 + random_.Below(3));
    retry.backoff_base_ms = static_cast<int64_t>(random_.Below(2'000));
    retry.backoff_cap_ms = static_cast<int64_t>(random_.Below(4'000));
    if (retry.backoff == Backoff::kListed) retry.delays_ms = {100, 3'000};
    retry.max_attempts = static_cast<uint16_t>(1 + random_.Below(4));
    if (random_.OneIn(2)) retry.total_ms = static_cast<int64_t>(1 + random_.Below(6'000));
    if (random_.OneIn(2)) retry.never = {"e1", "lease_expired"};
    if (random_.OneIn(2)) retry.always = {"e2", "e1"};
    return retry;
  }

  void Enqueue() {
    std::vector<NewTask> tasks(1 + random_.Below(4));
    for (NewTask& task : tasks) task = RandomTask();
    auto command = EnqueueCommand::Make(tasks);
    ASSERT_TRUE(command.ok()) << command.status().ToString();
    const auto got = engine_.Enqueue(*command);
    const auto expected = reference_.Enqueue(tasks);
    ASSERT_EQ(got.status().code(), expected.status().code()) << got.status().ToString();
    if (!got.ok()) return;
    TakeOrderOfEnds();
    for (size_t i = 0; i < tasks.size(); ++i) {
      EXPECT_EQ(got->tasks[i].id, (*expected)[i].id);
      EXPECT_EQ(got->tasks[i].duplicate, (*expected)[i].duplicate);
      EXPECT_EQ(got->tasks[i].replaced, (*expected)[i].replaced);
    }
  }

  void Lease() {
    LeaseCommand command;
    command.holder = {"w" + std::to_string(random_.Below(3)), random_.Below(2)};
    command.exchange = random_.OneIn(4) ? exchange_ : ++exchange_;
    command.queues = random_.OneIn(3) ? queues_ : std::vector{queues_[random_.Below(2)]};
    if (random_.OneIn(8)) command.queues.push_back(command.queues[0]);  // the same queue twice
    command.types = random_.OneIn(2) ? types_ : std::vector{types_[random_.Below(2)]};
    command.want = static_cast<uint32_t>(1 + random_.Below(4));
    const auto got = engine_.Lease(command);
    ASSERT_TRUE(got.needs.empty());
    std::vector<Token> tokens;
    for (const Leased& lease : got.reply->leases) tokens.push_back(lease.token);
    EXPECT_THAT(tokens, testing::UnorderedElementsAreArray(reference_.Lease(command)));
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    TakeOrderOfEnds();
  }

  Token SomeToken() {
    if (tokens_.empty() || random_.OneIn(20))
      return {TaskId::Of(1, 1 + random_.Below(50)), 1, kTerm};
    // Mostly a recent token, sometimes an old one.
    const size_t recent = std::min<size_t>(tokens_.size(), 12);
    return random_.OneIn(6) ? tokens_[random_.Below(tokens_.size())]
                            : tokens_[tokens_.size() - 1 - random_.Below(recent)];
  }

  void Renew() {
    std::vector<Token> tokens(random_.Below(5));
    for (Token& token : tokens) token = SomeToken();
    EXPECT_EQ(engine_.Renew(tokens), reference_.Renew(tokens));
  }

  void ByHand() {
    TaskCommand command;
    command.kind = static_cast<TaskCommand::Kind>(random_.Below(6));
    command.id = SomeToken().task;
    if (random_.OneIn(2) && !reference_.tasks().empty()) {
      auto it = reference_.tasks().begin();
      std::advance(it, random_.Below(reference_.tasks().size()));
      command.id = it->first;
    }
    if (command.kind == TaskCommand::Kind::kEdit) command.edit = RandomEdit();
    const Outcome<TaskStanding> got = engine_.Do(command, nullptr, true);
    const auto [code, standing] = reference_.Do(command);
    EXPECT_EQ(got.reply.status().code(), code) << got.reply.status().ToString();
    if (code != Code::kOk || !got.reply.ok()) return;
    EXPECT_EQ(std::tuple(got.reply->id, got.reply->state, got.reply->cancel_requested,
                         got.reply->changed),
              std::tuple(standing.id, standing.state, standing.cancel_requested, standing.changed));
    TakeOrderOfEnds();
  }

  TaskEdit RandomEdit() {
    TaskEdit edit;
    if (random_.OneIn(2)) edit.queue = queues_[random_.Below(2)];
    if (random_.OneIn(2)) edit.priority = static_cast<uint8_t>(random_.Below(3) * 4);
    if (random_.OneIn(2)) edit.max_attempts = static_cast<uint16_t>(1 + random_.Below(4));
    if (random_.OneIn(3))
      edit.run_at = WallTime{reference_.wall_ms + static_cast<int64_t>(random_.Below(4'000)) - 500};
    else if (random_.OneIn(3))
      edit.delay_ms = random_.OneIn(4) ? 0 : static_cast<int64_t>(random_.Below(4'000));
    if (random_.OneIn(3)) {
      auto body = std::make_shared<TaskBody>();
      body->payload = std::string(random_.Below(30), 'y');
      body->payload_sha256 = Sha256Of(body->payload);
      edit.payload = body;
    }
    return edit;
  }

  void PauseOrResume() {
    const std::string& queue = queues_[random_.Below(2)];
    const bool pause = random_.OneIn(3);
    QueuePolicy policy = reference_.policy;
    policy.paused = pause;
    EXPECT_TRUE(engine_.Configure(queue, policy).ok());
    if (pause) {
      reference_.paused.insert(queue);
    } else {
      reference_.paused.erase(queue);
    }
  }

  void Save() {
    AttemptSave save{.token = SomeToken()};
    if (random_.OneIn(2))
      save.saved.steps["s" + std::to_string(random_.Below(3))] = {std::to_string(random_.Next()),
                                                                  ""};
    if (random_.OneIn(3)) save.saved.checkpoint = SavedBytes{std::to_string(random_.Next()), ""};
    if (random_.OneIn(20))  // two of them exceed the limit
      save.saved.steps["long" + std::to_string(random_.Below(2))] = {std::string(600'000, 'x'), ""};
    if (random_.OneIn(2)) save.log = RandomLog(save.token);
    const auto got = engine_.Save(save);
    ASSERT_TRUE(got.needs.empty());
    EXPECT_EQ(got.reply.status().code(), reference_.Save(save)) << got.reply.status().ToString();
  }

  // Mostly the next chunk, sometimes a repeated one or a gap.
  LogText RandomLog(const Token& token) {
    const auto task = reference_.tasks().find(token.task);
    const size_t kept = task == reference_.tasks().end() ? 0 : task->second.log.size();
    LogText log{static_cast<uint32_t>(kept), "line " + std::to_string(random_.Below(100)) + "\n"};
    if (random_.OneIn(4)) log.offset += 1;
    if (random_.OneIn(3)) log.offset = static_cast<uint32_t>(random_.Below(kept + 1));
    return log;
  }

  void Report() {
    treadle::Report report;
    report.token = SomeToken();
    report.kind = static_cast<treadle::Report::Kind>(random_.Below(5));
    if (report.kind == treadle::Report::Kind::kSnoozed ||
        (report.kind == treadle::Report::Kind::kFailed && random_.OneIn(3)))
      report.delay_ms = random_.OneIn(2) ? 0 : static_cast<int64_t>(random_.Below(2'000));
    report.retry = !random_.OneIn(5);
    if (report.kind == treadle::Report::Kind::kCompleted) {
      auto result = std::make_shared<TaskResult>();
      result->bytes = "result" + std::to_string(random_.Below(100));
      report.result = result;
    }
    if (report.kind == treadle::Report::Kind::kFailed ||
        report.kind == treadle::Report::Kind::kDiscarded)
      report.error =
          std::make_shared<TaskError>(TaskError{"e" + std::to_string(random_.Below(9)), ""});
    const Outcome<bool> got = engine_.Apply(report, nullptr, true);
    EXPECT_EQ(got.reply.status().code(), reference_.Apply(report)) << report.token.ToString();
    TakeDueTimes();
    TakeOrderOfEnds();
  }

  const std::vector<std::string> queues_ = {"default", "billing.invoices"};
  const std::vector<std::string> types_ = {"hello", "resize"};
  SeededRandom random_;
  Engine engine_;
  Reference reference_;
  uint64_t next_frame_ = 1;
  uint32_t exchange_ = 0;
  std::vector<SavedFrame> frames_;
  std::vector<Token> tokens_;
  std::map<TaskId, std::vector<std::pair<uint32_t, AttemptOutcome>>> histories_;
  std::map<std::pair<TaskId, uint32_t>, std::string> logs_;
};

TEST(EngineModel, AnswersAndStateEqualTheReferenceForRandomCommands) {
  const char* given = std::getenv("TREADLE_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 10) : 1;
  const uint64_t seeds = given ? 1 : TestRounds(60U, 15U);
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE("TREADLE_SEED=" + std::to_string(seed));
    ModelRun run(seed);
    for (int step = 0; step < 400; ++step) {
      run.Step();
      if (testing::Test::HasFailure()) return;
    }
    run.CompareAll();
    run.CompareReplay();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace treadle::model
