#include "treadle/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "client/request_sharer.h"
#include "client/task_stream.h"
#include "client/test_server.h"

namespace treadle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TestRequest;
using testing::TestServer;

constexpr std::chrono::seconds kLong(20);

ClientOptions To(const TestServer& server) {
  return {.servers = {server.url()}, .token = "secret", .timeout = kLong};
}

size_t CountTasks(const TestRequest& request) {
  size_t tasks = 0;
  for (size_t at = request.body.find("\"type\""); at != std::string::npos;
       at = request.body.find("\"type\"", at + 1)) {
    ++tasks;
  }
  return tasks;
}

void AnswerBatch(const TestRequest& request, int* next_id) {
  std::string tasks;
  for (size_t i = CountTasks(request); i > 0; --i) {
    tasks += (tasks.empty() ? "" : ",") + std::string(R"({"id":"1-)") +
             std::to_string((*next_id)++) + R"(","duplicate":false})";
  }
  TestServer::Answer(request, 201, "{\"tasks\":[" + tasks + "]}");
}

TEST(SharedClient, ALoneCallIsSentAtOnce) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] { return client.Enqueue({.type = "t"}); });
  const TestRequest request = server.Next();
  EXPECT_THAT(request.head, StartsWith("POST /v1/tasks/batch "));
  EXPECT_THAT(request.head, HasSubstr("Bearer secret"));
  int id = 7;
  AnswerBatch(request, &id);
  EXPECT_EQ(call.get()->id, "1-7");
}

TEST(SharedClient, CallsThatWaitForAnotherShareTheNextRequest) {
  TestServer server;
  ClientOptions options = To(server);
  options.linger = std::chrono::milliseconds(999);
  Client client(options);
  const auto enqueue = [&] { return client.Enqueue({.type = "t"}); };
  std::vector<std::future<Result<Enqueued>>> calls;
  calls.push_back(std::async(std::launch::async, enqueue));
  const TestRequest first = server.Next();
  for (int i = 0; i < 5; ++i) calls.push_back(std::async(std::launch::async, enqueue));
  // Until the first returns, or the linger is over, nothing else is sent.
  std::set<std::string> ids;
  int id = 1;
  AnswerBatch(first, &id);
  size_t tasks = 1;
  size_t requests = 1;
  for (; tasks < 6; ++requests) {
    const TestRequest next = server.Next();
    tasks += CountTasks(next);
    AnswerBatch(next, &id);
  }
  EXPECT_LE(requests, 6U);
  for (auto& call : calls) {
    const Result<Enqueued> answer = call.get();
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_TRUE(ids.insert(answer->id).second) << "each call gets its own task";
  }
}

TEST(AsyncClient, TasksAreSentInOrderAndAnsweredIndividually) {
  TestServer server;
  Client client(To(server));
  std::vector<std::string> ids;  // written by the client's thread alone, until Flush()
  const auto note = [&](Result<Enqueued> answer) {
    ids.push_back(answer.ok() ? answer->id : answer.status().ToString());
  };
  for (int i = 0; i < 6; ++i) client.EnqueueAsync({.type = "t"}, note);
  int id = 1;
  std::thread serving([&] {
    for (size_t tasks = 0; tasks < 6;) {
      const TestRequest request = server.Next();
      tasks += CountTasks(request);
      AnswerBatch(request, &id);
    }
  });
  client.Flush();
  serving.join();
  EXPECT_THAT(ids, ElementsAre("1-1", "1-2", "1-3", "1-4", "1-5", "1-6"));
}

TEST(AsyncClient, ATaskThatCannotBeSentIsAnsweredAtOnce) {
  Client client({.servers = {"http://127.0.0.1:1"}});
  Status status;
  client.EnqueueAsync({.type = "t", .payload = "{"},
                      [&](Result<Enqueued> answer) { status = answer.status(); });
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
}

