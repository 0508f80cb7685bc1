// Fold: many frames of effects become the few net changes that the store must learn. Why that is
// right: engine/effects.h.
//
// A task that began and ended within the frames, and is not kept, leaves nothing: that is why
// checkpoints cost so much less than the journal they cover. It is forgotten on the way, so that a
// fold is as large as its result, not as the journal. One thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "journal/journal.h"
#include "store/store.h"

namespace treadle {

class Fold {
 public:
  /// `first_new_frame`: tasks that began in this frame or later cannot be in the store yet.
  Fold(ShardId shard, uint64_t first_new_frame)
      : shard_(shard), first_new_frame_(first_new_frame) {}

  /// Adds the next frame. DATA_LOSS if its effects cannot be read.
  Status Add(const Frame& frame);

  /// The net changes, cut into transactions of about `bytes` each. The last one has no meta yet.
  /// The fold is spent.
  std::vector<StoreChanges> Take(size_t bytes);

  /// So many of its tasks are still there that to wait for their end would cost more memory than it
  /// would save writes: time to Take().
  bool is_full() const { return is_full_; }
  /// How many tasks it holds now.
  size_t tasks_held() const { return tasks_.size(); }
  /// The last frame added.
  uint64_t last_frame() const { return last_frame_; }
  ShardTime last_time() const { return last_time_; }
  /// One more than the greatest task sequence seen; 0 if none was.
  uint64_t next_sequence() const { return next_sequence_; }

 private:
  void Note(const QueueIsNow& effect);
  void Note(const TypeIsNow& effect);
  void Note(const TaskIsNew& effect);
  void Note(const TaskIsNow& effect);
  static void Note(const TaskTrail& trail, TaskChange* change);
  void Note(const TaskIsGone& effect);
  void Note(const KeyIsNow& effect);
  void Note(const KeyIsGone& effect);
  void Note(const CountersAreNow& effect) { counters_[effect.queue] = effect; }

  static constexpr size_t kForgetAtLeast = 4'096;
  static constexpr size_t kFullTasks = 32'768;  // about 40 MB, with what is made of them

  struct KeyHash {
    size_t operator()(const IdempotencyId& id) const { return static_cast<size_t>(id[0]); }
  };
  struct Key {
    KeyIsNow now;
    bool gone = false;
  };

  static void NotePlace(const TaskImage& next, TaskChange* change);
  bool IsBeyondRetention(const TaskImage& image) const;
  /// Between frames, of tasks that are gone by now: all of those that the store cannot know, and of
  /// others what they had.
  void ForgetGone();

  ShardId shard_;
  uint64_t first_new_frame_;
  uint64_t last_frame_ = 0;
  ShardTime last_time_;
  uint64_t next_sequence_ = 0;
  std::unordered_map<QueueId, QueueIsNow> queues_;
  std::vector<TypeIsNow> types_;
  std::unordered_map<uint64_t, TaskChange> tasks_;  // by id
  size_t forget_at_ = kForgetAtLeast;               // when so many are held
  bool is_full_ = false;
  std::unordered_map<IdempotencyId, Key, KeyHash> keys_;
  std::unordered_map<QueueId, CountersAreNow> counters_;
};

}  // namespace treadle
