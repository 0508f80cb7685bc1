#include "store/sqlite/task_row.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace treadle {
namespace {

// Of random parts, each with a value that no other has.
TaskRow RandomRow(SeededRandom* random, std::string* texts) {
  const auto coin = [&] { return random->Below(2) == 0; };
  const auto number = [&] { return coin() ? 0 : random->Next(); };
  *texts = std::string(1'000, 'x');
  for (char& c : *texts) c = static_cast<char>(random->Below(256));
  const auto text = [&]() -> std::string_view {
    if (coin()) return {};
    const size_t from = random->Below(500);
    return std::string_view(*texts).substr(from, random->Below(500));
  };
  TaskRow row;
  TaskImage& image = row.image;
  image.id = {random->Next()};
  image.queue = static_cast<QueueId>(random->Next());
  image.type = static_cast<TypeId>(random->Next());
  image.state = kTaskStates[random->Below(std::size(kTaskStates))];
  image.priority = static_cast<uint8_t>(random->Below(10));
  image.reported = coin();
  image.cancel_requested = coin();
  image.has_terms = coin();
  image.has_trail = coin();
  image.apart = coin();
  image.by_shard_time = image.state == TaskState::kScheduled && coin();
  image.max_attempts = static_cast<uint16_t>(random->Next());
  image.when_ms = static_cast<int64_t>(number());
  image.enqueued_at = {static_cast<int64_t>(number())};
  if (coin()) {
    image.worker_losses = static_cast<uint16_t>(number());
    image.unspent = static_cast<uint32_t>(number());
    image.attempt = static_cast<uint32_t>(number());
    image.term = static_cast<uint32_t>(number());
    image.exchange = static_cast<uint32_t>(number());
    image.started_at = {static_cast<int64_t>(number())};
  }
  if (IsTerminal(image.state)) {
    image.ordinal = number();
    image.finished_at = {static_cast<int64_t>(number())};
    row.bytes = static_cast<uint32_t>(number());
  }
  row.searched = coin();
  row.payload_sha256 = Sha256Of(*texts);
  if (coin()) row.holder = {text(), number(), text()};
  if (coin()) row.error = {text(), text()};
  if (coin()) row.result = {Sha256Of(text()), text()};
  row.content_type = text();
  row.idempotency_key = text();
  row.tags = text();
  row.terms = text();
  if (coin()) row.traceparent = std::string_view(*texts).substr(0, kRowTraceparentBytes);
  return row;
}

void ExpectSame(const TaskRow& a, const TaskRow& b) {
  EXPECT_EQ(a.image, b.image);
  EXPECT_EQ(a.searched, b.searched);
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.payload_sha256, b.payload_sha256);
  ASSERT_EQ(a.holder.has_value(), b.holder.has_value());
  ASSERT_EQ(a.error.has_value(), b.error.has_value());
  ASSERT_EQ(a.result.has_value(), b.result.has_value());
  if (a.holder) {
    EXPECT_EQ(a.holder->worker, b.holder->worker);
    EXPECT_EQ(a.holder->incarnation, b.holder->incarnation);
    EXPECT_EQ(a.holder->build, b.holder->build);
  }
  if (a.error) {
    EXPECT_EQ(a.error->code, b.error->code);
    EXPECT_EQ(a.error->message, b.error->message);
  }
  if (a.result) {
    EXPECT_EQ(a.result->sha256, b.result->sha256);
    EXPECT_EQ(a.result->content_type, b.result->content_type);
  }
  EXPECT_EQ(a.content_type, b.content_type);
  EXPECT_EQ(a.idempotency_key, b.idempotency_key);
  EXPECT_EQ(a.tags, b.tags);
  EXPECT_EQ(a.terms, b.terms);
  EXPECT_EQ(a.traceparent, b.traceparent);
}

TEST(TaskRow, IsReadAsItWasWritten) {
  SeededRandom random(1);
  std::string texts;
  std::string bytes;
  for (int i = 0; i < 10'000 && !testing::Test::HasFailure(); ++i) {
    const TaskRow row = RandomRow(&random, &texts);
    EncodeRow(row, &bytes);
    TaskRow read;
    ASSERT_TRUE(DecodeRow(bytes, &read).ok()) << "row " << i;
    ExpectSame(read, row);
  }
}

TEST(TaskRow, OfAPlainWaitingTaskIsOnlyItsCore) {
  std::string bytes;
  EncodeRow({.image = {.id = TaskId::Of(1, 1)}}, &bytes);
  EXPECT_EQ(bytes.size(), size_t{kRowCoreBytes});
}

TEST(TaskRow, OnlyOfATracedTaskIsOfTheFormThatOlderVersionsRefuse) {
  TaskRow row{.image = {.id = TaskId::Of(1, 1)}};
  std::string bytes;
  EncodeRow(row, &bytes);
  EXPECT_EQ(bytes[0], 1);
  const std::string trace(kRowTraceparentBytes, 't');
  row.traceparent = trace;
  EncodeRow(row, &bytes);
  EXPECT_EQ(bytes[0], 3);
  EXPECT_EQ(bytes.size(), size_t{kRowCoreBytes} + kRowTraceparentBytes);
}

TEST(TaskRow, NoBytesAreReadPastTheirEnd) {
  SeededRandom random(2);
  std::string texts;
  std::string bytes;
  for (int i = 0; i < 2'000; ++i) {
    EncodeRow(RandomRow(&random, &texts), &bytes);
    TaskRow read;
    const std::string shorter = bytes.substr(0, random.Below(bytes.size()));
    EXPECT_FALSE(DecodeRow(shorter, &read).ok());
    EXPECT_EQ(DecodeDamagedRow(shorter, &read), shorter.size() >= size_t{kRowCoreBytes});
    EXPECT_FALSE(DecodeRow(bytes + "x", &read).ok());
    std::string flipped = bytes;
    flipped[random.Below(bytes.size())] ^= static_cast<char>(1 << random.Below(8));
    (void)DecodeRow(flipped, &read);  // whatever it says; the sanitizers look on
    ASSERT_TRUE(DecodeDamagedRow(flipped, &read));
    EXPECT_EQ(read.payload_sha256, Sha256{});
  }
}

TEST(TaskRow, TheCoreOfDamagedBytesIsKept) {
  TaskRow row{.image = {.id = TaskId::Of(1, 7), .queue = 3, .type = 4}};
  row.image.state = TaskState::kRunning;
  row.image.has_terms = true;
  row.holder = {"worker", 5, ""};
  std::string bytes;
  EncodeRow(row, &bytes);
  bytes.pop_back();
  TaskRow read;
  ASSERT_TRUE(DecodeDamagedRow(bytes, &read));
  EXPECT_EQ(read.image.id, row.image.id);
  EXPECT_EQ(read.image.queue, 3u);
  EXPECT_EQ(read.image.type, 4u);
  EXPECT_EQ(read.image.state, TaskState::kReady) << "nobody is known to run it";
  EXPECT_FALSE(read.image.has_terms);
  EXPECT_FALSE(read.holder);
}

}  // namespace
}  // namespace treadle
