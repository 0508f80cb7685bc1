#include "shard/recovery.h"

#include <algorithm>
#include <string>

#include "shard/store_loading.h"

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

}  // namespace

Result<Recovered> Recover(ShardId shard, Journal* journal, Store* store,
                          RecoveryProgress* progress) {
  RecoveryProgress unseen;
  if (progress == nullptr) progress = &unseen;
  Recovered recovered;
  TREADLE_ASSIGN_OR_RETURN(recovered.meta, store->ReadMeta());
  const StoreMeta& meta = recovered.meta;
  TREADLE_RETURN_IF_ERROR(CheckFit(meta, *journal));

  recovered.engine = std::make_unique<Engine>(shard, journal->term());
  State* state = recovered.engine->mutable_state();
  state->BeginFrame(meta.applied, meta.time);
  TREADLE_RETURN_IF_ERROR(LoadStore(store, state, progress));
  state->LoadNextSequence(meta.next_sequence);
  state->Forget(meta.applied, 0);

  ShardTime time = meta.time;
  if (journal->recovered_sequence() > meta.applied) {
    progress->frames_total = journal->recovered_sequence() - meta.applied;
    TREADLE_RETURN_IF_ERROR(journal->Read(
        meta.applied + 1, journal->recovered_sequence(), [&](const Frame& frame) -> Status {
          if (frame.time < time)
            return {Code::kDataLoss,
                    "shard time goes backward in frame " + std::to_string(frame.sequence)};
          time = frame.time;
          progress->frames.store(++recovered.replayed, std::memory_order_relaxed);
          return recovered.engine->Replay(frame.sequence, frame.time, frame.effects);
        }));
  }
  if (const Queue* const queue = state->FindWrongAccount())
    return Status(Code::kDataLoss,
                  "tasks of queue " + queue->name +
                      " in the store do not match its counters; run treadle data check");
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
  state->RenewAllLeases();
  state->TakeTouchedQueues();
}

}  // namespace treadle
