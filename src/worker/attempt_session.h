// AttemptSession: sends what one attempt saves, reports and logs to the server.
//
// Steps and checkpoints are durable when the call returns. Log lines and progress are gathered, and
// go with whatever is sent next, at the latest with the report of the attempt's end.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/thread_annotations.h"
#include "client/wire.h"
#include "treadle/handler.h"

namespace treadle::worker {

class AttemptSession final : public AttemptLink {
 public:
  using Clock = std::chrono::steady_clock;
  /// Blocks until it is kept; not for long unless it `is_durable`, a step or a checkpoint.
  using SendFn =
      std::function<Result<wire::AttemptAnswer>(const wire::AttemptUpdate&, bool is_durable)>;

  /// `lease` lends what earlier attempts saved, until the session is over.
  AttemptSession(const wire::Lease* lease, SendFn send) : lease_(lease), send_(std::move(send)) {}

  std::optional<Bytes> FindStep(std::string_view name) override;
  std::map<std::string, Bytes, std::less<>> Steps() override;
  Status SaveStep(const std::string& name, const Bytes& result) override;
  std::optional<Bytes> FindCheckpoint() override;
  Status SaveCheckpoint(const Bytes& data) override;
  void TellProgress(double fraction, std::string_view message) override;
  void AppendLog(std::string_view text) override;

  /// What is left of the log, for the report. The session is over.
  std::optional<wire::LogText> TakeLog();

 private:
  Status Send(wire::AttemptUpdate update) TREADLE_REQUIRES(mutex_);

  const wire::Lease* const lease_;
  const SendFn send_;
  Mutex mutex_;  // held while sending: what is saved arrives in its order
  std::map<std::string, Bytes, std::less<>> steps_ TREADLE_GUARDED_BY(mutex_);
  std::optional<Bytes> checkpoint_ TREADLE_GUARDED_BY(mutex_);
  std::string log_ TREADLE_GUARDED_BY(mutex_);           // not yet sent
  size_t log_bytes_ TREADLE_GUARDED_BY(mutex_) = 0;      // of what was sent
  bool log_is_full_ TREADLE_GUARDED_BY(mutex_) = false;  // nothing more is kept
  std::optional<wire::AttemptProgress> progress_ TREADLE_GUARDED_BY(mutex_);  // not yet sent
  bool is_lost_ TREADLE_GUARDED_BY(mutex_) = false;  // the lease: nothing more is saved
  Clock::time_point sent_at_ TREADLE_GUARDED_BY(mutex_) = Clock::now();
  Clock::time_point progress_sent_at_ TREADLE_GUARDED_BY(mutex_);
};

}  // namespace treadle::worker
