// What Write() stores, read back with Load() and ReadAll().
#include <memory>
#include <thread>

#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

TEST_P(StoreConformance, ANewStoreHoldsNothing) {
  const Result<StoreMeta> meta = store_->ReadMeta();
  ASSERT_TRUE(meta.ok());
  EXPECT_EQ(meta->applied, 0u);
  EXPECT_EQ(meta->next_sequence, 1u);
  const StoreContents contents = ReadAll();
  EXPECT_TRUE(contents.queues.empty() && contents.keys.empty() && contents.live.empty());
}

TEST_P(StoreConformance, MetaNamesAndCountersSurviveReopening) {
  StoreChanges changes;
  QueuePolicy policy;
  policy.retry.backoff_cap_ms = 123;
  policy.lease_ms = 456;
  changes.queues.push_back({7, "billing", policy});
  changes.types.push_back({9, "send"});
  const CountersAreNow counters{
      7, 100, {EndedRange{51, 41}, {6, 2}, {9, 8}, {4, 3}}, {45, 3, 1, 2}};
  changes.counters.push_back(counters);
  changes.keys.push_back({{~uint64_t{0}, 2}, ~uint64_t{0}, TaskId::Of(65535, 4), {99}});
  changes.meta = StoreMeta{12, {34}, {56}, 78, 90};
  Write(changes);
  Reopen();

  const StoreContents contents = ReadAll();
  ASSERT_EQ(contents.queues.size(), 1u);
  EXPECT_EQ(contents.queues[0].id, 7u);
  EXPECT_EQ(contents.queues[0].name, "billing");
  EXPECT_EQ(contents.queues[0].policy, policy);
  ASSERT_EQ(contents.types.size(), 1u);
  EXPECT_EQ(contents.types[0].id, 9u);
  EXPECT_EQ(contents.types[0].name, "send");
  EXPECT_EQ(contents.counters, std::vector{counters});
  ASSERT_EQ(contents.keys.size(), 1u);
  const KeyIsNow& key = contents.keys.begin()->second;
  EXPECT_EQ(key.id, changes.keys[0].id);
  EXPECT_EQ(key.request_hash, ~uint64_t{0});
  EXPECT_EQ(key.task, TaskId::Of(65535, 4));
  EXPECT_EQ(key.expires.ms, 99);
  const StoreMeta meta = store_->ReadMeta().value();
  EXPECT_EQ(std::tuple(meta.applied, meta.time.ms, meta.wall.ms, meta.next_sequence, meta.term),
            std::tuple(12u, 34, 56, 78u, 90u));
}

TEST_P(StoreConformance, EveryFieldOfATaskSurvivesReopening) {
  std::vector<TaskRecord> tasks;
  for (const TaskState state : kTaskStates) tasks.push_back(MakeTask(tasks.size() + 1, state));
  std::vector<TaskChange> changes;
  for (const TaskRecord& task : tasks) changes.push_back(NewChange(task));
  Write(changes);
  Reopen();
  for (const TaskRecord& task : tasks) ExpectSame(LoadOne(TaskPlace::Of(task.image)), task);

  const StoreContents contents = ReadAll();
  ASSERT_EQ(contents.live.size(), 4u);
  for (const TaskRecord& live : contents.live) {
    EXPECT_TRUE(live.image == tasks[live.image.id.sequence() - 1].image);
    EXPECT_EQ(live.holder, tasks[live.image.id.sequence() - 1].holder);
    EXPECT_TRUE(live.body == nullptr && live.error == nullptr);
  }
  ASSERT_EQ(contents.ended.size(), kEndedStates);
  for (size_t i = 0; i < kEndedStates; ++i)
    EXPECT_TRUE(contents.ended[i] == tasks[kFirstEnded - 1 + i].image);
  EXPECT_GT(contents.ended_bytes[0], contents.ended_bytes[1]);  // has a result as well
}

