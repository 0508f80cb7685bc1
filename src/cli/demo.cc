// treadle demo
#include <fmt/format.h>

#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "base/time.h"
#include "base/units.h"
#include "cli/commands.h"
#include "console/sibling.h"
#include "demo/run.h"
#include "demo/walk.h"

namespace treadle::cli {
namespace {

using demo::Report;

constexpr int64_t kReadyMs = 120'000;  // a recovery may take its time
constexpr int64_t kServerLookMs = 50;
constexpr std::string_view kListen = "127.0.0.1:7374";  // beside the server of `treadle start`
constexpr std::string_view kListenAnywhere = "127.0.0.1:0";

struct DemoFlags {
  std::string directory;
  std::string data = "./treadle-demo";
  std::string listen;  // empty: the port kPort of this machine, or another if that is taken
  std::optional<int64_t> port;
  bool serve = false;
  bool once = false;
  bool json = false;
};

Result<std::string> AbsoluteDirectory(const std::string& directory) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(directory.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) {
    return Status(Code::kInvalidArgument, fmt::format("cannot read the directory {} ({})",
                                                      Printable(directory), std::strerror(errno)));
  }
  return std::string(real.get());
}

/// The server and the worker of `--serve`. Both end, the worker first, when this does.
class Household {
 public:
  Household(Session& session, const SignalWatch& signals) : session_(session), signals_(signals) {}
  ~Household() { Stop(); }
  Household(const Household&) = delete;
  Household& operator=(const Household&) = delete;

  /// Returns once the server answers. From then on the session speaks to it.
  Status Start(const DemoFlags& flags) {
    TREADLE_ASSIGN_OR_RETURN(const std::string listen, ChooseListen(flags));
    session_.flags.server = UrlOf(listen);
    session_.set_patience_ms(0);  // it is waited for below
    std::vector<std::string> server = {"server", "--data",      flags.data, "--listen",
                                       listen,   "--log-level", "warning"};
    std::vector<std::string> worker = {"worker", "demo", "--server", session_.flags.server};
    if (!session_.flags.token_file.empty()) {
      server.insert(server.end(), {"--token-file", session_.flags.token_file});
      worker.insert(worker.end(), {"--token-file", session_.flags.token_file});
    }
    TREADLE_ASSIGN_OR_RETURN(server_, Sibling::Start(server));
    TREADLE_RETURN_IF_ERROR(WaitUntilReady());
    TREADLE_ASSIGN_OR_RETURN(worker_, Sibling::Start(worker));
    started_ = true;
    return Status::Ok();
  }

  /// A signal asks us to end, or a child has ended.
  Status Trouble() {
    if (signals_.interrupted())
      return {Code::kCancelled, "stopped; enqueued tasks stay in their queue"};
    if (!started_) return Status::Ok();
    if (const auto end = server_.Ended()) return {Code::kAborted, "the server ended with " + *end};
    if (const auto end = worker_.Ended()) return {Code::kAborted, "the worker ended with " + *end};
    return Status::Ok();
  }

  void Stop() {
    worker_.Stop();
    server_.Stop();
    started_ = false;
  }

 private:
  static Result<std::string> ChooseListen(const DemoFlags& flags) {
    if (flags.port) return ProbeListen(fmt::format("127.0.0.1:{}", *flags.port));
    if (!flags.listen.empty()) return ProbeListen(flags.listen);
    const Result<std::string> usual = ProbeListen(std::string(kListen));
    return usual.ok() ? usual : ProbeListen(std::string(kListenAnywhere));
  }

  static std::string UrlOf(const std::string& listen) {
    Address address = ParseAddress(listen).value_or(Address{});
    if (address.host == "0.0.0.0") address.host = "127.0.0.1";
    if (address.host == "::") address.host = "::1";
    return "http://" + address.ToString();
  }

