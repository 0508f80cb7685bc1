// StallAlarm: logs when a disk hangs.
//
// A write that waits for a disk is no error yet, so nothing else in the node notices: producers
// just wait. After some seconds the node is no longer ready (Check()), and the operator has a
// line in the log, again each time that the wait has doubled, and one when the disk is back. It
// runs on an executor of its own, which no disk blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/executor.h"
#include "base/status.h"
#include "base/time.h"
#include "base/disk_watch.h"

namespace treadle {

class StallAlarm {
 public:
  /// A write that takes longer than this is a stall. The store's are larger, and share their disk
  /// with the journal's.
  static constexpr int64_t kJournalMs = 5'000;
  static constexpr int64_t kStoreMs = 10'000;

  struct Tools {
    const DiskWatch* watch = nullptr;
    Clock* clock = nullptr;
    Executor* executor = nullptr;  // null: nobody looks unasked
    std::function<void(const std::string&)> log;
    std::string directory;  // the data directory, for the words
  };

  /// Borrows what the tools point at. It must outlive what it has posted to the executor.
  explicit StallAlarm(Tools tools) : tools_(std::move(tools)) {}

  /// Looks from now on, once a second, until Stop().
  void Begin();
  void Stop() { stopped_ = true; }

  /// UNAVAILABLE while a write stalls. Any thread, at once.
  Status Check() const;

 private:
  struct Stall {
    DiskWatch::Kind kind;
    const char* what;
    int64_t limit_ms;
    int64_t said_ms = 0;  // of the stall that was last logged; 0: none
  };

  void Look();
  void LookAt(Stall* stall);
  std::string Describe(const Stall& stall, int64_t age_ms) const;

  Tools tools_;
  std::atomic<bool> stopped_{false};
  Stall journal_{DiskWatch::Kind::kJournal, "journal", kJournalMs};
  Stall store_{DiskWatch::Kind::kStore, "store", kStoreMs};
};

}  // namespace treadle
