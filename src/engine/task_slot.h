// TaskSlot: what the engine keeps at hand of one task.
#pragma once

#include <cstdint>
#include <memory>

#include "base/random.h"
#include "engine/timer_heap.h"
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

struct TaskSlot {
  TaskImage image;
  uint64_t changed_in =
      0;  // the frame that changed it last; once the store has that frame, parts may be dropped
  /// Null, or without a body: dropped, the store has them. Whatever else is here is newer than the
  /// store's.
  std::unique_ptr<TaskParts> parts;
  uint32_t hash_next = UINT32_MAX;  // SlabTable's
  uint32_t previous = UINT32_MAX;   // ready: in its lane. Running: among its worker's leases
  uint32_t next = UINT32_MAX;
  uint32_t timer = kNowhere;   // its place in the timer heap of its state
  uint32_t payload_bytes = 0;  // also when the payload is not in memory
  uint32_t worker : 31 = 0;    // running: the holder's number in WorkerTable
  uint32_t returned : 1 = 0;   // ready: waits in the lane's set, not in its list

  bool HasBody() const { return parts != nullptr && parts->body != nullptr; }
  // Eight neighbours stay neighbours: tasks that came together are sought together, and a new one
  // finds its bucket empty. Whatever is left of them, no chain grows by more than eight times.
  static uint64_t HashOf(TaskId id) { return Mix64(id.packed >> 3) << 3 | (id.packed & 7); }
  uint64_t hash() const { return HashOf(image.id); }
  bool Matches(TaskId id) const { return image.id == id; }
};

}  // namespace treadle
