// Timeline: what held when, as far as someone can know who asked for each change and heard of it
// later. One change at a time; it is asked for again until it is answered.
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

  /// From now on it may hold.
  void Asked(T value, int64_t now_ms) { values_.push_back({std::move(value), now_ms, kForever}); }
  /// From now on it does, and nothing that was asked for before.
  void Answered(int64_t now_ms) {
    for (size_t i = 0; i + 1 < values_.size(); ++i)
      values_[i].until_ms = std::min(values_[i].until_ms, now_ms);
  }

  const T& newest() const { return values_.back().value; }

  /// Whether `test` is true of any value that may have held at some moment from then until then.
  template <class Test>
  bool Any(int64_t from_ms, int64_t until_ms, Test test) const {
    return std::ranges::any_of(values_, [&](const Value& each) {
      return each.from_ms <= until_ms && each.until_ms >= from_ms && test(each.value);
    });
  }
  /// Of all of them.
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
  std::vector<Value> values_;  // in the order in which they were asked for
};

}  // namespace treadle::sim
