// StreamIndex: where the frames of each stream are, in a log that has several. 16 bytes a frame,
// from its append until its segment is trimmed. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/ids.h"

namespace treadle {

class StreamIndex {
 public:
  struct Place {
    uint64_t segment = 0;  // its number
    uint64_t offset = 0;
  };

  /// For a log with one stream, which needs no index.
  StreamIndex() = default;
  /// For streams that go on with the sequences `next`.
  explicit StreamIndex(const std::vector<uint64_t>& next) {
    for (const uint64_t sequence : next) streams_.push_back({.first = sequence});
  }

  size_t streams() const { return streams_.size(); }
  bool has(ShardId stream) const { return stream > 0 && stream <= streams_.size(); }
  /// Of the oldest frame that is here; next() if none is.
  uint64_t first(ShardId stream) const { return of(stream).first; }
  /// Of the next frame.
  uint64_t next(ShardId stream) const { return of(stream).first + of(stream).frames.size(); }
  std::vector<uint64_t> next() const {
    std::vector<uint64_t> sequences;
    for (const Stream& stream : streams_) sequences.push_back(stream.first + stream.frames.size());
    return sequences;
  }

  /// The next frame of its stream.
  void Add(ShardId stream, Place place) {
    TREADLE_CHECK(has(stream));
    std::deque<Place>& frames = streams_[stream - 1U].frames;
    TREADLE_CHECK(frames.empty() || frames.back().segment <= place.segment);  // they rise
    frames.push_back(place);
  }
  /// Of the frames `from`..`to`, which must be here, or the first `limit` of them.
  std::vector<Place> Places(ShardId stream, uint64_t from, uint64_t to, size_t limit) const {
    const Stream& of_it = of(stream);
    TREADLE_CHECK(from >= of_it.first && to < next(stream));
    const auto begin = of_it.frames.begin() + static_cast<int64_t>(from - of_it.first);
    return {begin, begin + static_cast<int64_t>(std::min<uint64_t>(to - from + 1, limit))};
  }
  /// Forgets what lies in segments before this one.
  void DropBefore(uint64_t segment) {
    for (Stream& stream : streams_) {
      for (; !stream.frames.empty() && stream.frames.front().segment < segment; ++stream.first)
        stream.frames.pop_front();
    }
  }

 private:
  struct Stream {
    uint64_t first = 1;
    std::deque<Place> frames = {};
  };

  const Stream& of(ShardId stream) const {
    TREADLE_CHECK(has(stream));
    return streams_[stream - 1U];
  }

  std::vector<Stream> streams_;
};

}  // namespace treadle
