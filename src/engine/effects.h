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

namespace treadle {

/// A queue exists and has this policy.
struct QueueIsNow {
  QueueId id = 0;
  std::string name;
  QueuePolicy policy;
};

/// A task type has this number.
struct TypeIsNow {
  TypeId id = 0;
  std::string name;
};

/// A task was accepted. Sets its body, which never changes afterwards.
struct TaskIsNew {
  TaskImage image;
  std::shared_ptr<const TaskBody> body;
};

/// A task's image changed. Parts that are absent stay as they were, except `holder`: absent means
/// that nobody holds it.
struct TaskIsNow {
  TaskImage image;
  std::optional<LeaseHolder> holder;
  std::shared_ptr<const TaskError> error;
  std::shared_ptr<const TaskResult> result;
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

/// A queue's own numbers. Tasks of the queue whose ordinal is below `completed_from` (`dead_from`)
/// are no longer kept: this is how retention removes, a whole prefix at a time and without a word
/// per task.
struct CountersAreNow {
  QueueId queue = 0;
  uint64_t accepted = 0;        // tasks ever accepted
  uint64_t completed_next = 1;  // ordinal of the next task to complete
  uint64_t completed_from = 1;  // ordinal of the oldest completed task that is kept
  uint64_t dead_next = 1;
  uint64_t dead_from = 1;
  uint64_t removed_retention = 0;  // tasks removed because their retention was over

  bool operator==(const CountersAreNow&) const = default;
};

using Effect =
    std::variant<QueueIsNow, TypeIsNow, TaskIsNew, TaskIsNow, KeyIsNow, KeyIsGone, CountersAreNow>;

/// Appends the effect's record to what `out` writes to.
void Encode(const QueueIsNow& effect, ByteWriter* out);
void Encode(const TypeIsNow& effect, ByteWriter* out);
void Encode(const TaskIsNew& effect, ByteWriter* out);
void Encode(const TaskIsNow& effect, ByteWriter* out);
void Encode(const KeyIsNow& effect, ByteWriter* out);
void Encode(const KeyIsGone& effect, ByteWriter* out);
void Encode(const CountersAreNow& effect, ByteWriter* out);

/// Reads one effect after the other from the bytes of a frame, which must outlive the reader.
class EffectReader {
 public:
  /// `shard` is that of the journal's stream: ids in the records carry the sequence alone.
  EffectReader(ShardId shard, std::string_view effects) : shard_(shard), in_(effects) {}

  /// The next effect; nothing at the end. DATA_LOSS: the bytes are no effect of this version.
  Result<std::optional<Effect>> Next();

 private:
  Effect Decode(uint8_t kind);

  ShardId shard_;
  ByteReader in_;
};

/// The policy's form in effects and in the store.
void EncodePolicy(const QueuePolicy& policy, ByteWriter* out);
QueuePolicy DecodePolicy(ByteReader* in);

}  // namespace treadle
