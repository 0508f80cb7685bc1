#include "worker/attempt_session.h"

#include <algorithm>
#include <utility>

#include "worker/printable.h"

namespace treadle::worker {
namespace {

constexpr size_t kLogBytesMax = size_t{64} << 10;  // the server keeps no more of an attempt
constexpr size_t kLogSendBytes = size_t{8} << 10;
constexpr size_t kMessageBytesMax = 256;
constexpr std::chrono::milliseconds kProgressEvery(500);
constexpr std::chrono::seconds kLogEvery(2);

Status CheckJson(const Bytes& bytes) {
  if (bytes.content_type != wire::kJson || wire::IsJson(bytes.data)) return {};
  return {Code::kInvalidArgument, wire::WhyNotJson(bytes.data, "the saved value")};
}

}  // namespace

std::optional<Bytes> AttemptSession::FindStep(std::string_view name) {
  MutexLock lock(mutex_);
  if (const auto own = steps_.find(name); own != steps_.end()) return own->second;
  const auto earlier = lease_->steps.find(name);
  return earlier == lease_->steps.end() ? std::nullopt : std::optional(earlier->second);
}

std::map<std::string, Bytes, std::less<>> AttemptSession::Steps() {
  MutexLock lock(mutex_);
  std::map<std::string, Bytes, std::less<>> all = steps_;
  all.insert(lease_->steps.begin(), lease_->steps.end());
  return all;
}

Status AttemptSession::SaveStep(const std::string& name, const Bytes& result) {
  TREADLE_RETURN_IF_ERROR(CheckJson(result));
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
  TREADLE_RETURN_IF_ERROR(CheckJson(data));
  MutexLock lock(mutex_);
  wire::AttemptUpdate update;
  update.checkpoint = data;
  TREADLE_RETURN_IF_ERROR(Send(std::move(update)));
  checkpoint_ = data;
  return {};
}

// Handlers may report it in a loop; nobody reads that fast.
void AttemptSession::TellProgress(double fraction, std::string_view message) {
  MutexLock lock(mutex_);
  progress_ = wire::AttemptProgress{fraction, PrintableHead(message, kMessageBytesMax, ' ')};
  if (fraction < 1 && Clock::now() < progress_sent_at_ + kProgressEvery) return;
  static_cast<void>(Send({}));  // what cannot be sent now goes with what comes next
}

void AttemptSession::AppendLog(std::string_view text) {
  MutexLock lock(mutex_);
  if (log_is_full_ || text.empty()) return;
  const size_t room = kLogBytesMax - log_bytes_ - log_.size();
  log_is_full_ = text.size() >= room;
  const size_t begin = log_.size();
  log_.append(text.substr(0, room));
  std::replace(log_.begin() + static_cast<ptrdiff_t>(begin), log_.end(), '\0', ' ');
  if (!log_is_full_ && text.back() != '\n') log_.push_back('\n');
  const bool is_late = Clock::now() >= sent_at_ + kLogEvery;
  // What cannot be sent now goes with what comes next.
  if (log_.size() >= kLogSendBytes || is_late) static_cast<void>(Send({}));
}

// Log and progress ride along. They are not worth waiting for long, and what is durable does not
// fail because of them.
Status AttemptSession::Send(wire::AttemptUpdate update) {
  const bool is_durable = !update.steps.empty() || update.checkpoint.has_value();
  if (is_lost_) return {Code::kLeaseLost, "another worker has the task"};
  if (!log_.empty()) update.log = wire::LogText{static_cast<int64_t>(log_bytes_), log_};
  update.progress = progress_;
  Result<wire::AttemptAnswer> answer = send_(update, is_durable);
  if (!answer.ok() && answer.status().code() == Code::kInvalidArgument) {
    log_.clear();
    progress_.reset();
    update.log.reset();
    update.progress.reset();
    if (is_durable) answer = send_(update, is_durable);
  }
  sent_at_ = Clock::now();
  if (update.progress) progress_sent_at_ = sent_at_;
  is_lost_ = !answer.ok() && answer.status().code() == Code::kLeaseLost;
  if (!answer.ok()) return answer.status();
  // By the server's count: what is no UTF-8 has become longer on its way.
  log_bytes_ = static_cast<size_t>(std::clamp<int64_t>(answer->log_bytes, 0, kLogBytesMax));
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
