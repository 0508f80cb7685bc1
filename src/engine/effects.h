// Effects: the only way in which a shard's state changes, and the only thing that its journal
// holds. Format: docs/formats/effects.md.
//
// Three readers must agree on what an effect means: the live engine applies it (State), recovery
// applies it again, and the checkpoint folds many frames of them into a few rows of the store
// (node/fold.h). They do not agree on where they start. A checkpoint takes several transactions,
// and only the last one moves the store's `applied`. After a crash in between, some rows are newer
// than `applied`, and recovery replays every frame after `applied` on top of them.
//
// So an effect is an after-image of one record: "task T is now …", never "one more". It overwrites
// what was there without reading it. Applied twice, or over a later state, it leaves the wrong
// value only until its successors are applied, and recovery always continues to the last frame.
// Whoever wrote a field last wins, wherever the replay began.
//
// The fold follows from this. Of all images of a task in a range of frames, only the last one
// matters; a part that an image leaves out (body, error, result) stays as the last image that had
// it said. So a fold keeps one change per task, queue and key. A task that began in the range,
// ended in it and is not kept is dropped altogether: it costs the store nothing. That is why a
// checkpoint can write far less than the journal that it covers.
//
// With deltas, each row would need the number of the frame that changed it last, and recovery would
// have to compare (the pageLSN of ARIES), or a checkpoint would have to be one transaction of any
// size. With after-images there is nothing to undo either: the checkpoint only reads durable
// frames. In the terms of Härder and Reuter, "Principles of Transaction-Oriented Database Recovery"
// (1983), this is no-steal and no-force: redo, and no undo.
//
// What a new kind of effect must keep:
//
// - It says all of what it changes. What must add up is counted by the state and written as an
//   image: every batch ends with CountersAreNow of each queue that it touched. While a frame is
//   replayed its queues' counters may be wrong; at its end they are right.
// - What only grows (a trail) consists of pieces with a name of their own: an attempt's number, an
//   offset in its log, a step's name. A piece that is there already is the same piece.
// - It says where a record was if nobody else can know: `left` leads the fold to the old row.
// - Its record's number means the same in every frame that may be replayed. Task ids are never
//   reused. The number of a deleted queue or type is, but only once the store has the deletion
//   (names.cc).
//
// Checked by effects_test.cc, node/fold_test.cc, and the simulation, which compares the recovered
// state with the one before the crash.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"
#include "model/queue_policy.h"
#include "model/task.h"
#include "model/trail.h"

namespace treadle {

/// A queue exists and has this policy.
struct QueueIsNow {
  QueueId id = 0;
  std::string name;
  QueuePolicy policy;
  /// The number was that of a deleted queue; this one begins with counts of its own.
  bool takes_over = false;
};

/// A task type has this number and this policy.
struct TypeIsNow {
  TypeId id = 0;
  std::string name;
  TypePolicy policy = {};
  bool takes_over = false;  // the number was that of a deleted type
};

/// A task was accepted. Sets its body, which changes only when someone edits it.
struct TaskIsNew {
  TaskImage image;
  std::shared_ptr<const TaskBody> body;
  std::shared_ptr<const TaskTerms> terms = nullptr;  // if image.has_terms
};

/// The place of a task in its queue: in a lane while it lives, then among tasks that ended like it.
struct QueuePlace {
  QueueId queue = 0;
  TypeId type = 0;
  uint8_t priority = 0;
  TaskState state = TaskState::kReady;
  uint64_t ordinal = 0;  // ended; else 0

