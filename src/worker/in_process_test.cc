#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "treadle/testing.h"
#include "treadle/worker.h"

namespace treadle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::InProcess;

struct Order {
  std::string sku;
  int count = 1;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, sku, count)

struct Receipt {
  int total = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Receipt, total)

Receipt Bill(const Order& order) { return {order.count * 3}; }

TEST(TypedHandler, AStructInAndAStructOut) {
  Worker worker;
  worker.Handle("bill", Bill);
  worker.Handle("sku", [](const Order& order) { return order.sku; });
  worker.Handle("context", [](const Order&, Context& context) { return context.attempt(); });
  worker.Handle("nothing", [](const Order&) {});
  InProcess queue(&worker);
  const std::string payload = ToJson(Order{"a", 2});
  EXPECT_EQ(payload, R"({"count":2,"sku":"a"})");
  EXPECT_EQ(queue.Run({.type = "bill", .payload = payload}).result, R"({"total":6})");
  EXPECT_EQ(queue.Run({.type = "sku", .payload = payload}).result, R"("a")");
  EXPECT_EQ(queue.Run({.type = "context", .payload = payload}).result, "1");
  EXPECT_EQ(queue.Run({.type = "nothing", .payload = payload}).result, "null");
}

TEST(TypedHandler, APayloadThatDoesNotFitIsDeadAtOnce) {
  Worker worker;
  worker.Handle("bill", Bill);
  InProcess queue(&worker);
  for (const char* payload : {"[]", "{}", R"({"sku":1,"count":1})", "null"}) {
    const TaskInfo task = queue.Run({.type = "bill", .payload = payload});
    EXPECT_EQ(task.state, "dead");
    EXPECT_EQ(task.attempt, 1);
    EXPECT_EQ(task.error_code, "payload_invalid");
  }
}

TEST(Worker, AnEmptyHandlerIsRefused) {
  const auto refused = [](auto handler) {
    Worker worker;
    worker.Handle("bill", Bill);
    worker.Handle("none", std::move(handler));
    const Status status = worker.Run();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.message(), "the handler of none is empty");
  };
  refused(Handler());
  refused(std::function<Receipt(const Order&)>());
  refused(std::function<void(const Order&, Context&)>());
  refused(static_cast<Receipt (*)(const Order&)>(nullptr));
  refused(static_cast<Outcome (*)(const Task&, Context&)>(nullptr));
}

TEST(Worker, AnEmptyMiddlewareIsRefused) {
  Worker worker;
  worker.Handle("bill", Bill);
  worker.Use(nullptr);
  EXPECT_EQ(worker.Run().message(), "a middleware is empty");
}

TEST(TypedHandler, RawBytesPassUnchanged) {
  Worker worker;
  worker.Handle("reverse", [](const Task& task) {
    return Bytes{{task.payload.rbegin(), task.payload.rend()}, "x/y"};
  });
  InProcess queue(&worker);
  const std::string bytes("a\0\xff", 3);
  const TaskInfo task = queue.Run({.type = "reverse", .payload = bytes, .content_type = "x/y"});
  EXPECT_EQ(task.result, std::string("\xff\0a", 3));
  EXPECT_EQ(task.result_content_type, "x/y");
}

