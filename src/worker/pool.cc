#include "worker/pool.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/random.h"
#include "base/terminal_text.h"

namespace treadle::worker {
namespace {

constexpr std::chrono::seconds kSaveLimit(30);  // for the server to take a step
constexpr std::chrono::seconds kTellLimit(2);   // log lines, progress: a handler waits no longer
constexpr int64_t kDeliverMs = 5'000;           // for the last reports, once nothing runs any more

std::string InSeconds(int64_t ms) {
  return ms % 1'000 == 0 ? std::to_string(ms / 1'000) + " s" : std::to_string(ms) + " ms";
}

// "1 running task (1-5)", "7 running tasks (1-5, 1-6, 1-7, 1-8, 1-9 and 2 more)".
std::string Listed(const std::vector<std::string>& tasks) {
  static constexpr size_t kNamed = 5;
  std::string text = std::to_string(tasks.size()) + " running task";
  text += tasks.size() == 1 ? " (" : "s (";
  for (size_t i = 0; i < std::min(tasks.size(), kNamed); ++i) {
    if (i > 0) text += ", ";
    text += tasks[i];
  }
  if (tasks.size() > kNamed) text += " and " + std::to_string(tasks.size() - kNamed) + " more";
  return text + ")";
}

Status Check(const PoolSettings& options) {
  if (options.concurrency < 1 || options.concurrency > wire::kExchangeItemsMax)
    return {Code::kInvalidArgument, "concurrency must be from 1 to 1000"};
  if (options.queues.empty() || options.queues.size() > wire::kNamesMax)
    return {Code::kInvalidArgument, "a worker must name 1 to 100 queues"};
  if (options.poll_wait_ms < 0 || options.poll_wait_ms > 60'000)
    return {Code::kInvalidArgument, "poll_wait_ms must be from 0 to 60000"};
  return Status::Ok();
}

}  // namespace

void LogToStandardError(std::string_view line) {
  const std::string text = "treadle worker: " + Printable(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string DefaultWorkerName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {"worker"};
  return std::string(host.data()).substr(0, 100) + "-" + std::to_string(getpid());
}

Result<std::unique_ptr<Pool>> Pool::Make(PoolSettings options) {
  TREADLE_RETURN_IF_ERROR(Check(options));
  if (options.name.empty()) options.name = DefaultWorkerName();
  if (!options.log) options.log = LogToStandardError;
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0)
    return Status(Code::kResourceExhausted,
                  std::string("cannot make an eventfd: ") + std::strerror(errno));
  std::unique_ptr<Pool> worker(new Pool(std::move(options), wake_fd));
  TREADLE_RETURN_IF_ERROR(worker->MakeExchanger());
  return worker;
}

Pool::Pool(PoolSettings options, int wake_fd)
    : options_(std::move(options)),
      wake_fd_(wake_fd),
      sender_(options_.client),
      runner_(
          {.log = options_.log, .enqueue = options_.enqueue},
          [this](const std::string& token, const wire::AttemptUpdate& update, bool is_durable,
                 const std::stop_token& cancelled) {
            return sender_.Send(token, update, is_durable ? kSaveLimit : kTellLimit, cancelled);
          },
          [this](std::string reason) { StopBecause(std::move(reason)); }),
      pool_(
          {.concurrency = options_.concurrency,
           .timeout_of = [this](const std::string& type) { return runner_.TimeoutOf(type); },
           .cancel_wait = std::chrono::milliseconds(options_.cancel_wait_ms),
           .ahead = options_.ahead},
          [this](wire::Lease* lease, const HandlerPool::Attempt& attempt) {
            return runner_.Run(lease, attempt);
          },
          [this] { exchanger_->Changed(); }) {
  if (options_.task_line) runner_.WriteLines();
}

Pool::~Pool() {
  exchanger_.reset();
  close(wake_fd_);
}

void Pool::Handle(std::string type, Handler handler, std::chrono::milliseconds timeout) {
  runner_.Handle(std::move(type), std::move(handler), timeout);
}

Status Pool::MakeExchanger() {
  TREADLE_ASSIGN_OR_RETURN(exchanger_, Exchanger::Make({.client = options_.client,
                                                        .worker = options_.name,
                                                        .build = options_.build,
                                                        .incarnation = SystemRandom().Next(),
                                                        .queues = options_.queues,
                                                        .poll_wait_ms = options_.poll_wait_ms,
                                                        .goodbye_ms = options_.goodbye_ms,
                                                        .log = options_.log,
                                                        .task_line = options_.task_line,
                                                        .progressed = [this] { Wake(); }},
                                                       &pool_));
  return Status::Ok();
}

Status Pool::Run() {
  const std::vector<std::string> types = runner_.Types();
  if (types.empty() || types.size() > wire::kNamesMax)
    return {Code::kInvalidArgument, "a worker must handle 1 to 100 task types"};
  exchanger_->Start(types);
  while (!MustStop()) WaitForWake(-1);
  WindDown();
  const Status failure = exchanger_->failure();
  const size_t unreported = exchanger_->Stop(stop_reason());
  pool_.Close();

  if (!failure.ok()) return failure;
  if (const std::string reason = stop_reason(); !reason.empty())
    return {Code::kFailedPrecondition, reason};
  if (unreported > 0) {
    return {Code::kUnavailable, "stopped before delivering " + std::to_string(unreported) +
                                    " report(s); those tasks run again"};
  }
  return Status::Ok();
}

void Pool::Decline(const std::string& reason) { exchanger_->Decline(runner_.Types(), reason); }

void Pool::WindDown() {
  pool_.Drain();
  exchanger_->Drain();
  const bool is_refused = !exchanger_->failure().ok();
  if (!is_refused) SayWhatIsWaitedFor();
  if (!is_refused && WaitIdle(options_.shutdown_grace_ms, 2)) return;
  if (const std::vector<std::string> running = pool_.RunningTasks(); !running.empty())
    options_.log("cancelling " + Listed(running) + ", which may take up to " +
                 InSeconds(options_.cancel_wait_ms) + " to end");
  pool_.CancelRunning();
  if (!exchanger_->failure().ok() || WaitIdle(options_.cancel_wait_ms, 3)) return;
  if (const std::vector<std::string> running = pool_.RunningTasks(); !running.empty())
    options_.log("giving up " + Listed(running) + "; the server runs it again");
  pool_.ReleaseRunning();
  WaitIdle(kDeliverMs, 4);
}

void Pool::SayWhatIsWaitedFor() {
  const std::string reason = stop_reason();
  const std::string stopping = reason.empty() ? "stopping: " : "stopping (" + reason + "): ";
  const std::vector<std::string> running = pool_.RunningTasks();
  if (running.empty()) return;
  options_.log(stopping + "waiting up to " + InSeconds(options_.shutdown_grace_ms) + " for " +
               Listed(running) + "; a second signal cancels " +
               (running.size() == 1 ? "it" : "them"));
}

bool Pool::WaitIdle(int64_t limit_ms, int stops) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(limit_ms);
  while (!exchanger_->IsIdle()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || stops_ >= stops || !exchanger_->failure().ok()) return false;
    WaitForWake(static_cast<int>(std::min<int64_t>(left, 3'600'000)));
  }
  return true;
}

void Pool::StopBecause(std::string reason) {
  {
    MutexLock lock(mutex_);
    if (stop_reason_.empty()) stop_reason_ = std::move(reason);
  }
  Wake();
}

std::string Pool::stop_reason() {
  MutexLock lock(mutex_);
  return stop_reason_;
}

bool Pool::MustStop() {
  return stops_ > 0 || !stop_reason().empty() || !exchanger_->failure().ok();
}

void Pool::Stop() noexcept {
  stops_.fetch_add(1);
  Wake();
}

void Pool::StopTimes(int times) noexcept {
  int stops = stops_;
  while (stops < times && !stops_.compare_exchange_weak(stops, times)) {
  }
  Wake();
}

void Pool::Wake() noexcept {
  const int saved_errno = errno;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
  errno = saved_errno;
}

void Pool::WaitForWake(int timeout_ms) {
  pollfd waited{.fd = wake_fd_, .events = POLLIN, .revents = 0};
  poll(&waited, 1, timeout_ms);
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t size = read(wake_fd_, &wakes, sizeof wakes);
}

}  // namespace treadle::worker
