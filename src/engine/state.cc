#include "engine/state.h"

#include <algorithm>

#include "base/check.h"

namespace treadle {
namespace {

constexpr size_t kSuppliedShort = 16'384;  // ids, 128 KiB of them

}  // namespace

State::State(ShardId shard)
    : shard_(shard), by_shard_time_(SetTimer{this}), by_wall_time_(SetTimer{this}) {}

void State::BeginFrame(uint64_t sequence, ShardTime now) {
  TREADLE_CHECK(now >= now_ && sequence >= frame_);
  frame_ = sequence;
  now_ = now;
}

void State::Apply(const QueueIsNow& effect) {
  if (effect.id > queues_.size()) {
    TREADLE_CHECK(effect.id == queues_.size() + 1);
    queues_.push_back(std::make_unique<Queue>());
    queues_.back()->id = queues_.back()->counters.queue = effect.id;
  }
  TREADLE_CHECK(HasQueue(effect.id));
  Queue& queue = MutableQueue(effect.id);
  SetName(effect.name, effect.id, &queue.name, &queue_ids_);
  if (effect.takes_over) TakeOver(&queue);
  NoteDeletion(queue.policy.deleted, effect.policy.deleted, effect.id, &queue.deleted_in,
               &deleted_queues_);
  const bool resumes = queue.policy.paused && !effect.policy.paused;
  queue.policy = effect.policy;
  NoteLongLeases(&queue);
  left_apart_ |= !queue.apart.empty();  // it may be paused now
  Touch(effect.id);
  if (!resumes) return;
  for (const bool of_those_apart : {false, true})
    for (const auto& [type, lane] : of_those_apart ? queue.apart : queue.lanes)
      if (!lane->empty()) SignalLane(lane.get(), of_those_apart);
}

void State::Apply(const TypeIsNow& effect) {
  if (effect.id > types_.size()) {
    TREADLE_CHECK(effect.id == types_.size() + 1);
    types_.emplace_back();
  }
  TREADLE_CHECK(HasType(effect.id));
  Type& type = types_[effect.id - 1];
  SetName(effect.name, effect.id, &type.name, &type_ids_);
  NoteDeletion(type.policy.deleted, effect.policy.deleted, effect.id, &type.deleted_in,
               &deleted_types_);
  type.policy = effect.policy;
}

void State::Apply(const TaskIsNew& effect) {
  TREADLE_CHECK(effect.body != nullptr);
  const uint32_t slot = SlotOf(effect.image);
  EditParts(&tasks_[slot], [&](TaskParts* parts) { *parts = {.body = effect.body}; });
  tasks_[slot].payload_bytes = static_cast<uint32_t>(effect.body->payload.size());
  if (effect.terms) terms_.Put(effect.image.id, effect.terms);
  Change(slot, effect.image, nullptr);
  ++MutableQueue(effect.image.queue).counters.accepted;
  next_sequence_ = std::max(next_sequence_, effect.image.id.sequence() + 1);
}

void State::Apply(const TaskIsNow& effect) {
  const uint32_t slot = SlotOf(effect.image);
  const bool saves = effect.trail != nullptr && !effect.trail->saved.empty();
  if (effect.error || effect.result || effect.body || saves) {
    EditParts(&tasks_[slot], [&](TaskParts* parts) {
      if (effect.error) parts->error = effect.error;
      if (effect.result) parts->result = effect.result;
      if (effect.body) parts->body = effect.body;
      if (saves)
        parts->saved = Over(std::make_shared<TaskSaved>(effect.trail->saved), parts->saved);
    });
  }
  if (effect.left) Leave(slot, *effect.left);
  if (effect.terms) terms_.Put(effect.image.id, effect.terms);
  if (effect.body) tasks_[slot].payload_bytes = static_cast<uint32_t>(effect.body->payload.size());
  Change(slot, effect.image, effect.holder ? &*effect.holder : nullptr);
  if (effect.left && effect.left->queue != effect.image.queue) {
    ++MutableQueue(effect.left->queue).counters.removed_by(Removal::kMoved);
    ++MutableQueue(effect.image.queue).counters.accepted;
  }
}

void State::Apply(const TaskIsGone& effect) {
  TREADLE_CHECK(HasQueue(effect.place.queue));
  Queue& queue = MutableQueue(effect.place.queue);
  const uint32_t slot = tasks_.Find(TaskSlot::HashOf(effect.id), effect.id);
  if (slot != kNoSlot) {
    Detach(slot);
    Erase(slot);
  }
  if (IsTerminal(effect.place.state))
    Uncount(queue.ended_in(effect.place.state).Remove(effect.place.ordinal, effect.id));
  ++queue.counters.removed_by(effect.why);
  Touch(effect.place.queue);
}

void State::Apply(const CountersAreNow& effect) {
  TREADLE_CHECK(HasQueue(effect.queue));
  Queue& queue = MutableQueue(effect.queue);
  for (size_t i = 0; i < kEndedStates; ++i) RemoveEnded(&queue.ended[i], effect.ended[i].from);
  queue.counters = effect;
}

const TaskSlot* State::Find(TaskId id) const {
  const uint32_t slot = tasks_.Find(TaskSlot::HashOf(id), id);
  return slot == kNoSlot ? nullptr : &tasks_[slot];
}

const Queue* State::FindQueue(std::string_view name) const {
  const auto it = queue_ids_.find(std::string(name));
  return it == queue_ids_.end() ? nullptr : &queue(it->second);
}

TypeId State::FindType(std::string_view name) const {
  const auto it = type_ids_.find(std::string(name));
  return it == type_ids_.end() ? 0 : it->second;
}

std::shared_ptr<const TaskTerms> State::SharedTermsOf(TaskId id) const {
  const std::shared_ptr<const TaskTerms>* terms = terms_.Find(id);
  return terms == nullptr ? nullptr : *terms;
}

const TaskSlot* State::EarliestByShardTime() const {
  return by_shard_time_.empty() ? nullptr : &tasks_[by_shard_time_.top().item];
}

const TaskSlot* State::EarliestByWallTime() const {
  return by_wall_time_.empty() ? nullptr : &tasks_[by_wall_time_.top().item];
}

void State::Touch(QueueId id) {
  Queue& queue = MutableQueue(id);
  if (!std::exchange(queue.touched, true)) touched_.push_back(id);
}

std::vector<QueueId> State::TakeTouchedQueues() {
  for (const QueueId id : touched_) {
    TREADLE_CHECK(MutableQueue(id).touched);  // each is listed once
    MutableQueue(id).touched = false;
  }
  return std::exchange(touched_, {});
}

std::vector<State::ReadyLane> State::TakeReadyLanes() {
  for (const ReadyLane& ready : ready_lanes_) {
    Lane& lane = MutableQueue(ready.queue).LaneOf(ready.type, ready.of_those_apart);
    // Each is listed once, and not forgotten by a queue that took over the number.
    TREADLE_CHECK(lane.signalled);
    lane.signalled = false;
  }
  return std::exchange(ready_lanes_, {});
}

uint32_t State::SlotOf(const TaskImage& image) {
  const uint32_t slot = tasks_.Find(TaskSlot::HashOf(image.id), image.id);
  if (slot != kNoSlot) {
    Detach(slot);
    return slot;
  }
  TaskSlot fresh;
  fresh.id = image.id;
  return tasks_.Insert(std::move(fresh));
}

void State::Change(uint32_t slot, const TaskImage& image, const LeaseHolder* holder) {
  TaskSlot& task = tasks_[slot];
  task.SetImage(image, &rests_);
  MarkChanged(&task);
  Attach(slot, image, holder);
  Touch(image.queue);
}

void State::Attach(uint32_t slot, const TaskImage& image, const LeaseHolder* holder) {
  const TaskSlot& task = tasks_[slot];
  TREADLE_CHECK(task.timer == kNowhere);  // Detach() came before
  Queue& queue = MutableQueue(image.queue);
  if (image.has_terms) terms_.Watch(image);
  if (IsTerminal(image.state)) return NoteEnd(task, image.ordinal);
  ++queue.live[static_cast<size_t>(image.state)];
  ++types_[image.type - 1].tasks;
  queue.live_bytes += task.payload_bytes;
  switch (image.state) {
    case TaskState::kReady: {
      Lane& lane = queue.LaneOf(image.type, image.apart);
      ready_apart_ += image.apart;
      lane.Add(&tasks_, slot);
      return SignalLane(&lane, image.apart);
    }
    case TaskState::kScheduled:
      return (image.by_shard_time ? by_shard_time_ : by_wall_time_).Push(image.when_ms, slot);
    case TaskState::kRetrying:
      return by_shard_time_.Push(image.when_ms, slot);
    default:
      TREADLE_CHECK(image.state == TaskState::kRunning && holder != nullptr);
      workers_.Add(&tasks_, slot, *holder);
      by_shard_time_.Push(LeaseEndMs(task), slot);
      cancel_requests_ += image.cancel_requested;
  }
}

void State::SignalLane(Lane* lane, bool of_those_apart) {
  if (!std::exchange(lane->signalled, true))
    ready_lanes_.push_back({lane->queue(), lane->type(), of_those_apart});
}

void State::Detach(uint32_t slot) {
  TaskSlot& task = tasks_[slot];
  const TaskState state = task.state;
  if (IsTerminal(state)) return;
  Queue& queue = MutableQueue(task.queue);
  TREADLE_CHECK(queue.live[static_cast<size_t>(state)]-- > 0);
  --types_[task.type - 1].tasks;
  queue.live_bytes -= task.payload_bytes;
  if (state == TaskState::kReady) {
    queue.LaneOf(task.type, task.apart).Remove(&tasks_, slot);
    ready_apart_ -= task.apart;
    left_apart_ |= task.apart;
  }
  if (state == TaskState::kScheduled)
    (task.by_shard_time ? by_shard_time_ : by_wall_time_).Remove(task.timer);
  if (state == TaskState::kRunning) {
    workers_.Remove(&tasks_, slot);
    cancel_requests_ -= task.cancel_requested;
  }
  if (state == TaskState::kRunning || state == TaskState::kRetrying)
    by_shard_time_.Remove(task.timer);
}

void State::NoteEnd(const TaskSlot& task, uint64_t ordinal) {
  Queue& queue = MutableQueue(task.queue);
  uint64_t& next = queue.counters.of(task.state).next;
  next = std::max(next, ordinal + 1);
  const bool has_result = task.parts != nullptr && task.parts->result != nullptr;
  const size_t result_bytes = has_result ? task.parts->result->bytes.size() : 0;
  const auto bytes = task.payload_bytes + static_cast<uint32_t>(result_bytes);
  ++types_[task.type - 1].tasks;
  Uncount(queue.ended_in(task.state)
              .Put(ordinal, {task.id, ShardTime{task.when_ms}, bytes, task.type}));
}

// A task that comes back from those that ended is no longer one of them. (One that moved has left
// its lane by Detach().)
void State::Leave(uint32_t slot, const QueuePlace& place) {
  TREADLE_CHECK(HasQueue(place.queue));
  Touch(place.queue);
  if (!IsTerminal(place.state)) return;
  TaskSlot& task = tasks_[slot];
  const EndedTasks::Entry entry =
      MutableQueue(place.queue).ended_in(place.state).Remove(place.ordinal, task.id);
  Uncount(entry);
  if (task.payload_bytes == 0) task.payload_bytes = entry.bytes;  // it had no result
}

void State::RemoveEnded(EndedTasks* ended, uint64_t from) {
  while (!ended->empty() && ended->first() < from) {
    const EndedTasks::Entry entry = ended->PopFront();
    Uncount(entry);
    const TaskId id = entry.task;
    const uint32_t slot = tasks_.Find(TaskSlot::HashOf(id), id);
    if (slot != kNoSlot && IsTerminal(tasks_[slot].state)) Erase(slot);
  }
  if (ended->empty() && ended->first() < from) ended->Reset(from);
  TREADLE_CHECK(ended->first() >= from);
}

void State::MarkChanged(TaskSlot* task) {
  const bool listed = task->changed_in > stored_frame_;
  task->changed_in = frame_;
  if (!listed) changed_.emplace_back(frame_, task->id);
}

template <class SetParts>
void State::EditParts(TaskSlot* task, SetParts set) {
  if (task->parts == nullptr) {
    task->parts = std::make_unique<TaskParts>();
  } else {
    parts_bytes_ -= task->parts->bytes();
  }
  set(task->parts.get());
  parts_bytes_ += task->parts->bytes();
}

void State::DropParts(TaskSlot* task) {
  if (task->parts == nullptr) return;
  parts_bytes_ -= task->parts->bytes();
  task->parts = nullptr;
}

void State::Erase(uint32_t slot) {
  // A timer would fire for whoever gets the slot next.
  TREADLE_CHECK(tasks_[slot].timer == kNowhere);
  if (tasks_[slot].has_terms) terms_.Erase(tasks_[slot].id);
  DropParts(&tasks_[slot]);
  tasks_[slot].DropRest(&rests_);
  tasks_.Erase(slot);
}

bool State::Forget(uint64_t frame, size_t limit) {
  TREADLE_CHECK(frame <= frame_);  // the store cannot have what has not happened
  stored_frame_ = std::max(stored_frame_, frame);
  for (; limit > 0 && !changed_.empty() && changed_.front().first <= frame; --limit) {
    const TaskId id = changed_.front().second;
    changed_.pop_front();
    const uint32_t slot = tasks_.Find(TaskSlot::HashOf(id), id);
    if (slot == kNoSlot) continue;
    TaskSlot& task = tasks_[slot];
    if (task.changed_in > frame) {
      changed_.emplace_back(task.changed_in, id);
    } else if (IsTerminal(task.state)) {
      Erase(slot);
    } else if (parts_bytes_ > parts_bytes_max || !task.HasBody()) {
      DropParts(&task);
    } else {
      NoteSupplied(id);
    }
  }
  for (; limit > 0 && parts_bytes_ > parts_bytes_max && !supplied_.empty(); --limit) {
    const TaskId id = supplied_.front();
    supplied_.pop_front();
    const uint32_t slot = tasks_.Find(TaskSlot::HashOf(id), id);
    if (slot != kNoSlot && tasks_[slot].changed_in <= stored_frame_) DropParts(&tasks_[slot]);
  }
  return limit == 0;
}

void State::Supply(const TaskRecord& record) {
  const uint32_t slot = tasks_.Find(TaskSlot::HashOf(record.image.id), record.image.id);
  if (slot == kNoSlot || tasks_[slot].HasBody()) return;
  EditParts(&tasks_[slot], [&](TaskParts* parts) {
    parts->body = record.body;
    if (parts->error == nullptr) parts->error = record.error;
    if (parts->result == nullptr) parts->result = record.result;
    parts->saved = Over(std::move(parts->saved), record.saved);
  });
  NoteSupplied(record.image.id);
}

// Also sees to it that a long list does not outgrow what is in memory: each entry that is added
// drops up to two that have nothing left to forget.
void State::NoteSupplied(TaskId id) {
  supplied_.push_back(id);
  if (supplied_.size() <= kSuppliedShort) return;
  for (int i = 0; i < 2; ++i) {
    const TaskId oldest = supplied_.front();
    const TaskSlot* task = Find(oldest);
    supplied_.pop_front();
    if (task != nullptr && task->HasBody() && !IsTerminal(task->state)) supplied_.push_back(oldest);
  }
}

void State::LoadTask(const TaskRecord& record, uint32_t payload_bytes) {
  TREADLE_CHECK(!IsTerminal(record.image.state));
  const uint32_t slot = SlotOf(record.image);
  tasks_[slot].payload_bytes = payload_bytes;
  tasks_[slot].SetImage(record.image, &rests_);
  if (record.terms) terms_.Put(record.image.id, record.terms);
  Attach(slot, record.image, record.holder ? &*record.holder : nullptr);
}

void State::LoadEnded(const TaskImage& image, uint32_t bytes) {
  TREADLE_CHECK(HasQueue(image.queue) && HasType(image.type));
  Queue& queue = MutableQueue(image.queue);
  if (image.ordinal >= queue.counters.of(image.state).next) return;
  ++types_[image.type - 1].tasks;
  Uncount(queue.ended_in(image.state)
              .Put(image.ordinal, {image.id, ShardTime{image.when_ms}, bytes, image.type}));
}

}  // namespace treadle
