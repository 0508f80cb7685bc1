#include "worker/exec_runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <thread>

#include "worker/child_process.h"
#include "worker/program.h"

namespace treadle::worker {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Outcome Exec(std::vector<std::string> argv, std::string payload = "",
             std::stop_token cancelled = {},
             Context::Clock::time_point deadline = Context::Clock::time_point::max()) {
  const Handler handler = MakeExecHandler({.argv = std::move(argv), .kill_after_ms = 50});
  Context context(std::move(cancelled), deadline);
  const bool is_bounded = deadline != Context::Clock::time_point::max();
  return handler({.id = "1-42",
                  .type = "hello",
                  .queue = "q",
                  .attempt = 2,
                  .max_attempts = 20,
                  .payload = std::move(payload),
                  .content_type = "application/json",
                  .deadline_at_ms = is_bounded ? 1'795'467'181'250 : 0,
                  .traceparent = is_bounded ? kTraceparent : ""},
                 context);
}

Outcome Shell(const std::string& script, std::string payload = "") {
  return Exec({"/bin/sh", "-c", script}, std::move(payload));
}

size_t OpenDescriptors() {
  size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

TEST(ExecRunner, ThePayloadGoesInAndTheResultComesOut) {
  const auto outcome = Exec({"tr", "a-z", "A-Z"}, R"({"name":"Ada"})");
  const auto& done = std::get<Completed>(outcome);
  EXPECT_EQ(done.result, R"({"NAME":"ADA"})");
  EXPECT_EQ(done.content_type, "text/plain; charset=utf-8");
}

TEST(ExecRunner, ExitStatusesMapToOutcomes) {
  for (const int status : {1, 2, 64, 75, 125, 126, 127, 255}) {
    const auto outcome = Shell("exit " + std::to_string(status));
    const auto& failed = std::get<Failed>(outcome);
    EXPECT_TRUE(failed.retry) << status;
    EXPECT_EQ(failed.code, "exit_" + std::to_string(status));
    EXPECT_EQ(failed.message, "exit status " + std::to_string(status));
  }
  for (const int status : {65, 66, 77, 78}) {
    EXPECT_FALSE(std::get<Failed>(Shell("exit " + std::to_string(status))).retry) << status;
  }
}

TEST(ExecRunner, AProgramCanSnoozeOrDiscardItsTask) {
  const auto delay_ms = [](const std::string& script) {
    return std::get<Snoozed>(Shell(script + "; exit 118")).delay.count();
  };
  EXPECT_EQ(delay_ms("echo not yet; echo 10m"), 600'000);
  EXPECT_EQ(delay_ms("printf 1h30m"), 5'400'000);
  EXPECT_EQ(delay_ms("echo to standard error >&2"), 60'000);
  const auto wrong = std::get<Failed>(Shell("echo come back later; exit 118"));
  EXPECT_EQ(wrong.code, "snooze_invalid");
  EXPECT_THAT(wrong.message, HasSubstr("\"come back later\""));
  EXPECT_TRUE(wrong.retry) << "an attempt is spent, so it comes to an end";
  const auto discarded = std::get<Discarded>(Shell("echo sold out >&2; exit 119"));
  EXPECT_EQ(discarded.code, "discarded");
  EXPECT_EQ(discarded.reason, "sold out");
}

TEST(ExecRunner, TheEnvironmentHasTheTimesAndTheTrace) {
  const std::vector<std::string> argv = {
      "/bin/sh", "-c", "echo $TREADLE_DEADLINE; test $TREADLE_TIMEOUT_MS -gt 1000"};
  const auto deadline = Context::Clock::now() + std::chrono::minutes(1);
  EXPECT_EQ(std::get<Completed>(Exec(argv, "", {}, deadline)).result, "2026-11-23T20:53:01.250Z\n");
  EXPECT_EQ(std::get<Completed>(Shell("echo ${TRACEPARENT-none}")).result, "none\n");
  const std::vector<std::string> trace = {"/bin/sh", "-c", "echo $TRACEPARENT"};
  EXPECT_EQ(std::get<Completed>(Exec(trace, "", {}, deadline)).result,
            std::string(kTraceparent) + "\n");
  setenv("TRACEPARENT", "of the worker", 1);
  EXPECT_EQ(std::get<Completed>(Exec(trace, "", {}, deadline)).result,
            std::string(kTraceparent) + "\n");
  EXPECT_EQ(std::get<Completed>(Shell("echo \"<$TRACEPARENT>\"")).result, "<>\n");
  unsetenv("TRACEPARENT");
  setenv("TREADLE_DEADLINE", "of an outer task", 1);
  EXPECT_EQ(std::get<Completed>(Shell("echo \"<$TREADLE_DEADLINE$TREADLE_TIMEOUT_MS>\"")).result,
            "<>\n");
  unsetenv("TREADLE_DEADLINE");
}

TEST(ExecRunner, AScriptThatCallsAMissingCommandFailsWithoutStoppingTheWorker) {
  const auto failed = std::get<Failed>(Shell("treadle-no-such-command"));
  EXPECT_EQ(failed.code, "exit_127");
  EXPECT_THAT(failed.message, HasSubstr("treadle-no-such-command"));
  EXPECT_TRUE(failed.retry);
  EXPECT_EQ(std::get<Failed>(Exec({"env", "treadle-no-such-command"})).code, "exit_127");
}

TEST(ExecRunner, AProgramThatCannotBeRunStopsTheWorker) {
  EXPECT_EQ(std::get<StopWorker>(Exec({"treadle-no-such-program"})).reason,
            "cannot run treadle-no-such-program: No such file or directory");
  EXPECT_EQ(std::get<StopWorker>(Exec({"/"})).reason, "cannot run /: Permission denied");
  const std::string script = ::testing::TempDir() + "treadle-script-" + std::to_string(getpid());
  std::ofstream(script) << "#!/no/such/interpreter\n";
  chmod(script.c_str(), 0700);
  EXPECT_EQ(std::get<StopWorker>(Exec({script})).reason,
            "cannot run " + script + ": No such file or directory");
  EXPECT_THAT(CheckProgram(script).message(), HasSubstr("its interpreter /no/such/interpreter"));
  chmod(script.c_str(), 0600);
  EXPECT_THAT(CheckProgram(script).message(), HasSubstr("chmod +x " + script));
  unlink(script.c_str());
}

TEST(ExecRunner, AProgramIsCheckedBeforeItIsNeeded) {
  EXPECT_TRUE(CheckProgram("sh").ok());
  EXPECT_TRUE(CheckProgram("/bin/sh").ok());
  EXPECT_EQ(CheckProgram("treadle-no-such-program").message(),
            "cannot run treadle-no-such-program: there is no such program in PATH");
  EXPECT_EQ(CheckProgram("/no/such").message(), "cannot run /no/such: No such file or directory");
  EXPECT_EQ(CheckProgram("/tmp").message(), "cannot run /tmp: Is a directory");
  EXPECT_FALSE(CheckProgram("").ok());
}

// A child of the test's own process stands for the worker, and is killed.
TEST(ExecRunner, ProgramsDieWithTheirWorkerAndSoDoTheirChildren) {
  const std::string fifo = ::testing::TempDir() + "treadle-guard-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const pid_t worker = fork();
  if (worker == 0) {
    (void)Exec({"/bin/sh", "-c", "exec 3>\"$0\"; sleep 1000 & echo begun >&3; wait", fifo});
    _exit(0);
  }
  const int held = open(fifo.c_str(), O_RDONLY | O_CLOEXEC);  // waits for the program
  std::array<char, 16> bytes{};
  ASSERT_EQ(read(held, bytes.data(), bytes.size()), 6);
  kill(worker, SIGKILL);
  waitpid(worker, nullptr, 0);
  pollfd readable{.fd = held, .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&readable, 1, 30'000), 1) << "somebody still has it open, and so lives on";
  EXPECT_EQ(read(held, bytes.data(), bytes.size()), 0);
  close(held);
  unlink(fifo.c_str());
}

TEST(ExecRunner, DeathByASignalNamesTheSignal) {
  const auto outcome = Shell("echo last words >&2; kill -9 $$");
  const auto& failed = std::get<Failed>(outcome);
  EXPECT_TRUE(failed.retry);
  EXPECT_EQ(failed.code, "signal_SIGKILL");
  EXPECT_EQ(failed.message, "killed by SIGKILL: last words");
  EXPECT_EQ(std::get<Failed>(Shell("kill -PIPE $$")).code, "signal_SIGPIPE");
}

TEST(ExecRunner, TheTailOfStandardErrorBecomesTheErrorText) {
  const auto outcome = Shell("head -c 100000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3");
  const auto& failed = std::get<Failed>(outcome);
  EXPECT_EQ(failed.message.size(), 8191u) << "8 KiB without the line end";
  EXPECT_THAT(failed.message, EndsWith("xxxthe end"));
}

TEST(ExecRunner, LargeInputAndOutputFlowAtTheSameTime) {
  const std::string payload(1 << 20, 'p');
  EXPECT_EQ(std::get<Completed>(Exec({"cat"}, payload)).result, payload);
}

TEST(ExecRunner, TooMuchOutputFailsForGood) {
  const auto outcome = Shell("head -c 1048577 /dev/zero");
  const auto& failed = std::get<Failed>(outcome);
  EXPECT_EQ(failed.code, "result_too_large");
  EXPECT_FALSE(failed.retry);
  EXPECT_EQ(std::get<Completed>(Shell("head -c 1048576 /dev/zero")).result.size(), 1048576u);
}

TEST(ExecRunner, AProgramNeedNotReadItsInput) {
  EXPECT_EQ(std::get<Completed>(Shell("exec <&-; echo ok", std::string(1 << 20, 'p'))).result,
            "ok\n");
}

TEST(ExecRunner, TheEnvironmentDescribesTheTask) {
  EXPECT_EQ(std::get<Completed>(
                Shell("echo $TREADLE_TASK_ID $TREADLE_TYPE $TREADLE_QUEUE $TREADLE_ATTEMPT "
                      "$TREADLE_MAX_ATTEMPTS $TREADLE_CONTENT_TYPE; test -n \"$PATH\""))
                .result,
            "1-42 hello q 2 20 application/json\n");
}

TEST(ExecRunner, CancellationEndsTheProgramAndReleasesTheTask) {
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  const Outcome outcome = Exec({"sleep", "1000"}, "", source.get_token());
  EXPECT_TRUE(std::holds_alternative<Released>(outcome));
}

TEST(ExecRunner, AProgramThatIgnoresTheFirstSignalIsKilled) {
  const std::string fifo = ::testing::TempDir() + "treadle-exec-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::stop_source source;
  std::jthread stopper([&] {
    close(open(fifo.c_str(), O_RDONLY | O_CLOEXEC));  // waits until the program is deaf
    source.request_stop();
  });
  const Outcome outcome =
      Exec({"/bin/sh", "-c", "trap '' TERM; : > \"$0\"; while :; do sleep 1000; done", fifo}, "",
           source.get_token());
  EXPECT_TRUE(std::holds_alternative<Released>(outcome));
  unlink(fifo.c_str());
}

TEST(ExecRunner, ChildrenOfTheProgramAreNotWaitedFor) {
  EXPECT_EQ(std::get<Completed>(Shell("sleep 5 & echo early")).result, "early\n");
}

TEST(ExecRunner, ManyThreadsAtOnceMixNothingUpAndLeakNothing) {
  (void)Shell("true");
  const size_t before = OpenDescriptors();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 10; ++i) {
        const std::string payload = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_EQ(std::get<Completed>(Exec({"cat"}, payload)).result, payload);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(ExecRunner, NoChildInheritsThePipesOfAnother) {
  const auto count = [] { return std::get<Completed>(Shell("ls /proc/self/fd | wc -l")).result; };
  const std::string alone = count();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(count(), alone);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace treadle::worker
