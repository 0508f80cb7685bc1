// treadle worker exec
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <memory>

#include "cli/commands.h"
#include "cli/worker_run.h"
#include "treadle/worker.h"
#include "worker/exec_runner.h"
#include "worker/init_process.h"
#include "worker/program.h"
#include "worker/stream_runner.h"
#include "worker/task_line.h"

namespace treadle::cli {
namespace {

struct ExecFlags {
  std::string type;
  std::vector<std::string> queues;
  std::optional<int64_t> concurrency;
  std::optional<int64_t> timeout_ms;
  std::string name;
  std::string build;
  bool quiet = false;
  bool stream = false;
  std::string content_type;  // empty: not given
  worker::ExecOptions exec;
};

Result<worker::PoolSettings> Settings(Session& session, const ExecFlags& flags) {
  TREADLE_ASSIGN_OR_RETURN(worker::PoolSettings settings, WorkerOptionsFor(session));
  if (!flags.queues.empty()) settings.queues = flags.queues;
  if (flags.concurrency) settings.concurrency = static_cast<size_t>(*flags.concurrency);
  settings.name = flags.name;
  settings.build = flags.build;
  settings.ahead = flags.stream;
  if (!flags.quiet) settings.task_line = worker::WriteTaskLine;
  return settings;
}

using Programs = std::shared_ptr<worker::StreamPrograms>;

Handler OneProgramEach(const ExecFlags& flags) {
  worker::ExecOptions options = flags.exec;
  if (!flags.content_type.empty()) options.result_content_type = flags.content_type;
  return worker::MakeExecHandler(std::move(options));
}

Programs MakePrograms(const ExecFlags& flags, size_t concurrency) {
  return std::make_shared<worker::StreamPrograms>(
      worker::StreamOptions{.argv = flags.exec.argv,
                            .type = flags.type,
                            .programs_max = concurrency,
                            .raw_errors = flags.exec.raw_errors,
                            .log = worker::LogToStandardError});
}

ExitStatus Exec(Session& session, const ExecFlags& flags) {
  if (flags.stream && !flags.content_type.empty())
    return session.Fail(ExitStatus::kUsage,
                        "--content-type does not go with --stream: a result is JSON, or its line "
                        "has the content type");
  Status program = worker::CheckProgram(flags.exec.argv[0]);
  if (program.ok()) worker::BecomeInitIfFirst();
  const Result<worker::PoolSettings> options = Settings(session, flags);
  if (!options.ok()) return session.Fail(options.status());
  const Result<std::unique_ptr<worker::Pool>> worker = worker::Pool::Make(*options);
  if (!worker.ok()) return session.Fail(worker.status());
  std::chrono::milliseconds timeout = kNoTimeout;
  if (flags.timeout_ms) timeout = std::chrono::milliseconds(*flags.timeout_ms);
  Programs programs;
  if (flags.stream && program.ok()) {
    programs = MakePrograms(flags, options->concurrency);
    program = programs->StartFirst();
  }
  (*worker)->Handle(
      flags.type, programs != nullptr ? worker::MakeStreamHandler(programs) : OneProgramEach(flags),
      timeout);
  if (!program.ok()) {
    const char* const hint = flags.quiet ? "; -q means --quiet: name a queue with --queue" : "";
    const ExitStatus exit = session.Fail(ExitStatusFor(program), program.message() + hint);
    (*worker)->Decline(program.message());
    return exit;
  }
  session.console().Message(fmt::format("running {} for tasks of type {} in {}; Ctrl-C stops it",
                                        Printable(flags.exec.argv[0]), Printable(flags.type),
                                        fmt::join(options->queues, ", ")));
  session.Hint(fmt::format("  give it work:  {}",
                           session.CommandLineFor(fmt::format(
                               "task enqueue {} '{{\"name\":\"Ada\"}}' --wait", flags.type))));
  return RunWorker(session, **worker);
}

}  // namespace

void AddWorkerExec(Command parent, Session& session) {
  auto flags = std::make_shared<ExecFlags>();
  parent.Sub("exec", "Run a program for each task: payload on stdin, result on stdout")
      .Positional("TYPE", Need::kRequired, &flags->type, "The type of the tasks to run")
      .Rest("PROGRAM", &flags->exec.argv, "The program and its arguments, after --")
      .Texts("--queue", "NAME", &flags->queues,
             "A queue to take tasks from; may be repeated (default \"default\")")
      .Number("-c,--concurrency", &flags->concurrency, 1, 1000,
              "Tasks to run at the same time (default 10)")
      .Duration("--timeout", &flags->timeout_ms,
                "Time limit for a run: SIGTERM after it, SIGKILL 5 s later (default no limit; the "
                "server may also set one)")
      .Text("--name", "NAME", &flags->name, "The worker's name (default HOST-PID)")
      .Text("--build", "NAME", &flags->build,
            "Build of the program, a version or commit, shown in task histories")
      .Text("--content-type", "TYPE", &flags->content_type,
            "Content type of the program's output (default text/plain; charset=utf-8)")
      .Switch("--stream", &flags->stream,
              "Keep PROGRAM running: each task is a line of JSON on its stdin, and each result one "
              "on its stdout (docs/stream.md)")
      .Switch("-q,--quiet", &flags->quiet, "Do not print a line for each task that ends")
      .Switch("--raw", &flags->exec.raw_errors,
              "Pass the program's stderr through unchanged, even to a terminal")
      .Example(
          "treadle worker exec hello -- tr a-z A-Z\n"
          "treadle worker exec resize --queue images --concurrency 4 -- ./resize.sh --width 800\n"
          "treadle worker exec order --stream -- ./order.rb")
      .Footer(
          "Exit status of the program:\n"
          "  0               the task is completed; the output is its result\n"
          "  65, 66, 77, 78  the task is dead at once\n"
          "  118             snoozed: the task runs again later and the attempt does not\n"
          "                  count. The last line of output is the time to wait:\n"
          "                  echo 10m; exit 118 (without output: a minute)\n"
          "  119             discarded: the task is cancelled; stderr is the reason\n"
          "  others          the attempt failed and is retried; the same after a signal\n"
          "If PROGRAM itself cannot be started, the worker stops and the attempt does not count.\n"
          "\n"
          "The environment of the program has TREADLE_TASK_ID, TREADLE_TYPE, TREADLE_QUEUE,\n"
          "TREADLE_ATTEMPT, TREADLE_MAX_ATTEMPTS, TREADLE_CONTENT_TYPE, TREADLE_TIMEOUT_MS (the "
          "time\n"
          "limit) and TREADLE_DEADLINE (when the task must have ended; empty if it has no\n"
          "deadline), and TRACEPARENT if the task has one. If its task is cancelled, it gets\n"
          "SIGTERM, and SIGKILL 5 s later.\n"
          "\n"
          "With --stream none of this applies but the last sentence: PROGRAM gets the same facts\n"
          "with each task, reports how it ended, and stays. If it exits, its task has failed.\n")
      .Run([flags, &session] { return Exec(session, *flags); });
}

}  // namespace treadle::cli
