// Policies on the wire: retry policies of queues, types and tasks, and the changes that a request
// makes to a policy that is there.
#pragma once

#include <functional>
#include <vector>

#include "json/reader.h"
#include "json/writer.h"
#include "model/queue_policy.h"

namespace treadle::api {

inline constexpr int64_t kNumberMax = (int64_t{1} << 53) - 1;  // what every reader of JSON can hold

/// What a request changes of a value that is there. The order in which its fields came must not
/// matter: each step sets a member of its own, but for one that sets them all and goes first.
template <class T>
struct Changes {
  std::vector<std::function<void(T*)>> steps;

  void Add(std::function<void(T*)> step) { steps.push_back(std::move(step)); }
  void AddFirst(std::function<void(T*)> step) { steps.insert(steps.begin(), std::move(step)); }
  void Apply(T* value) const {
    for (const auto& step : steps) step(value);
  }
};

/// The fields of a retry policy. Those that are not there stay as they are.
Status ReadRetryChanges(JsonValue value, Changes<RetryPolicy>* changes);
/// A policy of its own: the defaults, overridden by `value`.
Status ReadRetry(JsonValue value, std::optional<RetryPolicy>* retry);
void WriteRetry(const RetryPolicy& retry, JsonWriter* out);

}  // namespace treadle::api
