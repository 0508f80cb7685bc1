#include "engine/effects.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TaskImage SomeImage() {
  TaskImage image;
  image.id = TaskId::Of(3, 123'456);
  image.queue = 7;
  image.type = 300;
  image.state = TaskState::kRunning;
  image.priority = 9;
  image.reported = true;
  image.cancel_requested = true;
  image.has_trail = true;
  image.worker_losses = 300;
  image.max_attempts = 1'000;
  image.unspent = 2;
  image.attempt = 5;
  image.term = 8;
  image.exchange = 99;
  image.ordinal = 1'000'000;
  image.when_ms = -5;
  image.enqueued_at = {1'700'000'000'000};
  image.started_at = {1'700'000'000'000};   // at the very moment
  image.finished_at = {1'699'999'999'000};  // by a clock that went back
  return image;
}

RetryPolicy SomeRetry() {
  RetryPolicy retry{.backoff = Backoff::kListed, .jitter = Jitter::kEqual};
  retry.delays_ms = {1, 2, 3'000'000'000};
  retry.never = {"never"};
  retry.always = {"always", "and this"};
  retry.total_ms = 7;
  retry.max_attempts = 8;
  return retry;
}

// An attempt's error is that of the effect.
std::shared_ptr<const TaskTrail> SomeTrail(const std::shared_ptr<const TaskError>& error) {
  TaskTrail trail;
  trail.ended = AttemptRecord{.attempt = 300,
                              .outcome = AttemptOutcome::kTimedOut,
                              .worker = "worker-1",
                              .build = "v1",
                              .started_at = {1'700'000'000'000},
                              .ended_at = {1'699'999'999'000},
                              .wait_ms = 60'000,
                              .error = error};
  trail.saved.steps = {{"charge", {"{}", ""}}, {"raw", {std::string("\0\xff", 2), "image/png"}}};
  trail.saved.checkpoint = SavedBytes{"[1]", ""};
  trail.log = LogPiece{300, 65'000, "line\n"};
  return std::make_shared<TaskTrail>(std::move(trail));
}

template <class T>
T Decoded(std::string_view bytes) {
  EffectReader reader(3, bytes);
  const auto effect = reader.Next();
  EXPECT_TRUE(effect.ok() && effect->has_value() && std::holds_alternative<T>(**effect));
  EXPECT_FALSE(reader.Next()->has_value());
  return std::get<T>(**effect);
}

template <class T>
T RoundTrip(const T& effect) {
  std::string bytes;
  ByteWriter out(&bytes);
  Encode(effect, &out);
  return Decoded<T>(bytes);
}

TEST(Effects, ANewTaskComesBackWhole) {
  auto body = std::make_shared<TaskBody>();
  body->payload = std::string("\0\xff payload", 10);
  body->content_type = "image/png";
  body->idempotency_key = "key";
  body->payload_sha256 = Sha256Of(body->payload);
  const TaskIsNew again = RoundTrip(TaskIsNew{SomeImage(), body});
  EXPECT_EQ(again.image, SomeImage());
  EXPECT_EQ(*again.body, *body);
}

Traceparent SomeTraceparent() {
  return *ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}

TEST(Effects, ATraceparentGoesWithTheBody) {
  const auto body = std::make_shared<TaskBody>(
      TaskBody{"payload", "text/plain", "key", {}, {"tag"}, SomeTraceparent()});
  const auto terms = std::make_shared<TaskTerms>(TaskTerms{.attempt_timeout_ms = 5});
  TaskImage image = SomeImage();
  image.has_terms = true;
  const TaskIsNew made = RoundTrip(TaskIsNew{image, body, terms});
  EXPECT_EQ(*made.body, *body);
  EXPECT_EQ(*made.terms, *terms);
  const TaskIsNow moved =
      RoundTrip(TaskIsNow{.image = image, .body = body, .left = QueuePlace{7, 300, 4}});
  EXPECT_EQ(*moved.body, *body);
  EXPECT_EQ(moved.left, (QueuePlace{7, 300, 4}));
}

TEST(Effects, ATaskWithoutATraceparentHasNotAByteForIt) {
  const auto size_of = [](const TaskIsNew& effect) {
    std::string bytes;
    ByteWriter out(&bytes);
    Encode(effect, &out);
    EXPECT_EQ(bytes[0], effect.body->traceparent.empty() ? 3 : 11);
    return bytes.size();
  };
  auto body = std::make_shared<TaskBody>(TaskBody{.payload = "1"});
  const size_t plain = size_of({SomeImage(), body});
  body->traceparent = SomeTraceparent();
  EXPECT_EQ(size_of({SomeImage(), body}), plain + Traceparent::kBytes);
}

TEST(Effects, EachPartOfAChangeIsThereOrNot) {
  for (int parts = 0; parts < 128; ++parts) {
    TaskIsNow effect{.image = SomeImage()};
    if (parts & 1) effect.holder = LeaseHolder{"worker-1", 0xfedcba9876543210, "v1"};
    if (parts & 2) effect.error = std::make_shared<TaskError>(TaskError{"code", "message"});
    if (parts & 4)
      effect.result =
          std::make_shared<TaskResult>(TaskResult{"bytes", "text/plain", Sha256Of("bytes")});
    if (parts & 8)
      effect.body =
          std::make_shared<TaskBody>(TaskBody{"payload", "text/plain", "key", {}, {"tag"}});
    if (parts & 16) effect.left = QueuePlace{7, 300, 4, TaskState::kDead, 12};
    if (parts & 32)
      effect.terms = std::make_shared<TaskTerms>(TaskTerms{.expires_at = WallTime{1},
                                                           .expires = {2},
                                                           .deadline_at = WallTime{3},
                                                           .deadline = {-4},
                                                           .attempt_timeout_ms = 5,
                                                           .retry = SomeRetry(),
                                                           .unique = Unique::kDone,
                                                           .unique_key = {7, 8},
                                                           .contract = 300,
                                                           .sensitive = true,
                                                           .has_saved = true,
                                                           .saved_bytes = 70'000,
                                                           .log_attempt = 400,
                                                           .log_bytes = 65'536,
                                                           .first_failure = {6}});
    if (parts & 64) effect.trail = SomeTrail(effect.error);
    const TaskIsNow again = RoundTrip(effect);
    ASSERT_EQ(again.trail != nullptr, effect.trail != nullptr);
    if (effect.trail) {
      EXPECT_EQ(*again.trail, *effect.trail);
    }
    ASSERT_EQ(again.terms != nullptr, effect.terms != nullptr);
    if (effect.terms) {
      EXPECT_EQ(*again.terms, *effect.terms);
    }
    EXPECT_EQ(again.left, effect.left);
    ASSERT_EQ(again.body != nullptr, effect.body != nullptr);
    if (effect.body) {
      EXPECT_EQ(*again.body, *effect.body);
    }
    EXPECT_EQ(again.image, effect.image);
    EXPECT_EQ(again.holder, effect.holder);
    if (effect.holder) {
      EXPECT_EQ(again.holder->build, effect.holder->build);
    }
    ASSERT_EQ(again.error != nullptr, effect.error != nullptr);
    ASSERT_EQ(again.result != nullptr, effect.result != nullptr);
    if (effect.error) {
      EXPECT_EQ(*again.error, *effect.error);
    }
    if (effect.result) {
      EXPECT_EQ(*again.result, *effect.result);
    }
  }
}

TEST(Effects, AScheduledTaskRecordsItsClock) {
  TaskIsNow effect{.image = SomeImage()};
  effect.image.state = TaskState::kScheduled;
  for (const bool by_shard_time : {false, true}) {
    effect.image.by_shard_time = by_shard_time;
    EXPECT_EQ(RoundTrip(effect).image, effect.image);
  }
}

TEST(Effects, TermsOf1970AreNotAbsent) {
  TaskIsNow effect{.image = SomeImage()};
  for (const TaskTerms& terms :
       {TaskTerms{.expires_at = WallTime{0}, .expires = {-5}},
        TaskTerms{.deadline_at = WallTime{0}, .deadline = {0}},
        TaskTerms{.expires_at = WallTime{3}, .deadline_at = WallTime{0}},
        TaskTerms{.unique = Unique::kDone, .unique_key = {7, 8}, .request_hash = 0},
        TaskTerms{.unique = Unique::kDone, .unique_key = {7, 8}}, TaskTerms{}}) {
    effect.terms = std::make_shared<TaskTerms>(terms);
    EXPECT_EQ(*RoundTrip(effect).terms, terms);
  }
}

TEST(Effects, TermsThatVersion1SupportsAreWrittenInVersion1) {
  std::string bytes;
  ByteWriter out(&bytes);
  EncodeTerms({.expires_at = WallTime{1}, .expires = {2}, .sensitive = true}, &out);
  EXPECT_EQ(bytes, std::string("\x01\x02\x04\0\0\0\0\0\0\x01\0\0\0", 13));
}

TEST(Effects, ContractsOfATypeComeBackWhole) {
  TypeIsNow type{.id = 5, .name = "order"};
  PutContract(&type.policy.contracts, std::make_shared<TypeContract>(TypeContract{.version = 1}));
  PutContract(&type.policy.contracts,
              std::make_shared<TypeContract>(
                  TypeContract{.version = 4'000'000'000,
                               .description = "with a price",
                               .input_schema = R"({"type":"object"})",
                               .output_schema = "true",
                               .priority = 0,
                               .codes = {{"sold_out", CodeRetry::kNever, "no more of it"},
                                         {"busy", CodeRetry::kAlways, ""}}}));
  const TypeIsNow again = RoundTrip(type);
  EXPECT_EQ(again.policy, type.policy);
  EXPECT_EQ(again.policy.contracts[0]->version, 4'000'000'000);
}

TEST(Effects, QueuesKeysAndCountersComeBackWhole) {
  QueueIsNow queue{.id = 4, .name = "billing", .policy = {}};
  queue.policy.retry = SomeRetry();
  queue.policy.attempt_timeout_ms = 9;
  queue.policy.max_worker_losses = 10;
  queue.policy.retention.completed_tasks = 2;
  queue.policy.lease_ms = 3'000;
  queue.policy.cancel_grace_ms = 4;
  queue.policy.paused = true;
  queue.policy.search_payloads = true;
  queue.policy.lease_before_ms = 30'000;
  queue.policy.lease_before_until = {77};
  const QueueIsNow queue_again = RoundTrip(queue);
  EXPECT_EQ(queue_again.name, "billing");
  EXPECT_EQ(queue_again.policy, queue.policy);
  const TypeIsNow type{9, "resize", {.retry = SomeRetry(), .attempt_timeout_ms = 1}};
  EXPECT_EQ(RoundTrip(type).name, "resize");
  EXPECT_EQ(RoundTrip(type).policy, type.policy);
  const KeyIsNow key = RoundTrip(KeyIsNow{{1, 2}, 3, TaskId::Of(3, 4), {5}});
  EXPECT_EQ(key.id, (IdempotencyId{1, 2}));
  EXPECT_EQ(key.task, TaskId::Of(3, 4));
  CountersAreNow counters{.queue = 1, .accepted = 2};
  uint64_t n = 2;
  for (EndedRange& range : counters.ended) range = {++n, ++n};
  for (uint64_t& count : counters.removed) count = ++n;
  EXPECT_EQ(RoundTrip(counters), counters);
  const TaskIsGone gone{TaskId::Of(3, 4), {1, 2, 3, TaskState::kCancelled, 4}, Removal::kMoved};
  const TaskIsGone gone_again = RoundTrip(gone);
  EXPECT_EQ(gone_again.id, gone.id);
  EXPECT_EQ(gone_again.place, gone.place);
  EXPECT_EQ(gone_again.why, gone.why);
}

TEST(Effects, EveryTruncationIsNoticed) {
  std::string bytes;
  ByteWriter out(&bytes);
  auto body = std::make_shared<TaskBody>();
  body->payload = "payload";
  Encode(TaskIsNew{SomeImage(), body}, &out);
  for (size_t n = 1; n < bytes.size(); ++n) {
    EffectReader reader(3, std::string_view(bytes).substr(0, n));
    EXPECT_EQ(reader.Next().status().code(), Code::kDataLoss) << n;
  }
}

TEST(Effects, KindsAndStatesOfALaterVersionAreRefused) {
  EXPECT_EQ(EffectReader(1, "\x63rest").Next().status().code(), Code::kDataLoss);
  TaskIsNow effect{.image = SomeImage()};
  effect.image.state = static_cast<TaskState>(42);
  std::string bytes;
  ByteWriter out(&bytes);
  Encode(effect, &out);
  EXPECT_EQ(EffectReader(3, bytes).Next().status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace treadle