TEST(TaskStream, AllThatWasTakenIsAnsweredBeforeItEnds) {
  std::atomic<int> answered = 0;
  size_t largest = 0;
  {
    TaskStream stream([&](const auto& tasks) -> Result<std::vector<Enqueued>> {
      largest = std::max(largest, tasks.size());
      return std::vector<Enqueued>(tasks.size());
    });
    std::vector<std::jthread> producers;
    for (int p = 0; p < 4; ++p)
      producers.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i)
          stream.Enqueue({.json = "{}"}, [&](const Result<Enqueued>& answer) {
            EXPECT_TRUE(answer.ok());
            ++answered;
          });
      });
  }
  EXPECT_EQ(answered, 40'000);
  EXPECT_LE(largest, 1'000U);
}

TEST(TaskStream, AProducerThatIsTooFarAheadWaits) {
  std::promise<void> go;
  std::atomic<size_t> taken = 0;
  TaskStream stream([&, open = go.get_future().share()](const auto& tasks) {
    open.wait();
    return Result<std::vector<Enqueued>>(std::vector<Enqueued>(tasks.size()));
  });
  std::thread producer([&] {
    for (size_t i = 0; i < TaskStream::kTasksMax + 1; ++i) {
      stream.Enqueue({.json = "{}"}, [](const auto&) {});
      ++taken;
    }
  });
  while (taken < TaskStream::kTasksMax) std::this_thread::yield();
  EXPECT_EQ(taken, TaskStream::kTasksMax);
  go.set_value();
  producer.join();
  stream.Flush();
}

TEST(RequestSharer, ARefusedGroupIsSplitUntilTheCulpritIsIsolated) {
  std::mutex mutex;
  std::condition_variable all_wait;
  size_t arrived = 0;
  bool first = true;
  std::vector<size_t> sizes;
  RequestSharer sharer(std::chrono::seconds(1),
                       [&](const auto& tasks) -> Result<std::vector<Enqueued>> {
                         std::unique_lock lock(mutex);
                         if (std::exchange(first, false))
                           all_wait.wait(lock, [&] { return arrived == 8; });
                         sizes.push_back(tasks.size());
                         std::vector<Enqueued> answers;
                         for (const EncodedTask* task : tasks) {
                           if (task->json == "bad")
                             return Status(Code::kInvalidArgument, "bad task");
                           answers.push_back({.id = task->json});
                         }
                         return answers;
                       });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      {
        std::lock_guard lock(mutex);
        ++arrived;
        all_wait.notify_all();
      }
      const EncodedTask task{.json = i == 3 ? "bad" : std::to_string(i)};
      const Result<Enqueued> answer = sharer.Enqueue(task);
      if (i == 3) {
        EXPECT_EQ(answer.status().message(), "bad task");
      } else {
        ASSERT_TRUE(answer.ok()) << answer.status().ToString();
        EXPECT_EQ(answer->id, std::to_string(i));
      }
    });
  }
}

TEST(RequestSharer, WithoutALingerEachTaskIsItsOwnRequest) {
  size_t most = 0;
  RequestSharer sharer(std::chrono::microseconds(0), [&](const auto& tasks) {
    most = std::max(most, tasks.size());
    return Result<std::vector<Enqueued>>(std::vector<Enqueued>(tasks.size()));
  });
  EXPECT_TRUE(sharer.Enqueue({.json = "a"}).ok());
  EXPECT_EQ(most, 1U);
}

TEST(SharedClient, ARefusedTaskThatWasEnqueuedAloneHasNoNumber) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] { return client.Enqueue({.type = "t"}); });
  TestServer::Answer(server.Next(), 400,
                     R"({"code":"INVALID_ARGUMENT","detail":"tasks[0].type must be a name"})");
  const Status status = call.get().status();
  EXPECT_EQ(status.ToString(), "INVALID_ARGUMENT: type must be a name");
  EXPECT_EQ(FieldOf(status), "type");
}

TEST(SharedClient, WithoutKeysATaskIsNotSentTwice) {
  TestServer server;
  ClientOptions options = To(server);
  options.keys = false;
  Client client(options);
  auto call = std::async(std::launch::async, [&] { return client.Enqueue({.type = "t"}); });
  TestServer::Break(server.Next());
  const Result<Enqueued> answer = call.get();
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
  EXPECT_THAT(answer.status().message(), HasSubstr("may or may not have accepted"));
}

