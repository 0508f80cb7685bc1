#include "demo/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/random.h"
#include "base/units.h"
#include "client/wire.h"
#include "console/task_outcome.h"
#include "demo/job.h"

namespace treadle::demo {
namespace {

constexpr int64_t kLookMs = 200;
constexpr int64_t kServerAwayMs = 30'000;  // how long a restart of the server may take
constexpr int64_t kNobodyMs = 5'000;
constexpr int64_t kPaceTasks = 100;
constexpr int64_t kPaceEveryMs = 10;
constexpr int64_t kPaceWaitMs = 5'000;
constexpr int64_t kLagMs = 15'000;  // lists follow the tasks after a moment
// Nothing may be dropped before it is counted.
constexpr std::string_view kPolicy =
    R"({"retention":{"completed_tasks":10000000,"completed_bytes":1099511627776,)"
    R"("completed_ms":86400000}})";

std::string NewRun() {
  SystemRandom random;
  return fmt::format("{:016x}", random.Next());
}

void SleepMs(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

}  // namespace

Run::Run(Session& session, std::string directory, std::function<Status()> interrupted)
    : session_(session),
      directory_(std::move(directory)),
      interrupted_(std::move(interrupted)),
      run_(NewRun()),
      progress_(session.console()) {}

Result<Report> Run::Execute() {
  TREADLE_ASSIGN_OR_RETURN(
      const JsonDocument queue,
      session_.CallJson("PUT", fmt::format("/v1/queues/{}", kQueue), wire::kQueueShape, kPolicy));
  TREADLE_ASSIGN_OR_RETURN(before_, ReadCounts());
  started_ = clock_.Wall();
  TREADLE_RETURN_IF_ERROR(EnqueueScan());
  TREADLE_RETURN_IF_ERROR(Follow());
  progress_.Clear();
  TREADLE_ASSIGN_OR_RETURN(const Outcomes outcomes, CollectOutcomes());
  session_.console().Message("checking against a direct walk of " + Printable(directory_));
  TREADLE_ASSIGN_OR_RETURN(Verification check, Verify(directory_, run_, outcomes, started_));
  Report report = MakeReport(files_, run_, begun_, outcomes, std::move(check));
  session_.console().Message("measuring how soon a task starts when nothing else waits");
  TREADLE_ASSIGN_OR_RETURN(std::vector<int64_t> waits_ms, MeasurePace());
  if (waits_ms.empty()) session_.console().Message("the worker is too old to run these tasks");
  SetLatencies(std::move(waits_ms), &report);
  return report;
}

Result<std::vector<int64_t>> Run::MeasurePace() {
  std::vector<int64_t> waits_ms;
  const int64_t start = clock_.MonotonicMs();
  for (int64_t i = 0; i < kPaceTasks; ++i) {
    TREADLE_RETURN_IF_ERROR(interrupted_());
    SleepMs(std::max<int64_t>(start + i * kPaceEveryMs - clock_.MonotonicMs(), 0));
    TREADLE_ASSIGN_OR_RETURN(
        const std::string task,
        wire::EncodeTask({.type = std::string(kPace),
                          .queue = std::string(kQueue),
                          .idempotency_key = PaceKeyPrefix(run_) + fmt::to_string(i)}));
    TREADLE_ASSIGN_OR_RETURN(const JsonDocument answer,
                             session_.CallJson("POST", "/v1/tasks", wire::kEnqueuedShape, task));
    const std::string id = answer.root.Text("id");
    TREADLE_ASSIGN_OR_RETURN(
        const JsonDocument view,
        session_.CallJson("GET", fmt::format("/v1/tasks/{}?wait={}ms", id, kPaceWaitMs),
                          wire::kTaskShape));
    if (view.root.Text("state") != "completed") return std::vector<int64_t>();
    const auto enqueued = ParseWallTime(view.root.Text("enqueued_at"));
    const auto started = ParseWallTime(view.root.Text("started_at"));
    if (enqueued && started) waits_ms.push_back(std::max<int64_t>(*started - *enqueued, 0));
  }
  return waits_ms;
}

Result<Run::Counts> Run::ReadCounts() {
  TREADLE_ASSIGN_OR_RETURN(
      const JsonDocument queue,
      session_.CallJson("GET", fmt::format("/v1/queues/{}", kQueue), wire::kQueueShape));
  static const JsonNode kNone;
  const auto part = [&](std::string_view name) {
    const JsonNode* value = queue.root.Find(name);
    return value == nullptr ? &kNone : value;
  };
  const JsonNode* tasks = part("tasks");
  Counts counts{.ready = tasks->Integer("ready"),
                .retrying = tasks->Integer("retrying"),
                .dead = tasks->Integer("dead"),
                .accepted = queue.root.Integer("accepted")};
  counts.open =
      counts.ready + counts.retrying + tasks->Integer("scheduled") + tasks->Integer("running");
  counts.ended = counts.accepted - counts.open;
  return counts;
}

Status Run::EnqueueScan() {
  TREADLE_ASSIGN_OR_RETURN(const std::string task,
                           wire::EncodeTask({.type = std::string(kScan),
                                             .queue = std::string(kQueue),
                                             .payload = ScanPayload(run_, directory_),
                                             .idempotency_key = run_ + ":scan"}));
  TREADLE_ASSIGN_OR_RETURN(const JsonDocument answer,
                           session_.CallJson("POST", "/v1/tasks", wire::kEnqueuedShape, task));
  scan_id_ = answer.root.Text("id");
  return Status::Ok();
}

Status Run::LookAtScan() {
  TREADLE_ASSIGN_OR_RETURN(const JsonDocument scan,
                           session_.CallJson("GET", "/v1/tasks/" + scan_id_, wire::kTaskShape));
  begun_ = ParseWallTime(scan.root.Text("enqueued_at")).value_or(started_);
  const std::string state = scan.root.Text("state");
  if (!IsEnded(state)) return Status::Ok();
  if (state != "completed") {
    return {Code::kAborted,
            fmt::format("the scan (task {}) is {} after {}", scan_id_, state, WhyDead(scan.root))};
  }
  const JsonNode* result = scan.root.Find("result");
  if (result == nullptr) return {Code::kInternal, "the scan has no result"};
  files_ = result->Integer("files");
  return Status::Ok();
}

Status Run::Follow() {
  const int64_t start = clock_.MonotonicMs();
  int64_t last_answer = start;
  while (true) {
    TREADLE_RETURN_IF_ERROR(interrupted_());
    const Status scan = files_ < 0 ? LookAtScan() : Status::Ok();
    const Result<Counts> counts = scan.ok() ? ReadCounts() : Result<Counts>(scan);
    const int64_t now = clock_.MonotonicMs();
    if (!counts.ok()) {
      const bool away = counts.status().code() == Code::kUnavailable;
      if (!away || now - last_answer > kServerAwayMs) return counts.status();
      SleepMs(kLookMs);
      continue;
    }
    last_answer = now;
    const bool scanning = files_ < 0;
    const int64_t ended = counts->ended - before_.ended - (scanning ? 0 : 1);
    progress_.Show(
        {.scanning = scanning,
         .known = scanning ? std::max<int64_t>(counts->accepted - before_.accepted - 1, 0) : files_,
         .done = ended,
         .dead = counts->dead - before_.dead,
         .retrying = counts->retrying},
        now - start);
    if (!scanning && (ended >= files_ || counts->open == 0)) return Status::Ok();
    SayIfNobodyWorks(*counts, now - start);
    SleepMs(kLookMs);
  }
}

void Run::SayIfNobodyWorks(const Counts& counts, int64_t elapsed_ms) {
  const bool idle = counts.ended == before_.ended && counts.ready == counts.open;
  if (said_nobody_ || !idle || elapsed_ms < kNobodyMs) return;
  said_nobody_ = true;
  progress_.Clear();
  session_.console().Message(
      "no task has started: there is no worker for the demo. Start one with: " +
      session_.CommandLineFor("worker demo"));
}

Result<Outcomes> Run::CollectOutcomes() {
  const int64_t start = clock_.MonotonicMs();
  while (true) {
    TREADLE_RETURN_IF_ERROR(interrupted_());
    TREADLE_ASSIGN_OR_RETURN(Outcomes outcomes, ReadOutcomes(session_, run_, scan_id_));
    const bool all = static_cast<int64_t>(outcomes.by_key.size()) >= files_;
    if (all) return outcomes;
    TREADLE_ASSIGN_OR_RETURN(const Counts counts, ReadCounts());
    const bool settled = counts.open == 0 && clock_.MonotonicMs() - start > kLagMs;
    if (settled) return outcomes;
    SleepMs(kLookMs);
  }
}

}  // namespace treadle::demo
