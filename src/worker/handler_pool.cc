#include "worker/handler_pool.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace treadle::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kLeaseMsDefault = 30'000;
constexpr size_t kReportBytesMax = size_t{8} << 20;  // half of what the server takes
constexpr size_t kManyReports = 100;
constexpr std::chrono::milliseconds kReportDelay(1);
constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365 * 100);
constexpr int64_t kTimeoutMsMax = 365 * 86'400'000LL;  // longer than the server allows

Clock::time_point RevocationOf(const wire::Lease& lease) {
  if (lease.timeout_ms <= 0 || lease.timeout_ms > kTimeoutMsMax) return Clock::time_point::max();
  return Clock::now() + std::chrono::milliseconds(lease.timeout_ms);
}

// The time of the attempt runs while the lease waits.
Clock::duration PatienceWith(Clock::duration left) {
  return std::min<Clock::duration>(Pace::kPatience, left / 4);
}

void StopAll(std::vector<std::stop_source>& sources) {
  for (std::stop_source& source : sources) source.request_stop();
}

// Signals are for the thread that runs the program.
std::thread StartQuietThread(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

HandlerPool::HandlerPool(Options options, Work work, std::function<void()> changed)
    : options_(std::move(options)),
      work_(std::move(work)),
      changed_(std::move(changed)),
      shortest_lease_ms_(kLeaseMsDefault) {}

HandlerPool::~HandlerPool() { Close(); }

void HandlerPool::Put(std::vector<wire::Lease> leases, bool repeated) {
  MutexLock lock(mutex_);
  const Clock::time_point now = Clock::now();
  Clock::time_point returns_at = Clock::time_point::max();
  for (wire::Lease& lease : leases) {
    if (repeated && IsHeld(lease.token)) continue;
    if (lease.lease_ms > 0) shortest_lease_ms_ = std::min(shortest_lease_ms_, lease.lease_ms);
    if (draining_) {
      AddReport({lease.token, wire::EncodeReleased(lease.token)});
    } else {
      const Clock::time_point revoked_at = RevocationOf(lease);
      waiting_.push_back({std::move(lease), revoked_at, now + PatienceWith(revoked_at - now)});
      returns_at = std::min(returns_at, waiting_.back().returns_at);
    }
  }
  if (options_.ahead && returns_at < next_watch_) watch_.notify_one();
  if (!waiting_.empty()) WakeAnother();
}

bool HandlerPool::IsHeld(const std::string& token) const {
  const auto has_token = [&](const auto& item) { return item.token == token; };
  const auto of_lease = [&](const Waiting& waiting) { return has_token(waiting.lease); };
  return std::any_of(waiting_.begin(), waiting_.end(), of_lease) ||
         std::any_of(reports_.begin(), reports_.end(), has_token) ||
         std::any_of(running_.begin(), running_.end(),
                     [&](const Running* running) { return running->lease.token == token; });
}

size_t HandlerPool::Lose(const std::vector<std::string>& tokens) {
  const auto is_lost = [&](const wire::Lease& lease) {
    return std::find(tokens.begin(), tokens.end(), lease.token) != tokens.end();
  };
  Stops to_stop;
  size_t lost = 0;
  {
    MutexLock lock(mutex_);
    lost = std::erase_if(waiting_, [&](const Waiting& waiting) { return is_lost(waiting.lease); });
    for (Running* running : running_) {
      if (running->dropped || !is_lost(running->lease)) continue;
      running->dropped = true;
      Cut(running, CancelCause::kLeaseLost, &to_stop);
    }
  }
  StopAll(to_stop);
  return lost + to_stop.size();
}

void HandlerPool::Cancel(const std::vector<std::string>& tokens) {
  const auto is_named = [&](const wire::Lease& lease) {
    return std::find(tokens.begin(), tokens.end(), lease.token) != tokens.end();
  };
  Stops to_stop;
  {
    MutexLock lock(mutex_);
    std::erase_if(waiting_, [&](const Waiting& waiting) TREADLE_REQUIRES(mutex_) {
      if (!is_named(waiting.lease)) return false;
      AddReport({waiting.lease.token, wire::EncodeReleased(waiting.lease.token)});
      return true;
    });
    for (Running* running : running_) {
      if (is_named(running->lease)) Cut(running, CancelCause::kRequested, &to_stop);
    }
  }
  StopAll(to_stop);
}

size_t HandlerPool::Free() const {
  MutexLock lock(mutex_);
  const size_t held = waiting_.size() + running_.size();
  const size_t ahead = options_.ahead ? pace_.Ahead(options_.concurrency) : 0;
  const size_t wanted = options_.concurrency + ahead;
  return draining_ || held >= wanted ? 0 : wanted - held;
}

size_t HandlerPool::Held() const {
  MutexLock lock(mutex_);
  return waiting_.size() + running_.size();
}

std::vector<std::string> HandlerPool::HeldTokens() const {
  MutexLock lock(mutex_);
  std::vector<std::string> tokens;
  for (const Running* running : running_) {
    if (!running->dropped) tokens.push_back(running->lease.token);
  }
  for (const Waiting& waiting : waiting_) tokens.push_back(waiting.lease.token);
  return tokens;
}

// The handler owns all of the lease but its token.
std::string HandlerPool::TaskOf(const Running& running) {
  return running.lease.token.substr(0, running.lease.token.find('.'));
}

std::vector<std::string> HandlerPool::RunningTasks() const {
  MutexLock lock(mutex_);
  std::vector<std::string> tasks;
  for (const Running* running : running_) {
    if (!running->dropped) tasks.push_back(TaskOf(*running));
  }
  return tasks;
}

int64_t HandlerPool::ShortestLeaseMs() const {
  MutexLock lock(mutex_);
  return shortest_lease_ms_;
}

HandlerPool::Clock::time_point HandlerPool::ReportsDueAt() const {
  MutexLock lock(mutex_);
  if (reports_.empty()) return Clock::time_point::max();
  if (waiting_.empty() || reports_.size() >= wire::kExchangeItemsMax) return oldest_report_;
  return oldest_report_ + kReportDelay;
}

std::vector<Report> HandlerPool::TakeReports() {
  MutexLock lock(mutex_);
  std::vector<Report> taken;
  size_t bytes = 0;
  while (!reports_.empty() && taken.size() < wire::kExchangeItemsMax && bytes < kReportBytesMax) {
    if (!taken.empty() && (taken.back().goes_alone || reports_.front().goes_alone)) break;
    bytes += reports_.front().json.size();
    taken.push_back(std::move(reports_.front()));
    reports_.pop_front();
  }
  return taken;
}

bool HandlerPool::HasManyReports() const {
  MutexLock lock(mutex_);
  return reports_.size() >= kManyReports;
}

void HandlerPool::PutBack(std::vector<Report> reports) {
  MutexLock lock(mutex_);
  if (reports_.empty()) oldest_report_ = Clock::now();
  for (auto it = reports.rbegin(); it != reports.rend(); ++it) reports_.push_front(std::move(*it));
}

void HandlerPool::Drain() {
  MutexLock lock(mutex_);
  draining_ = true;
  for (const Waiting& waiting : waiting_)
    AddReport({waiting.lease.token, wire::EncodeReleased(waiting.lease.token)});
  waiting_.clear();
}

void HandlerPool::CancelRunning() {
  Stops to_stop;
  {
    MutexLock lock(mutex_);
    for (Running* running : running_) Cut(running, CancelCause::kShutdown, &to_stop);
  }
  StopAll(to_stop);
}

void HandlerPool::Cut(Running* running, CancelCause cause, Stops* to_stop) {
  CancelCause none = CancelCause::kNone;
  running->cause.compare_exchange_strong(none, cause);
  to_stop->push_back(running->stop);
}

void HandlerPool::ReleaseRunning() {
  {
    MutexLock lock(mutex_);
    for (Running* running : running_) {
      if (std::exchange(running->dropped, true)) continue;
      AddReport({running->lease.token, wire::EncodeReleased(running->lease.token)});
    }
  }
  changed_();
}

bool HandlerPool::IsBusy() const {
  MutexLock lock(mutex_);
  const bool runs = std::any_of(running_.begin(), running_.end(),
                                [](const Running* running) { return !running->dropped; });
  return runs || !waiting_.empty() || !reports_.empty();
}

void HandlerPool::Close() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    threads.swap(threads_);
    wake_.notify_all();
    watch_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

void HandlerPool::Loop() {
  {
    MutexLock lock(mutex_);
    waking_ = false;
  }
  while (true) {
    Running running;
    if (!Take(&running)) return;
    Report report = work_(&running.lease, {.cancelled = running.stop.get_token(),
                                           .cause = &running.cause,
                                           .deadline = running.deadline,
                                           .limit = running.limit});
    Finish(&running, std::move(report));
  }
}

bool HandlerPool::Take(Running* running) {
  MutexLock lock(mutex_);
  while (!closed_ && waiting_.empty()) {
    ++idle_;
    wake_.wait(mutex_);
    --idle_;
    waking_ = false;
  }
  if (closed_) return false;
  const Clock::time_point now = Clock::now();
  const Clock::time_point revoked_at = waiting_.front().revoked_at;
  running->since = now;
  running->bytes = waiting_.front().lease.payload.size();
  running->lease = std::move(waiting_.front().lease);
  waiting_.pop_front();
  running->deadline = revoked_at;
  if (const auto timeout = options_.timeout_of(running->lease.type); timeout < kForEver)
    running->deadline = std::min(now + timeout, revoked_at);
  running->limit = std::chrono::ceil<std::chrono::milliseconds>(running->deadline - now);
  running_.push_back(running);
  if (running->deadline < next_watch_) watch_.notify_one();
  if (!waiting_.empty()) WakeAnother();
  return true;
}

void HandlerPool::WakeAnother() {
  if (waking_ || closed_) return;
  if (idle_ > 0) {
    waking_ = true;
    wake_.notify_one();
  } else if (threads_.size() < options_.concurrency + 1) {
    waking_ = true;
    if (threads_.empty()) threads_.push_back(StartQuietThread([this] { Watch(); }));
    threads_.push_back(StartQuietThread([this] { Loop(); }));
  }
}

// Attempts with equal timeouts end in the order in which they began, so a new one is seldom the
// next to be looked at, and starting it costs a comparison.
void HandlerPool::Watch() {
  while (true) {
    Stops to_stop;
    bool reported = false;
    {
      MutexLock lock(mutex_);
      if (closed_) return;
      const Clock::time_point now = Clock::now();
      next_watch_ = EndLateAttempts(now, &to_stop, &reported);
      if (options_.ahead) next_watch_ = std::min(next_watch_, EndLongWaits(now, &reported));
      if (to_stop.empty() && !reported) watch_.wait_until(mutex_, next_watch_);
    }
    StopAll(to_stop);
    if (reported) changed_();
  }
}

HandlerPool::Clock::time_point HandlerPool::EndLateAttempts(Clock::time_point now, Stops* to_stop,
                                                            bool* reported) {
  Clock::time_point next = now + std::chrono::hours(1);
  for (Running* running : running_) {
    const Clock::time_point end =
        running->deadline + (running->timed_out ? options_.cancel_wait : Clock::duration(0));
    if (running->dropped) continue;
    if (end > now) {
      next = std::min(next, end);
    } else if (!running->timed_out) {
      running->timed_out = true;
      Cut(running, CancelCause::kTimeout, to_stop);
    } else {
      running->dropped = true;
      *reported = true;
      AddReport({running->lease.token,
                 wire::EncodeFailed(running->lease.token, "timeout",
                                    "the attempt took too long, and its handler did not return",
                                    /*retry=*/true),
                 TaskOf(*running) + " failed (timeout), its handler did not return"});
    }
  }
  return next;
}

// Those that could have begun elsewhere. The slots that are free take them at once, so only leases
// ahead wait that long.
HandlerPool::Clock::time_point HandlerPool::EndLongWaits(Clock::time_point now, bool* reported) {
  Clock::time_point next = now + std::chrono::hours(1);
  std::erase_if(waiting_, [&](const Waiting& waiting) TREADLE_REQUIRES(mutex_) {
    if (waiting.returns_at > now) {
      next = std::min(next, waiting.returns_at);
      return false;
    }
    AddReport({waiting.lease.token, wire::EncodeReleased(waiting.lease.token)});
    pace_.Stalled();
    *reported = true;
    return true;
  });
  return next;
}

void HandlerPool::Finish(Running* running, Report report) {
  bool tell = false;
  {
    MutexLock lock(mutex_);
    if (options_.ahead) pace_.Ended(Clock::now() - running->since, running->bytes);
    std::erase(running_, running);
    const bool first = reports_.empty();
    if (!running->dropped) AddReport(std::move(report));
    tell = first || reports_.size() == kManyReports || waiting_.empty() || draining_;
  }
  if (tell) changed_();
}

void HandlerPool::AddReport(Report report) {
  if (reports_.empty()) oldest_report_ = Clock::now();
  reports_.push_back(std::move(report));
}

}  // namespace treadle::worker
