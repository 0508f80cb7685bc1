// TimerHeap: a priority queue of (time, item) whose items can be taken out early.
//
// A 4-ary heap (fewer levels and cache misses than a binary one). It tells each item's owner where
// the item stands, by `SetPosition(item, position)`; kNowhere when it left. Push, Remove and Pop
// are O(log n). Not thread safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace treadle {

inline constexpr uint32_t kNowhere = UINT32_MAX;

template <class Item, class SetPosition>
class TimerHeap {
 public:
  struct Entry {
    int64_t when;
    Item item;
  };

  explicit TimerHeap(SetPosition set_position) : set_position_(std::move(set_position)) {}

  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  const Entry& top() const { return heap_.front(); }
  /// `position` as in Remove().
  const Entry& at(uint32_t position) const { return heap_[position]; }

  void Push(int64_t when, Item item) {
    heap_.push_back({when, item});
    SiftUp(heap_.size() - 1);
  }

  /// `position` is where SetPosition last said the item stands.
  void Remove(uint32_t position) {
    TREADLE_CHECK(position < heap_.size());
    set_position_(heap_[position].item, kNowhere);
    const Entry last = heap_.back();
    heap_.pop_back();
    if (position == heap_.size()) return;
    heap_[position] = last;
    if (position > 0 && last.when < heap_[Parent(position)].when) {
      SiftUp(position);
    } else {
      SiftDown(position);
    }
  }

 private:
  static size_t Parent(size_t i) { return (i - 1) / 4; }

  void Place(size_t i, const Entry& entry) {
    heap_[i] = entry;
    set_position_(entry.item, static_cast<uint32_t>(i));
  }

  void SiftUp(size_t i) {
    const Entry entry = heap_[i];
    while (i > 0 && entry.when < heap_[Parent(i)].when) {
      Place(i, heap_[Parent(i)]);
      i = Parent(i);
    }
    Place(i, entry);
  }

  void SiftDown(size_t i) {
    const Entry entry = heap_[i];
    while (true) {
      const size_t first = i * 4 + 1;
      if (first >= heap_.size()) break;
      size_t least = first;
      for (size_t child = first + 1; child < std::min(first + 4, heap_.size()); ++child)
        if (heap_[child].when < heap_[least].when) least = child;
      if (entry.when <= heap_[least].when) break;
      Place(i, heap_[least]);
      i = least;
    }
    Place(i, entry);
  }

  SetPosition set_position_;
  std::vector<Entry> heap_;
};

}  // namespace treadle
