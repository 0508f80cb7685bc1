// TimerHeap: a priority queue of (time, item) whose items can be taken out early.
//
// A 4-ary heap (fewer levels and cache misses than a binary one). It reports to each item's owner
// where the item is, through `SetPosition(item, position)`; kNowhere when it left. Push, Remove and
// Pop are O(log n), and none of them ever moves all that is there: ten million in one array would
// stall for a third of a second when it grows. Not thread safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
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

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const Entry& top() const {
    TREADLE_CHECK(size_ > 0);
    return at(0);
  }
  /// `position` as in Remove().
  const Entry& at(size_t position) const {
    const size_t place = position + kShift;
    return pages_[place / kPage][place % kPage];
  }

  void Push(int64_t when, Item item) {
    if (size_ + kShift == pages_.size() * kPage || pages_.empty())
      pages_.push_back(std::make_unique_for_overwrite<Entry[]>(kPage));
    At(size_) = {when, item};
    SiftUp(size_++);
  }

  /// `position` is what SetPosition last reported for the item.
  void Remove(uint32_t position) {
    TREADLE_CHECK(position < size_);
    set_position_(at(position).item, kNowhere);
    const Entry last = at(--size_);
    // One page stays beyond the last, or a heap whose size goes up and down would make it each
    // time.
    if (size_ + kShift + 2 * kPage <= pages_.size() * kPage) pages_.pop_back();
    if (position == size_) return;
    At(position) = last;
    if (position > 0 && last.when < at(Parent(position)).when) {
      SiftUp(position);
    } else {
      SiftDown(position);
    }
  }

 private:
  static constexpr size_t kPage = 1024;
  static constexpr size_t kShift = 3;  // so that the four children of an entry are in one page

  static size_t Parent(size_t i) { return (i - 1) / 4; }
  Entry& At(size_t position) { return const_cast<Entry&>(at(position)); }

  void Place(size_t i, const Entry& entry) {
    At(i) = entry;
    set_position_(entry.item, static_cast<uint32_t>(i));
  }

  void SiftUp(size_t i) {
    const Entry entry = at(i);
    while (i > 0 && entry.when < at(Parent(i)).when) {
      Place(i, at(Parent(i)));
      i = Parent(i);
    }
    Place(i, entry);
  }

  void SiftDown(size_t i) {
    const Entry entry = at(i);
    while (true) {
      const size_t first = i * 4 + 1;
      if (first >= size_) break;
      const Entry* const children = &at(first);
      const size_t count = std::min<size_t>(4, size_ - first);
      size_t least = 0;
      for (size_t child = 1; child < count; ++child)
        if (children[child].when < children[least].when) least = child;
      if (entry.when <= children[least].when) break;
      Place(i, children[least]);
      i = first + least;
    }
    Place(i, entry);
  }

  SetPosition set_position_;
  std::vector<std::unique_ptr<Entry[]>> pages_;
  size_t size_ = 0;
};

}  // namespace treadle