TEST(TypedHandler, StatusesAndThrowsFailAsDocumented) {
  Worker worker;
  worker.Handle("status", [](const Task& task) -> Status {
    if (task.payload == "0") return Status::Ok();
    if (task.payload == "1") return {Code::kInvalidArgument, "never"};
    return {Code::kUnavailable, "later"};
  });
  worker.Handle("result", [](const int& n) -> Result<Order> {
    if (n > 0) return Order{"x", n};
    return Status(Code::kOutOfRange, "n must be positive");
  });
  worker.Handle("throw", [](const int& n) {
    if (n == 0) throw Failure("card_declined", "no", /*retry=*/false);
    throw std::runtime_error("oops");
  });
  InProcess queue(&worker);
  const auto end = [&](const char* type, const char* payload) {
    const TaskInfo task = queue.Run({.type = type, .payload = payload, .max_attempts = 2});
    return task.state + " " + std::to_string(task.attempt) + " " + task.error_code;
  };
  EXPECT_EQ(end("status", "0"), "completed 1 ");
  EXPECT_EQ(end("status", "1"), "dead 1 INVALID_ARGUMENT");
  EXPECT_EQ(end("status", "2"), "dead 2 UNAVAILABLE") << "retried until the attempts were spent";
  EXPECT_EQ(end("result", "3"), "completed 1 ");
  EXPECT_EQ(end("result", "0"), "dead 1 OUT_OF_RANGE");
  EXPECT_EQ(end("throw", "0"), "dead 1 card_declined");
  EXPECT_EQ(end("throw", "1"), "dead 2 exception");
}

TEST(Middleware, WrapsEveryHandlerWithTheFirstOutermost) {
  Worker worker;
  std::vector<std::string> seen;
  const auto note = [&](const std::string& name) {
    return [&seen, name](const Task& task, Context&, const auto& next) -> Outcome {
      seen.push_back(name + " before " + task.type);
      Outcome outcome = next(task);
      seen.push_back(name + " after");
      return outcome;
    };
  };
  worker.Use(note("a"));
  worker.Use(note("b"));
  worker.Use([](const Task& task, Context&, const auto& next) -> Outcome {
    Task changed = task;
    changed.payload = "5";
    return next(changed);
  });
  worker.Handle("echo", [](const int& n) { return n; });
  InProcess queue(&worker);
  EXPECT_EQ(queue.Run({.type = "echo", .payload = "1"}).result, "5");
  EXPECT_THAT(seen, ElementsAre("a before echo", "b before echo", "b after", "a after"));
}

TEST(InProcess, ATraceGoesOnToTasksThatHandlersEnqueue) {
  Worker worker;
  worker.Handle("parent", [](const Task&, Context& context) -> Status {
    for (const char* own : {"", "of a span"})
      if (const auto child = context.Enqueue({.type = "child", .traceparent = own}); !child.ok())
        return child.status();
    return Status::Ok();
  });
  std::vector<std::string> traces;
  worker.Handle("child", [&](const Task& task, Context&) -> Outcome {
    traces.push_back(task.traceparent);
    return Completed{};
  });
  InProcess queue(&worker);
  EXPECT_EQ(queue.Run({.type = "parent", .traceparent = "of the producer"}).traceparent,
            "of the producer");
  EXPECT_THAT(traces, ElementsAre("of the producer", "of a span"));
  // A request that is sent again has a span of its own.
  const TaskRequest keyed{.type = "other", .idempotency_key = "k", .traceparent = "first"};
  TaskRequest again = keyed;
  again.traceparent = "second";
  const auto first = queue.Enqueue(keyed);
  const auto second = queue.Enqueue(again);
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  EXPECT_EQ(second->id, first->id);
}

TEST(InProcess, RunsWhatHandlersEnqueueAndKeepsKeys) {
  Worker worker;
  worker.Handle("parent", [](const Task& task, Context& context) -> Status {
    for (int i = 0; i < 2; ++i) {
      const auto child =
          context.Enqueue({.type = "child", .payload = "1", .idempotency_key = task.id + ":child"});
      if (!child.ok()) return child.status();
    }
    context.Log("enqueued");
    return Status::Ok();
  });
  int children = 0;
  worker.Handle("child", [&](const int& n) { children += n; });
  InProcess queue(&worker);
  EXPECT_EQ(queue.Run({.type = "parent"}).state, "completed");
  EXPECT_EQ(children, 1);
  EXPECT_EQ(queue.tasks().size(), 2U);
  EXPECT_THAT(queue.log(), ElementsAre("task 1-1 (parent): enqueued"));
  const auto other = queue.Enqueue({.type = "other", .idempotency_key = "1-1:child"});
  EXPECT_EQ(other.status().code(), Code::kAlreadyExists);
}

