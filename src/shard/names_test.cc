// Queues and task types come and go, and their numbers with them, over checkpoints that are cut
// short and restarts: no task ever turns up under another name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/random.h"
#include "engine/engine.h"
#include "shard/fold.h"
#include "shard/store_loading.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr size_t kNamesMax = 4;

class NamesTest : public testing::Test {
 protected:
  NamesTest() {
    fs::create_directories(directory_);
    store_ = *SqliteStore::Open({directory_ / "store.db", /*identity=*/7, ""});
    Restart();
  }
  ~NamesTest() override {
    store_ = nullptr;
    fs::remove_all(directory_);
  }

  template <class Command>
  auto InBatch(Command command) {
    std::string effects;
    engine_->BeginBatch(Next(), {{now_ms_}, {now_ms_}, 1}, &effects);
    auto reply = command();
    engine_->EndBatch();
    if (!effects.empty()) {
      effects_.push_back(std::move(effects));
      frames_.push_back({Next(), {now_ms_}, effects_.back()});
    }
    return reply;
  }
  uint64_t Next() const { return frames_.size() + 1; }

  Result<TaskId> Enqueue(const std::string& queue, const std::string& type) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "1";
    body->payload_sha256 = Sha256Of("1");
    NewTask task;
    task.queue = queue;
    task.type = type;
    task.body = body;
    const auto reply = InBatch([&] { return engine_->Enqueue(*EnqueueCommand::Make({task})); });
    if (!reply.ok()) return reply.status();
    tasks_[reply->tasks[0].id] = {queue, type};
    return reply->tasks[0].id;
  }
  Status Do(TaskCommand::Kind kind, TaskId id) {
    const TaskCommand command{.kind = kind, .id = id};
    auto outcome = InBatch([&] { return engine_->Do(command, nullptr, false); });
    if (!outcome.needs.empty()) {
      Checkpoint(SIZE_MAX);
      const TaskSlot* const slot = engine_->Peek(id);
      const auto found =
          *store_->Load({slot == nullptr ? TaskPlace{.id = id} : TaskPlace::Of(slot->image())});
      const TaskRecord* const record = found.empty() ? nullptr : found.data();
      outcome = InBatch([&] { return engine_->Do(command, record, true); });
    }
    if (outcome.reply.ok() && kind == TaskCommand::Kind::kDelete) tasks_.erase(id);
    return outcome.reply.status();
  }
  Status DeleteQueue(const std::string& name) {
    return InBatch([&] { return engine_->DeleteQueue(name); }).status();
  }
  Status DeleteType(const std::string& name) {
    return InBatch([&] { return engine_->DeleteType(name); }).status();
  }
  void PassASecond() {
    now_ms_ += 1'001;
    InBatch([&] { return engine_->Tick(1'000); });
  }

  // At most `parts` transactions of it reach the store: with fewer than there are it is cut short.
  void Checkpoint(size_t parts_max) {
    if (frames_.size() == applied_) return;
    Fold fold(1, known_ + 1);
    for (uint64_t frame = applied_; frame < frames_.size(); ++frame)
      ASSERT_EQ(fold.Add(frames_[frame]).ToString(), "OK");
    auto parts = fold.Take(/*bytes=*/100);
    next_sequence_ = std::max(next_sequence_, fold.next_sequence());
    parts.back().meta = StoreMeta{
        .applied = frames_.size(), .time = {now_ms_}, .next_sequence = next_sequence_, .term = 1};
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i == parts_max) {
        known_ = frames_.size();
        return Restart();
      }
      ASSERT_TRUE(store_->Write(parts[i]).ok());
    }
    applied_ = frames_.size();
    engine_->mutable_state()->Forget(applied_, SIZE_MAX);
    CheckStore();
  }

  void Restart() {
    const StoreMeta meta = *store_->ReadMeta();
    ASSERT_EQ(meta.applied, applied_);
    engine_ = std::make_unique<Engine>(1, 7);
    engine_->queues_max = engine_->types_max = kNamesMax;
    State* const state = engine_->mutable_state();
    state->BeginFrame(meta.applied, meta.time);
    RecoveryProgress progress;
    const Status loaded = LoadStore(store_.get(), state, &progress);
    ASSERT_TRUE(loaded.ok()) << loaded.ToString();
    state->LoadNextSequence(meta.next_sequence);
    state->Forget(meta.applied, 0);
    for (uint64_t frame = applied_; frame < frames_.size(); ++frame)
      ASSERT_TRUE(
          engine_->Replay(frames_[frame].sequence, frames_[frame].time, frames_[frame].effects)
              .ok());
    known_ = std::max<uint64_t>(known_, frames_.size());
    Check();
  }

  void Check() {
    engine_->state().CheckInvariants();
    std::map<std::string, uint64_t> expected;
    for (const auto& [id, names] : tasks_) ++expected[names.first];
    for (const QueueView& queue : engine_->Queues().views) {
      uint64_t there = 0;
      for (const uint64_t count : queue.tasks) there += count;
      ASSERT_EQ(there, expected[queue.name]) << queue.name;
      expected.erase(queue.name);
    }
    for (const auto& [name, count] : expected) ASSERT_EQ(count, 0U) << name << " is missing";
  }

  void CheckStore() {
    const TaskPage page = *store_->List({.limit = 1'000});
    ASSERT_EQ(page.tasks.size(), tasks_.size());
    for (const TaskView& task : page.tasks)
      ASSERT_EQ(std::pair(task.queue, task.type), tasks_[task.task.image.id]);
  }

  bool HasTasks(const std::string& queue, const std::string& type) {
    return std::ranges::any_of(tasks_, [&](const auto& task) {
      return task.second.first == queue || task.second.second == type;
    });
  }

  const fs::path directory_ =
      fs::temp_directory_path() / ("treadle-names-test-" + std::to_string(getpid()));
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  std::deque<std::string> effects_;  // what the frames borrow
  std::vector<Frame> frames_;
  uint64_t applied_ = 0;
  uint64_t known_ = 0;  // up to this frame, tasks may be in the store
  uint64_t next_sequence_ = 1;
  int64_t now_ms_ = 1'000;
  std::map<TaskId, std::pair<std::string, std::string>> tasks_;  // queue, type
};

TEST_F(NamesTest, TheTwoLimitsAreSeparateAndTheirErrorsNameThem) {
  for (const char* n : {"1", "2", "3", "4"}) ASSERT_TRUE(Enqueue("q", n).ok());
  const Status types = Enqueue("q2", "5").status();
  EXPECT_EQ(types.code(), Code::kResourceExhausted);
  EXPECT_THAT(types.message(), HasSubstr("already 4 task types"));
  EXPECT_THAT(types.message(), HasSubstr("treadle type delete NAME"));
  for (const char* n : {"2", "3", "4"}) ASSERT_TRUE(Enqueue(n, "1").ok());
  const Status queues = Enqueue("5", "1").status();
  EXPECT_EQ(queues.code(), Code::kResourceExhausted);
  EXPECT_THAT(queues.message(), HasSubstr("already 4 queues"));
  EXPECT_TRUE(Enqueue("q", "1").ok());
}

TEST_F(NamesTest, ATypeIsDeletedOnceThereIsNoTaskOfIt) {
  const TaskId id = *Enqueue("q", "t");
  EXPECT_EQ(DeleteType("t").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(Do(TaskCommand::Kind::kCancel, id).ok());
  EXPECT_EQ(DeleteType("t").code(), Code::kFailedPrecondition) << "it is kept";
  ASSERT_TRUE(Do(TaskCommand::Kind::kDelete, id).ok());
  EXPECT_TRUE(DeleteType("t").ok());
  EXPECT_EQ(DeleteType("t").code(), Code::kNotFound);
  EXPECT_TRUE(engine_->Types().views.empty());
  Restart();
  EXPECT_EQ(DeleteType("t").code(), Code::kNotFound);
  EXPECT_TRUE(Enqueue("q", "t").ok());
  EXPECT_EQ(engine_->Types().views.size(), 1U);
}

TEST_F(NamesTest, AQueueThatReusesANumberStartsWithFreshCounts) {
  for (const char* n : {"1", "2", "3", "4"}) ASSERT_TRUE(Enqueue(n, "t").ok());
  ASSERT_TRUE(Do(TaskCommand::Kind::kDelete, tasks_.begin()->first).ok());
  ASSERT_TRUE(DeleteQueue("1").ok());
  EXPECT_FALSE(Enqueue("5", "t").ok()) << "the store does not have the deletion";
  Checkpoint(SIZE_MAX);
  ASSERT_TRUE(Enqueue("5", "t").ok());
  EXPECT_EQ(engine_->GetQueue("5")->counters.accepted, 1U);
  EXPECT_EQ(engine_->GetQueue("5")->counters.removed_by(Removal::kDeleted), 0U);
  EXPECT_EQ(engine_->GetQueue("1").status().code(), Code::kNotFound);
  Restart();
  Checkpoint(SIZE_MAX);
  Restart();
  EXPECT_EQ(engine_->GetQueue("5")->counters.accepted, 1U);
}

TEST_F(NamesTest, UnusedNamesAreRemovedAutomatically) {
  for (const char* n : {"1", "2", "3", "4"}) ASSERT_TRUE(Enqueue(n, n).ok());
  ASSERT_FALSE(Enqueue("5", "5").ok());
  while (!tasks_.empty()) ASSERT_TRUE(Do(TaskCommand::Kind::kDelete, tasks_.begin()->first).ok());
  PassASecond();
  Checkpoint(SIZE_MAX);
  EXPECT_TRUE(Enqueue("5", "5").ok());
}

TEST_F(NamesTest, NamesWithAPolicyAreKept) {
  ASSERT_TRUE(InBatch([&] { return engine_->Configure("q", {.lease_ms = 5'000}); }).ok());
  ASSERT_TRUE(
      InBatch([&] { return engine_->ConfigureType("t", {.attempt_timeout_ms = 5'000}); }).ok());
  for (const char* n : {"2", "3", "4"}) ASSERT_TRUE(Enqueue(n, n).ok());
  PassASecond();
  EXPECT_EQ(engine_->GetQueue("q")->policy.lease_ms, 5'000);
  EXPECT_EQ(engine_->GetType("t")->policy.attempt_timeout_ms, 5'000);
}

TEST_F(NamesTest, NoTaskAppearsUnderAnotherNameWhateverIsInterrupted) {
  SeededRandom random(15);
  const auto name = [&] { return std::string(1, static_cast<char>('a' + random.Below(8))); };
  size_t enqueued = 0;
  for (int step = 0; step < 6'000 && !HasFatalFailure(); ++step) {
    const auto any = [&] {
      auto it = tasks_.begin();
      std::advance(it, random.Below(tasks_.size()));
      return it->first;
    };
    switch (random.Below(12)) {
      case 0:
      case 1:
      case 2:
        enqueued += tasks_.size() < 12 && Enqueue(name(), name()).ok();
        break;
      case 3:
        if (!tasks_.empty()) (void)Do(TaskCommand::Kind::kCancel, any());
        break;
      case 4:
      case 5:
        if (!tasks_.empty()) (void)Do(TaskCommand::Kind::kDelete, any());
        break;
      case 6: {
        const std::string queue = name();
        const bool has_tasks = HasTasks(queue, "");
        EXPECT_FALSE(DeleteQueue(queue).ok() && has_tasks);
        break;
      }
      case 7: {
        const std::string type = name();
        const bool has_tasks = HasTasks("", type);
        EXPECT_FALSE(DeleteType(type).ok() && has_tasks);
        break;
      }
      case 8:
        PassASecond();
        break;
      case 9:
        Checkpoint(SIZE_MAX);
        break;
      case 10:
        Checkpoint(random.Below(4));
        break;
      default:
        Restart();
    }
    Check();
  }
  EXPECT_GT(enqueued, 500U);
  EXPECT_LE(engine_->state().queues(), kNamesMax);
  EXPECT_LE(engine_->state().types(), kNamesMax);
}

}  // namespace
}  // namespace treadle
