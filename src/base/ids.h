// Identities: a task's id and the token of one attempt.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fixed_text.h"

namespace treadle {

/// A shard's number, from 1.
using ShardId = uint16_t;

/// Shard (16 bits) and the task's place in the shard's sequence, from 1 (48 bits): the id says
/// where the task lives, and ids of one shard sort by age. 0 is no task. Text form
/// "SHARD-SEQUENCE", for example "1-42".
struct TaskId {
  uint64_t packed = 0;

  static constexpr uint64_t kMaxSequence = (uint64_t{1} << 48) - 1;
  static constexpr TaskId Of(ShardId shard, uint64_t sequence) {
    return {static_cast<uint64_t>(shard) << 48 | sequence};
  }
  /// Nothing unless `text` is exactly what ToString() prints for some task.
  static std::optional<TaskId> Parse(std::string_view text);

  constexpr ShardId shard() const { return static_cast<ShardId>(packed >> 48); }
  constexpr uint64_t sequence() const { return packed & kMaxSequence; }
  constexpr auto operator<=>(const TaskId&) const = default;
  FixedText<21> Text() const;
  std::string ToString() const { return Text().ToString(); }
};

/// What every report of a worker carries: the right to speak for one attempt. `attempt` rises with
/// each lease of the task; `term` is that of the shard when it gave the lease. Text form
/// "1-42.ATTEMPT.TERM".
struct Token {
  TaskId task;
  uint32_t attempt = 0;
  uint32_t term = 0;

  static std::optional<Token> Parse(std::string_view text);
  constexpr auto operator<=>(const Token&) const = default;
  FixedText<43> Text() const;
  std::string ToString() const { return Text().ToString(); }
};

}  // namespace treadle
