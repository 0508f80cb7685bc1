// Frames: the group commit of one shard. Commands change the engine, one frame carries the changes
// of many to the journal, and their replies leave when it is durable.
//
// A sync of the disk costs as much for one command as for a thousand, and takes longer than the
// engine needs for either. So nobody is given a sync of their own: what comes while the disk is
// busy goes together.
//
//     executor   │ commands ─ batch 7 │ batch 8 ──────── │ batch 9 ───────────────── │
//     journal    │      │ write, sync 7 ──── │ write, sync 8 ──── │ write, sync 9 ── │
//     replies    │                          └ of 7               └ of 8
//
// Open() begins a batch, if none is open, and posts the end of the turn behind all that waits at
// the executor by then: that joins the batch. At the end of a turn the batch is sealed into a frame
// if the disk has nothing to do. If it syncs a frame, the batch stays open and grows, turn by turn,
// until that sync has ended. There is no timer: an idle server commits at once, a busy one commits
// as often as its disk allows.
//
// One frame at a time would leave the disk idle from the end of its sync until the shard has heard
// of it, and has sealed and sent the next one. So a second frame may be on its way behind the one
// that syncs, if it is large enough to be worth a sync of its own (a 64th of the largest frame);
// then the journal goes from one to the next without a pause. A third would only wait, and a frame
// that waits can no longer grow.
//
// A reply is bound to the last frame that had been applied when it was formed, whether it changed
// anything or not. A command that only read may have seen what that frame wrote, and nobody may be
// told of a thing that a power failure could still undo. A batch without changes makes no frame:
// its replies join those of the last frame on its way, or leave at once if there is none.
//
// Frames become durable in their order, so no reply leaves before a frame on which it rests. If a
// write or a sync fails, the node ends: whether that frame is on disk is unknown, and so is what
// every later one would rest on.
//
// On the shard's executor, unless noted otherwise.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "config/node_options.h"
#include "shard/environment.h"
#include "shard/shard_services.h"

namespace treadle {

class Frames {
 public:
  /// Borrows all.
  Frames(ShardServices* shard, ShardEvents* events, const ShardEnvironment& environment,
         const NodeOptions& options);

  /// The engine, within a batch.
  Engine& Open();
  /// Runs `reply` once all that is applied by now is durable.
  void Reply(std::function<void()> reply);
  /// Seals the batch if the journal can take another frame. After ShardEvents::OnTurn().
  void EndTurn();
  /// Syncs what the journal has, also where appends do not wait for it, then runs `then`.
  void Sync(std::function<void()> then);

  /// The last frame that is durable.
  uint64_t durable() const { return durable_; }
  /// The frame that has, or will have, the last change that was applied.
  uint64_t applied() const { return next_ - (effects_.empty() ? 1 : 0); }
  /// Nothing waits for the journal, and no batch is open.
  bool is_idle() const { return !is_open_ && under_way_.empty(); }

 private:
  struct UnderWay {
    uint64_t sequence = 0;
    std::vector<std::function<void()>> replies;
  };

  void SealIfRoom();
  void Seal();
  void Append(uint64_t sequence, ShardTime time, std::string effects);
  void OnAppended(uint64_t sequence, uint64_t bytes, const Status& status);
  void SyncLater();

  ShardServices* const shard_;
  ShardEvents* const events_;
  const ShardEnvironment& env_;
  const ShardId stream_;    // of the log
  const bool syncs_;        // each frame; else about once a second
  const size_t bytes_max_;  // of a frame
  bool is_open_ = false;
  bool time_is_stale_ = false;
  bool turn_end_posted_ = false;
  bool sync_posted_ = false;
  std::string effects_;  // of the open batch
  std::vector<std::function<void()>> replies_;
  std::deque<UnderWay> under_way_;
  uint64_t next_;
  uint64_t durable_;
};

}  // namespace treadle
