#include "engine/task_slot.h"

#include "base/check.h"

namespace treadle {
namespace {

bool WaitsToBegin(const TaskImage& image) {
  return image.attempt == 0 && image.state != TaskState::kRunning && !IsTerminal(image.state);
}

}  // namespace

TaskImage TaskSlot::image() const {
  const ImageRest more = rest == nullptr ? ImageRest{} : *rest;
  return {.id = id,
          .queue = queue,
          .type = type,
          .state = state,
          .priority = priority,
          .reported = reported,
          .cancel_requested = cancel_requested,
          .has_terms = has_terms,
          .has_trail = has_trail,
          .by_shard_time = by_shard_time,
          .apart = apart,
          .max_attempts = max_attempts,
          .worker_losses = more.worker_losses,
          .unspent = more.unspent,
          .attempt = more.attempt,
          .term = more.term,
          .exchange = more.exchange,
          .ordinal = more.ordinal,
          .when_ms = when_ms,
          .enqueued_at = enqueued_at,
          .started_at = more.started_at,
          .finished_at = more.finished_at};
}

void TaskSlot::SetImage(const TaskImage& image, Pool<ImageRest>* rests) {
  id = image.id;
  queue = image.queue;
  type = image.type;
  when_ms = image.when_ms;
  enqueued_at = image.enqueued_at;
  state = image.state;
  TREADLE_CHECK(image.priority <= limits::kPriorityMax);  // lanes have no more levels
  priority = image.priority & 15;
  reported = image.reported;
  cancel_requested = image.cancel_requested;
  has_terms = image.has_terms;
  has_trail = image.has_trail;
  by_shard_time = image.by_shard_time;
  apart = image.apart;
  shared = false;
  max_attempts = image.max_attempts;
  if (rest == nullptr) {
    if (WaitsToBegin(image)) return;
    rest = rests->Take();
  }
  rest->unspent = image.unspent;
  rest->attempt = image.attempt;
  rest->term = image.term;
  rest->exchange = image.exchange;
  rest->ordinal = image.ordinal;
  rest->started_at = image.started_at;
  rest->finished_at = image.finished_at;
  rest->worker_losses = image.worker_losses;
}

}  // namespace treadle