  static QueuePlace Of(const TaskImage& image) {
    return {image.queue, image.type, image.priority, image.state, image.ordinal};
  }
  bool operator==(const QueuePlace&) const = default;
};

/// A task's image changed. Parts that are absent stay as they were, except `holder`: absent means
/// that nobody holds it.
struct TaskIsNow {
  TaskImage image = {};
  std::optional<LeaseHolder> holder = {};
  std::shared_ptr<const TaskError> error = nullptr;
  std::shared_ptr<const TaskResult> result = nullptr;
  /// Edited or moved: with `error`, all that is to be kept of the task.
  std::shared_ptr<const TaskBody> body = nullptr;
  std::shared_ptr<const TaskTerms> terms = nullptr;
  /// What is added to the task's trail; the image then records that there is one.
  std::shared_ptr<const TaskTrail> trail = nullptr;
  /// The place that it left, if it came back from those that ended, or moved to another lane.
  std::optional<QueuePlace> left = {};
};

/// Why a queue no longer has a task. The numbers are on disk.
enum class Removal : uint8_t {
  kRetention = 0,  // it had ended, and its time was over
  kDeleted = 1,    // someone asked
  kMoved = 2,      // to another queue
  kReplaced = 3,   // by another task with its idempotency key
};
inline constexpr size_t kRemovals = 4;
/// Its name on the wire, for example "retention".
std::string_view RemovalName(Removal why);

/// A task is removed. (Retention uses CountersAreNow, for many at once.)
struct TaskIsGone {
  TaskId id;
  QueuePlace place;
  Removal why = Removal::kDeleted;
};

/// 128 bits of SHA-256 over queue and key: the identity of an idempotency key.
using IdempotencyId = std::array<uint64_t, 2>;

/// A key admits no second task until `expires`.
struct KeyIsNow {
  IdempotencyId id{};
  uint64_t request_hash =
      0;  // of all that the producer asked for; the same key with another request is refused
  TaskId task;
  ShardTime expires;
};

/// A key's window is over.
struct KeyIsGone {
  IdempotencyId id{};
};

/// Where arrays have what belongs to a state that ends a task.
constexpr size_t EndedIndex(TaskState state) { return static_cast<size_t>(state) - kFirstEnded; }

/// The ordinals of a queue's tasks that ended in one state.
struct EndedRange {
  uint64_t next = 1;  // of the next task to end so
  uint64_t from = 1;  // of the oldest that may be kept

  bool operator==(const EndedRange&) const = default;
};

/// A queue's own numbers. Ended tasks whose ordinal is below `from` of their state are no longer
/// kept: this is how retention removes, a whole prefix at a time and without a word per task.
struct CountersAreNow {
  QueueId queue = 0;
  uint64_t accepted = 0;  // tasks that ever came: enqueued here, or moved here
  std::array<EndedRange, kEndedStates> ended{};
  std::array<uint64_t, kRemovals> removed{};  // tasks that left, by Removal

  /// `state` must be one that ends a task.
  EndedRange& of(TaskState state) { return ended[EndedIndex(state)]; }
  const EndedRange& of(TaskState state) const { return ended[EndedIndex(state)]; }
  uint64_t& removed_by(Removal why) { return removed[static_cast<size_t>(why)]; }
  uint64_t removed_by(Removal why) const { return removed[static_cast<size_t>(why)]; }

  bool operator==(const CountersAreNow&) const = default;
};

using Effect = std::variant<QueueIsNow, TypeIsNow, TaskIsNew, TaskIsNow, TaskIsGone, KeyIsNow,
                            KeyIsGone, CountersAreNow>;

/// Appends the effect's record to what `out` writes to.
void Encode(const QueueIsNow& effect, ByteWriter* out);
void Encode(const TypeIsNow& effect, ByteWriter* out);
void Encode(const TaskIsNew& effect, ByteWriter* out);
void Encode(const TaskIsNow& effect, ByteWriter* out);
void Encode(const TaskIsGone& effect, ByteWriter* out);
void Encode(const KeyIsNow& effect, ByteWriter* out);
void Encode(const KeyIsGone& effect, ByteWriter* out);
void Encode(const CountersAreNow& effect, ByteWriter* out);

/// Reads one effect after the other from the bytes of a frame, which must outlive the reader.
class EffectReader {
 public:
  /// `shard` is that of the journal's stream: IDs in the records have only the sequence.
  EffectReader(ShardId shard, std::string_view effects) : shard_(shard), in_(effects) {}

  /// The next effect; nothing at the end. DATA_LOSS: the bytes are no effect of this version.
  Result<std::optional<Effect>> Next();

 private:
  Effect Decode(uint8_t kind);

  ShardId shard_;
  ByteReader in_;
};

/// Their forms in effects and in the store. A reader that meets a later version fails; fields that
/// it does not know are no reason to (policy_effects.cc).
void EncodePolicy(const QueuePolicy& policy, ByteWriter* out);
QueuePolicy DecodePolicy(ByteReader* in);
void EncodeTypePolicy(const TypePolicy& policy, ByteWriter* out);
TypePolicy DecodeTypePolicy(ByteReader* in);
void EncodeRetry(const RetryPolicy& retry, ByteWriter* out);
RetryPolicy DecodeRetry(ByteReader* in);
void EncodeTerms(const TaskTerms& terms, ByteWriter* out);
std::shared_ptr<const TaskTerms> DecodeTerms(ByteReader* in);

}  // namespace treadle