TEST(InProcess, ATypeThatNobodyRegisteredStaysQueued) {
  Worker worker;
  InProcess queue(&worker);
  EXPECT_EQ(queue.Run({.type = "unknown"}).state, "ready");
}

TEST(InProcess, ATaskThatReleasesItselfForEverEndsTheRun) {
  Worker worker;
  worker.Handle("never", [](const Task&, Context&) -> Outcome { return Released{}; });
  InProcess queue(&worker);
  ASSERT_TRUE(queue.Enqueue({.type = "never"}).ok());
  EXPECT_EQ(queue.RunAll(5), 5U);
  EXPECT_EQ(queue.tasks()[0].attempt, 0);
}

TEST(InProcess, SnoozedTasksRunAgainUnspentAndDiscardedOnesAreCancelled) {
  Worker worker;
  int runs = 0;
  worker.Handle("later", [&](const Task&) -> Outcome {
    if (++runs < 3) return Snoozed{std::chrono::hours(1)};
    return Completed{};
  });
  worker.Handle("gone", [](const int& n) -> int {
    if (n == 0) throw Discard("sold out");
    throw Snooze(std::chrono::hours(1));
  });
  InProcess queue(&worker);
  const TaskInfo later = queue.Run({.type = "later", .max_attempts = 1});
  EXPECT_EQ(later.state, "completed");
  EXPECT_EQ(later.attempt, 1);
  EXPECT_EQ(runs, 3);
  const TaskInfo gone = queue.Run({.type = "gone", .payload = "0", .tags = {"b", "a", "b"}});
  EXPECT_EQ(gone.state, "cancelled");
  EXPECT_EQ(gone.error_code, "discarded");
  EXPECT_EQ(gone.error_message, "sold out");
  EXPECT_THAT(gone.tags, ElementsAre("a", "b"));
  ASSERT_TRUE(queue.Enqueue({.type = "gone", .payload = "1"}).ok());
  EXPECT_EQ(queue.RunAll(2), 2U);
  EXPECT_EQ(queue.tasks().back().state, "scheduled");
}

TEST(InProcess, TheTasksRetryPolicyDecides) {
  Worker worker;
  worker.Handle("fail", [](const std::string& code) -> Outcome {
    return Failed{code, "", /*retry=*/code != "busy"};
  });
  InProcess queue(&worker);
  const RetryOptions retry = {.max_attempts = 3, .never = {"hopeless"}, .always = {"busy"}};
  const auto attempts = [&](const char* payload) {
    return queue.Run({.type = "fail", .payload = payload, .retry = retry}).attempt;
  };
  EXPECT_EQ(attempts(R"("hopeless")"), 1);
  EXPECT_EQ(attempts(R"("busy")"), 3);
  EXPECT_EQ(attempts(R"("other")"), 3);
}

TEST(InProcess, HandlersSeeTheirDeadlines) {
  Worker worker;
  worker.Handle("times", [](const Task&, Context& context) -> Outcome {
    EXPECT_LE(context.deadline(), Context::Clock::now() + std::chrono::seconds(5));
    EXPECT_GT(context.task_deadline(), std::chrono::system_clock::now());
    EXPECT_FALSE(context.IsCancelled());
    EXPECT_EQ(context.cancel_cause(), CancelCause::kNone);
    return Completed{};
  });
  InProcess queue(&worker);
  EXPECT_EQ(queue.Run({.type = "times", .deadline_ms = 60'000, .attempt_timeout_ms = 5'000}).state,
            "completed");
}

