// Questions about tasks and queues. They change nothing.

#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"

namespace treadle {
namespace {

constexpr uint64_t kAheadMax = 100'000;  // of a lane that is walked for one answer

static_assert(std::tuple_size_v<TaskCounts> == kFirstEnded + kEndedStates);
static_assert(std::tuple_size_v<TaskCounts> > std::tuple_size_v<decltype(Queue::live)>);

TaskCounts CountsOf(const Queue& queue) {
  TaskCounts counts{};
  std::copy(queue.live.begin(), queue.live.end(), counts.begin());
  for (size_t i = 0; i < kEndedStates; ++i) counts[kFirstEnded + i] = queue.ended[i].tasks();
  return counts;
}

QueueView ViewOf(const Queue& queue) {
  return {.name = queue.name,
          .policy = queue.policy,
          .counters = queue.counters,
          .tasks = CountsOf(queue),
          .live_bytes = queue.live_bytes};
}

// The order of a summary's heap: in front the queue that gives way to one with a larger backlog.
bool IsBefore(const QueueCounts& a, const QueueCounts& b) {
  return a.backlog != b.backlog ? a.backlog > b.backlog : a.counters.queue < b.counters.queue;
}

void AddToSummary(const Queue& queue, QueueSummary* summary) {
  QueueCounts counts{
      .backlog = queue.live_tasks(), .tasks = CountsOf(queue), .counters = queue.counters};
  ++summary->queues;
  for (size_t i = 0; i < counts.tasks.size(); ++i) summary->tasks[i] += counts.tasks[i];
  std::vector<QueueCounts>& listed = summary->listed;
  const bool is_full = listed.size() == summary->listed_max;
  if (is_full && (listed.empty() || !IsBefore(counts, listed.front()))) return;
  if (is_full) {
    std::ranges::pop_heap(listed, IsBefore);
    listed.pop_back();
  }
  counts.name = queue.name;
  listed.push_back(std::move(counts));
  std::ranges::push_heap(listed, IsBefore);
  TREADLE_CHECK(listed.size() <= summary->listed_max);
}

// The parts of a task in memory override those from the store.
void Overlay(const TaskParts& parts, TaskRecord* record) {
  if (parts.body) record->body = parts.body;
  if (parts.error) record->error = parts.error;
  if (parts.result) record->result = parts.result;
  if (parts.saved) record->saved = Over(parts.saved, std::move(record->saved));
}

}  // namespace

std::optional<WallTime> RunAt(const TaskImage& image, const BatchTime& now) {
  if (image.state != TaskState::kScheduled) return std::nullopt;
  if (!image.by_shard_time) return WallTime{image.when_ms};
  return now.wall + (ShardTime{image.when_ms} - now.shard);
}

// An ended task in the store may have been removed since it was written.
bool Engine::IsKept(const TaskImage& image) const {
  return IsTerminal(image.state) &&
         state_.queue(image.queue).ended_in(image.state).Holds(image.ordinal, image.id);
}

Outcome<TaskRecord> Engine::Record(TaskId id, const TaskRecord* loaded, bool was_loaded,
                                   bool needs_body) const {
  const Status missing(Code::kNotFound,
                       "there is no task " + id.ToString() + ", or it is no longer kept");
  if (id.shard() != state_.shard() || id >= state_.next_task()) return missing;
  const TaskSlot* task = state_.Find(id);
  const auto terms = task == nullptr ? nullptr : state_.SharedTermsOf(id);
  const bool is_here =
      task != nullptr && (task->HasBody() || !needs_body) && (terms != nullptr || !task->has_terms);
  if (!was_loaded && !is_here) return Outcome<TaskRecord>::Need({id});

  TaskRecord record;
  if (loaded != nullptr) record = *loaded;
  if (task != nullptr) {
    record.image = task->image();
    record.holder.reset();
    if (task->state == TaskState::kRunning) record.holder = state_.HolderOf(*task);
    if (task->parts != nullptr) Overlay(*task->parts, &record);
    if (task->has_terms && terms != nullptr) record.terms = terms;
  }
  const bool is_damaged = needs_body && record.body == nullptr;
  // Whatever is not in memory has ended.
  if (task == nullptr && (loaded == nullptr || (!is_damaged && !IsKept(record.image))))
    return missing;
  if (is_damaged)
    return Status(Code::kDataLoss, "the payload of task " + id.ToString() + " is not in the store");
  return record;
}

Outcome<TaskView> Engine::Get(TaskId id, const TaskRecord* loaded, bool was_loaded) const {
  Outcome<TaskRecord> record = Record(id, loaded, was_loaded, true);
  if (!record.needs.empty()) return Outcome<TaskView>::Need(std::move(record.needs));
  if (!record.reply.ok()) return record.reply.status();
  TREADLE_CHECK(record.reply->body != nullptr);  // Record() was asked for it
  const TaskImage& image = record.reply->image;
  TaskView view{*record.reply, state_.queue(image.queue).name, state_.type_name(image.type)};
  view.run_at = RunAt(image, {.shard = state_.now(), .wall = time_.wall});
  if (image.state == TaskState::kRetrying)
    view.next_attempt_at = time_.wall + (ShardTime{image.when_ms} - state_.now());
  return view;
}

Outcome<TaskReasons> Engine::Explain(TaskId id, const TaskRecord* loaded, bool was_loaded) const {
  Outcome<TaskView> view = Get(id, loaded, was_loaded);
  if (!view.needs.empty()) return Outcome<TaskReasons>::Need(std::move(view.needs));
  if (!view.reply.ok()) return view.reply.status();
  const TaskImage image = view.reply->task.image;
  const Queue& queue = state_.queue(image.queue);
  TaskReasons reasons{.view = *std::move(view.reply), .paused = queue.policy.paused};
  if (image.state == TaskState::kRunning) {
    reasons.lease_ends = time_.wall + (state_.TimerOf(*state_.Find(id)) - state_.now());
    const AttemptTimeout timeout = AttemptTimeoutOf(image, state_.TermsOf(image));
    if (image.when_ms != 0 && !image.cancel_requested) {
      reasons.revoked_at = time_.wall + (ShardTime{image.when_ms} - state_.now());
      reasons.timeout_setting =
          timeout.ms == 0 ? "the attempt timeout when it began" : timeout.Text();
    }
  }
  if (image.state != TaskState::kReady) return reasons;
  reasons.apart = image.apart;
  const auto& lanes = image.apart ? queue.apart : queue.lanes;
  const auto lane = lanes.find(image.type);
  TREADLE_CHECK(lane != lanes.end());  // it waits there
  lane->second->ForEach(state_.tasks(), [&](uint32_t slot) {
    if (state_.tasks()[slot].id == id) return false;
    reasons.more_ahead = ++reasons.ahead == kAheadMax;
    return !reasons.more_ahead;
  });
  return reasons;
}

std::vector<Token> Engine::LeasesOf(const LeaseHolder& holder) const {
  std::vector<Token> tokens;
  for (uint32_t slot = state_.LeasesOf(holder); slot != kNoSlot; slot = state_.tasks()[slot].next) {
    TREADLE_CHECK(state_.tasks()[slot].state == TaskState::kRunning);
    tokens.push_back(state_.tasks()[slot].token());
  }
  return tokens;
}

std::vector<Token> Engine::CancelRequestsOf(const LeaseHolder& holder) const {
  std::vector<Token> tokens;
  if (state_.cancel_requests() == 0) return tokens;
  for (uint32_t slot = state_.LeasesOf(holder); slot != kNoSlot; slot = state_.tasks()[slot].next)
    if (state_.tasks()[slot].cancel_requested) tokens.push_back(state_.tasks()[slot].token());
  return tokens;
}

Result<QueueView> Engine::GetQueue(std::string_view name) const {
  const Queue* queue = state_.FindQueue(name);
  if (queue == nullptr || queue->policy.deleted)
    return Status(Code::kNotFound,
                  "there is no queue " + std::string(name) + " (one appears with its first task)");
  return ViewOf(*queue);
}

Result<TypeView> Engine::GetType(std::string_view name) const {
  const TypeId id = state_.FindType(name);
  if (id == 0 || state_.type_policy(id).deleted)
    return Status(Code::kNotFound, "there is no task type " + std::string(name) +
                                       " (one appears with its first task)");
  return TypeView{.id = id, .name = state_.type_name(id), .policy = state_.type_policy(id)};
}

ListPart<TypeView> Engine::Types(TypeId after, size_t limit) const {
  ListPart<TypeView> part;
  for (TypeId id = after + 1; id <= state_.types(); ++id) {
    if (state_.type_policy(id).deleted) continue;
    if (part.views.size() == limit) {
      part.next = part.views.back().id;
      break;
    }
    part.views.push_back(
        {.id = id, .name = state_.type_name(id), .policy = state_.type_policy(id)});
  }
  return part;
}

std::optional<ContractName> Engine::ContractOf(TaskId id) const {
  const TaskSlot* const task = state_.Find(id);
  if (task == nullptr || task->state != TaskState::kRunning) return std::nullopt;
  const TaskTerms* const terms = state_.TermsOf(*task);
  if (terms == nullptr || terms->contract == 0) return std::nullopt;
  return ContractName{state_.type_name(task->type), terms->contract};
}

ListPart<QueueView> Engine::Queues(QueueId after, size_t limit) const {
  ListPart<QueueView> part;
  for (QueueId id = after + 1; id <= state_.queues(); ++id) {
    if (state_.queue(id).policy.deleted) continue;
    if (part.views.size() == limit) {
      part.next = part.views.back().counters.queue;
      break;
    }
    part.views.push_back(ViewOf(state_.queue(id)));
  }
  TREADLE_CHECK(part.views.size() <= limit);
  return part;
}

bool Engine::Summarize(size_t limit, QueueSummary* summary) const {
  for (; limit > 0 && summary->looked_at < state_.queues(); --limit) {
    const Queue& queue = state_.queue(++summary->looked_at);
    if (!queue.policy.deleted) AddToSummary(queue, summary);
  }
  if (summary->looked_at < state_.queues()) return true;
  TREADLE_CHECK(summary->queues <= summary->looked_at);  // each was counted once
  std::ranges::sort(summary->listed, {},
                    [](const QueueCounts& each) { return each.counters.queue; });
  return false;
}

bool QueueView::is_full() const {
  uint64_t live = 0;
  for (const TaskState state : kTaskStates)
    if (!IsTerminal(state)) live += tasks[static_cast<size_t>(state)];
  const auto reached = [](int64_t bound, uint64_t now) {
    return bound > 0 && now >= static_cast<uint64_t>(bound);
  };
  return reached(policy.capacity.tasks, live) || reached(policy.capacity.bytes, live_bytes);
}

}  // namespace treadle
