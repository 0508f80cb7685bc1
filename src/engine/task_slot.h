// TaskSlot: what the engine keeps in memory for each task.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/random.h"
#include "engine/pool.h"
#include "engine/timer_heap.h"
#include "model/limits.h"
#include "model/task.h"
#include "model/trail.h"

namespace treadle {

/// The parts of a task that may be dropped from memory once the store has them.
struct TaskParts {
  std::shared_ptr<const TaskBody> body;
  std::shared_ptr<const TaskError> error;
  std::shared_ptr<const TaskResult> result;
  std::shared_ptr<const TaskSaved> saved;  // all of it if there is a body

  size_t bytes() const {
    size_t n = sizeof(TaskParts) + 64;  // and the heap's own
    if (body) n += sizeof(TaskBody) + body->payload.size() + body->idempotency_key.size();
    if (error) n += sizeof(TaskError) + error->message.size();
    if (result) n += sizeof(TaskResult) + result->bytes.size();
    if (saved) n += sizeof(TaskSaved) + saved->bytes() + saved->steps.size() * sizeof(SavedBytes);
    return n;
  }
};

/// What of a TaskImage says something about a task that waits to begin, and what the engine asks
/// most. Names as there.
struct ImageHead {
  TaskId id;
  QueueId queue = 0;
  TypeId type = 0;
  int64_t when_ms = 0;
  WallTime enqueued_at;
  TaskState state : 4 = TaskState::kReady;
  uint8_t priority : 4 = 0;
  bool reported : 1 = false;
  bool cancel_requested : 1 = false;
  bool has_terms : 1 = false;
  bool has_trail : 1 = false;
  bool by_shard_time : 1 = false;
  bool apart : 1 = false;
  bool returned : 1 = false;  // not of the image. Ready: waits in the lane's set, not in its list
  bool shared : 1 = false;    // nor this. Running: another lease of its worker has been lost since
                              // it was renewed
  uint16_t max_attempts = 0;
};

/// The rest of it, from the first attempt on, or once the task has ended.
struct ImageRest {
  uint32_t unspent = 0;
  uint32_t attempt = 0;
  uint32_t term = 0;
  uint32_t exchange = 0;
  uint64_t ordinal = 0;
  WallTime started_at;
  WallTime finished_at;
  uint32_t worker = 0;  // not of the image: the number in WorkerTable of who holds it, if running
  uint16_t worker_losses = 0;
};

/// Most tasks wait to begin, and there may be tens of millions of them. So a slot has 80 bytes, all
/// that such a task needs; the 48 of its ImageRest are elsewhere and are allocated when they hold
/// something.
struct TaskSlot : ImageHead {
  uint32_t hash_next = UINT32_MAX;  // SlabTable's
  ImageRest* rest = nullptr;        // from a pool; null before the first attempt
  /// Null, or without a body: dropped, the store has them. Whatever else is here is newer than the
  /// store's.
  std::unique_ptr<TaskParts> parts;
  uint64_t changed_in =
      0;  // the frame that changed it last; once the store has that frame, parts may be dropped
  uint32_t previous = UINT32_MAX;  // ready: in its lane. Running: among its worker's leases
  uint32_t next = UINT32_MAX;
  uint32_t timer = kNowhere;   // its place in the timer heap of its state
  uint32_t payload_bytes = 0;  // also when the payload is not in memory

  TaskImage image() const;
  /// `rests` must be the same pool in every call for this slot.
  void SetImage(const TaskImage& image, Pool<ImageRest>* rests);
  /// Before the slot is erased.
  void DropRest(Pool<ImageRest>* rests) {
    if (rest != nullptr) rests->Give(std::exchange(rest, nullptr));
  }

  // What is read so often that the whole image would be too much.
  uint32_t attempt() const { return rest == nullptr ? 0 : rest->attempt; }
  uint32_t exchange() const { return rest == nullptr ? 0 : rest->exchange; }
  uint32_t spent() const { return rest == nullptr ? 0 : rest->attempt - rest->unspent; }
  Token token() const { return {id, attempt(), rest == nullptr ? 0 : rest->term}; }
  bool HasBody() const { return parts != nullptr && parts->body != nullptr; }
  // Eight neighbours stay neighbours: tasks that came together are sought together, and a new one
  // finds its bucket empty. Whatever is left of them, no chain grows by more than eight times.
  static uint64_t HashOf(TaskId id) { return Mix64(id.packed >> 3) << 3 | (id.packed & 7); }
  uint64_t hash() const { return HashOf(id); }
  bool Matches(TaskId other) const { return id == other; }
};
static_assert(sizeof(TaskSlot) == 80 && sizeof(ImageRest) == 48);
static_assert(limits::kPriorityMax < 16, "it has four bits");
static_assert(static_cast<int>(TaskState::kExpired) < 16);  // so has a state

}  // namespace treadle
