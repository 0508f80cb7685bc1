#include "journal/journal_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

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
  writer_->Post([this] { WriteAll(); });
}

void JournalQueue::WriteAll() {
  TREADLE_CHECK(group_.empty());
  {
    MutexLock lock(mutex_);
    is_posted_ = false;
    std::swap(group_, waiting_);
  }
  const Status status = Write();
  for (const Waiting& each : group_) each.done(status);
  group_.clear();
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