TEST(Worker, BadOptionsAreNamed) {
  const auto why = [](Worker& worker) { return worker.Run().message(); };
  Worker empty;
  EXPECT_THAT(why(empty), HasSubstr("no handler"));
  Worker busy({.concurrency = 0});
  busy.Handle("t", Bill);
  EXPECT_THAT(why(busy), HasSubstr("concurrency"));
  Worker pools;
  pools.Handle("t", Bill, {.pool = "long"});
  EXPECT_THAT(why(pools), HasSubstr("AddPool"));
  pools.AddPool({.name = "long"});
  pools.AddPool({.name = "long"});
  EXPECT_THAT(why(pools), HasSubstr("two pools"));
  Worker late;
  late.Handle("t", Bill, {.timeout = std::chrono::milliseconds(0)});
  EXPECT_THAT(why(late), HasSubstr("timeout"));
  Worker lost({.client = {.servers = {"ftp://x"}}});
  lost.Handle("t", Bill);
  EXPECT_EQ(lost.Run().code(), Code::kInvalidArgument);
}

TEST(Steps, AFinishedStepIsNotDoneAgainAndItsResultComesBack) {
  Worker worker;
  int charged = 0;
  int attempts = 0;
  worker.Handle("pay", [&](const Order& order, Context& context) -> Receipt {
    const Receipt receipt = context.Step("charge", [&] {
      ++charged;
      return Bill(order);
    });
    context.Step("note", [&] { context.Log("charged"); });
    const Bytes raw = context.Step("raw", [] { return Bytes{"x", "a/b"}; });
    EXPECT_EQ(raw.data + raw.content_type, "xa/b");
    if (++attempts < 3) throw Failure("later", "not yet");
    return receipt;
  });
  InProcess queue(&worker);
  const TaskInfo task = queue.Run({.type = "pay", .payload = ToJson(Order{"a", 2})});
  EXPECT_EQ(task.result, R"({"total":6})");
  EXPECT_EQ(charged, 1);
  EXPECT_EQ(attempts, 3);
  EXPECT_THAT(queue.log(), ElementsAre("task 1-1 (pay): charged"));
}

TEST(Steps, AStepThatThrowsIsNotKept) {
  Worker worker;
  int tries = 0;
  worker.Handle("t", [&](const Task&, Context& context) -> Outcome {
    const int n = context.Step("s", [&] {
      if (++tries < 2) throw Failure("once", "");
      return tries;
    });
    return Completed{ToJson(n)};
  });
  InProcess queue(&worker);
  EXPECT_EQ(queue.Run({.type = "t"}).result, "2");
}

TEST(Steps, ASavedResultOfAnotherTypeIsDeadAtOnce) {
  Worker worker;
  int attempts = 0;
  worker.Handle("t", [&](const Task&, Context& context) -> Outcome {
    if (++attempts == 1) {
      context.Step("s", [] { return std::string("text"); });
      return Failed{"again", ""};
    }
    context.Step("s", [] { return 1; });
    return Completed{};
  });
  InProcess queue(&worker);
  const TaskInfo task = queue.Run({.type = "t"});
  EXPECT_EQ(task.state, "dead");
  EXPECT_EQ(task.error_code, "step_invalid");
}

TEST(Checkpoints, TheNextAttemptContinuesFromTheCheckpoint) {
  Worker worker;
  worker.Handle("count", [](const Task&, Context& context) -> Outcome {
    const int n = context.Checkpoint<int>().value_or(0) + 1;
    EXPECT_TRUE(context.SaveCheckpoint(n).ok());
    EXPECT_EQ(context.Checkpoint<int>(), n);
    context.Progress(n / 3.0, "counting");
    if (n < 3) return Failed{"more", ""};
    return Completed{ToJson(n)};
  });
  InProcess queue(&worker);
  const TaskInfo task = queue.Run({.type = "count"});
  EXPECT_EQ(task.result, "3");
  EXPECT_EQ(task.progress_message, "counting");
}

TEST(Sensitive, WhatASensitiveTaskLogsIsNotInTheWorkersLog) {
  Worker worker;
  worker.Handle("t", [](const Task& task, Context& context) { context.Log(task.payload); });
  InProcess queue(&worker);
  queue.Run({.type = "t", .payload = "\"secret\"", .sensitive = true});
  EXPECT_THAT(queue.log(), ElementsAre());
}

}  // namespace
}  // namespace treadle
