#include "cli/cli.h"

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/contexts.h"
#include "cli/run.h"
#include "cli/version.h"
#include "console/session.h"

namespace treadle::cli {
namespace {

/// The server as the words and the environment name it.
struct TargetWords {
  std::string server;
  std::string token_file;
  std::string ca_file;
  std::string context;
};

void AddGlobalFlags(Command root, GlobalFlags& flags, TargetWords& target) {
  root.Choice("-o,--output", {"table", "json", "jsonl"}, &flags.output,
              "Output format: a table, one JSON document, or one JSON object per line")
      .Text("--server", "URL", &target.server, "Server URL (default http://127.0.0.1:7373)")
      .Text("--token-file", "FILE", &target.token_file, "File with the token to send")
      .Text("--ca-file", "FILE", &target.ca_file,
            "Certificates (PEM) to trust instead of the system's store")
      .Text("--context", "NAME", &target.context, "Context that names the server and its files")
      .Environment("--context", "TREADLE_CONTEXT")
      .Environment("--server", "TREADLE_SERVER")
      .Environment("--token-file", "TREADLE_TOKEN_FILE")
      .Environment("--ca-file", "TREADLE_CA_FILE");
}

// A server that was named gets nothing of a context: not the token that is meant for another.
Status ChooseServer(const TargetWords& target, GlobalFlags& flags) {
  flags.token_file = target.token_file;
  flags.ca_file = target.ca_file;
  if (!target.server.empty()) {
    flags.server = target.server;
    flags.server_is_named = true;
    return {};
  }
  TREADLE_ASSIGN_OR_RETURN(const Contexts contexts, ReadContexts());
  const std::string name = target.context.empty() ? contexts.current : target.context;
  if (name.empty()) return {};
  flags.server_is_named = true;
  flags.context = name;
  TREADLE_ASSIGN_OR_RETURN(const ServerContext context, contexts.Find(name));
  flags.server = context.server;
  if (flags.token_file.empty()) flags.token_file = context.token_file;
  if (flags.ca_file.empty()) flags.ca_file = context.ca_file;
  return {};
}

void AddCommands(CommandLine& line, Session& session, const ServeFn& serve,
                 const tools::DataTools& data_tools) {
  Command root = line.root();
  AddStart(root, session, serve);
  AddServer(root, session, serve);
  AddConfig(root, session);
  Command task = root.Sub("task", "Enqueue, inspect and change tasks");
  AddTaskEnqueue(task, session);
  AddTaskGet(task, session);
  AddTaskResult(task, session);
  AddTaskPayload(task, session);
  AddTaskList(task, session);
  AddTaskErrors(task, session);
  AddTaskExplain(task, session);
  AddTaskHistory(task, session);
  AddTaskRunNow(task, session);
  AddTaskEdit(task, session);
  AddTaskMove(task, session);
  AddTaskCancel(task, session);
  AddTaskRelease(task, session);
  AddTaskRedrive(task, session);
  AddTaskDelete(task, session);
  task.Example("treadle task enqueue hello '{\"name\":\"Ada\"}'");
  AddTaskEnqueue(root, session);
  AddBulk(root, session);
  Command queue = root.Sub("queue", "Inspect and change queues");
  AddQueueList(queue, session);
  AddQueueGet(queue, session);
  AddQueuePause(queue, session);
  AddQueueResume(queue, session);
  AddQueueSet(queue, session);
  AddQueuePurge(queue, session);
  queue.Example("treadle queue list");
  Command type = root.Sub("type", "Inspect and change task types, their policies and contracts");
  AddTypeList(type, session);
  AddTypeGet(type, session);
  AddTypeSet(type, session);
  AddTypeContract(type, session);
  type.Example("treadle type list");
  AddApply(root, session);
  Command worker = root.Sub("worker", "Run tasks");
  AddWorkerExec(worker, session);
  AddWorkerDemo(worker, session);
  worker.Example("treadle worker exec hello -- tr a-z A-Z");
  AddDemo(root, session);
  AddBench(root, session);
  Command data = root.Sub("data", "Check and repair a data directory");
  AddDataCheck(data, session, data_tools);
  data.Example("treadle data check ./treadle-data");
  AddBackup(root, session, data_tools);
  AddContext(root, session);
  AddInfo(root, session);
  AddCompletion(root, session, line);
  AddComplete(root, session);
  AddDocs(root, session, line);
  AddVersion(root, session);
}

// Nothing that was printed may be lost silently.
ExitStatus Ended(Session& session, ExitStatus status) {
  const std::string why = session.console().Flush();
  if (why.empty()) return status;
  const ExitStatus lost = session.Fail(
      ExitStatus::kFailure, "cannot write to standard output, so some output is lost: " + why);
  return status == ExitStatus::kOk ? lost : status;
}

}  // namespace

ExitStatus RunCommand(std::vector<std::string> words, Console& console, const ServeFn& serve,
                      const tools::DataTools& data_tools) {
  Session session(&console);
  CommandLine line("Treadle, a durable task queue.");
  TargetWords target;
  AddGlobalFlags(line.root(), session.flags, target);
  AddCommands(line, session, serve, data_tools);
  line.root()
      .Example(
          "treadle start\n"
          "treadle task enqueue hello '{\"name\":\"Ada\"}'\n"
          "treadle worker exec hello -- tr a-z A-Z")
      .Footer(ExitStatusHelp());

  const Parsed parsed = line.Parse(std::move(words), VersionLine());
  if (parsed.action) {
    session.set_target_status(ChooseServer(target, session.flags));
    return Ended(session, parsed.action());
  }
  console.Out(parsed.out);
  console.Err(parsed.err);
  return Ended(session, parsed.status);
}

int RunCli(int argc, char** argv, ServeFn serve, const tools::DataTools& data_tools) {
  OpenStandardStreams();
  Console console = Console::OfProcess();
  return static_cast<int>(RunCommand({argv + 1, argv + argc}, console, serve, data_tools));
}

}  // namespace treadle::cli
