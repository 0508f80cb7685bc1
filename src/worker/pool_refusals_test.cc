// What a worker does when a server refuses its reports, or answers what no Treadle server would.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "worker/fake_treadle.h"
#include "worker/pool.h"

namespace treadle::worker {
namespace {

using ::testing::HasSubstr;

TEST(PoolRefusals, RefusedReportsAreDroppedWithAWarning) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  server.Answer(report, "", "", "ABORTED");
  const Asked next = server.NextWith([&](const Asked& a) { return a.sequence > report.sequence; });
  EXPECT_TRUE(next.reports.empty());
  EXPECT_THAT(worker.log(), HasSubstr("1-1.1.1 was rejected and is dropped: ABORTED so"));
}

TEST(PoolRefusals, AResultThatTheServerCannotTakeBecomesAFailure) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  server.Answer(server.Next(), LeaseJson("1-1"));
  server.Answer(server.NextReporting("1-1.1.1"), "", "", "INVALID_ARGUMENT");
  const Asked again = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(again, "1-1.1.1"), HasSubstr(R"("code":"result_invalid")"));
  server.Answer(again);
}

TEST(PoolRefusals, OutcomesAreAdjustedToTheServersLimitsOrFail) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task& task, Context&) -> Outcome {
    if (task.payload == "0") return Snoozed{std::chrono::hours(99'999)};
    if (task.payload == "1") throw Snooze(std::chrono::hours(24 * 3'651));
    if (task.payload == "2") return Failed{"busy", "", true, std::chrono::hours(99'999)};
    if (task.payload == "3") return Failed{std::string(63, 'x') + "é", "cut"};
    if (task.payload == "4") return Failed{"two\nlines\x1b\xff", "escaped"};
    if (task.payload == "5") return Discarded{"why", std::string(100, 'y')};
    if (task.payload == "6") return Completed{"x", ""};
    if (task.payload == "7") return Completed{"x", std::string(129, 't')};
    if (task.payload == "8") return Completed{"x", "text/plain\n"};
    if (task.payload == "9") return Completed{std::string(62, '[') + std::string(62, ']')};
    return Completed{std::string(61, '[') + std::string(61, ']')};
  });
  const std::vector<std::string> expected = {
      R"("code":"snooze_invalid")", R"("code":"snooze_invalid")",
      R"("delay_ms":315360000000)", R"("code":")" + std::string(63, 'x') + "\"",
      R"("code":"two?lines??")",    R"("code":")" + std::string(64, 'y') + "\"",
      R"("code":"result_invalid")", R"("code":"result_invalid")",
      R"("code":"result_invalid")", "nested deeper than 61 levels",
      R"("outcome":"completed")"};
  Asked asked = server.Next();
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string id = "1-" + std::to_string(i + 1);
    server.Answer(asked, LeaseJson(id, std::to_string(i)));
    asked = server.NextReporting(id + ".1.1");
    EXPECT_THAT(Text(asked, id + ".1.1"), HasSubstr(expected[i])) << i;
  }
  server.Answer(asked);
}

// As a server before 0.4 does, or a proxy: 400 for all because of one.
TEST(PoolRefusals, ReportsRefusedTogetherAreSentSeparatelyAndTheWorkerContinues) {
  FakeTreadle server;
  Signal go;
  RunningPool worker(server.url(), [&](const Task&, Context&) -> Outcome {
    go.Wait();
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1") + "," + LeaseJson("1-2") + "," + LeaseJson("1-3"));
  go.Set();
  const auto refuse = [](const Asked& asked) {
    testing::TestServer::Answer(asked.http, 400,
                                R"({"code":"INVALID_ARGUMENT","detail":"reports[0] is bad"})");
  };
  std::map<std::string, std::string> taken;
  size_t refused = 0;
  while (taken.size() < 2 || refused < 2) {
    const Asked asked = server.NextWith([](const Asked& a) { return !a.reports.empty(); });
    if (asked.Reports("1-2.1.1")) {
      refused += asked.reports.size() == 1 ? 1 : 0;
      if (asked.reports.size() == 1 && refused == 2) {
        EXPECT_THAT(Text(asked, "1-2.1.1"), HasSubstr(R"("code":"report_invalid")"));
      }
      refuse(asked);
    } else {
      taken.insert(asked.reports.begin(), asked.reports.end());
      server.Answer(asked);
    }
  }
  EXPECT_TRUE(taken.contains("1-1.1.1") && taken.contains("1-3.1.1"));
  const Asked next = server.NextWith([](const Asked& a) { return a.want == 10; });
  EXPECT_TRUE(next.reports.empty());
  server.Answer(next, LeaseJson("1-4"));
  server.Answer(server.NextReporting("1-4.1.1"));
  EXPECT_THAT(worker.log(), HasSubstr("cannot accept the report for 1-2.1.1: reports[0] is bad"));
}

TEST(PoolRefusals, AnAnswerOfTheWrongShapeIsAnErrorAndIsNotRequestedInALoop) {
  for (const char* answer :
       {"{}", "[]", "", "null", "<html></html>", R"({"leases":[],"reports":[]})",
        R"({"leases":{},"reports":[],"lost":[]})", R"({"leases":[{}],"reports":[],"lost":[]})",
        R"({"leases":[{"token":"1-1.1.1"}],"reports":[],"lost":[]})"}) {
    FakeTreadle server;
    RunningPool worker(server.url(), Echo);
    const Asked first = server.Next();
    testing::TestServer::Answer(first.http, 200, answer);
    worker.WaitForLog("does not respond like a Treadle server: cannot read the server's answer: ");
    const Asked again = server.Next();
    EXPECT_EQ(again.sequence, first.sequence) << "it was not answered";
    server.Answer(again, LeaseJson("1-1"));
    server.Answer(server.NextReporting("1-1.1.1"));
  }
}

TEST(PoolRefusals, AServerThatReturnsEmptyAnswersAtOnceIsAskedLessOften) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  for (int i = 0; i < 3; ++i) server.Answer(server.Next());
  worker.WaitForLog("asking less often");
  server.Answer(server.Next(), LeaseJson("1-1"));
  server.Answer(server.NextReporting("1-1.1.1"));
}

}  // namespace
}  // namespace treadle::worker
