// What the parts of a shard need of each other and of its loop (shard/shard.h). All on the shard's
// executor.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/loaded.h"
#include "shard/shard_stats.h"

namespace treadle {

class ShardServices {
 public:
  using Then = std::function<void(const Loaded&)>;
  template <class T>
  using Callback = std::function<void(Result<T>)>;

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
  /// The last frame whose effects the store has.
  virtual uint64_t stored_frame() const = 0;
  /// Runs `run` when the store has all that was applied before, or with false after so long.
  virtual void WhenStored(int64_t wait_ms, std::function<void(bool is_stored)> run) = 0;
  /// Runs `work` later, unless the shard has failed by then.
  virtual void After(int64_t delay_ms, std::function<void()> work) = 0;
  virtual BatchTime Now() = 0;
  virtual int64_t MonotonicMs() const = 0;
  /// Ends the node: it can no longer keep its promises.
  virtual void Fail(const Status& status) = 0;
  /// Nothing is done or said any more.
  virtual bool has_failed() const = 0;
  virtual bool is_closing() const = 0;
  virtual ShardStats& stats() = 0;

  template <class T>
  void Answer(Callback<T> done, Result<T> result) {
    Reply([done = std::move(done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  }

  /// Asks the engine, once more with what the store has of the tasks that it needs, if it needs
  /// any, and answers. `ask` is called with null first: the store has not been asked.
  template <class T, class Question>
  void Ask(Question ask, Callback<T> done) {
    Outcome<T> outcome = ask(Open(), nullptr);
    if (outcome.needs.empty()) return Answer<T>(std::move(done), std::move(outcome.reply));
    Load(std::move(outcome.needs),
         [this, ask = std::move(ask), done = std::move(done)](const Loaded& loaded) {
           Answer<T>(done, ask(Open(), &loaded).reply);
         });
  }

 protected:
  ~ShardServices() = default;
};

/// What the parts of a shard tell its loop.
class ShardEvents {
 public:
  /// All that waited at the executor has joined the open batch.
  virtual void OnTurn() = 0;
  /// A frame of `bytes` is durable, and its replies are on their way.
  virtual void OnDurable(uint64_t sequence, uint64_t bytes) = 0;
  /// A checkpoint has ended, or the disk was too full for it.
  virtual void OnCheckpoint() = 0;
  /// Time has passed, and the engine has done what was due.
  virtual void OnTick() = 0;

 protected:
  ~ShardEvents() = default;
};

}  // namespace treadle
