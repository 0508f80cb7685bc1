#include "worker/exec_runner.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "worker/child_process.h"

namespace treadle::worker {
namespace {

std::vector<std::string> Environment(const Task& task) {
  return {"TREADLE_TASK_ID=" + task.id,
          "TREADLE_TYPE=" + task.type,
          "TREADLE_QUEUE=" + task.queue,
          "TREADLE_ATTEMPT=" + std::to_string(task.attempt),
          "TREADLE_MAX_ATTEMPTS=" + std::to_string(task.max_attempts),
          "TREADLE_CONTENT_TYPE=" + task.content_type};
}

// The tail as text: without the rest of a character that was cut, and without white space at its
// end.
std::string_view Text(std::string_view tail) {
  while (!tail.empty() && (static_cast<uint8_t>(tail.front()) & 0xc0) == 0x80)
    tail.remove_prefix(1);
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == '\r' || tail.back() == ' '))
    tail.remove_suffix(1);
  return tail;
}

Outcome OutcomeOfSpawnFailure(const std::string& program, int error) {
  const std::string why = "cannot run " + program + ": " + std::strerror(error);
  const bool may_work_later =
      error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
  if (may_work_later) return Failed{"exec_failed", why};
  return StopWorker{why};
}

Outcome OutcomeOfSignal(int signal, std::string_view text) {
  const std::string name = SignalName(signal);
  std::string message = "killed by " + name;
  if (!text.empty()) message.append(": ").append(text);
  return Failed{"signal_" + name, std::move(message)};
}

Outcome OutcomeOfExit(const std::string& program, int status, std::string_view text) {
  const std::string said = text.empty() ? "" : ": " + std::string(text);
  switch (status) {
    case 126:
    case 127:
      return StopWorker{program + " ended with exit status " + std::to_string(status) + " (" +
                        (status == 126 ? "cannot be run" : "not found") + ")" + said};
    default: {
      const bool is_final = status == 65 || status == 66 || status == 77 || status == 78;
      const std::string number = std::to_string(status);
      return Failed{"exit_" + number, text.empty() ? "exit status " + number : std::string(text),
                    /*retry=*/!is_final};
    }
  }
}

}  // namespace

Handler MakeExecHandler(ExecOptions options) {
  TREADLE_CHECK(!options.argv.empty());
  return [options = std::move(options)](const Task& task, Context& context) -> Outcome {
    const std::string& program = options.argv.front();
    ChildResult child = RunChild({.argv = options.argv,
                                  .environment = Environment(task),
                                  .kill_after_ms = options.kill_after_ms},
                                 task.payload, context.stop_token());
    const std::string_view text = Text(child.error_tail);
    if (child.spawn_errno != 0) return OutcomeOfSpawnFailure(program, child.spawn_errno);
    if (child.was_cancelled && (child.signal != 0 || child.exit_status != 0)) return Released{};
    if (child.signal != 0) return OutcomeOfSignal(child.signal, text);
    if (child.exit_status != 0) return OutcomeOfExit(program, child.exit_status, text);
    if (child.output_too_large) {
      return Failed{"result_too_large", "the program wrote more than 1048576 bytes of output",
                    /*retry=*/false};
    }
    return Completed{std::move(child.output), options.result_content_type};
  };
}

}  // namespace treadle::worker
