// Timeline: which value held when, as far as a client can know that requests each change and gets
// its answer later. There is one change at a time, repeated until it is answered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace treadle::sim {

template <class T>
class Timeline {
 public:
  explicit Timeline(T first) { values_.push_back({std::move(first), 0, kForever}); }

  /// The value may hold from now on.
  void Asked(T value, int64_t now_ms) { values_.push_back({std::move(value), now_ms, kForever}); }
  /// The last value holds from now on, and no earlier one does.
  void Answered(int64_t now_ms) {
    for (size_t i = 0; i + 1 < values_.size(); ++i)
      values_[i].until_ms = std::min(values_[i].until_ms, now_ms);
  }

  const T& newest() const { return values_.back().value; }

  /// Whether `test` is true of any value that may have held between the two times.
  template <class Test>
  bool Any(int64_t from_ms, int64_t until_ms, Test test) const {
    return std::ranges::any_of(values_, [&](const Value& each) {
      return each.from_ms <= until_ms && each.until_ms >= from_ms && test(each.value);
    });
  }
  /// Whether `test` is true of all of them.
  template <class Test>
  bool All(int64_t from_ms, int64_t until_ms, Test test) const {
    return !Any(from_ms, until_ms, [&](const T& value) { return !test(value); });
  }

 private:
  static constexpr int64_t kForever = std::numeric_limits<int64_t>::max();
  struct Value {
    T value;
    int64_t from_ms;
    int64_t until_ms;
  };
  std::vector<Value> values_;  // in the order of the requests
};

}  // namespace treadle::sim
