// Checkpoints: when a shard's durable frames go to its store, and who waits for that.
//
// A checkpoint begins when enough journal has gathered, when a change is old enough, or when
// someone waits for the store: a list shows all that was acknowledged before it was asked for. When
// one has ended, the engine forgets what the store now has, in small pieces.
//
// If frames come faster than the store takes them in, the backlog grows up to a bound, and enqueues
// wait at first, and are refused then. A checkpoint that finds the disk full is tried again in a
// second; the journal keeps it all meanwhile.
//
// On the shard's executor.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "config/node_options.h"
#include "shard/environment.h"
#include "shard/frames.h"
#include "shard/shard_services.h"

namespace treadle {

class Checkpoints {
 public:
  /// Borrows all. The store is where recovery found it: at `meta`.
  Checkpoints(ShardServices* shard, ShardEvents* events, const ShardEnvironment& environment,
              const NodeOptions& options, Frames* frames, const StoreMeta& meta);

  /// Another frame is durable.
  void Add(uint64_t frame, uint64_t bytes);
  /// Begins one, unless one runs, there is nothing to store, or the disk was full a moment ago.
  void Begin();
  /// Begins one if there is much to store or someone waits for it, else when what there is has
  /// become old.
  void BeginLater();

  /// See ShardServices::WhenStored().
  void WhenStored(int64_t wait_ms, std::function<void(bool is_stored)> run);
  /// Runs `run` when a checkpoint has made room for more journal, or after so long.
  void WhenThereIsRoom(int64_t wait_ms, std::function<void()> run);
  /// All who wait for room wait no longer.
  void StopWaitingForRoom();

  /// The last frame that the store has.
  uint64_t stored() const { return stored_.frame; }
  /// As of when the store is, if nothing is on its way to it.
  WallTime as_of() const { return stored_.as_of; }
  /// The store has every change that was applied.
  bool is_current() const { return stored_.frame >= frames_->applied(); }
  /// Of the journal: frames that the store does not have.
  uint64_t backlog_bytes() const { return backlog_bytes_; }
  /// Of the oldest frame that the store does not have; 0: it has all.
  int64_t AgeMs() const;
  bool is_running() const { return is_running_; }
  /// The disk was too full for the last one.
  bool is_pausing() const { return is_pausing_; }

 private:
  struct Waiting {
    uint64_t frame;                                  // that the store must have reached
    std::shared_ptr<std::function<void(bool)>> run;  // empty once it has run
  };

  void Run(uint64_t to);
  void OnDone(const Result<uint64_t>& applied, WallTime as_of);
  void Pause();
  void RunThoseThatWait();
  void ForgetLater();

  ShardServices* const shard_;
  ShardEvents* const events_;
  const ShardEnvironment& env_;
  const NodeOptions& options_;
  Frames* const frames_;
  struct {
    uint64_t frame;
    WallTime as_of;
  } stored_;
  std::deque<std::pair<uint64_t, uint64_t>> backlog_;  // (frame, bytes)
  uint64_t backlog_bytes_ = 0;
  int64_t unstored_since_ms_;  // monotonic; of the oldest in backlog_, or earlier
  bool is_running_ = false;
  bool is_pausing_ = false;
  bool timer_posted_ = false;
  bool forget_posted_ = false;
  std::vector<Waiting> waiting_;
  std::vector<std::shared_ptr<std::function<void()>>> waiting_for_room_;
};

}  // namespace treadle
