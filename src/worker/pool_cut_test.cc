// Attempts that are cut short: by a timeout, or because someone cancelled the task.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <map>
#include <string>

#include "worker/fake_treadle.h"

namespace treadle::worker {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(PoolCut, ATimeoutCancelsTheHandlerAndFailsTheAttempt) {
  FakeTreadle server;
  RunningPool worker(
      server.url(),
      [](const Task&, Context& context) -> Outcome {
        Outcome outcome = WaitForCancel(context, Failed{"cut", "short"});
        EXPECT_GE(Context::Clock::now(), context.deadline());
        EXPECT_EQ(context.cancel_cause(), CancelCause::kTimeout);
        return outcome;
      },
      {}, std::chrono::milliseconds(20));
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr(R"("code":"timeout")"));
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr(R"("retry":true)"));
  server.Answer(report);
}

TEST(PoolCut, TheServersTimeoutBoundsAnAttemptIfItIsEarlier) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task& task, Context& context) -> Outcome {
    EXPECT_EQ(task.deadline_at_ms, 1'795'467'181'250);
    const std::chrono::system_clock::time_point deadline{
        std::chrono::milliseconds(task.deadline_at_ms)};
    EXPECT_EQ(context.task_deadline(), deadline);
    return WaitForCancel(context, Released{});
  });
  server.Answer(server.Next(),
                LeaseJson("1-1", "{}", 30'000,
                          R"(,"timeout_ms":20,"deadline_at":"2026-11-23T20:53:01.250Z")"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr(R"("code":"timeout")"));
  EXPECT_THAT(Text(report, "1-1.1.1"),
              ContainsRegex("longer than (20|1?[0-9]) ms"));  // less what had passed by then
  server.Answer(report);
}

TEST(PoolCut, AServersTimeoutThatIsLaterThanTheWorkersChangesNothing) {
  FakeTreadle server;
  RunningPool worker(
      server.url(),
      [](const Task&, Context& context) -> Outcome {
        EXPECT_EQ(context.task_deadline(), std::nullopt);
        return WaitForCancel(context, Failed{"cut", "short"});
      },
      {}, std::chrono::milliseconds(20));
  server.Answer(server.Next(), LeaseJson("1-1", "{}", 30'000, R"(,"timeout_ms":1800000)"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr("longer than 20 ms"));
  server.Answer(report);
}

TEST(PoolCut, TheDecisionOfACancelledHandlerCounts) {
  FakeTreadle server;
  std::latch both_run(2);  // what has not begun when it is cancelled is released
  RunningPool worker(server.url(), [&](const Task& task, Context& context) -> Outcome {
    both_run.count_down();
    if (task.payload == "1") return WaitForCancel(context, Completed{"1"});
    return WaitForCancel(context, Discarded{"sold out"});
  });
  server.Answer(server.Next(), LeaseJson("1-1", "1") + "," + LeaseJson("1-2", "2"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 8; });
  both_run.wait();
  testing::TestServer::Answer(
      parked.http, 200,
      R"({"leases":[],"reports":[],"lost":[],"cancelled":["1-1.1.1","1-2.1.1"]})");
  std::map<std::string, std::string> reports;
  while (reports.size() < 2) {
    const Asked asked = server.NextWith([](const Asked& a) { return !a.reports.empty(); });
    reports.insert(asked.reports.begin(), asked.reports.end());
    server.Answer(asked);
  }
  EXPECT_THAT(reports["1-1.1.1"], HasSubstr("completed"));
  EXPECT_THAT(reports["1-2.1.1"], HasSubstr("discarded"));
}

// It would run again and again, and never spend an attempt.
TEST(PoolCut, AHandlerThatReleasesItselfWhenItsTimeIsUpHasFailed) {
  FakeTreadle server;
  RunningPool worker(
      server.url(),
      [](const Task&, Context& context) -> Outcome { return WaitForCancel(context, Released{}); },
      {}, std::chrono::milliseconds(20));
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr(R"("code":"timeout")"));
  server.Answer(report);
}

TEST(PoolCut, AHandlerThatIgnoresItsTimeoutIsAbandoned) {
  FakeTreadle server;
  PoolSettings options;
  options.cancel_wait_ms = 20;
  Signal go;
  RunningPool worker(
      server.url(),
      [&](const Task&, Context&) -> Outcome {
        go.Wait();
        return Completed{};
      },
      options, std::chrono::milliseconds(20));
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr("its handler did not return"));
  EXPECT_EQ(report.want, 9) << "its thread is still busy";
  server.Answer(report);
  go.Set();
  const Asked next = server.NextWith([](const Asked& asked) { return asked.want == 10; });
  EXPECT_TRUE(next.reports.empty()) << "what it brings too late is dropped";
}

TEST(PoolCut, ATaskThatSomeoneCancelledIsCancelledHere) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task&, Context& context) -> Outcome {
    Outcome outcome = WaitForCancel(context, Failed{"cut", "short"});
    EXPECT_EQ(context.cancel_cause(), CancelCause::kRequested);
    return outcome;
  });
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 9; });
  testing::TestServer::Answer(parked.http, 200,
                              R"({"leases":[],"reports":[],"lost":[],"cancelled":["1-1.1.1"]})");
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr("released"));
  server.Answer(report);
}

}  // namespace
}  // namespace treadle::worker
