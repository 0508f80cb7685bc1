// The place of a waiting task: the key of its row in `live`.
//
// Its lane's number in the upper bits, the task's sequence in the lower ones: so the tasks of a
// lane are side by side, oldest first, under a key that is a whole number, which SQLite finds,
// appends and removes at a third of the cost of a key of several columns. Tasks of queues, types
// and priorities beyond the first kLanesMax share lane 0, where only their order by age is left.
#pragma once

#include <compare>
#include <cstdint>

#include "model/task.h"
#include "store/store.h"

namespace treadle {

/// On disk.
inline constexpr int kSequenceBits = 48;
inline constexpr int64_t kLanesMax = 32'767;
inline constexpr int64_t kSharedLane = 0;
static_assert(TaskId::kMaxSequence >> kSequenceBits == 0);  // a sequence fits below its lane
static_assert(kLanesMax >> (63 - kSequenceBits) == 0);      // and no place is negative

/// The place of a priority in lease order, which runs upwards.
constexpr uint8_t RankOf(uint8_t priority) { return static_cast<uint8_t>(9 - priority); }

/// What a lane is the lane of.
struct LaneKey {
  QueueId queue = 0;
  TypeId type = 0;
  uint8_t rank = 0;

  static LaneKey Of(const TaskPlace& place) {
    return {place.queue, place.type, RankOf(place.priority)};
  }
  static LaneKey Of(const TaskImage& image) { return Of(TaskPlace::Of(image)); }
  auto operator<=>(const LaneKey&) const = default;
};

constexpr int64_t FirstPlaceOf(int64_t lane) { return lane << kSequenceBits; }
constexpr int64_t PlaceIn(int64_t lane, TaskId id) {
  return FirstPlaceOf(lane) | static_cast<int64_t>(id.sequence());
}
constexpr int64_t LastPlaceOf(int64_t lane) {
  return FirstPlaceOf(lane) | static_cast<int64_t>(TaskId::kMaxSequence);
}
constexpr int64_t LaneOf(int64_t place) { return place >> kSequenceBits; }

}  // namespace treadle
