#include "shard/fold.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <variant>

#include "base/check.h"

namespace treadle {
namespace {

// About what a change costs in the store.
size_t SizeOf(const TaskChange& change) {
  size_t bytes = 64;
  if (change.now.body) bytes += change.now.body->payload.size() + 64;
  if (change.now.result) bytes += change.now.result->bytes.size() + 32;
  if (change.now.error) bytes += change.now.error->message.size();
  if (change.trail) {
    bytes += change.trail->saved.bytes();
    for (const LogPiece& piece : change.trail->log) bytes += piece.text.size();
    for (const AttemptRecord& ended : change.trail->ended)
      bytes += 64 + (ended.error ? ended.error->message.size() : 0);
  }
  return bytes;
}

// The store's own order: what waits by lease order, what has ended by id.
auto StoreOrder(const TaskImage& image) {
  const bool ended = IsTerminal(image.state);
  return std::tuple(ended, ended ? 0 : image.queue, ended ? 0 : image.type,
                    ended ? 0 : -image.priority, image.id.packed);
}

}  // namespace

Status Fold::Add(const Frame& frame) {
  TREADLE_CHECK(last_frame_ == 0 || frame.sequence == last_frame_ + 1);
  last_frame_ = frame.sequence;
  last_time_ = frame.time;
  EffectReader reader(shard_, frame.effects);
  while (true) {
    TREADLE_ASSIGN_OR_RETURN(const std::optional<Effect> effect, reader.Next());
    if (!effect) break;
    std::visit([&](const auto& e) { Note(e); }, *effect);
  }
  if (tasks_.size() >= forget_at_) ForgetGone();
  return {};
}

void Fold::Note(const QueueIsNow& effect) { queues_[effect.id] = effect; }

void Fold::Note(const TypeIsNow& effect) { types_.push_back(effect); }

void Fold::Note(const TaskIsNew& effect) {
  TaskChange& change = tasks_[effect.image.id.packed];
  change.now = {.image = effect.image, .body = effect.body, .terms = effect.terms};
  change.is_new = last_frame_ >= first_new_frame_;
  next_sequence_ = std::max(next_sequence_, effect.image.id.sequence() + 1);
}

void Fold::Note(const TaskIsNow& effect) {
  TaskChange& change = tasks_[effect.image.id.packed];
  TaskRecord& now = change.now;
  NotePlace(effect.image, &change);
  now.image = effect.image;
  // The store keeps who ran the last attempt of a task that ended.
  if (effect.holder || !IsTerminal(effect.image.state)) now.holder = effect.holder;
  if (effect.error) now.error = effect.error;
  if (effect.result) now.result = effect.result;
  if (effect.body) now.body = effect.body;
  if (effect.terms) now.terms = effect.terms;
  if (effect.trail) Note(*effect.trail, &change);
  if (effect.left && !IsTerminal(effect.left->state))
    change.left.push_back(
        {effect.image.id, effect.left->queue, effect.left->type, effect.left->priority});
}

void Fold::Note(const TaskTrail& trail, TaskChange* change) {
  TREADLE_CHECK(change->now.image.id != TaskId{});  // Note() has seen its task
  if (change->trail == nullptr) change->trail = std::make_shared<TrailChange>();
  TrailChange& added = *change->trail;
  if (trail.ended) added.ended.push_back(*trail.ended);
  if (trail.log) added.log.push_back(*trail.log);
  for (const auto& [name, saved] : trail.saved.steps) added.saved.steps[name] = saved;
  if (trail.saved.checkpoint) added.saved.checkpoint = trail.saved.checkpoint;
}

// Where the store may still have it: an ended task that gets another priority says nothing of the
// place in which it waited.
void Fold::NotePlace(const TaskImage& next, TaskChange* change) {
  const TaskPlace before = TaskPlace::Of(change->now.image);
  if (before.id != TaskId{} && before != TaskPlace::Of(next)) change->left.push_back(before);
}

void Fold::Note(const TaskIsGone& effect) {
  TaskChange& change = tasks_[effect.id.packed];
  TaskImage& image = change.now.image;
  image.id = effect.id;
  image.queue = effect.place.queue;
  image.type = effect.place.type;
  image.priority = effect.place.priority;
  image.state = effect.place.state;
  image.ordinal = effect.place.ordinal;
  change.is_gone = true;
}

void Fold::Note(const KeyIsNow& effect) { keys_[effect.id] = {effect, false}; }

void Fold::Note(const KeyIsGone& effect) { keys_[effect.id].gone = true; }

bool Fold::IsBeyondRetention(const TaskImage& image) const {
  if (!IsTerminal(image.state)) return false;
  const auto it = counters_.find(image.queue);
  return it != counters_.end() && image.ordinal < it->second.of(image.state).from;
}

// Each time when those that are held have doubled, so that none is looked at often.
void Fold::ForgetGone() {
  for (auto task = tasks_.begin(); task != tasks_.end();) {
    TaskChange& change = task->second;
    change.is_gone |= IsBeyondRetention(change.now.image);
    if (change.is_gone && change.is_new) {
      task = tasks_.erase(task);
      continue;
    }
    if (change.is_gone) {
      change.now = {.image = change.now.image};
      change.trail = nullptr;
    }
    ++task;
  }
  forget_at_ = std::max(kForgetAtLeast, 2 * tasks_.size());
  is_full_ = tasks_.size() >= kFullTasks;
}

std::vector<StoreChanges> Fold::Take(size_t bytes) {
  TREADLE_CHECK(bytes > 0 && last_frame_ > 0);
  std::vector<StoreChanges> parts(1);
  for (auto& [id, queue] : queues_) parts.back().queues.push_back(std::move(queue));
  parts.back().types = std::move(types_);

  // Sorted by copies of what orders them: the changes lie all over the memory.
  std::vector<std::pair<decltype(StoreOrder({})), TaskChange*>> tasks;
  tasks.reserve(tasks_.size());
  for (auto& [id, change] : tasks_) {
    change.is_gone |= IsBeyondRetention(change.now.image);
    if (!change.is_new || !change.is_gone)
      tasks.emplace_back(StoreOrder(change.now.image), &change);
  }
  std::sort(tasks.begin(), tasks.end());
  size_t size = 0;
  for (const auto& [order, change] : tasks) {
    if (size >= bytes) {
      parts.emplace_back();
      size = 0;
    }
    size += SizeOf(*change);
    parts.back().tasks.push_back(std::move(*change));
  }
  tasks_.clear();
  for (auto& [id, key] : keys_) {
    if (parts.back().keys.size() + parts.back().keys_gone.size() >= bytes / 64)
      parts.emplace_back();
    key.gone ? parts.back().keys_gone.push_back(id) : parts.back().keys.push_back(key.now);
  }
  // With the meta, in the last part: they must agree with what recovery replays after it.
  for (auto& [id, counters] : counters_) parts.back().counters.push_back(counters);
  return parts;
}

}  // namespace treadle
