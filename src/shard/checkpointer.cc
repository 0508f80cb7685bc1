#include "shard/checkpointer.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/check.h"

namespace treadle {
namespace {

constexpr uint64_t kBytesMax = uint64_t{64} << 20;  // of journal in one run
constexpr size_t kRemovalsAtOnce = 512;             // a small log will do for them

bool IsGone(const TaskChange& change) { return change.is_gone; }

bool OnlyRemoves(const StoreChanges& part) {
  return std::ranges::all_of(part.tasks, IsGone) && part.queues.empty() && part.types.empty() &&
         part.keys.empty() && part.keys_gone.empty() && part.counters.empty() && !part.meta;
}

// What leaves the store makes room for what comes into it.
std::vector<StoreChanges> RemovalsFirst(std::vector<StoreChanges> parts) {
  std::vector<StoreChanges> ordered(1);
  for (StoreChanges& part : parts) {
    for (TaskChange& change : part.tasks) {
      if (!IsGone(change)) continue;
      if (ordered.back().tasks.size() >= kRemovalsAtOnce) ordered.emplace_back();
      ordered.back().tasks.push_back(std::move(change));
    }
    std::erase_if(part.tasks, IsGone);
  }
  std::ranges::move(parts, std::back_inserter(ordered));
  return ordered;
}

// In smaller pieces if the disk is full and it only removes: the store's log may be short, and
// cannot grow then. What one half leaves, the other can use.
Status WritePart(StoreChanges part, Store* store, DiskWatch* watch, Clock* clock) {
  Status written;
  {
    const DiskWatch::Write write(watch, DiskWatch::Kind::kStore, clock);
    written = store->Write(part);
  }
  if (written.code() != Code::kResourceExhausted || part.tasks.size() < 2 || !OnlyRemoves(part))
    return written;
  const auto middle = part.tasks.begin() + static_cast<ptrdiff_t>(part.tasks.size() / 2);
  TREADLE_CHECK(middle != part.tasks.begin());  // so both halves are smaller
  StoreChanges rest;
  rest.tasks.assign(std::move_iterator(middle), std::move_iterator(part.tasks.end()));
  part.tasks.erase(middle, part.tasks.end());
  TREADLE_RETURN_IF_ERROR(WritePart(std::move(part), store, watch, clock));
  return WritePart(std::move(rest), store, watch, clock);
}

}  // namespace

Checkpointer::Checkpointer(ShardId shard, Journal* journal, Store* store, Clock* clock,
                           const StoreMeta& meta, uint64_t recovered, size_t transaction_bytes,
                           DiskWatch* watch)
    : shard_(shard),
      journal_(journal),
      store_(store),
      clock_(clock),
      meta_(meta),
      recovered_(recovered),
      transaction_bytes_(transaction_bytes),
      watch_(watch) {}

Result<uint64_t> Checkpointer::Run(uint64_t to) {
  if (to <= meta_.applied) return meta_.applied;
  const Status enough(Code::kOutOfRange, "enough for one run");
  const auto carry = [&](bool is_whole) -> Status {
    std::optional<Fold> fold(std::in_place, shard_, recovered_ + 1);
    uint64_t bytes = 0;
    const uint64_t from = meta_.applied + 1;
    const Status read = journal_->Read(std::min(from, to), to, [&](const Frame& frame) -> Status {
      if (bytes > kBytesMax && !is_whole) return enough;
      bytes += frame.effects.size();
      TREADLE_RETURN_IF_ERROR(fold->Add(frame));
      if (!fold->is_full() || is_whole) return {};
      TREADLE_RETURN_IF_ERROR(WriteOut(&*fold));
      fold.emplace(shard_, recovered_ + 1);
      return {};
    });
    if (!read.ok() && read.code() != enough.code()) return read;
    return fold->last_frame() > meta_.applied ? WriteOut(&*fold) : Status();
  };
  Status carried = carry(/*is_whole=*/false);
  // Once more, and in one piece: tasks that came and went leave nothing then, and others make room.
  if (carried.code() == Code::kResourceExhausted) carried = carry(/*is_whole=*/true);
  TREADLE_RETURN_IF_ERROR(carried);
  TREADLE_RETURN_IF_ERROR(CheckFiles());
  // Never taken for a full disk, and tried again: a segment that stays behind would be a hole
  // later.
  if (const Status trimmed = journal_->Trim(meta_.applied); !trimmed.ok())
    return Status(Code::kUnavailable, trimmed.message());
  return meta_.applied;
}

Status Checkpointer::WriteOut(Fold* fold) {
  // The store goes forward only: what it says it has, the journal may drop.
  TREADLE_CHECK(fold->last_frame() > meta_.applied);
  StoreMeta meta = meta_;
  meta.applied = fold->last_frame();
  meta.time = fold->last_time();
  meta.wall = clock_->Wall();
  meta.next_sequence = std::max(meta.next_sequence, fold->next_sequence());
  meta.term = journal_->term();
  std::vector<StoreChanges> parts = fold->Take(transaction_bytes_);
  // The last one was cut short, perhaps by a full disk.
  if (!store_is_even()) parts = RemovalsFirst(std::move(parts));
  Status written = Write(std::move(parts), meta);
  if (!written.ok()) {
    // A part of it is in the store now: what begins in these frames may be there.
    recovered_ = std::max(recovered_, meta.applied);
    return written;
  }
  meta_ = meta;
  return {};
}

Status Checkpointer::Write(std::vector<StoreChanges> parts, const StoreMeta& meta) {
  TREADLE_CHECK(!parts.empty());
  parts.back().meta = meta;  // in the last: until then the store says nothing of the others
  for (StoreChanges& part : parts)
    TREADLE_RETURN_IF_ERROR(WritePart(std::move(part), store_, watch_, clock_));
  return {};
}

}  // namespace treadle
