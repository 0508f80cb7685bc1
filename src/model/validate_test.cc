#include "model/validate.h"

#include <gtest/gtest.h>

#include "model/limits.h"

namespace treadle {
namespace {

NewTask GoodTask() {
  NewTask task;
  task.type = "hello";
  task.body = std::make_shared<TaskBody>();
  return task;
}

TEST(Validate, NamesHaveALimitedAlphabetAndLength) {
  for (const char* good : {"a", "billing.invoices", "A-b_c.9", "0"})
    EXPECT_TRUE(ValidateName("queue", good).ok()) << good;
  for (const char* bad : {"", ".a", "-a", "_a", "a b", "a/b", "ü", "a\n"})
    EXPECT_EQ(ValidateName("queue", bad).code(), Code::kInvalidArgument) << bad;
  EXPECT_TRUE(ValidateName("queue", std::string(limits::kNameBytes, 'a')).ok());
  EXPECT_FALSE(ValidateName("queue", std::string(limits::kNameBytes + 1, 'a')).ok());
}

TEST(Validate, PrintableTextIsUtf8WithoutControlCharacters) {
  EXPECT_TRUE(IsPrintableUtf8("plain, ünïcödé, 日本, 🎉"));
  for (const char* bad : {"\n", "\x7f", "\xff", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xc3", "\xe2\x82"})
    EXPECT_FALSE(IsPrintableUtf8(bad));
}

TEST(Validate, EveryBoundOfATaskIsNamed) {
  EXPECT_TRUE(Validate(GoodTask()).ok());
  const auto refused = [](auto spoil, const char* field) {
    NewTask task = GoodTask();
    auto body = std::make_shared<TaskBody>();
    spoil(&task, body.get());
    task.body = body;
    const Status status = Validate(task);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << field;
    EXPECT_EQ(status.message().find(field), 0U) << status.message();
  };
  refused([](NewTask* t, TaskBody*) { t->type = ""; }, "type");
  refused([](NewTask* t, TaskBody*) { t->queue = "a b"; }, "queue");
  refused([](NewTask* t, TaskBody*) { t->priority = 10; }, "priority");
  refused([](NewTask* t, TaskBody*) { t->retry.emplace().max_attempts = 0; }, "retry.max_attempts");
  refused([](NewTask* t, TaskBody*) { t->expires_at = WallTime{-1}; }, "expires_at");
  refused([](NewTask* t, TaskBody*) { t->deadline_ms = -1; }, "deadline_ms");
  refused([](NewTask* t, TaskBody*) { t->attempt_timeout_ms = -1; }, "attempt_timeout_ms");
  refused([](NewTask*, TaskBody* b) { b->tags = {"a\nb"}; }, "tags");
  refused([](NewTask* t, TaskBody*) { t->max_attempts = 1'001; }, "max_attempts");
  refused([](NewTask* t, TaskBody*) { t->run_at = WallTime{-1}; }, "run_at");
  refused([](NewTask* t, TaskBody*) { t->run_at = WallTime{INT64_MAX}; }, "run_at");
  refused([](NewTask* t, TaskBody*) { t->delay_ms = -1; }, "delay_ms");
  refused([](NewTask*, TaskBody* b) { b->payload.resize(limits::kPayloadBytes + 1); }, "payload");
  refused([](NewTask*, TaskBody* b) { b->content_type = "a\nb"; }, "content_type");
  refused([](NewTask*, TaskBody* b) { b->idempotency_key = std::string(513, 'k'); },
          "idempotency_key");
}

TEST(Validate, AnAbsoluteAndARelativeTimeExcludeEachOther) {
  NewTask task = GoodTask();
  task.run_at = WallTime{1};
  task.delay_ms = 1;
  EXPECT_FALSE(Validate(task).ok());
}

}  // namespace
}  // namespace treadle
