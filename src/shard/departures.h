// Departures: workers that stopped because they could not run their tasks, and why; for people who
// ask why nothing takes a task. The newest kCountMax, in memory only. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadle {

struct Departure {
  std::string worker;
  std::string reason;
  std::vector<std::string> queues;
  std::vector<std::string> types;
  int64_t at_ms = 0;  // monotonic
};

class Departures {
 public:
  static constexpr size_t kCountMax = 32;

  void Add(Departure departure) {
    if (departures_.size() == kCountMax) departures_.pop_front();
    departures_.push_back(std::move(departure));
  }

  /// The last worker for tasks of `type` in `queue` that left; null if none is remembered. Valid
  /// until the next Add().
  const Departure* LastFor(std::string_view queue, std::string_view type) const {
    const auto last =
        std::find_if(departures_.rbegin(), departures_.rend(), [&](const Departure& each) {
          return std::ranges::find(each.queues, queue) != each.queues.end() &&
                 std::ranges::find(each.types, type) != each.types.end();
        });
    return last == departures_.rend() ? nullptr : &*last;
  }

 private:
  std::deque<Departure> departures_;
};

}  // namespace treadle
