#include "worker/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "worker/fake_treadle.h"

namespace treadle::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Pool, RunsATaskAndReportsItsResult) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task& task, Context&) -> Outcome {
    EXPECT_EQ(task.id, "1-1");
    EXPECT_EQ(task.type, "t");
    EXPECT_EQ(task.attempt, 1);
    return Completed{R"({"got":)" + task.payload + "}"};
  });
  const Asked first = server.Next();
  EXPECT_EQ(first.sequence, 1);
  EXPECT_EQ(first.want, 10);
  EXPECT_EQ(first.wait_ms, 30'000);
  EXPECT_EQ(first.incarnation.size(), 16u);
  server.Answer(first, LeaseJson("1-1", R"({"a":1})"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"),
              HasSubstr(R"("outcome":"completed","result":{"got":{"a":1}})"));
  EXPECT_EQ(report.want, 10) << "the slot is free again";
  server.Answer(report);
}

TEST(Pool, EveryOutcomeHasItsReport) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task& task, Context&) -> Outcome {
    if (task.payload == "1") return Failed{"broken", "it\nbroke", false};
    if (task.payload == "2") return Released{};
    if (task.payload == "3") throw std::runtime_error("thrown");
    if (task.payload == "4") return Completed{"not json"};
    if (task.payload == "5") return Completed{std::string((1 << 20) + 1, 'x'), "text/plain"};
    if (task.payload == "6") return Snoozed{std::chrono::seconds(5)};
    if (task.payload == "7") return Discarded{"sold out"};
    if (task.payload == "8") return Failed{"busy", "", true, std::chrono::minutes(1)};
    if (task.payload == "9") throw Snooze(std::chrono::seconds(-1));
    if (task.payload == "10") throw Discard("gone");
    if (task.payload == "11") throw Failure("busy", "wait", std::chrono::seconds(1));
    return Completed{"\xff", "application/x"};
  });
  const std::vector<std::string> expected = {
      R"("outcome":"completed","result_base64":"/w==","content_type":"application/x")",
      R"("outcome":"failed","error":{"code":"broken","message":"it\nbroke"},"retry":false)",
      R"("outcome":"released")",
      R"("outcome":"failed","error":{"code":"exception","message":"thrown"},"retry":true)",
      R"("code":"result_invalid")",
      R"("code":"result_too_large")",
      R"("outcome":"snoozed","delay_ms":5000)",
      R"("outcome":"discarded","error":{"code":"discarded","message":"sold out"})",
      R"("retry":true,"delay_ms":60000)",
      R"("outcome":"snoozed","delay_ms":0)",
      R"("outcome":"discarded","error":{"code":"discarded","message":"gone"})",
      R"("error":{"code":"busy","message":"wait"},"retry":true,"delay_ms":1000)"};
  Asked asked = server.Next();
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string id = "1-" + std::to_string(i + 1);
    server.Answer(asked, LeaseJson(id, std::to_string(i)));
    asked = server.NextReporting(id + ".1.1");
    EXPECT_THAT(Text(asked, id + ".1.1"), HasSubstr(expected[i]));
  }
  server.Answer(asked);
}

TEST(Pool, ADamagedPayloadNeverReachesTheHandler) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task&, Context&) -> Outcome {
    ADD_FAILURE();
    return Completed{};
  });
  std::string lease = LeaseJson("1-1", "{}");
  lease.replace(lease.find("\"payload\":{}"), 12, "\"payload\":[]");
  server.Answer(server.Next(), lease);
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr(R"("code":"payload_damaged")"));
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr(R"("retry":true)"));
  server.Answer(report);
}

TEST(Pool, ReportsAreSentAgainAfterABrokenConnection) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  testing::TestServer::Break(report.http);
  const Asked again = server.NextReporting("1-1.1.1");
  EXPECT_EQ(again.sequence, report.sequence);
  EXPECT_EQ(again.incarnation, report.incarnation);
  EXPECT_EQ(again.want, report.want);
  EXPECT_EQ(again.reports, report.reports);
  server.Answer(again);
  const Asked next = server.NextWith([&](const Asked& a) { return a.sequence > report.sequence; });
  EXPECT_TRUE(next.reports.empty()) << "an answered report is not sent again";
}

TEST(Pool, ARestartOfTheServerIsSurvived) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  server.Stop();
  worker.WaitForLog("retrying until");
  server.Restart();
  const Asked again = server.NextReporting("1-1.1.1");
  EXPECT_EQ(again.sequence, report.sequence);
  server.Answer(again, LeaseJson("1-2"));
  (void)server.NextReporting("1-2.1.1");
  const std::string log = worker.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
  EXPECT_THAT(log, HasSubstr("is reachable again after"));
}

