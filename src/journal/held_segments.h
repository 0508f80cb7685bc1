// HeldSegments: which segments a log holds, and where in them the frames of its streams are. The
// one who appends, those who read and trim, and those who look after the files share it. Any
// thread; nothing here waits for a disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/disk.h"
#include "base/ids.h"
#include "base/thread_annotations.h"
#include "journal/stream_index.h"

namespace treadle {

class HeldSegments {
 public:
  struct Segment {
    uint64_t number = 0;
    std::vector<uint64_t> first;  // of each stream; see SegmentHeader
    uint64_t bytes = 0;
  };
  struct Held {
    std::vector<Segment> segments;  // oldest first, the active one last
    FileIdentity active;
  };

  /// What an opening found; nothing is trimmed yet. `index` is empty if there is one stream.
  void Begin(std::deque<Segment> found, StreamIndex index, size_t streams) {
    MutexLock lock(mutex_);
    TREADLE_CHECK(segments_.empty());  // once
    TREADLE_CHECK(streams == std::max<size_t>(index.streams(), 1));
    segments_ = std::move(found);
    index_ = std::move(index);
    trimmed_.assign(streams, 0);
  }

  /// The new active segment, or one without a frame in the place of the last.
  void Add(Segment segment, const FileIdentity& identity) {
    MutexLock lock(mutex_);
    TREADLE_CHECK(segment.first.size() == trimmed_.size());
    identity_ = identity;
    if (!segments_.empty() && segments_.back().number == segment.number) segments_.pop_back();
    // A number that is left out would be taken for a lost segment.
    TREADLE_CHECK(segments_.empty() || segments_.back().number + 1 == segment.number);
    segments_.push_back(std::move(segment));
  }

  Held held() const {
    MutexLock lock(mutex_);
    TREADLE_CHECK(!segments_.empty());
    return {{segments_.begin(), segments_.end()}, identity_};
  }
  /// Of the oldest segment.
  uint64_t first(ShardId stream) const {
    MutexLock lock(mutex_);
    TREADLE_CHECK(!segments_.empty());
    return segments_.front().first.at(stream - 1U);
  }

  /// What follows is about logs with several streams.
  std::vector<uint64_t> next_of_all() const {
    MutexLock lock(mutex_);
    return index_.next();
  }
  uint64_t next(ShardId stream) const {
    MutexLock lock(mutex_);
    return index_.next(stream);
  }
  void AddFrame(ShardId stream, StreamIndex::Place place) {
    MutexLock lock(mutex_);
    TREADLE_CHECK(place.segment == segments_.back().number);  // only the active one grows
    index_.Add(stream, place);
  }
  std::vector<StreamIndex::Place> Places(ShardId stream, uint64_t from, uint64_t to,
                                         size_t limit) const {
    MutexLock lock(mutex_);
    return index_.Places(stream, from, to, limit);
  }

  /// A stream needs no frames up to `sequence`. Takes out the segments that none needs any more,
  /// oldest first. The active one stays.
  std::vector<Segment> Trim(ShardId stream, uint64_t sequence) {
    MutexLock lock(mutex_);
    trimmed_.at(stream - 1U) = std::max(trimmed_.at(stream - 1U), sequence);
    std::vector<Segment> trimmed;
    while (segments_.size() > 1 && AllAreTrimmedBefore(segments_[1])) {
      trimmed.push_back(std::move(segments_.front()));
      segments_.pop_front();
    }
    TREADLE_CHECK(!segments_.empty());
    index_.DropBefore(segments_.front().number);
    return trimmed;
  }

 private:
  bool AllAreTrimmedBefore(const Segment& segment) const TREADLE_REQUIRES(mutex_) {
    TREADLE_CHECK(segment.first.size() == trimmed_.size());
    for (size_t i = 0; i < trimmed_.size(); ++i)
      if (segment.first[i] > trimmed_[i] + 1) return false;
    return true;
  }

  mutable Mutex mutex_;
  std::deque<Segment> segments_ TREADLE_GUARDED_BY(mutex_);
  std::vector<uint64_t> trimmed_ TREADLE_GUARDED_BY(mutex_);  // by stream
  StreamIndex index_ TREADLE_GUARDED_BY(mutex_);              // if there are several
  FileIdentity identity_ TREADLE_GUARDED_BY(mutex_);          // of the active segment
};

}  // namespace treadle