TEST(SharedClient, ATaskIsSentAgainWithTheKeyThatTheClientMade) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] { return client.Enqueue({.type = "t"}); });
  const TestRequest first = server.Next();
  EXPECT_THAT(first.body, HasSubstr(R"("idempotency_window_ms":60000})"));
  TestServer::Break(first);
  const TestRequest again = server.Next();
  EXPECT_EQ(again.body, first.body);
  int id = 3;
  AnswerBatch(again, &id);
  EXPECT_EQ(call.get()->id, "1-3");
}

TEST(SharedClient, EachTaskGetsAKeyOfItsOwnUnlessItSaysOtherwise) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] {
    return client.EnqueueMany({{.type = "t"},
                               {.type = "t"},
                               {.type = "t", .idempotency_key = "k"},
                               {.type = "t", .on_duplicate = "refuse"}});
  });
  const TestRequest request = server.Next();
  EXPECT_THAT(request.body, ::testing::ContainsRegex("treadle-cpp-[0-9a-f]{32}-1\""));
  EXPECT_THAT(request.body, ::testing::ContainsRegex("treadle-cpp-[0-9a-f]{32}-2\""));
  EXPECT_THAT(request.body, Not(HasSubstr("-3\"")));
  int id = 1;
  AnswerBatch(request, &id);
  EXPECT_TRUE(call.get().ok());
}

TEST(SharedClient, ATaskWithAKeyIsSentAgainUntilItIsAnswered) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async,
                         [&] { return client.Enqueue({.type = "t", .idempotency_key = "k"}); });
  TestServer::Break(server.Next());
  TestServer::Answer(server.Next(), 503, R"({"code":"UNAVAILABLE","detail":"starting"})");
  int id = 3;
  AnswerBatch(server.Next(), &id);
  EXPECT_EQ(call.get()->id, "1-3");
}

TEST(SharedClient, AServerThatRefusedIsAskedAgainEvenWithoutAKey) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] { return client.Enqueue({.type = "t"}); });
  TestServer::Answer(server.Next(), 503, R"({"code":"UNAVAILABLE","detail":"starting"})");
  int id = 3;
  AnswerBatch(server.Next(), &id);
  EXPECT_EQ(call.get()->id, "1-3");
}

TEST(SharedClient, TheNextServerIsTriedWhenOneCannotBeReached) {
  TestServer gone;
  TestServer server;
  gone.Stop();
  Client client({.servers = {gone.url(), server.url()}, .timeout = kLong});
  auto call = std::async(std::launch::async, [&] { return client.Enqueue({.type = "t"}); });
  int id = 1;
  AnswerBatch(server.Next(), &id);
  EXPECT_TRUE(call.get().ok());
}

TEST(SharedClient, AnUnreachableServerIsTriedUntilTheTimeout) {
  TestServer gone;
  gone.Stop();
  Client client({.servers = {gone.url()}, .timeout = std::chrono::milliseconds(300)});
  EXPECT_EQ(client.Enqueue({.type = "t"}).status().code(), Code::kUnavailable);
}

std::string View(const std::string& id, const std::string& state, const std::string& more = "") {
  return R"({"id":")" + id + R"(","type":"t","queue":"default","state":")" + state +
         R"(","attempt":1,"max_attempts":20)" + more + "}";
}

TEST(SharedClient, WaitsUntilTheTaskHasEnded) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] { return client.WaitFor<int>("1-1", kLong); });
  const TestRequest first = server.Next();
  EXPECT_THAT(first.head, HasSubstr("GET /v1/tasks/1-1?wait="));
  TestServer::Answer(first, 200, View("1-1", "running"));
  TestServer::Answer(server.Next(), 200, View("1-1", "completed", R"(,"result":42)"));
  EXPECT_EQ(*call.get(), 42);

  auto dead = std::async(std::launch::async, [&] { return client.WaitFor<int>("1-2", kLong); });
  TestServer::Answer(server.Next(), 200,
                     View("1-2", "dead", R"(,"error":{"code":"exit_1","message":"it broke"})"));
  const Status status = dead.get().status();
  EXPECT_EQ(status.ToString(), "FAILED_PRECONDITION: task 1-2 is dead: exit_1, it broke");
}

