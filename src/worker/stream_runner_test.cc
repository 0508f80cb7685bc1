#include "worker/stream_runner.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

namespace treadle::worker {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

using Programs = std::shared_ptr<StreamPrograms>;

/// Runs `script`, in a shell, behind the greeting.
StreamOptions StreamShell(const std::string& script) {
  return {.argv = {"/bin/sh", "-c", "read -r _; echo '{\"ready\":1}'; " + script},
          .type = "t",
          .kill_after_ms = 50,
          .log = [](std::string_view) {},
          .start_limit_ms = 20'000,
          .leave_ms = 20'000};
}

Outcome RunTask(const Programs& programs, std::string payload = "null",
                std::stop_token cancelled = {}, AttemptLink* link = nullptr) {
  const Handler handler = MakeStreamHandler(programs);
  const Task task{.id = "1-5", .payload = std::move(payload), .content_type = "application/json"};
  Context context(std::move(cancelled), Context::Clock::time_point::max(), &task, nullptr, nullptr,
                  link);
  return handler(task, context);
}

std::string ResultOf(const Outcome& outcome) { return std::get<Completed>(outcome).result; }

/// Saves one step, and is lost then.
class OneStep final : public AttemptLink {
 public:
  std::optional<Bytes> FindStep(std::string_view) override { return {}; }
  std::map<std::string, Bytes, std::less<>> Steps() override { return steps_; }
  Status SaveStep(const std::string& name, const Bytes& result) override {
    if (!steps_.empty()) return {Code::kLeaseLost, "another worker has the task"};
    steps_[name] = result;
    return {};
  }
  std::optional<Bytes> FindCheckpoint() override { return Bytes{"5", "application/json"}; }
  Status SaveCheckpoint(const Bytes&) override { return {}; }
  void TellProgress(double, std::string_view) override {}
  void AppendLog(std::string_view text) override { log += text; }

  std::string log;

 private:
  std::map<std::string, Bytes, std::less<>> steps_;
};

size_t CountDescriptors() {
  size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

TEST(StreamRunner, StepsAreAnsweredAndCheckpointsComeWithTheTask) {
  const auto programs = std::make_shared<StreamPrograms>(
      StreamShell("read -r task; "
                  "for n in 1 2; do echo '{\"step\":{\"name\":\"s\",\"result\":1}}'; "
                  "read -r answer; echo \"$answer\" >&2; done; "
                  "value=${task##*\\\"data\\\":}; echo \"{\\\"result\\\":${value%?}\"; read -r _"));
  OneStep link;
  EXPECT_EQ(ResultOf(RunTask(programs, "null", {}, &link)), "5");
  EXPECT_EQ(link.log,
            "{\"saved\":true}\n{\"saved\":false,\"error\":{\"code\":\"LEASE_LOST\",\"message\":"
            "\"another worker has the task\"}}\n");
}

TEST(StreamRunner, AProgramThatIgnoresSigtermIsKilled) {
  const auto programs = std::make_shared<StreamPrograms>(
      StreamShell("trap '' TERM; read -r _; echo begun >&2; while :; do sleep 1000; done"));
  ASSERT_TRUE(programs->StartFirst().ok());
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(std::holds_alternative<Released>(RunTask(programs, "null", source.get_token())));
}

TEST(StreamRunner, AProgramThatIgnoresTheEndOfItsInputIsEndedWithItsWorker) {
  for (const char* deaf : {"", "trap '' TERM; "}) {
    StreamOptions options = StreamShell(deaf + std::string("while :; do sleep 1000; done"));
    options.leave_ms = 50;
    const auto programs = std::make_shared<StreamPrograms>(options);
    EXPECT_TRUE(programs->StartFirst().ok());
  }
}

TEST(StreamRunner, AProgramThatIsNeverReadyIsNamed) {
  StreamOptions options{.argv = {"/bin/sh", "-c", "echo loading >&2; exec sleep 1000"},
                        .kill_after_ms = 50,
                        .log = [](std::string_view) {},
                        .start_limit_ms = 250};
  StreamPrograms programs(options);
  EXPECT_EQ(programs.StartFirst().message(),
            "cannot run /bin/sh: it was not ready within 250 ms: loading");
  options.argv = {"/no/such/program"};
  EXPECT_EQ(StreamPrograms(options).StartFirst().message(),
            "cannot run /no/such/program: No such file or directory");
}

TEST(StreamRunner, AProgramMustChooseAVersionThatThereIs) {
  StreamOptions options = StreamShell("");
  options.argv = {"/bin/sh", "-c", "echo '{\"ready\":2}'; sleep 1000"};
  EXPECT_THAT(StreamPrograms(options).StartFirst().message(), EndsWith("{\"ready\":2}"));
}

TEST(StreamRunner, AProgramThatNeverReadsItsAnswersFailsItsTask) {
  const auto programs = std::make_shared<StreamPrograms>(
      StreamShell("read -r _; yes '{\"checkpoint\":{\"data\":1}}'"));
  EXPECT_EQ(std::get<Failed>(RunTask(programs)).code, "output_closed");
}

TEST(StreamRunner, AFloodOfLinesDoesNotHideACancellation) {
  const auto programs = std::make_shared<StreamPrograms>(
      StreamShell("trap '' TERM; read -r _; yes '{\"log\":\"x\"}'"));
  ASSERT_TRUE(programs->StartFirst().ok());
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(std::holds_alternative<Released>(RunTask(programs, "null", source.get_token())));
}

TEST(StreamRunner, LargeLinesFlowInBothDirections) {
  const auto programs = std::make_shared<StreamPrograms>(
      StreamShell("read -r task; payload=${task#*\\\"payload\\\":}; "
                  "printf '{\"result\":%s}\\n' \"${payload%%,\\\"content_type*}\"; read -r _"));
  const std::string text = '"' + std::string(1'000'000, 'x') + '"';
  EXPECT_EQ(ResultOf(RunTask(programs, text)), text);
}

TEST(StreamRunner, ATaskThatWasNotReadIsGivenToAnotherProgram) {
  const std::string count = ::testing::TempDir() + "treadle-stream-" + std::to_string(getpid());
  // The first two end without a look at their input.
  const auto programs = std::make_shared<StreamPrograms>(
      StreamShell("echo >> " + count + "; test $(wc -l < " + count +
                  ") -gt 2 || exit 3; read -r _; echo '{\"result\":1}'; read -r _"));
  const Status first = programs->StartFirst();
  if (first.ok()) {
    EXPECT_EQ(ResultOf(RunTask(programs)), "1");
  } else {
    EXPECT_THAT(first.message(), HasSubstr("ended with exit status 3"));
  }
  unlink(count.c_str());
}

TEST(StreamRunner, ManyThreadsAtOnceMixNothingUpAndLeakNothing) {
  const size_t before = CountDescriptors();
  {
    StreamOptions options = StreamShell(
        "while read -r task; do payload=${task#*\\\"payload\\\":}; "
        "echo \"{\\\"result\\\":${payload%%,*}}\"; done");
    options.programs_max = 4;
    const auto programs = std::make_shared<StreamPrograms>(options);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          const std::string payload = std::to_string(t * 1'000 + i);
          EXPECT_EQ(ResultOf(RunTask(programs, payload)), payload);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(CountDescriptors(), before);
}

}  // namespace
}  // namespace treadle::worker
