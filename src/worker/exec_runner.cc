#include "worker/exec_runner.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/duration.h"
#include "base/duration_hint.h"
#include "base/time.h"
#include "base/utf8.h"
#include "worker/child_guard.h"
#include "worker/child_process.h"
#include "worker/error_text.h"

namespace treadle::worker {
namespace {

using std::chrono::milliseconds;

constexpr int kSnoozed = 118;
constexpr int kDiscarded = 119;
constexpr milliseconds kSnoozeDefault(60'000);
constexpr size_t kErrorBytesMax = size_t{8} << 10;
constexpr size_t kQuotedBytesMax = 100;
constexpr size_t kStderrBytesMax = (size_t{64} << 10) - 1;  // with a last line end

std::string TimeoutMs(const Context& context) {
  if (context.deadline() == Context::Clock::time_point::max()) return "";
  const auto left = std::chrono::ceil<milliseconds>(context.deadline() - Context::Clock::now());
  return std::to_string(std::max<int64_t>(left.count(), 0));
}

std::vector<std::string> TaskEnvironment(const Task& task, const Context& context) {
  const bool has_deadline = task.deadline_at_ms != 0;
  std::vector<std::string> variables = {
      "TREADLE_TIMEOUT_MS=" + TimeoutMs(context),
      "TREADLE_DEADLINE=" + (has_deadline ? FormatWallTime({task.deadline_at_ms}) : ""),
      "TREADLE_TASK_ID=" + task.id,
      "TREADLE_TYPE=" + task.type,
      "TREADLE_QUEUE=" + task.queue,
      "TREADLE_ATTEMPT=" + std::to_string(task.attempt),
      "TREADLE_MAX_ATTEMPTS=" + std::to_string(task.max_attempts),
      "TREADLE_CONTENT_TYPE=" + task.content_type};
  // Without one, that of the worker is no trace of this task.
  if (!task.traceparent.empty() || std::getenv("TRACEPARENT") != nullptr)
    variables.push_back("TRACEPARENT=" + task.traceparent);
  return variables;
}

// Without white space at its end.
std::string_view Text(std::string_view tail) {
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == '\r' || tail.back() == ' '))
    tail.remove_suffix(1);
  return tail;
}

Outcome OutcomeOfSpawnFailure(const std::string& program, int error) {
  static constexpr int kPassing[] = {EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EIO};
  const std::string why = "cannot run " + program + ": " + std::strerror(error);
  if (std::ranges::find(kPassing, error) != std::end(kPassing)) return Failed{"exec_failed", why};
  return StopWorker{why};
}

Outcome OutcomeOfSignal(int signal, std::string_view text) {
  const std::string name = SignalName(signal);
  std::string message = "killed by " + name;
  if (!text.empty()) message.append(": ").append(text);
  return Failed{"signal_" + name, std::move(message)};
}

// The last line of output says for how long.
Outcome SnoozedFor(std::string_view output) {
  output = Text(output);
  const std::string_view line = output.substr(output.rfind('\n') + 1);
  if (line.empty()) return Snoozed{kSnoozeDefault};
  if (const auto ms = ParseDuration(line)) return Snoozed{milliseconds(*ms)};
  return Failed{"snooze_invalid", "the last line of output is not a snooze duration: " +
                                      WhyNoDuration(Utf8Head(line, kQuotedBytesMax))};
}

Outcome OutcomeOfExit(int status, std::string_view output, std::string_view text) {
  switch (status) {
    case kSnoozed:
      return SnoozedFor(output);
    case kDiscarded:
      return Discarded{std::string(text)};
    default: {
      const bool is_final = status == 65 || status == 66 || status == 77 || status == 78;
      const std::string number = std::to_string(status);
      return Failed{"exit_" + number, text.empty() ? "exit status " + number : std::string(text),
                    /*retry=*/!is_final};
    }
  }
}

ChildResult Run(const ExecOptions& options, const ChildGuard* guard, const Task& task,
                const Context& context) {
  ErrorText errors(options.raw_errors);
  ChildOptions child{.argv = options.argv,
                     .environment = TaskEnvironment(task, context),
                     .error_tail_bytes = kStderrBytesMax,
                     .on_error_text = [&](std::string_view bytes) { errors.Pass(bytes); },
                     .kill_after_ms = options.kill_after_ms,
                     .guard = guard};
  if (task.sensitive) child.on_error_text = nullptr;
  return RunChild(child, task.payload, context.stop_token());
}

}  // namespace

Handler MakeExecHandler(ExecOptions options) {
  TREADLE_CHECK(!options.argv.empty());
  const std::shared_ptr<const ChildGuard> guard = ChildGuard::Start();
  return [options = std::move(options), guard](const Task& task, Context& context) -> Outcome {
    ChildResult child = Run(options, guard.get(), task, context);
    context.AppendLog(Utf8Tail(child.error_tail, kStderrBytesMax));
    const std::string_view text = Text(Utf8Tail(child.error_tail, kErrorBytesMax));
    if (child.spawn_errno != 0)
      return OutcomeOfSpawnFailure(options.argv.front(), child.spawn_errno);
    if (child.was_cancelled && (child.signal != 0 || child.exit_status != 0)) return Released{};
    if (child.signal != 0) return OutcomeOfSignal(child.signal, text);
    if (child.exit_status != 0) return OutcomeOfExit(child.exit_status, child.output, text);
    if (child.output_too_large) {
      return Failed{"result_too_large", "the program printed more than 1048576 bytes",
                    /*retry=*/false};
    }
    return Completed{std::move(child.output), options.result_content_type};
  };
}

}  // namespace treadle::worker
