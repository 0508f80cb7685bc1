#include "worker/handler_pool.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace treadle::worker {
namespace {

constexpr int64_t kLeaseMsDefault = 30'000;
constexpr size_t kReportBytesMax = size_t{8} << 20;  // half of what the server takes
constexpr std::chrono::milliseconds kReportDelay(1);

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
  for (wire::Lease& lease : leases) {
    if (repeated && IsHeld(lease.token)) continue;
    if (lease.lease_ms > 0) shortest_lease_ms_ = std::min(shortest_lease_ms_, lease.lease_ms);
    if (draining_) {
      AddReport({lease.token, wire::EncodeReleased(lease.token)});
    } else {
      waiting_.push_back(std::move(lease));
    }
  }
  if (!waiting_.empty()) WakeAnother();
}

bool HandlerPool::IsHeld(const std::string& token) const {
  const auto has_token = [&](const auto& item) { return item.token == token; };
  return std::any_of(waiting_.begin(), waiting_.end(), has_token) ||
         std::any_of(reports_.begin(), reports_.end(), has_token) ||
         std::any_of(running_.begin(), running_.end(),
                     [&](const Running* running) { return running->lease.token == token; });
}

size_t HandlerPool::Lose(const std::vector<std::string>& tokens) {
  const auto is_lost = [&](const wire::Lease& lease) {
    return std::find(tokens.begin(), tokens.end(), lease.token) != tokens.end();
  };
  std::vector<std::stop_source> to_stop;
  size_t lost = 0;
  {
    MutexLock lock(mutex_);
    lost = std::erase_if(waiting_, is_lost);
    for (Running* running : running_) {
      if (running->dropped || !is_lost(running->lease)) continue;
      running->dropped = true;
      to_stop.push_back(running->stop);
    }
  }
  for (std::stop_source& stop : to_stop) stop.request_stop();
  return lost + to_stop.size();
}

void HandlerPool::Cancel(const std::vector<std::string>& tokens) {
  const auto is_named = [&](const wire::Lease& lease) {
    return std::find(tokens.begin(), tokens.end(), lease.token) != tokens.end();
  };
  std::vector<std::stop_source> to_stop;
  {
    MutexLock lock(mutex_);
    for (const wire::Lease& lease : waiting_) {
      if (is_named(lease)) AddReport({lease.token, wire::EncodeReleased(lease.token)});
    }
    std::erase_if(waiting_, is_named);
    for (const Running* running : running_) {
      if (is_named(running->lease)) to_stop.push_back(running->stop);
    }
  }
  for (std::stop_source& stop : to_stop) stop.request_stop();
}

size_t HandlerPool::Free() const {
  MutexLock lock(mutex_);
  const size_t held = waiting_.size() + running_.size();
  return draining_ || held >= options_.concurrency ? 0 : options_.concurrency - held;
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
  for (const wire::Lease& lease : waiting_) tokens.push_back(lease.token);
  return tokens;
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
    bytes += reports_.front().json.size();
    taken.push_back(std::move(reports_.front()));
    reports_.pop_front();
  }
  return taken;
}

void HandlerPool::PutBack(std::vector<Report> reports) {
  MutexLock lock(mutex_);
  if (reports_.empty()) oldest_report_ = Clock::now();
  for (auto it = reports.rbegin(); it != reports.rend(); ++it) reports_.push_front(std::move(*it));
}

void HandlerPool::Drain() {
  MutexLock lock(mutex_);
  draining_ = true;
  for (const wire::Lease& lease : waiting_)
    AddReport({lease.token, wire::EncodeReleased(lease.token)});
  waiting_.clear();
}

void HandlerPool::CancelRunning() {
  std::vector<std::stop_source> to_stop;
  {
    MutexLock lock(mutex_);
    for (const Running* running : running_) to_stop.push_back(running->stop);
  }
  for (std::stop_source& stop : to_stop) stop.request_stop();
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
    std::string report = work_(
        &running.lease, {.cancelled = running.stop.get_token(), .deadline = running.deadline});
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
  running->lease = std::move(waiting_.front());
  waiting_.pop_front();
  running->deadline = Clock::now() + TimeoutOf(running->lease);
  running_.push_back(running);
  if (running->deadline < next_watch_) watch_.notify_one();
  if (!waiting_.empty()) WakeAnother();
  return true;
}

// The worker's own, or the server's if that is shorter: after it the lease is gone.
std::chrono::milliseconds HandlerPool::TimeoutOf(const wire::Lease& lease) const {
  const std::chrono::milliseconds own = options_.timeout_of(lease.type);
  if (lease.timeout_ms <= 0) return own;
  return std::min(own, std::chrono::milliseconds(lease.timeout_ms));
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
    std::vector<std::stop_source> to_stop;
    bool reported = false;
    {
      MutexLock lock(mutex_);
      if (closed_) return;
      next_watch_ = EndLateAttempts(Clock::now(), &to_stop, &reported);
      if (to_stop.empty() && !reported) watch_.wait_until(mutex_, next_watch_);
    }
    for (std::stop_source& stop : to_stop) stop.request_stop();
    if (reported) changed_();
  }
}

HandlerPool::Clock::time_point HandlerPool::EndLateAttempts(Clock::time_point now,
                                                            std::vector<std::stop_source>* to_stop,
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
      to_stop->push_back(running->stop);
    } else {
      running->dropped = true;
      *reported = true;
      AddReport({running->lease.token,
                 wire::EncodeFailed(running->lease.token, "timeout",
                                    "the attempt took too long, and its handler did not return",
                                    /*retry=*/true)});
    }
  }
  return next;
}

void HandlerPool::Finish(Running* running, std::string report) {
  bool tell = false;
  {
    MutexLock lock(mutex_);
    std::erase(running_, running);
    const bool first = reports_.empty();
    if (!running->dropped) AddReport({std::move(running->lease.token), std::move(report)});
    tell = first || waiting_.empty() || draining_;
  }
  if (tell) changed_();
}

void HandlerPool::AddReport(Report report) {
  if (reports_.empty()) oldest_report_ = Clock::now();
  reports_.push_back(std::move(report));
}

}  // namespace treadle::worker
