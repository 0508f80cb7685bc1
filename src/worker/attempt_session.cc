#include "worker/attempt_session.h"

#include <utility>

namespace treadle::worker {
namespace {

constexpr size_t kLogBytesMax = size_t{64} << 10;  // the server keeps no more of an attempt
constexpr size_t kLogSendBytes = size_t{8} << 10;
constexpr std::chrono::milliseconds kProgressEvery(500);
constexpr std::chrono::seconds kLogEvery(2);

}  // namespace

std::optional<Bytes> AttemptSession::FindStep(std::string_view name) {
  MutexLock lock(mutex_);
  if (const auto own = steps_.find(name); own != steps_.end()) return own->second;
  const auto earlier = lease_->steps.find(name);
  return earlier == lease_->steps.end() ? std::nullopt : std::optional(earlier->second);
}

Status AttemptSession::SaveStep(const std::string& name, const Bytes& result) {
  MutexLock lock(mutex_);
  wire::AttemptUpdate update;
  update.steps.emplace_back(name, result);
  TREADLE_RETURN_IF_ERROR(Send(std::move(update)));
  steps_[name] = result;
  return {};
}

std::optional<Bytes> AttemptSession::FindCheckpoint() {
  MutexLock lock(mutex_);
  return checkpoint_ ? checkpoint_ : lease_->checkpoint;
}

Status AttemptSession::SaveCheckpoint(const Bytes& data) {
  MutexLock lock(mutex_);
  wire::AttemptUpdate update;
  update.checkpoint = data;
  TREADLE_RETURN_IF_ERROR(Send(std::move(update)));
  checkpoint_ = data;
  return {};
}

// Handlers may tell it in a loop; nobody reads that fast.
void AttemptSession::TellProgress(double fraction, std::string_view message) {
  MutexLock lock(mutex_);
  progress_ = wire::AttemptProgress{fraction, std::string(message)};
  if (fraction < 1 && Clock::now() < progress_sent_at_ + kProgressEvery) return;
  static_cast<void>(Send({}));  // what cannot be sent now goes with what comes next
}

void AttemptSession::AppendLog(std::string_view text) {
  MutexLock lock(mutex_);
  if (log_is_full_ || text.empty()) return;
  log_.append(text);
  if (text.back() != '\n') log_.push_back('\n');
  if (log_bytes_ + log_.size() >= kLogBytesMax) {
    log_.resize(kLogBytesMax - log_bytes_);
    log_is_full_ = true;
  }
  const bool is_late = Clock::now() >= sent_at_ + kLogEvery;
  // What cannot be sent now goes with what comes next.
  if (log_.size() >= kLogSendBytes || is_late) static_cast<void>(Send({}));
}

Status AttemptSession::Send(wire::AttemptUpdate update) {
  if (!log_.empty()) update.log = wire::LogText{static_cast<int64_t>(log_bytes_), log_};
  update.progress = progress_;
  sent_at_ = Clock::now();
  if (progress_) progress_sent_at_ = sent_at_;
  const Result<wire::AttemptAnswer> answer = send_(update);
  if (!answer.ok()) return answer.status();
  // By the server's count: what is no UTF-8 has become longer on its way.
  log_bytes_ = static_cast<size_t>(answer->log_bytes);
  log_is_full_ = log_is_full_ || log_bytes_ >= kLogBytesMax;
  log_.clear();
  progress_.reset();
  return {};
}

std::optional<wire::LogText> AttemptSession::TakeLog() {
  MutexLock lock(mutex_);
  if (log_.empty()) return std::nullopt;
  return wire::LogText{static_cast<int64_t>(log_bytes_), std::exchange(log_, {})};
}

}  // namespace treadle::worker
