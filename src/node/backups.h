// Backups: copies of the store that are made while the node serves, when someone asks and by a
// schedule, in files of one directory; the oldest leave when there are too many.
//
// The two kinds know nothing of each other: whoever may ask for backups, and does so often, neither
// pushes scheduled ones out nor puts them off. Files of earlier versions count as scheduled.
//
// On the shard's executor, but for the constructor and the destructor. Answers rest on what is
// durable.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "node/backup_maker.h"

namespace treadle {

class Shard;
struct NodeEnvironment;
struct NodeOptions;

struct BackupView {
  enum class State : uint8_t { kRunning, kDone, kFailed };

  std::string name;
  State state = State::kRunning;
  uint64_t bytes_total = 0;  // as far as it is known while it runs
  uint64_t bytes_done = 0;
  uint64_t frame = 0;  // kDone: everything up to this frame of the journal is in it
  WallTime taken_at;   // kDone: as of when; else when it began
  std::string error;   // kFailed: why
};

struct BackupList {
  std::string directory;
  std::vector<BackupView> backups;  // newest first; includes the current or last failed one
};

struct BackupStats {
  uint64_t made = 0;  // since start
  uint64_t failed = 0;
  WallTime last_taken_at;  // 0: none
};

/// Replies when it has begun; it will hold all that was acknowledged before. FAILED_PRECONDITION:
/// another one is in progress, or there is no directory for it. RESOURCE_EXHAUSTED: too many were
/// asked for lately.
struct StartBackup {
  using Reply = BackupView;
};

struct ListBackups {
  using Reply = BackupList;
};

/// NOT_FOUND.
struct GetBackup {
  std::string name;
  using Reply = BackupView;
};

class Backups {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  /// Borrows all but the options.
  Backups(const NodeOptions& options, const NodeEnvironment& environment, Shard* shard,
          const BackupMaker::Tools& tools);
  ~Backups();

  /// Removes what an earlier process left unfinished, and begins the schedule.
  void Begin();
  void Do(const StartBackup& command, Callback<BackupView> done);
  void Do(const ListBackups& question, Callback<BackupList> done);
  void Do(const GetBackup& question, Callback<BackupView> done);
  const BackupStats& stats() const { return stats_; }
  /// Stops the current one, and makes no other.
  void Stop();

 private:
  void StartScheduled();
  void Launch(const std::string& name);
  Status TakeTurnOfAsking();
  void Make(const std::string& name);
  Result<BackupMaker::Next> TakeTurn();
  void Step();
  void OnDone(const BackupLabel& label);
  void OnFailed(const Status& status);
  void Plan(int64_t delay_ms);
  void PlanNext();

  const std::string directory_;
  const int64_t every_ms_;
  const size_t keep_;
  const size_t keep_manual_;
  const NodeEnvironment& env_;
  Shard* const shard_;
  const BackupMaker::Tools tools_;

  // Of the shard's executor.
  BackupView current_;  // the last that was begun; no name: there was none
  uint64_t plan_ = 0;   // counts plans: an older one no longer runs
  WallTime last_scheduled_at_;
  std::deque<int64_t> asked_ms_;  // when, by the monotonic clock; the last few
  BackupStats stats_;

  std::atomic<bool> stopped_{false};

  // Of the checkpoint executor.
  std::unique_ptr<BackupMaker> maker_;
  int64_t turn_ended_ms_ = 0;
};

}  // namespace treadle