  Status WaitUntilReady() {
    for (int64_t waited = 0; waited < kReadyMs; waited += kServerLookMs) {
      if (session_.Call("GET", "/readyz", {}, 1'000).ok()) return Status::Ok();
      if (signals_.interrupted()) return {Code::kCancelled, "stopped"};
      if (const auto end = server_.Ended()) {
        return {Code::kAborted,
                fmt::format("the server did not start ({}); see its message above", *end)};
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(kServerLookMs));
    }
    return {Code::kDeadlineExceeded,
            fmt::format("the server is not ready after {}", DurationInWords(kReadyMs))};
  }

  Session& session_;
  const SignalWatch& signals_;
  Sibling server_;
  Sibling worker_;
  bool started_ = false;
};

void StayUp(Session& session, Household& household) {
  session.console().Message(
      fmt::format("\n"
                  "Treadle is still running at {}. Try, in another terminal:\n"
                  "  {}\n"
                  "  {}\n"
                  "  {}\n"
                  "Ctrl-C stops it.",
                  session.flags.server, session.CommandLineFor("queue list"),
                  session.CommandLineFor("task list --queue demo"),
                  session.CommandLineFor("task enqueue hello '{\"name\":\"Ada\"}'")));
  Status trouble;
  while ((trouble = household.Trouble()).ok())
    std::this_thread::sleep_for(std::chrono::milliseconds(kServerLookMs));
  if (trouble.code() != Code::kCancelled) session.Fail(trouble);
}

ExitStatus Demo(Session& session, const DemoFlags& flags) {
  const Result<std::string> directory = AbsoluteDirectory(flags.directory);
  if (!directory.ok()) return session.Fail(directory.status());
  const SignalWatch signals;
  Household household(session, signals);
  if (flags.serve) {
    if (const Status status = household.Start(flags); !status.ok()) return session.Fail(status);
    session.console().Message(
        fmt::format("Treadle is up at {}, its data in {}", session.flags.server, flags.data));
  }
  const Result<Report> report =
      demo::Run(session, *directory, [&] { return household.Trouble(); }).Execute();
  if (!report.ok() && !flags.serve && ExitStatusFor(report.status()) == ExitStatus::kUnreachable) {
    return session.Fail(ExitStatus::kUnreachable,
                        fmt::format("{}; let the demo start one with: treadle demo {} --serve",
                                    report.status().message(), flags.directory));
  }
  if (!report.ok()) return session.Fail(report.status());
  if (flags.json || session.json() || session.jsonl()) {
    session.console().OutLine(demo::ReportAsJson(*report));
  } else {
    session.console().Out(demo::ReportForPeople(*report, session.console()));
  }
  if (flags.serve && !flags.once) StayUp(session, household);
  return report->AllIsAccountedFor() ? ExitStatus::kOk : ExitStatus::kFailure;
}

}  // namespace

void AddDemo(Command parent, Session& session) {
  auto flags = std::make_shared<DemoFlags>();
  parent.Sub("demo", "Hash every file below a directory using tasks, and verify the result")
      .Positional("DIR", Need::kRequired, &flags->directory,
                  "The directory, for example /usr/include")
      .Switch("--serve", &flags->serve,
              "Start a server and a worker, and keep them running afterwards")
      .Switch("--once", &flags->once, "With --serve: stop both after the job")
      .Switch("--json", &flags->json, "Print only the figures, as one JSON object")
      .Text("--data", "DIR", &flags->data,
            "With --serve: the data directory (default ./treadle-demo)")
      .Text("--listen", "HOST:PORT", &flags->listen,
            "With --serve: address to listen on (default 127.0.0.1:7374, or another port if that "
            "is in use)")
      .Number("--port", &flags->port, 0, 65'535,
              "With --serve: port to listen on, on this machine only")
      .Example(
          "treadle demo /usr/include --serve\n"
          "treadle demo /usr/include --serve --once --json")
      .Footer(
          "Latencies are measured after the job, with one task at a time and nothing else waiting: "
          "from\n"
          "the enqueue to the start of the handler.\n")
      .Run([flags, &session] { return Demo(session, *flags); });
}

}  // namespace treadle::cli