TEST(SharedClient, ACancellationIsSentWithItsReasonAndItsRefusalComesBack) {
  TestServer server;
  Client client(To(server));
  auto call = std::async(std::launch::async, [&] { return client.Cancel("1-1", "too late"); });
  const TestRequest asked = server.Next();
  EXPECT_THAT(asked.head, HasSubstr("POST /v1/tasks/1-1/cancel "));
  EXPECT_EQ(asked.body, R"({"reason":"too late"})");
  TestServer::Answer(asked, 200, R"({"id":"1-1","state":"cancelled","changed":true})");
  EXPECT_EQ(*call.get(), "cancelled");
  auto again = std::async(std::launch::async, [&] { return client.Cancel("1-2"); });
  TestServer::Answer(server.Next(), 409,
                     R"({"code":"FAILED_PRECONDITION","detail":"task 1-2 is completed"})");
  EXPECT_EQ(again.get().status().code(), Code::kFailedPrecondition);
}

TEST(SharedClient, DeadTasksAreListedAndRedriven) {
  TestServer server;
  Client client(To(server));
  auto listed = std::async(std::launch::async, [&] {
    return client.List({.queue = "a b", .state = "dead", .limit = 2});
  });
  const TestRequest request = server.Next();
  EXPECT_THAT(request.head, StartsWith("GET /v1/tasks?limit=2&queue=a%20b&state=dead "));
  TestServer::Answer(request, 200,
                     "{\"tasks\":[" + View("1-2", "dead") + "," + View("1-1", "dead") +
                         R"(],"as_of":"2026-11-23T20:53:01.250Z","next_cursor":"c"})");
  const Result<ListPage> page = listed.get();
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  EXPECT_EQ(page->tasks.size(), 2U);
  EXPECT_EQ(page->tasks[0].id, "1-2");
  EXPECT_EQ(page->next_cursor, "c");
  auto redriven = std::async(std::launch::async, [&] { return client.Redrive("1-1"); });
  const TestRequest asked = server.Next();
  EXPECT_THAT(asked.head, HasSubstr("POST /v1/tasks/1-1/redrive "));
  TestServer::Answer(asked, 200, R"({"id":"1-1","state":"ready","changed":true})");
  EXPECT_EQ(*redriven.get(), "ready");
}

TEST(FieldOf, IsWhatAMessageBeginsWithIfTheApiHasIt) {
  const auto field = [](const char* message) {
    return FieldOf(Status(Code::kInvalidArgument, message));
  };
  EXPECT_EQ(field("priority must be from 0 to 9"), "priority");
  EXPECT_EQ(field("tasks[3].type must not be empty"), "tasks[3].type");
  EXPECT_EQ(field("payload.x is not valid JSON"), "payload.x");
  EXPECT_EQ(field("the request is too large"), "");
  EXPECT_EQ(field("payload"), "");
  EXPECT_EQ(FieldOf(Status(Code::kUnavailable, "priority of this")), "");
}

TEST(ToJson, WritesWhatJsonCannotHoldSoThatItIsRefusedWithItsPlace) {
  using nlohmann::json;
  Client client({.servers = {"http://127.0.0.1:1"}});
  const auto field = [&](const json& payload) {
    return FieldOf(client.Enqueue({.type = "t", .payload = ToJson(payload)}).status());
  };
  EXPECT_EQ(field({{"x", {1.5, std::nan("")}}}), "payload.x[1]");
  EXPECT_EQ(field({{"a", {{"b", -HUGE_VAL}}}, {"c", "\xc3\xa4"}}), "payload.a.b");
  EXPECT_EQ(field({{"text", "\xed\xa0\x80"}, {"empty", json::array()}}), "payload.text");
  EXPECT_EQ(field({{"\xff", 1}}), "payload");
  EXPECT_EQ(ToJson(json{{"\xc3\xa4", "\"\n"}}), "{\"\xc3\xa4\":\"\\\"\\n\"}");
}

TEST(SharedClient, BadOptionsAreNamedByTheFirstCall) {
  Client none({.connections = 0});
  EXPECT_THAT(none.Enqueue({.type = "t"}).status().message(), HasSubstr("connections"));
  Client slow({.linger = std::chrono::seconds(2)});
  EXPECT_THAT(slow.Enqueue({.type = "t"}).status().message(), HasSubstr("linger"));
  Client client;
  EXPECT_EQ(client.EnqueueMany({}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(client.Enqueue({.type = "t", .payload = "{"}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace treadle
