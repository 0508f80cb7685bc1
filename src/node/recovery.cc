#include "node/recovery.h"

#include <algorithm>
#include <string>

#include "base/canary.h"

namespace treadle {
namespace {

// How far shard time moves for the time that the node was down. A wall clock that is wrong by more
// expires nothing early.
constexpr int64_t kDownTimeMaxMs = 24 * 3600 * int64_t{1000};

Status CheckFit(const StoreMeta& meta, const Journal& journal) {
  const std::string redo = "; run treadle data check";
  if (meta.applied > journal.recovered_sequence())
    return {Code::kDataLoss,
            "the store holds frame " + std::to_string(meta.applied) + " but the journal ends at " +
                std::to_string(journal.recovered_sequence()) + ": segments are missing" + redo};
  if (journal.first_sequence() > meta.applied + 1)
    return {Code::kDataLoss, "the journal begins at frame " +
                                 std::to_string(journal.first_sequence()) +
                                 " but the store ends at " + std::to_string(meta.applied) +
                                 ": segments are missing" + redo};
  if (meta.term >= journal.term())
    return {Code::kDataLoss, "the store was written in term " + std::to_string(meta.term) +
                                 ", later than the journal's: they do not belong together" + redo};
  return {};
}

// The engine has an entry for each ordinal between the two: more than this no memory holds.
constexpr uint64_t kEndedMax = uint64_t{1} << 30;

bool MakesSense(const EndedRange& range) {
  return range.from > 0 && range.from <= range.next && range.next - range.from <= kEndedMax;
}

bool IsOf(const State& state, TaskId id) {
  return id.shard() == state.shard() && id.sequence() > 0;
}

Status LoadStore(Store* store, State* state) {
  Store::Visitor visit;
  const Status gap(Code::kDataLoss,
                   "queues or task types are missing in the store; run treadle data check");
  visit.queue = [=](const QueueIsNow& queue) {
    if (queue.id != state->queues() + 1) return gap;
    return state->Apply(queue), Status();
  };
  visit.type = [=](const TypeIsNow& type) {
    if (type.id != state->types() + 1) return gap;
    return state->Apply(type), Status();
  };
  visit.counters = [=](const CountersAreNow& counters) {
    if (counters.queue == 0 || counters.queue > state->queues()) return gap;
    if (!std::ranges::all_of(counters.ended, MakesSense))
      return Status(Code::kDataLoss, "the store's counters of queue " +
                                         state->queue(counters.queue).name +
                                         " make no sense; run treadle data check");
    return state->Apply(counters), Status();
  };
  visit.key = [=](const KeyIsNow& key) { return state->Apply(key), Status(); };
  visit.task = [=](const TaskRecord& task, uint32_t payload_bytes) -> Status {
    if (!IsOf(*state, task.image.id) || task.image.queue == 0 ||
        task.image.queue > state->queues() || task.image.type == 0 ||
        task.image.type > state->types() || IsTerminal(task.image.state) ||
        (task.image.state == TaskState::kRunning && !task.holder))
      return {Code::kDataLoss, "the store's row of task " + task.image.id.ToString() +
                                   " makes no sense; run treadle data check"};
    return state->LoadTask(task, payload_bytes), Status();
  };
  visit.ended = [=](const TaskImage& image, uint32_t bytes) -> Status {
    if (!IsOf(*state, image.id) || image.queue == 0 || image.queue > state->queues() ||
        image.type == 0 || image.type > state->types() || !IsTerminal(image.state))
      return {Code::kDataLoss, "the store's row of ended task " + image.id.ToString() +
                                   " makes no sense; run treadle data check"};
    return state->LoadEnded(image, bytes), Status();
  };
  return store->ReadAll(visit);
}

}  // namespace

Result<Recovered> Recover(ShardId shard, Journal* journal, Store* store) {
  Recovered recovered;
  TREADLE_ASSIGN_OR_RETURN(recovered.meta, store->ReadMeta());
  const StoreMeta& meta = recovered.meta;
  TREADLE_RETURN_IF_ERROR(CheckFit(meta, *journal));

  recovered.engine = std::make_unique<Engine>(shard, journal->term());
  State* state = recovered.engine->mutable_state();
  state->BeginFrame(meta.applied, meta.time);
  TREADLE_RETURN_IF_ERROR(LoadStore(store, state));
  state->LoadNextSequence(meta.next_sequence);
  state->Forget(meta.applied, 0);

  ShardTime time = meta.time;
  if (journal->recovered_sequence() > meta.applied) {
    TREADLE_RETURN_IF_ERROR(journal->Read(
        meta.applied + 1,
        journal->recovered_sequence() - (CanaryIs("forget_last_frame_at_recovery") ? 1 : 0),
        [&](const Frame& frame) -> Status {
          if (frame.time < time)
            return {Code::kDataLoss,
                    "shard time goes backward in frame " + std::to_string(frame.sequence)};
          time = frame.time;
          ++recovered.replayed;
          return recovered.engine->Replay(frame.sequence, frame.time, frame.effects);
        }));
    if (CanaryIs("replay_twice"))
      TREADLE_RETURN_IF_ERROR(
          journal->Read(meta.applied + 1, meta.applied + 1, [&](const Frame& f) {
            return recovered.engine->Replay(journal->recovered_sequence(), time, f.effects);
          }));
  }
  if (const Queue* const queue = state->FindWrongAccount())
    return Status(Code::kDataLoss,
                  "tasks of queue " + queue->name +
                      " are missing in the store, or there are too many: it counts "
                      "others; run treadle data check");
  recovered.now = time;
  return recovered;
}

void ResumeTime(Recovered* recovered, WallTime wall_now) {
  const StoreMeta& meta = recovered->meta;
  // The store's wall time belongs to its shard time; a store that was never written has none.
  if (meta.wall.ms != 0) {
    const int64_t down = std::clamp<int64_t>(wall_now - meta.wall, 0, kDownTimeMaxMs);
    recovered->now = std::max(recovered->now, meta.time + down);
  }
  State* const state = recovered->engine->mutable_state();
  state->BeginFrame(state->frame(), recovered->now);
  if (!CanaryIs("forget_lease_at_recovery")) state->RenewAllLeases();
  state->TakeTouchedQueues();
}

}  // namespace treadle
