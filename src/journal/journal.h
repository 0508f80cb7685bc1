// Journal: the append-only log of one shard. The shard can be rebuilt from it. Several shards may
// share one log: then each sees its stream of it as a Journal.
//
// The node appends one frame per batch, in sequence and from one executor at a time, through
// JournalQueue; each Append() blocks until its frames are durable (or only written, see
// Durability). Read() and Trim() may run on another executor at the same time, MakeRoom() on a
// third. After any failed Append() or Sync() the journal must not be used again: the node stops.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace treadle {

/// One batch of the shard. Whoever hands out a Frame owns what `effects` points to, for the length
/// of the call.
struct Frame {
  uint64_t sequence = 0;  // of its stream: from 1, without gaps
  ShardTime time;         // shard time when the batch was applied; never less than the frame before
  std::string_view effects;  // what the engine wrote; opaque here
  ShardId stream = 1;
};

class Journal {
 public:
  virtual ~Journal() = default;

  /// This opening's term: greater than that of every earlier opening, and durable before the
  /// opening returned.
  virtual uint32_t term() const = 0;
  /// The oldest frame still held; equal to the next sequence when none is.
  virtual uint64_t first_sequence() const = 0;
  /// The newest frame that the opening found, or 0 if there never was one.
  virtual uint64_t recovered_sequence() const = 0;

  enum class Durability { kSynced, kWritten };

  /// Appends `frames`, whose sequences must follow the last and each other without a gap. With
  /// kSynced they and all before them are durable on return, by one sync. RESOURCE_EXHAUSTED,
  /// UNAVAILABLE: the disk refused; the node must stop. INVALID_ARGUMENT: one is too large; those
  /// before it are written.
  virtual Status Append(std::span<const Frame> frames, Durability durability) = 0;
  Status Append(const Frame& frame, Durability durability) {
    return Append(std::span(&frame, 1), durability);
  }
  /// Makes durable what Append() has only written.
  virtual Status Sync() = 0;

  using Visitor = std::function<Status(const Frame&)>;
  /// Visits the frames `from`..`to` in order. All must have been appended, and `from` must not be
  /// trimmed. Stops at the first error of `visit` and returns it. DATA_LOSS: a frame that was
  /// durable is damaged.
  virtual Status Read(uint64_t from, uint64_t to, const Visitor& visit) = 0;

  /// Frames up to `sequence` are no longer needed; their space may be reused.
  virtual Status Trim(uint64_t sequence) = 0;

  /// Whether a frame with `bytes` of effects fits into space that is already on disk. Any thread.
  virtual bool HasRoomFor(uint64_t bytes) const = 0;
  /// Makes room on disk ahead of need (a spare segment). Slow; for a background executor.
  /// RESOURCE_EXHAUSTED: the disk is full, nothing is lost, and the call may be repeated when space
  /// returns.
  virtual Status MakeRoom() = 0;
  /// What Append() calls when the disk is full, before it gives up: `gain` frees some of it and
  /// returns whether it could. Before the first Append().
  virtual void WhenFull(std::function<Result<bool>()> gain) { (void)gain; }

  /// UNAVAILABLE: files that hold frames are not where they were written; someone has removed or
  /// replaced them. Any executor.
  virtual Status CheckInPlace() { return {}; }
};

}  // namespace treadle
