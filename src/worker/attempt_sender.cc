#include "worker/attempt_sender.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/random.h"
#include "client/backoff.h"

namespace treadle::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kIdleMax = 8;

// False if it was cancelled meanwhile.
bool Sleep(std::chrono::milliseconds time, const std::stop_token& cancelled) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, cancelled, time, [] { return false; });
  return !cancelled.stop_requested();
}

}  // namespace

Result<wire::AttemptAnswer> AttemptSender::Send(const std::string& token,
                                                const wire::AttemptUpdate& update,
                                                std::chrono::milliseconds limit,
                                                const std::stop_token& cancelled) {
  const Clock::time_point deadline = Clock::now() + limit;
  Backoff backoff(SystemRandom().Next());
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<ServerConnection> connection, Borrow());
    Result<wire::AttemptAnswer> answer =
        wire::SaveAttempt(*connection, token, update, std::max<int64_t>(left.count(), 1));
    GiveBack(std::move(connection));
    const int64_t retry_after_ms = answer.ok() ? 0 : answer.status().retry_after_ms();
    const bool is_away =
        !answer.ok() && (answer.status().code() == Code::kUnavailable || retry_after_ms > 0);
    const std::chrono::milliseconds pause(std::max(backoff.NextMs(), retry_after_ms));
    if (!is_away || Clock::now() + pause >= deadline || !Sleep(pause, cancelled)) return answer;
  }
}

Result<std::unique_ptr<ServerConnection>> AttemptSender::Borrow() {
  {
    MutexLock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<ServerConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return ServerConnection::Make(options_);
}

void AttemptSender::GiveBack(std::unique_ptr<ServerConnection> connection) {
  MutexLock lock(mutex_);
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(connection));
}

}  // namespace treadle::worker