TEST(Pool, ARestartThatCutsOffAPollAndAReportIsSurvived) {
  FakeTreadle server;
  Signal go;
  RunningPool worker(server.url(), [&](const Task&, Context&) -> Outcome {
    go.Wait();
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 9; });
  go.Set();
  const Asked report = server.NextReporting("1-1.1.1");
  server.Stop();
  worker.WaitForLog("retrying until");
  server.Restart();
  // The poll is made again before the report, or beside it.
  const Asked again = server.NextReporting("1-1.1.1");
  EXPECT_EQ(again.sequence, report.sequence);
  EXPECT_EQ(again.reports, report.reports);
  server.Answer(again);
  const Asked next = server.NextWith([&](const Asked& a) { return a.sequence > report.sequence; });
  EXPECT_TRUE(next.reports.empty());
}

TEST(Pool, AReportThatOvertookAPollIsDeliveredOnce) {
  FakeTreadle server;
  Signal go;
  RunningPool worker(server.url(), [&](const Task&, Context&) -> Outcome {
    go.Wait();
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 9; });
  go.Set();
  const Asked report = server.NextReporting("1-1.1.1");
  testing::TestServer::Answer(parked.http, 409,
                              R"({"code":"ABORTED","detail":"a newer was seen"})");
  server.Answer(report);
  const Asked next = server.Next();
  EXPECT_EQ(next.sequence, report.sequence + 1);
  EXPECT_TRUE(next.reports.empty());
  EXPECT_EQ(worker.log(), "") << "nothing went wrong";
}

TEST(Pool, LeasesThatAreGivenTwiceRunOnce) {
  FakeTreadle server;
  Signal go;
  std::atomic<int> runs = 0;
  RunningPool worker(server.url(), [&](const Task&, Context&) -> Outcome {
    ++runs;
    go.Wait();
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 9; });
  testing::TestServer::Break(parked.http);
  Asked again = server.Next();  // on a connection made again at once, or after a pause
  EXPECT_EQ(again.sequence, parked.sequence);
  if (again.wait_ms > 0) {
    testing::TestServer::Break(again.http);
    again = server.Next();
  }
  EXPECT_EQ(again.sequence, parked.sequence);
  EXPECT_EQ(again.wait_ms, 0);
  EXPECT_TRUE(again.Renews("1-1.1.1"));
  server.Answer(again, LeaseJson("1-1"));
  go.Set();
  server.Answer(server.NextReporting("1-1.1.1"));
  EXPECT_EQ(runs, 1);
}

