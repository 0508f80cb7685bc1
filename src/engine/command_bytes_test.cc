// How much the largest commands write: never more than kCommandBytesMax, so that a frame
// fits into a segment of the journal whatever is asked for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/batch_limits.h"
#include "engine/engine.h"
#include "model/limits.h"

namespace treadle {
namespace {

using testing::Each;
using testing::Le;

constexpr size_t kAPiece = kPieceBytes + (size_t{64} << 10);

RetryPolicy LargeRetry() {
  RetryPolicy retry{.backoff = Backoff::kListed, .delays_ms = std::vector<int64_t>(32, 600'000)};
  retry.total_ms = 3'600'000;
  for (int i = 0; i < 16; ++i) {
    std::string code = "never-" + std::to_string(i);
    code.resize(limits::kErrorCodeBytes, 'c');
    retry.never.push_back(code);
    retry.always.push_back("always" + code.substr(6));
  }
  return retry;
}

std::vector<std::string> LargeTags() {
  std::vector<std::string> tags;
  for (size_t i = 0; i < limits::kTags; ++i)
    tags.push_back(std::to_string(100 + i) + std::string(limits::kTagBytes - 3, 't'));
  return tags;
}

std::string LargeName(const std::string& head) {
  std::string name = head;
  name.resize(limits::kNameBytes, 'n');
  return name;
}

class CommandBytesTest : public testing::Test {
 protected:
  /// What `work` wrote in a batch of its own.
  template <class Work>
  size_t BytesOf(Work work) {
    effects_.clear();
    engine_.BeginBatch(++frame_, {ShardTime{now_ms_}, WallTime{1'000'000 + now_ms_}, 1}, &effects_);
    work();
    engine_.EndBatch();
    return effects_.size();
  }

  static NewTask Task(size_t payload_bytes, const std::string& key = "") {
    auto body = std::make_shared<TaskBody>();
    body->payload = std::string(payload_bytes, '1');
    body->payload_sha256 = Sha256Of(body->payload);
    body->idempotency_key = key;
    body->traceparent.bytes.fill('t');
    return {.queue = "default", .type = "hello", .body = body};
  }
  static NewTask LargeTask(size_t payload_bytes) {
    NewTask task = Task(payload_bytes);
    auto body = std::make_shared<TaskBody>(*task.body);
    body->tags = LargeTags();
    body->content_type = std::string(limits::kContentTypeBytes, 'c');
    task.body = body;
    task.retry = LargeRetry();
    return task;
  }

  size_t Enqueue(std::vector<NewTask> tasks) {
    const auto command = EnqueueCommand::Make(std::move(tasks));
    EXPECT_TRUE(command.ok()) << command.status().ToString();
    return BytesOf([&] { EXPECT_TRUE(engine_.Enqueue(*command).ok()); });
  }
  void Fill(size_t thousands, const NewTask& task) {
    for (size_t i = 0; i < thousands; ++i) Enqueue(std::vector<NewTask>(1'000, task));
  }
  std::vector<Leased> Lease(uint32_t want) {
    std::vector<Leased> leases;
    const LeaseHolder holder{std::string(limits::kWorkerNameBytes, 'w'), 1,
                             std::string(limits::kBuildBytes, 'b')};
    BytesOf([&] {
      auto outcome = engine_.Lease({holder, ++exchange_, {"default"}, {"hello"}, want});
      leases = std::move(outcome.reply->leases);
    });
    return leases;
  }
  size_t TasksThatAre(TaskState state) {
    return engine_.GetQueue("default")->tasks[static_cast<size_t>(state)];
  }

  static constexpr size_t kMax = kCommandBytesMax;
  Engine engine_{1, 7};
  std::string effects_;
  uint64_t frame_ = 0;
  uint32_t exchange_ = 0;
  int64_t now_ms_ = 1'000;
};

TEST_F(CommandBytesTest, ALargeBatchOfNewQueuesAndTypes) {
  std::vector<NewTask> batch;
  const size_t each = kBatchBytes / limits::kBatchTasks;
  const size_t carried = limits::kIdempotencyKeyBytes + limits::kTags * limits::kTagBytes +
                         2 * 16 * limits::kErrorCodeBytes;
  NewTask task = Task(each - carried);
  for (size_t i = 0; i < limits::kBatchTasks; ++i) {
    auto body = std::make_shared<TaskBody>(*task.body);
    body->tags = LargeTags();
    body->idempotency_key = std::to_string(i) + std::string(limits::kIdempotencyKeyBytes - 4, 'k');
    task.body = body;
    task.queue = LargeName("q" + std::to_string(i));
    task.type = LargeName("t" + std::to_string(i));
    task.retry = LargeRetry();
    task.unique = Unique::kDone;
    batch.push_back(task);
  }
  EXPECT_THAT(Enqueue(batch), Le(kMax));
}

TEST_F(CommandBytesTest, ABatchThatCarriesMoreIsRefused) {
  std::vector<NewTask> batch(17, Task(limits::kPayloadBytes));
  const auto command = EnqueueCommand::Make(batch);
  EXPECT_EQ(command.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(command.status().message(), testing::HasSubstr("16777216 bytes in total"));
  batch.pop_back();
  EXPECT_TRUE(EnqueueCommand::Make(batch).ok());
  EXPECT_FALSE(EnqueueCommand::Make(std::vector<NewTask>(1'000, LargeTask(11'000))).ok());
}

// The bound was set far below what waits: all of it was to make room for the first batch.
TEST_F(CommandBytesTest, ABatchThatMakesAFullQueueShed) {
  NewTask low = Task(1);
  low.priority = 0;
  low.expires_ms = 3'600'000;
  Fill(25, low);
  QueuePolicy policy;
  policy.capacity = {.tasks = 10, .bytes = 0, .shed = true};
  BytesOf([&] { ASSERT_TRUE(engine_.Configure("default", policy).ok()); });
  NewTask high = Task(limits::kPayloadBytes);
  high.priority = 9;
  EXPECT_THAT(Enqueue(std::vector<NewTask>(16, high)), Le(kMax));
  EXPECT_EQ(TasksThatAre(TaskState::kReady), 15'016U);
  const size_t shed_bytes = Enqueue({Task(1)});
  EXPECT_THAT(shed_bytes, Le(kAPiece));
  EXPECT_EQ(TasksThatAre(TaskState::kReady), 5'017U);
}

TEST_F(CommandBytesTest, AFullQueueThatOnlyManySmallTasksCouldMakeRoomInIsFull) {
  NewTask low = Task(1);
  low.priority = 0;
  Fill(20, low);
  QueuePolicy policy;
  policy.capacity = {.tasks = 0, .bytes = 20'000, .shed = true};
  BytesOf([&] { ASSERT_TRUE(engine_.Configure("default", policy).ok()); });
  const auto command = EnqueueCommand::Make({Task(15'000)});
  BytesOf([&] { EXPECT_EQ(engine_.Enqueue(*command).status().code(), Code::kResourceExhausted); });
  Enqueue({Task(10'000)});
}

TEST_F(CommandBytesTest, ALeaseThatFindsOnlyTasksThatAreOutOfTime) {
  NewTask task = Task(1);
  task.expires_ms = 1'000;
  Fill(40, task);
  Enqueue({Task(1)});
  now_ms_ += 10'000;
  size_t pieces = 0;
  std::vector<Leased> leases;
  while (leases.empty() && pieces < 100) {
    ++pieces;
    const size_t bytes = BytesOf([&] {
      auto outcome = engine_.Lease({{"worker", 1}, ++exchange_, {"default"}, {"hello"}, 1});
      ASSERT_TRUE(outcome.needs.empty());
      if (outcome.reply.ok()) leases = outcome.reply->leases;
    });
    ASSERT_THAT(bytes, Le(kAPiece));
  }
  EXPECT_GT(pieces, 1U);
  EXPECT_EQ(leases.size(), 1U);
  EXPECT_EQ(TasksThatAre(TaskState::kReady), 0U);
}

TEST_F(CommandBytesTest, ATickThatFindsManyLostLeases) {
  QueuePolicy policy;
  policy.retry = LargeRetry();
  BytesOf([&] { ASSERT_TRUE(engine_.Configure("default", policy).ok()); });
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 5; ++j) Enqueue(std::vector<NewTask>(200, LargeTask(1)));
    Lease(1'000);
  }
  now_ms_ += 60'000;
  std::vector<size_t> bytes;
  for (bool more = true; more;) bytes.push_back(BytesOf([&] { more = engine_.Tick(2'000); }));
  EXPECT_GT(bytes.size(), 1U);
  EXPECT_THAT(bytes, Each(Le(kAPiece)));
  EXPECT_EQ(TasksThatAre(TaskState::kRetrying), 2'000U);
}

TEST_F(CommandBytesTest, WhatAnAttemptSavesAndReports) {
  Enqueue({LargeTask(limits::kPayloadBytes)});
  const Token token = Lease(1).at(0).token;
  AttemptSave save{.token = token};
  const size_t each = limits::kSavedBytes / limits::kSteps - limits::kStepNameBytes - 100;
  for (size_t i = 0; i < limits::kSteps; ++i)
    save.saved.steps[LargeName(std::to_string(i)).substr(0, limits::kStepNameBytes)] = {
        std::string(each, 's'), ""};
  save.log = LogText{0, std::string(limits::kLogBytes / 2, 'l')};
  Outcome<AttemptStanding> saved(AttemptStanding{});
  EXPECT_THAT(BytesOf([&] { saved = engine_.Save(save); }), Le(kMax));
  ASSERT_TRUE(saved.reply.ok()) << saved.reply.status().ToString();
  Report report{.token = token, .kind = Report::Kind::kFailed};
  report.error = std::make_shared<TaskError>(TaskError{
      std::string(limits::kErrorCodeBytes, 'e'), std::string(limits::kErrorMessageBytes, 'm')});
  report.log = LogText{limits::kLogBytes / 2, std::string(limits::kLogBytes / 2, 'l')};
  EXPECT_THAT(BytesOf([&] { EXPECT_TRUE(engine_.Apply(report, nullptr, false).reply.ok()); }),
              Le(kMax));
  // It has all of that now: a move writes it once more.
  TaskCommand move{.kind = TaskCommand::Kind::kEdit, .id = token.task};
  move.edit.queue = "other";
  move.edit.payload = Task(limits::kPayloadBytes).body;
  const size_t moved = BytesOf([&] { EXPECT_TRUE(engine_.Do(move, nullptr, false).reply.ok()); });
  EXPECT_THAT(moved, testing::AllOf(testing::Ge(2 * limits::kPayloadBytes - 150'000), Le(kMax)));
}

TEST_F(CommandBytesTest, AResult) {
  Enqueue({LargeTask(1)});
  Report report{.token = Lease(1).at(0).token};
  auto result = std::make_shared<TaskResult>();
  result->bytes = std::string(limits::kPayloadBytes, 'r');
  report.result = result;
  EXPECT_THAT(BytesOf([&] { EXPECT_TRUE(engine_.Apply(report, nullptr, false).reply.ok()); }),
              Le(kMax));
}

TEST_F(CommandBytesTest, ALeaseOfAThousand) {
  Fill(1, Task(1));
  EXPECT_EQ(Lease(limits::kExchangeLeases).size(), 1'000U);
  EXPECT_THAT(effects_.size(), Le(kAPiece));
}

TEST_F(CommandBytesTest, PoliciesAndContracts) {
  QueuePolicy queue;
  queue.retry = LargeRetry();
  EXPECT_THAT(BytesOf([&] { EXPECT_TRUE(engine_.Configure("default", queue).ok()); }), Le(kMax));
  TypePolicy type{.retry = LargeRetry()};
  const std::string schema = R"({"const":")" + std::string(limits::kSchemaBytes - 12, 's') + "\"}";
  for (uint32_t version = 1; version <= limits::kContractVersions; ++version) {
    auto contract = std::make_shared<TypeContract>(TypeContract{.version = version});
    contract->input_schema = contract->output_schema = schema;
    contract->description = std::string(limits::kDescriptionBytes, 'd');
    for (size_t i = 0; i < limits::kContractErrorCodes; ++i) {
      std::string code = "c" + std::to_string(i);
      code.resize(limits::kErrorCodeBytes, 'c');
      contract->codes.push_back({.code = code, .description = contract->description});
    }
    PutContract(&type.contracts, contract);
  }
  const size_t bytes = BytesOf([&] {
    const auto view = engine_.ConfigureType("hello", type);
    EXPECT_TRUE(view.ok()) << view.status().ToString();
  });
  EXPECT_THAT(bytes, testing::AllOf(testing::Ge(900'000U), Le(kMax)));
}

TEST_F(CommandBytesTest, CountersOfAQueueThatHasSeenBillions) {
  CountersAreNow counters{.queue = 100'000, .accepted = uint64_t{1} << 34};
  for (EndedRange& range : counters.ended) range = {uint64_t{1} << 34, uint64_t{1} << 34};
  for (uint64_t& count : counters.removed) count = uint64_t{1} << 34;
  std::string bytes;
  ByteWriter out(&bytes);
  Encode(counters, &out);
  EXPECT_LE(bytes.size(), kCountersBytesMax);
}

}  // namespace
}  // namespace treadle
