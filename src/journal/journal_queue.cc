#include "journal/journal_queue.h"

#include <bitset>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "journal/frame_format.h"

namespace treadle {

void JournalQueue::Append(ShardId stream, uint64_t sequence, ShardTime time, std::string effects,
                          Journal::Durability durability, Done done) {
  Add({.is_frame = true,
       .stream = stream,
       .sequence = sequence,
       .time = time,
       .effects = std::move(effects),
       .durability = durability,
       .done = std::move(done)});
}

void JournalQueue::Sync(Done done) { Add({.done = std::move(done)}); }

void JournalQueue::Add(Waiting waiting) {
  TREADLE_CHECK(waiting.done != nullptr);
  {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(waiting));
    if (std::exchange(is_posted_, true)) return;
  }
  writer_->Post([this] { WriteGroup(); });
}

void JournalQueue::WriteGroup() {
  bool has_more = false;
  {
    MutexLock lock(mutex_);
    TakeGroup();
    has_more = is_posted_ = !waiting_.empty();
  }
  const Status status = Write();
  for (const Waiting& each : group_) each.done(status);
  group_.clear();
  if (has_more) writer_->Post([this] { WriteGroup(); });
}

// Up to the second frame of any shard.
void JournalQueue::TakeGroup() {
  TREADLE_CHECK(group_.empty());
  std::bitset<kStreamsMax + 1> shards;
  size_t taken = 0;
  for (; taken < waiting_.size(); ++taken) {
    const Waiting& next = waiting_[taken];
    if (next.is_frame && shards[next.stream]) break;
    if (next.is_frame) shards.set(next.stream);
  }
  TREADLE_CHECK(taken > 0 || waiting_.empty());  // so this comes to an end
  if (taken == waiting_.size()) return std::swap(group_, waiting_);
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(taken);
  group_.assign(std::move_iterator(waiting_.begin()), std::move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
}

Status JournalQueue::Write() {
  TREADLE_CHECK(!group_.empty());
  frames_.clear();
  bool syncs = false;
  for (const Waiting& each : group_) {
    syncs = syncs || each.durability == Journal::Durability::kSynced;
    if (each.is_frame) frames_.push_back({each.sequence, each.time, each.effects, each.stream});
  }
  const DiskWatch::Write write(watch_, DiskWatch::Kind::kJournal, clock_);
  if (frames_.empty()) return journal_->Sync();
  return journal_->Append(frames_,
                          syncs ? Journal::Durability::kSynced : Journal::Durability::kWritten);
}

}  // namespace treadle
