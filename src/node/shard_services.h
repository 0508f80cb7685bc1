// ShardServices: what the parts of a shard need of its loop (node/shard.h). All on the shard's
// lane.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/loaded.h"
#include "node/node.h"

namespace treadle {

class ShardServices {
 public:
  using Then = std::function<void(const Loaded&)>;

  virtual ~ShardServices() = default;

  /// The engine, within a batch.
  virtual Engine& Open() = 0;
  /// The same to look at, and for its news. No batch is opened.
  virtual Engine& engine() = 0;
  /// Runs `reply` once all that is applied by now is durable.
  virtual void Reply(std::function<void()> reply) = 0;
  /// Brings tasks into memory from the store, then calls `then`.
  virtual void Load(std::vector<TaskId> tasks, Then then) = 0;
  /// The same for the tasks at the front of a lane, which others may wait for as well.
  virtual void LoadLane(std::vector<TaskId> tasks, Then then) = 0;
  /// Runs `work` later, unless the shard has failed by then.
  virtual void After(int64_t delay_ms, std::function<void()> work) = 0;
  /// Ends the node: it can no longer keep its promises.
  virtual void Fail(const Status& status) = 0;
  /// The last frame whose effects the store has.
  virtual uint64_t stored_frame() const = 0;
  virtual int64_t MonotonicMs() const = 0;
  virtual bool is_closing() const = 0;
  virtual NodeStats& stats() = 0;

  template <class T>
  void Answer(std::function<void(Result<T>)> done, Result<T> result) {
    Reply([done = std::move(done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  }
};

}  // namespace treadle