TEST(Pool, ALostLeaseCancelsItsHandlerAndIsNotReported) {
  FakeTreadle server;
  Signal cancelled;
  RunningPool worker(server.url(), [&](const Task& task, Context& context) -> Outcome {
    EXPECT_EQ(context.cancel_cause(), CancelCause::kNone);
    if (task.payload == "1") {
      Outcome outcome = WaitForCancel(context, Completed{});
      EXPECT_EQ(context.cancel_cause(), CancelCause::kLeaseLost);
      return outcome;
    }
    EXPECT_FALSE(context.IsCancelled());
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1", "1"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 9; });
  server.Answer(parked, "", R"("1-1.1.1","9-9.9.9")");
  const Asked free = server.NextWith([](const Asked& asked) { return asked.want == 10; });
  EXPECT_TRUE(free.reports.empty());
  server.Answer(free, LeaseJson("1-2", "2"));
  const Asked report = server.NextReporting("1-2.1.1");
  EXPECT_FALSE(report.Reports("1-1.1.1"));
  EXPECT_THAT(worker.log(), HasSubstr("1-1.1.1"));
  EXPECT_THAT(worker.log(), Not(HasSubstr("9-9.9.9")));
  server.Answer(report);
}

TEST(Pool, AFullWorkerKeepsPollingAndRenews) {
  FakeTreadle server;
  Signal go;
  PoolSettings options;
  options.concurrency = 1;
  RunningPool worker(
      server.url(),
      [&](const Task&, Context&) -> Outcome {
        go.Wait();
        return Completed{};
      },
      options);
  const Asked first = server.Next();
  EXPECT_EQ(first.want, 1);
  server.Answer(first, LeaseJson("1-1", "{}", /*lease_ms=*/150));
  for (int i = 0; i < 3; ++i) {
    const Asked renewal = server.NextWith([](const Asked& a) { return a.Renews("1-1.1.1"); });
    EXPECT_EQ(renewal.want, 0);
    EXPECT_GT(renewal.wait_ms, 0);
    server.Park(renewal);
  }
  go.Set();
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_EQ(report.want, 1);
  server.Answer(report);
}

TEST(Pool, AReportGoesOutBesideTheParkedPoll) {
  FakeTreadle server;
  Signal go;
  RunningPool worker(server.url(), [&](const Task&, Context&) -> Outcome {
    go.Wait();
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked parked = server.NextWith([](const Asked& asked) { return asked.want == 9; });
  go.Set();
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_NE(report.http.connection, parked.http.connection);
  EXPECT_EQ(report.sequence, parked.sequence + 1);
  server.Answer(parked);
  server.Answer(report);
}

TEST(Pool, WithMuchToReportTheNextExchangeDoesNotWaitForTheLastAnswer) {
  FakeTreadle server;
  Signal go;
  PoolSettings options;
  options.concurrency = 110;
  RunningPool worker(
      server.url(),
      [&](const Task& task, Context&) -> Outcome {
        if (task.id != "1-1") go.Wait();
        return Completed{};
      },
      options);
  std::string leases = LeaseJson("1-1");
  for (int i = 2; i <= 110; ++i) leases += "," + LeaseJson("1-" + std::to_string(i));
  server.Answer(server.Next(), leases);
  const Asked first = server.NextReporting("1-1.1.1");
  go.Set();
  const Asked second = server.NextWith([](const Asked& asked) { return !asked.reports.empty(); });
  EXPECT_NE(second.http.connection, first.http.connection);
  EXPECT_EQ(second.sequence, first.sequence + 1);
  EXPECT_EQ(second.answered, first.sequence - 1);
  EXPECT_GE(second.reports.size(), 100);
  server.Answer(second);
  server.Answer(first);
  const auto rest = server.ServeTheRest();
  worker.Stop();
  EXPECT_TRUE(worker.Join().ok());
}

TEST(Pool, LeasesBeyondTheFreeSlotsWaitTheirTurn) {
  FakeTreadle server;
  PoolSettings options;
  options.concurrency = 1;
  std::atomic<int> at_once = 0;
  RunningPool worker(
      server.url(),
      [&](const Task&, Context&) -> Outcome {
        EXPECT_EQ(++at_once, 1);
        --at_once;
        return Completed{};
      },
      options);
  server.Answer(server.Next(), LeaseJson("1-1") + "," + LeaseJson("1-2") + "," + LeaseJson("1-3"));
  std::map<std::string, std::string> reports;
  while (reports.size() < 3) {
    const Asked asked = server.NextWith([](const Asked& a) { return !a.reports.empty(); });
    reports.insert(asked.reports.begin(), asked.reports.end());
    server.Answer(asked);
  }
}

TEST(Pool, AWorkerThatEndsSaysGoodbyeWithWhatItHasNotReported) {
  FakeTreadle server;
  PoolSettings options;
  options.goodbye_ms = 20'000;
  options.shutdown_grace_ms = options.cancel_wait_ms = 1;
  Signal started;
  RunningPool worker(
      server.url(),
      [&](const Task&, Context& context) -> Outcome {
        started.Set();
        return WaitForCancel(context, Released{});
      },
      options, std::chrono::minutes(30), /*says_goodbye=*/true);
  server.Answer(server.Next(), LeaseJson("1-1"));
  started.Wait();
  for (int i = 0; i < 4; ++i) worker.Stop();
  const Asked last = server.NextWith(
      [](const Asked& a) { return a.http.body.find(R"("goodbye":true)") != std::string::npos; });
  EXPECT_EQ(last.want, 0);
  EXPECT_EQ(last.wait_ms, 0);
  server.Answer(last);
  (void)worker.Join();
}

TEST(Pool, UnansweredReportsAreSentAgain) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  testing::TestServer::Answer(report.http, 200, R"({"leases":[],"reports":[],"lost":[]})");
  const Asked again = server.NextReporting("1-1.1.1");
  EXPECT_GT(again.sequence, report.sequence);
  server.Answer(again);
}

TEST(Pool, StopLetsWhatRunsFinishAndReportIt) {
  FakeTreadle server;
  Signal started;
  Signal go;
  RunningPool worker(server.url(), [&](const Task&, Context&) -> Outcome {
    started.Set();
    go.Wait();
    return Completed{};
  });
  server.Answer(server.Next(), LeaseJson("1-1"));
  started.Wait();
  worker.Stop();
  server.Park(server.NextWith([](const Asked& asked) { return asked.want == 0; }));
  go.Set();
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr("completed"));
  EXPECT_EQ(report.want, 0);
  server.Answer(report);
  EXPECT_TRUE(worker.Join().ok());
}

TEST(Pool, StopReleasesWhatHasNotStartedAndWhatOutlivesTheGrace) {
  FakeTreadle server;
  PoolSettings options;
  options.concurrency = 1;
  options.shutdown_grace_ms = 1;
  Signal started;
  RunningPool worker(
      server.url(),
      [&](const Task&, Context& context) -> Outcome {
        started.Set();
        Outcome outcome = WaitForCancel(context, Failed{"cut", "short"});
        EXPECT_EQ(context.cancel_cause(), CancelCause::kShutdown);
        return outcome;
      },
      options);
  server.Answer(server.Next(), LeaseJson("1-1") + "," + LeaseJson("1-2"));
  started.Wait();
  worker.Stop();
  std::map<std::string, std::string> reports;
  while (reports.size() < 2) {
    const Asked asked = server.NextWith([](const Asked& a) { return !a.reports.empty(); });
    reports.insert(asked.reports.begin(), asked.reports.end());
    server.Answer(asked);
  }
  EXPECT_THAT(reports["1-1.1.1"], HasSubstr("released"));
  EXPECT_THAT(reports["1-2.1.1"], HasSubstr("released"));
  EXPECT_TRUE(worker.Join().ok());
}

TEST(Pool, ALeaseThatArrivesWhileStoppingIsReleased) {
  FakeTreadle server;
  RunningPool worker(server.url(), [](const Task&, Context&) -> Outcome {
    ADD_FAILURE();
    return Completed{};
  });
  const Asked parked = server.Next();
  worker.Stop();
  const Asked last = server.Next();
  EXPECT_EQ(last.want, 0);
  server.Answer(parked, LeaseJson("1-1"));
  server.Park(last);
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr("released"));
  server.Answer(report);
  EXPECT_TRUE(worker.Join().ok());
}

TEST(Pool, AHandlerCanStopTheWorker) {
  FakeTreadle server;
  RunningPool worker(
      server.url(), [](const Task&, Context&) -> Outcome { return StopWorker{"no such program"}; });
  server.Answer(server.Next(), LeaseJson("1-1"));
  const Asked report = server.NextReporting("1-1.1.1");
  EXPECT_THAT(Text(report, "1-1.1.1"), HasSubstr("released"));
  server.Answer(report);
  const std::jthread serving = server.ServeTheRest();
  const Status status = worker.Join();
  EXPECT_EQ(status.ToString(), "FAILED_PRECONDITION: no such program");
}

// Else the server would refuse the goodbye, and keep the leases of the worker.
TEST(Pool, AnyReasonToStopFitsIntoTheGoodbye) {
  FakeTreadle server;
  PoolSettings options;
  options.goodbye_ms = 20'000;
  RunningPool worker(
      server.url(),
      [](const Task&, Context&) -> Outcome { return StopWorker{"\xff" + std::string(9'000, 'x')}; },
      options, std::chrono::minutes(30), /*says_goodbye=*/true);
  server.Answer(server.Next(), LeaseJson("1-1"));
  server.Answer(server.NextReporting("1-1.1.1"));
  const Asked last = server.NextWith(
      [](const Asked& a) { return a.http.body.find(R"("goodbye":true)") != std::string::npos; });
  EXPECT_THAT(last.http.body,
              HasSubstr(R"("reason":"\\xff)" + std::string(8'192 - 4, 'x') + R"("})"));
  server.Answer(last);
  (void)worker.Join();
}

TEST(Pool, AServerThatRefusesTheWorkerEndsIt) {
  FakeTreadle server;
  RunningPool worker(server.url(), Echo);
  testing::TestServer::Answer(server.Next().http, 401,
                              R"({"code":"UNAUTHENTICATED","detail":"no token"})");
  EXPECT_EQ(worker.Join().ToString(), "UNAUTHENTICATED: no token");
}

TEST(Pool, WithoutAServerItStopsAtOnceIfThereIsNothingToReport) {
  FakeTreadle server;
  server.Stop();
  RunningPool worker(server.url(), Echo);
  worker.Stop();
  EXPECT_TRUE(worker.Join().ok());
}

TEST(Pool, StoppedWithoutAServerItReportsWhatItCouldNotDeliver) {
  FakeTreadle server;
  PoolSettings options;
  options.shutdown_grace_ms = options.cancel_wait_ms = 1;
  RunningPool worker(server.url(), Echo, options);
  server.Answer(server.Next(), LeaseJson("1-1"));
  (void)server.NextReporting("1-1.1.1");
  server.Stop();
  for (int i = 0; i < 4; ++i) worker.Stop();
  EXPECT_EQ(worker.Join().code(), Code::kUnavailable);
}

TEST(Pool, BadOptionsAreNamed) {
  EXPECT_EQ(Pool::Make({.concurrency = 0}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Pool::Make({.queues = {}}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Pool::Make({.client = {.server = "https://"}}).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ((*Pool::Make({}))->Run().code(), Code::kInvalidArgument) << "no handler";
}

}  // namespace
}  // namespace treadle::worker
