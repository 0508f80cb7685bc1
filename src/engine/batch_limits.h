// How large a frame may become. It must fit into a segment of the journal, whatever is asked for: a
// batch that has grown so far takes no other command, no command writes more than so much, and what
// could write more works in pieces, each in a batch of its own.
#pragma once

#include <cstddef>

namespace treadle {

/// A batch with this many bytes of effects ends before the next command.
inline constexpr size_t kFrameBytes = size_t{4} << 20;
/// More than any command writes; held by command_bytes_test.cc.
inline constexpr size_t kCommandBytesMax = size_t{20} << 20;
/// The counters of one queue, which the end of a batch writes: at most so much.
inline constexpr size_t kCountersBytesMax = 72;

/// What all tasks of one enqueue carry together. (A request's body is not larger, either.)
inline constexpr size_t kBatchBytes = size_t{16} << 20;
/// Tasks that are shed to make room for one batch.
inline constexpr size_t kShedMax = 10'000;
/// A tick, and a lease that finds only tasks that are out of time, ends when it has written so
/// much.
inline constexpr size_t kPieceBytes = size_t{2} << 20;

}  // namespace treadle
