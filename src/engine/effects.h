// Effects: the only way in which a shard's state changes, and the only thing that its journal
// holds.
//
// Each is the after-image of one small record ("task T is now …"), never a delta: applying one
// twice, or on top of a state that already holds a later one, and then all that follow, ends in the
// same state. The node's recovery, the checkpoint's fold and the live engine read the same bytes
// with the same code. Format: docs/formats/effects.md.
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
  EndedRange& of(TaskState state) { return ended[static_cast<size_t>(state) - kFirstEnded]; }
  const EndedRange& of(TaskState state) const {
    return ended[static_cast<size_t>(state) - kFirstEnded];
  }
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
