#include "tests/conformance/store_conformance.h"

#include <utility>

namespace treadle {

void StoreConformance::Reopen() {
  store_.reset();
  Result<std::unique_ptr<Store>> opened = home_->Open();
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  store_ = std::move(opened).value();
}

void StoreConformance::Write(const StoreChanges& changes) {
  const Status status = store_->Write(changes);
  ASSERT_TRUE(status.ok()) << status.ToString();
}

void StoreConformance::Write(std::vector<TaskChange> tasks) {
  StoreChanges changes;
  changes.tasks = std::move(tasks);
  Write(changes);
}

void StoreConformance::WriteNames() {
  StoreChanges names;
  for (uint32_t id = 1; id <= 3; ++id) {
    names.queues.push_back({id, "queue-" + std::to_string(id), {}});
    names.types.push_back({id, "type-" + std::to_string(id)});
  }
  Write(names);
}

Store::Visitor CollectInto(StoreContents* contents) {
  const auto into = [](auto* list) {
    return [list](const auto& item) { return list->push_back(item), Status(); };
  };
  return {.queue = into(&contents->queues),
          .type = into(&contents->types),
          .counters = into(&contents->counters),
          .key =
              [contents](const KeyIsNow& key) {
                contents->keys[key.id] = key;
                return Status();
              },
          .task =
              [contents](const TaskRecord& task, uint32_t payload_bytes) {
                contents->live.push_back(task);
                contents->live_bytes.push_back(payload_bytes);
                return Status();
              },
          .ended =
              [contents](const TaskImage& image, uint32_t bytes) {
                contents->ended.push_back(image);
                contents->ended_bytes.push_back(bytes);
                return Status();
              }};
}

StoreContents StoreConformance::ReadAll() {
  StoreContents contents;
  const Status status = store_->ReadAll(CollectInto(&contents));
  EXPECT_TRUE(status.ok()) << status.ToString();
  return contents;
}

std::vector<TaskRecord> StoreConformance::Load(const std::vector<TaskPlace>& places) {
  Result<std::vector<TaskRecord>> loaded = store_->Load(places);
  EXPECT_TRUE(loaded.ok()) << loaded.status().ToString();
  return loaded.ok() ? std::move(loaded).value() : std::vector<TaskRecord>();
}

TaskRecord StoreConformance::LoadOne(const TaskPlace& place) {
  std::vector<TaskRecord> loaded = Load({place});
  EXPECT_EQ(loaded.size(), 1u);
  return loaded.size() == 1 ? loaded[0] : TaskRecord();
}

std::shared_ptr<const TaskBody> MakeBody(std::string payload) {
  TaskBody body{.payload = std::move(payload), .content_type = "text/plain"};
  body.idempotency_key = "key of " + body.payload.substr(0, 20);
  body.tags = {"a tag", "größer"};
  body.payload_sha256 = Sha256Of(body.payload);
  if (body.payload.size() % 2 == 0)
    body.traceparent =
        TraceparentFromRaw(body.payload_sha256.view().substr(0, Traceparent::kBytes));
  return std::make_shared<TaskBody>(std::move(body));
}

std::shared_ptr<const TaskResult> MakeResult(std::string bytes) {
  TaskResult result{.bytes = std::move(bytes), .content_type = "image/png"};
  result.sha256 = Sha256Of(result.bytes);
  return std::make_shared<TaskResult>(std::move(result));
}

std::shared_ptr<const TaskError> MakeError(std::string code) {
  return std::make_shared<TaskError>(TaskError{std::move(code), "it went wrong"});
}

TaskRecord MakeTask(uint64_t sequence, TaskState state) {
  const auto n = static_cast<int64_t>(sequence);
  TaskRecord task;
  task.image = {.id = TaskId::Of(1, sequence), .queue = 1, .type = 1, .state = state};
  task.image.enqueued_at = {1'764'000'000'000 + n};
  task.body = MakeBody("payload " + std::to_string(sequence));
  if (state == TaskState::kScheduled) task.image.when_ms = 1'800'000'000'000 + n;
  if (state == TaskState::kScheduled || state == TaskState::kReady) return task;

  task.image.attempt = 7;
  task.image.worker_losses = 3;
  task.image.has_terms = true;
  task.image.has_trail = true;
  task.terms = std::make_shared<TaskTerms>(TaskTerms{.expires_at = WallTime{7},
                                                     .expires = {8},
                                                     .attempt_timeout_ms = 9,
                                                     .retry = RetryPolicy{},
                                                     .contract = 2,
                                                     .sensitive = sequence % 5 == 0,
                                                     .log_attempt = 7,
                                                     .log_bytes = 300});
  task.image.unspent = 2;
  task.image.max_attempts = 9;
  task.image.term = 3;
  task.image.exchange = 11;
  task.image.reported = state != TaskState::kRunning;
  task.image.started_at = {1'764'000'100'000 + n};
  task.error = MakeError("exit_1");
  if (state == TaskState::kRunning) {
    task.holder = LeaseHolder{"worker-1", 0xfedcba9876543210, "v1"};
    task.image.cancel_requested = true;
    task.image.when_ms = 4'000 + n;
  }
  if (state == TaskState::kRunning) return task;

  task.image.when_ms = 5'000 + n;
  if (state == TaskState::kRetrying) return task;
  task.holder = LeaseHolder{"worker-1", 0xfedcba9876543210, "v1"};
  task.image.ordinal = sequence;
  task.image.finished_at = {1'764'000'200'000 + n};
  if (state == TaskState::kCompleted) task.result = MakeResult("result " + std::to_string(n));
  return task;
}

TaskChange NewChange(TaskRecord now) { return {.now = std::move(now), .is_new = true}; }

std::vector<TaskChange> AllNew(const std::vector<TaskRecord>& tasks) {
  std::vector<TaskChange> changes;
  changes.reserve(tasks.size());
  for (const TaskRecord& task : tasks) changes.push_back(NewChange(task));
  return changes;
}

TaskChange Change(TaskRecord now) { return {.now = std::move(now)}; }

TaskChange ChangeKeepingBody(TaskRecord now) {
  now.body = nullptr;
  return {.now = std::move(now)};
}

namespace {

template <class T>
void ExpectSamePart(const std::shared_ptr<const T>& actual,
                    const std::shared_ptr<const T>& expected, const char* part) {
  ASSERT_EQ(actual == nullptr, expected == nullptr) << part;
  EXPECT_TRUE(actual == nullptr || *actual == *expected) << part;
}

}  // namespace

void ExpectSame(const TaskRecord& actual, const TaskRecord& expected) {
  SCOPED_TRACE("task " + expected.image.id.ToString());
  EXPECT_TRUE(actual.image == expected.image);
  ExpectSamePart(actual.body, expected.body, "body");
  ExpectSamePart(actual.error, expected.error, "error");
  ExpectSamePart(actual.result, expected.result, "result");
  ExpectSamePart(actual.terms, expected.terms, "terms");
  ExpectSamePart(actual.saved, expected.saved, "saved");
  EXPECT_EQ(actual.holder, expected.holder);
  EXPECT_EQ(actual.holder ? actual.holder->build : "",
            expected.holder ? expected.holder->build : "");
}

}  // namespace treadle
