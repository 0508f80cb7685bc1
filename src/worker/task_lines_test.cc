// The lines for people, from the handler's end to the server's answer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>

#include "treadle/worker.h"
#include "worker/fake_treadle.h"

namespace treadle::worker {
namespace {

using ::testing::IsEmpty;

constexpr const char* kRetrying = R"(,"state":"retrying","retry_in_ms":222)";

class Lines {
 public:
  LogFn Into() {
    return [this](std::string_view line) {
      MutexLock lock(mutex_);
      lines_.emplace_back(line);
      added_.notify_all();
    };
  }
  /// The oldest line that was not taken yet, once there is one.
  std::string Next() {
    MutexLock lock(mutex_);
    while (lines_.empty())
      if (added_.wait_for(mutex_, std::chrono::seconds(20)) == std::cv_status::timeout)
        return "no line came";
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }
  std::deque<std::string> rest() {
    MutexLock lock(mutex_);
    return lines_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any added_;
  std::deque<std::string> lines_;
};

Outcome FailBusy(const Task&, Context&) { return Failed{"busy", "no\nroom"}; }

/// A worker of the SDK that runs in a thread of its own.
class RunningWorker {
 public:
  RunningWorker(const FakeTreadle& server, WorkerOptions options)
      : worker_(WithServer(std::move(options), server.url())) {
    worker_.Handle("t", FailBusy);
    thread_ = std::thread([this] { status_ = worker_.Run(); });
  }
  ~RunningWorker() { (void)Stop(); }

  Status Stop() {
    for (int i = 0; i < 4; ++i) worker_.Stop();
    if (thread_.joinable()) thread_.join();
    return status_;
  }

 private:
  static WorkerOptions WithServer(WorkerOptions options, const std::string& url) {
    options.client.servers = {url};
    return options;
  }

  Worker worker_;
  Status status_;
  std::thread thread_;
};

TEST(TaskLines, AFailureNamesTheTimeOfItsRetry) {
  FakeTreadle server;
  Lines lines;
  RunningPool pool(server.url(), FailBusy, {.task_line = lines.Into()});
  server.Answer(server.Next(), LeaseJson("1-6"));
  Asked report = server.NextReporting("1-6.1.1");
  EXPECT_THAT(lines.rest(), IsEmpty()) << "the server has not said yet what follows";
  server.Answer(report, LeaseJson("1-7"), "", "OK", kRetrying);
  EXPECT_EQ(lines.Next(), "1-6 t failed (busy: room), attempt 1 of 20, retrying in 222 ms");
  report = server.NextReporting("1-7.1.1");
  server.Answer(report, "", "", "OK", R"(,"state":"dead")");
  EXPECT_EQ(lines.Next(), "1-7 t failed (busy: room), attempt 1 of 20, dead");
}

TEST(TaskLines, WithoutWhatFollowsTheLineLeavesItOut) {
  FakeTreadle server;
  Lines lines;
  RunningPool pool(server.url(), FailBusy, {.task_line = lines.Into()});
  server.Answer(server.Next(), LeaseJson("1-6"));
  server.Answer(server.NextReporting("1-6.1.1"));
  EXPECT_EQ(lines.Next(), "1-6 t failed (busy: room), attempt 1 of 20");
}

TEST(TaskLines, AReportThatIsSentAgainHasOneLine) {
  FakeTreadle server;
  Lines lines;
  RunningPool pool(server.url(), FailBusy, {.task_line = lines.Into()});
  server.Answer(server.Next(), LeaseJson("1-6"));
  testing::TestServer::Break(server.NextReporting("1-6.1.1").http);
  server.Answer(server.NextReporting("1-6.1.1"), LeaseJson("1-7"), "", "OK", kRetrying);
  EXPECT_EQ(lines.Next(), "1-6 t failed (busy: room), attempt 1 of 20, retrying in 222 ms");
  server.Answer(server.NextReporting("1-7.1.1"), "", "", "OK", kRetrying);
  EXPECT_EQ(lines.Next(), "1-7 t failed (busy: room), attempt 1 of 20, retrying in 222 ms");
}

TEST(TaskLines, ASensitiveTaskShowsOnlyTheTimeOfItsRetry) {
  FakeTreadle server;
  Lines lines;
  RunningPool pool(server.url(), FailBusy, {.task_line = lines.Into()});
  server.Answer(server.Next(), LeaseJson("1-6", "{}", 30'000, R"(,"sensitive":true)"));
  server.Answer(server.NextReporting("1-6.1.1"), "", "", "OK", kRetrying);
  EXPECT_EQ(lines.Next(), "1-6 t failed, attempt 1 of 20, retrying in 222 ms");
}

TEST(TaskLines, AWorkerOfTheSdkLogsThem) {
  FakeTreadle server;
  Lines lines;
  RunningWorker worker(server, {.log = lines.Into()});
  server.Answer(server.Next(), LeaseJson("1-6"));
  server.Answer(server.NextReporting("1-6.1.1"), "", "", "OK", kRetrying);
  EXPECT_EQ(lines.Next(), "1-6 t failed (busy: room), attempt 1 of 20, retrying in 222 ms");
  const std::jthread serving = server.ServeTheRest();
  EXPECT_TRUE(worker.Stop().ok());
}

TEST(TaskLines, AQuietWorkerOfTheSdkLogsNone) {
  FakeTreadle server;
  Lines lines;
  RunningWorker worker(server, {.log = lines.Into(), .quiet = true});
  server.Answer(server.Next(), LeaseJson("1-6"));
  server.Answer(server.NextReporting("1-6.1.1"), LeaseJson("1-7"), "", "OK", kRetrying);
  server.Answer(server.NextReporting("1-7.1.1"));  // so it has read what follows 1-6
  const std::jthread serving = server.ServeTheRest();
  EXPECT_TRUE(worker.Stop().ok());
  EXPECT_THAT(lines.rest(), IsEmpty());
}

}  // namespace
}  // namespace treadle::worker
