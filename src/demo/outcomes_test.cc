#include "demo/outcomes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "console/fake_server.h"
#include "demo/job.h"

namespace treadle::demo {
namespace {

constexpr char kTarget[] = "GET /v1/tasks?queue=demo&type=digest&state=";

std::string View(const std::string& id, const std::string& key, const std::string& more) {
  const std::string view = JsonObject()
                               .Text("id", id)
                               .Text("type", "digest")
                               .Text("queue", "demo")
                               .Text("state", "completed")
                               .Integer("max_attempts", 20)
                               .Text("idempotency_key", key)
                               .Integer("attempt", 1)
                               .Text("enqueued_at", "2026-11-23T20:53:01.000Z")
                               .Text("started_at", "2026-11-23T20:53:01.250Z")
                               .Done();
  return '{' + more + view.substr(1);
}

std::string Digested(const std::string& path) {
  return "\"result\":" + DigestResult("r", path, {.bytes = 3, .lines = 1, .words = 2}) + ',';
}

TEST(OutcomesTest, ReadsOnlyThisRunAndStopsAtItsScan) {
  FakeServer server;
  const std::string page = R"({"tasks":[)" + View("1-9", "r:/a", Digested("/a")) + ',' +
                           View("1-8", "other:/a", Digested("/a")) +
                           R"(],"as_of":"","next_cursor":"c"})";
  const std::string next = R"({"tasks":[)" + View("1-7", "r:/a", Digested("/a")) + ',' +
                           View("1-4", "r:/b", Digested("/b")) +
                           R"(],"as_of":"","next_cursor":"d"})";
  const std::string dead =
      R"({"tasks":[)" +
      View("1-6", "r:/x", R"("error":{"code":"file_missing","message":"gone"},)") +
      R"(],"as_of":""})";
  const std::string completed = std::string(kTarget) + "completed&results=true&limit=1000";
  server.Answer(completed, {{200, page}});
  server.Answer(completed + "&cursor=c", {{200, next}});
  server.Answer(std::string(kTarget) + "dead&results=true&limit=1000", {{200, dead}});

  Console console({}, {});
  Session session(&console);
  session.flags.server = server.url();
  const Result<Outcomes> outcomes = ReadOutcomes(session, "r", "1-5");
  ASSERT_TRUE(outcomes.ok()) << outcomes.status().ToString();
  EXPECT_EQ(outcomes->duplicates, 1);
  ASSERT_EQ(outcomes->by_key.size(), 2U);
  const FileOutcome& a = outcomes->by_key.at("r:/a");
  EXPECT_TRUE(a.completed);
  EXPECT_EQ(a.digest.words, 2);
  EXPECT_EQ(a.started - a.enqueued, 250);
  EXPECT_EQ(outcomes->by_key.at("r:/x").error, "file_missing: gone");
}

}  // namespace
}  // namespace treadle::demo