TEST_P(StoreConformance, FieldsAtTheirLimitsSurvive) {
  TaskRecord task = MakeTask(TaskId::kMaxSequence, TaskState::kRunning);
  task.image.id = TaskId::Of(65535, TaskId::kMaxSequence);
  task.image.queue = task.image.type = task.image.attempt = task.image.term = UINT32_MAX;
  task.image.exchange = UINT32_MAX;
  task.image.max_attempts = UINT16_MAX;
  task.image.unspent = UINT32_MAX;
  task.image.when_ms = INT64_MIN;
  task.image.enqueued_at = {INT64_MAX};
  task.holder->incarnation = UINT64_MAX;
  for (const uint8_t priority : {uint8_t{0}, uint8_t{9}}) {
    task.image.priority = priority;
    Write({NewChange(task)});
    ExpectSame(LoadOne(TaskPlace::Of(task.image)), task);
  }
}

TEST_P(StoreConformance, EmptyBinaryAndLargePartsSurvive) {
  std::string large(size_t{1} << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  for (const std::string& bytes : {std::string(), std::string("\0\xff\0", 3), large}) {
    TaskRecord task = MakeTask(1, TaskState::kCompleted);
    TaskBody body{.payload = bytes};
    body.payload_sha256 = Sha256Of(bytes);
    task.body = std::make_shared<TaskBody>(body);
    task.result = std::make_shared<TaskResult>(TaskResult{bytes, "", Sha256Of(bytes)});
    task.error = std::make_shared<TaskError>(TaskError{"", ""});
    Write({Change(task)});
    ExpectSame(LoadOne({task.image.id}), task);
  }
}

TEST_P(StoreConformance, WritingTheSameChangesTwiceEqualsWritingThemOnce) {
  for (int round = 0; round < 2; ++round) {
    std::vector<TaskChange> changes;
    for (const TaskState state : kTaskStates)
      changes.push_back(Change(MakeTask(changes.size() + 1, state)));
    Write(changes);
  }
  const StoreContents contents = ReadAll();
  EXPECT_EQ(contents.live.size(), 4u);
  EXPECT_EQ(contents.ended.size(), kEndedStates);
}

TEST_P(StoreConformance, AMovedTaskIsOnlyInItsNewPlace) {
  WriteNames();
  const TaskRecord task = MakeTask(1, TaskState::kReady);
  Write({NewChange(task)});
  TaskRecord moved = task;
  moved.image.queue = 2;
  moved.image.priority = 9;
  TaskChange change = Change(moved);
  change.left.push_back(TaskPlace::Of(task.image));
  Write({change});
  const StoreContents contents = ReadAll();
  ASSERT_EQ(contents.live.size(), 1u);
  EXPECT_TRUE(contents.live[0].image == moved.image);
  ExpectSame(LoadOne(TaskPlace::Of(moved.image)), moved);
}

TEST_P(StoreConformance, AMovedTaskThatIsDeletedLeavesNothing) {
  const TaskRecord task = MakeTask(1, TaskState::kReady);
  Write({NewChange(task)});
  TaskChange change = ChangeKeepingBody(task);
  change.now.image.queue = 2;
  change.left.push_back(TaskPlace::Of(task.image));
  change.is_gone = true;
  Write({change});
  EXPECT_TRUE(ReadAll().live.empty());
}

TEST_P(StoreConformance, ARedrivenTaskIsOnlyAmongLiveTasks) {
  const TaskRecord dead = MakeTask(1, TaskState::kDead);
  Write({NewChange(dead)});
  TaskRecord ready = dead;
  ready.image.state = TaskState::kReady;
  ready.image.ordinal = 0;
  ready.image.finished_at = {};
  Write({ChangeKeepingBody(ready)});
  EXPECT_TRUE(ReadAll().ended.empty());
  ExpectSame(LoadOne(TaskPlace::Of(ready.image)), ready);
}

TEST_P(StoreConformance, AnInterruptedCheckpointIsRepairedByTheNextOne) {
  Write({NewChange(MakeTask(1, TaskState::kReady)), NewChange(MakeTask(2, TaskState::kReady))});
  // The part written before the interruption includes later frames than the next checkpoint does.
  Write({ChangeKeepingBody(MakeTask(1, TaskState::kCompleted)),
         ChangeKeepingBody(MakeTask(2, TaskState::kDead))});
  TaskChange gone = ChangeKeepingBody(MakeTask(2, TaskState::kDead));
  gone.is_gone = true;
  Write({gone});

  Write({ChangeKeepingBody(MakeTask(1, TaskState::kRunning)),
         ChangeKeepingBody(MakeTask(2, TaskState::kRunning))});
  EXPECT_EQ(LoadOne(TaskPlace::Of(MakeTask(1, TaskState::kRunning).image)).image.state,
            TaskState::kRunning);
  EXPECT_EQ(ReadAll().live.size(), 1u);
  EXPECT_TRUE(ReadAll().ended.empty());

  Write({ChangeKeepingBody(MakeTask(1, TaskState::kCompleted)), gone});
  ExpectSame(LoadOne({TaskId::Of(1, 1)}), MakeTask(1, TaskState::kCompleted));
  EXPECT_TRUE(ReadAll().live.empty());
  EXPECT_EQ(ReadAll().ended.size(), 1u);
}

TEST_P(StoreConformance, PartsThatDidNotChangeAreKept) {
  Write({NewChange(MakeTask(1, TaskState::kRetrying))});
  TaskRecord now = MakeTask(1, TaskState::kRunning);
  now.error = nullptr;
  Write({ChangeKeepingBody(now)});
  ExpectSame(LoadOne(TaskPlace::Of(now.image)), MakeTask(1, TaskState::kRunning));

  TaskRecord failed = MakeTask(1, TaskState::kRetrying);
  failed.error = MakeError("timeout");
  Write({ChangeKeepingBody(failed)});
  ExpectSame(LoadOne(TaskPlace::Of(now.image)), failed);  // no worker holds it anymore

  TaskRecord completed = MakeTask(1, TaskState::kCompleted);
  completed.error = nullptr;
  Write({ChangeKeepingBody(completed)});
  completed.error = failed.error;
  completed.body = failed.body;
  ExpectSame(LoadOne({now.image.id}), completed);
}

TEST_P(StoreConformance, AnEndedTaskIsFoundByOnlyItsId) {
  Write({NewChange(MakeTask(1, TaskState::kReady))});
  EXPECT_TRUE(Load({{TaskId::Of(1, 1)}}).empty());
  Write({ChangeKeepingBody(MakeTask(1, TaskState::kCompleted))});
  ExpectSame(LoadOne({TaskId::Of(1, 1)}), MakeTask(1, TaskState::kCompleted));
  EXPECT_TRUE(ReadAll().live.empty());
}

TEST_P(StoreConformance, ARedrivenTaskKeepsItsBody) {
  Write({NewChange(MakeTask(1, TaskState::kDead))});
  TaskRecord redriven = MakeTask(1, TaskState::kReady);
  Write({ChangeKeepingBody(redriven)});
  redriven.error = MakeError("exit_1");
  ExpectSame(LoadOne(TaskPlace::Of(redriven.image)), redriven);
  EXPECT_TRUE(ReadAll().ended.empty());
}

TEST_P(StoreConformance, ARedrivenTaskWrittenInFullLeavesNoDuplicate) {
  Write({NewChange(MakeTask(1, TaskState::kDead))});
  Write({Change(MakeTask(1, TaskState::kReady))});
  EXPECT_EQ(ReadAll().live.size(), 1u);
  EXPECT_TRUE(ReadAll().ended.empty());
  Write({Change(MakeTask(1, TaskState::kCompleted))});
  EXPECT_TRUE(ReadAll().live.empty());
  EXPECT_EQ(ReadAll().ended.size(), 1u);
}

TEST_P(StoreConformance, ADeadTaskThatCompletedSinceIsCompleted) {
  Write({NewChange(MakeTask(1, TaskState::kDead))});
  Write({ChangeKeepingBody(MakeTask(1, TaskState::kCompleted))});
  ExpectSame(LoadOne({TaskId::Of(1, 1)}), MakeTask(1, TaskState::kCompleted));
  const StoreContents contents = ReadAll();
  ASSERT_EQ(contents.ended.size(), 1u);
  EXPECT_GT(contents.ended_bytes[0], MakeResult("result 1")->bytes.size());
}

TEST_P(StoreConformance, ATaskStoredTwiceEndsOnce) {
  Write({NewChange(MakeTask(1, TaskState::kReady))});
  Write({NewChange(MakeTask(1, TaskState::kDead))});
  Write({ChangeKeepingBody(MakeTask(1, TaskState::kCompleted))});
  ExpectSame(LoadOne({TaskId::Of(1, 1)}), MakeTask(1, TaskState::kCompleted));
  EXPECT_TRUE(ReadAll().live.empty());
  EXPECT_EQ(ReadAll().ended.size(), 1u);
}

TEST_P(StoreConformance, ManyTasksThatEndAreKeptWhole) {
  std::vector<TaskChange> waiting;
  std::vector<TaskChange> ended;
  for (uint64_t i = 1; i <= 40; ++i) {
    waiting.push_back(NewChange(MakeTask(i, TaskState::kRunning)));
    if (i % 4) ended.push_back(ChangeKeepingBody(MakeTask(i, TaskState::kCompleted)));
  }
  Write(waiting);
  Write(ended);
  EXPECT_EQ(ReadAll().live.size(), 10u);
  for (uint64_t i = 1; i <= 40; ++i)
    if (i % 4) ExpectSame(LoadOne({TaskId::Of(1, i)}), MakeTask(i, TaskState::kCompleted));
}

TEST_P(StoreConformance, ARemovedTaskLeavesNothing) {
  Write({NewChange(MakeTask(1, TaskState::kReady)), NewChange(MakeTask(2, TaskState::kDead))});
  std::vector<TaskChange> changes{ChangeKeepingBody(MakeTask(1, TaskState::kCompleted)),
                                  ChangeKeepingBody(MakeTask(2, TaskState::kDead)),
                                  NewChange(MakeTask(3, TaskState::kCompleted))};
  for (TaskChange& change : changes) change.is_gone = true;
  Write(changes);
  const StoreContents contents = ReadAll();
  EXPECT_TRUE(contents.live.empty() && contents.ended.empty());
  EXPECT_TRUE(Load({{TaskId::Of(1, 1)}, {TaskId::Of(1, 2)}, {TaskId::Of(1, 3)}}).empty());
}

TEST_P(StoreConformance, RetentionRemovesOnlyTasksBelowItsBoundInThatQueue) {
  std::vector<TaskChange> changes;
  for (uint64_t i = 1; i <= 30; ++i) {
    TaskRecord task = MakeTask(i, i % 2 ? TaskState::kCompleted : TaskState::kDead);
    task.image.queue = 1 + static_cast<QueueId>(i % 3);
    changes.push_back(NewChange(task));
  }
  Write(changes);
  StoreChanges retention;
  retention.counters.push_back({.queue = 1, .ended = {EndedRange{.from = 16}, {.from = 7}}});
  Write(retention);
  for (const TaskImage& image : ReadAll().ended) {
    if (image.queue != 1) continue;
    EXPECT_GE(image.ordinal, image.state == TaskState::kCompleted ? 16u : 7u);
  }
  EXPECT_EQ(ReadAll().ended.size(), 30u - 3 - 1);  // completed 3, 9, 15; dead 6
}

TEST_P(StoreConformance, LiveTasksComeInLeaseOrderAndEndedOnesByOrdinal) {
  std::vector<TaskChange> changes;
  for (uint64_t i = 60; i >= 1; --i) {
    TaskRecord task = MakeTask(i, kTaskStates[i % std::size(kTaskStates)]);
    task.image.queue = 1 + static_cast<QueueId>(i % 2);
    task.image.type = 1 + static_cast<TypeId>(i % 3);
    task.image.priority = static_cast<uint8_t>(i % 10);
    if (task.image.ordinal) task.image.ordinal = 1000 - i;
    changes.push_back(NewChange(task));
  }
  Write(changes);
  const StoreContents contents = ReadAll();
  const auto lease_order = [](const TaskRecord& r) {
    return std::tuple(r.image.queue, r.image.type, -r.image.priority, r.image.id);
  };
  EXPECT_TRUE(std::is_sorted(
      contents.live.begin(), contents.live.end(),
      [&](const auto& a, const auto& b) { return lease_order(a) < lease_order(b); }));
  const auto end_order = [](const TaskImage& i) { return std::tuple(i.queue, i.state, i.ordinal); };
  EXPECT_TRUE(
      std::is_sorted(contents.ended.begin(), contents.ended.end(),
                     [&](const auto& a, const auto& b) { return end_order(a) < end_order(b); }));
  EXPECT_EQ(contents.live.size() + contents.ended.size(), 60u);
}

TEST_P(StoreConformance, ARemovedKeyIsForgotten) {
  StoreChanges changes;
  changes.keys.push_back({.id = {1, 1}, .task = TaskId::Of(1, 1)});
  changes.keys.push_back({.id = {1, 2}, .task = TaskId::Of(1, 2)});
  Write(changes);
  StoreChanges later;
  later.keys_gone = {{1, 1}, {5, 5}};
  later.keys.push_back({.id = {1, 2}, .task = TaskId::Of(1, 3)});
  Write(later);
  const StoreContents contents = ReadAll();
  ASSERT_EQ(contents.keys.size(), 1u);
  EXPECT_EQ(contents.keys.begin()->second.task, TaskId::Of(1, 3));
}

TEST_P(StoreConformance, AFullDiskRejectsTheWholeWriteAndChangesNothing) {
  Write({NewChange(MakeTask(1, TaskState::kReady))});
  if (!home_->SetDiskFull(true)) GTEST_SKIP() << "this store's disk cannot be filled";
  TaskRecord large = MakeTask(2, TaskState::kReady);  // what the store has in reserve is less
  auto body = std::make_shared<TaskBody>(*large.body);
  body->payload = std::string(size_t{4} << 20, 'x');
  body->payload_sha256 = Sha256Of(body->payload);
  large.body = std::move(body);
  StoreChanges changes;
  changes.tasks = {NewChange(large), ChangeKeepingBody(MakeTask(1, TaskState::kRunning))};
  changes.meta = StoreMeta{.applied = 5};
  EXPECT_EQ(store_->Write(changes).code(), Code::kResourceExhausted);
  ExpectSame(LoadOne(TaskPlace::Of(MakeTask(1, TaskState::kReady).image)),
             MakeTask(1, TaskState::kReady));
  home_->SetDiskFull(false);
  EXPECT_EQ(ReadAll().live.size(), 1u);
  EXPECT_EQ(store_->ReadMeta()->applied, 0u);
  Write(changes);
  Reopen();
  EXPECT_EQ(ReadAll().live.size(), 2u);
  EXPECT_EQ(store_->ReadMeta()->applied, 5u);
}

TEST_P(StoreConformance, ReadersSeeWholeTransactionsWhileTheWriterContinues) {
  constexpr uint64_t kTasks = 20;
  const auto all_in = [](TaskState state, uint32_t attempt) {
    std::vector<TaskChange> changes;
    for (uint64_t i = 1; i <= kTasks; ++i) {
      changes.push_back(Change(MakeTask(i, state)));
      changes.back().now.image.attempt = attempt;
    }
    return changes;
  };
  Write(all_in(TaskState::kRunning, 1));
  std::vector<TaskPlace> places;
  for (uint64_t i = 1; i <= kTasks; ++i)
    places.push_back(TaskPlace::Of(MakeTask(i, TaskState::kRunning).image));
  std::thread writer([&] {
    for (uint32_t attempt = 2; attempt <= 30; ++attempt)
      Write(all_in(attempt % 2 ? TaskState::kCompleted : TaskState::kRunning, attempt));
  });
  for (int i = 0; i < 30; ++i) {
    const std::vector<TaskRecord> loaded = Load(places);
    ASSERT_EQ(loaded.size(), kTasks);
    for (const TaskRecord& task : loaded)
      EXPECT_EQ(task.image.attempt, loaded[0].image.attempt) << task.image.id.ToString();
    EXPECT_EQ(store_->List({.limit = 100})->tasks.size(), kTasks);
  }
  writer.join();
}

}  // namespace
}  // namespace treadle
