// Shard: the loop of one shard. Mailbox → engine → journal → replies.
//
// The shard's executor is the mailbox: each command is a piece of work posted there. Desks take
// commands in: of enqueues, of workers' exchanges, of questions; all others go straight to the
// engine. Frames carries what they change to the journal and lets their replies go when it is
// durable, Checkpoints carries it on to the store, TaskLoader brings back from there what the
// engine no longer holds, Pressure says what must be refused meanwhile. Each part sees the others
// through ShardServices and ShardEvents, or is given those that it stands on; Shard owns them all
// and decides only what follows what.
//
// All methods on the shard's executor, except the constructor, unless noted otherwise. Nothing here
// blocks: disk work happens on other executors, whose completions are posted back. After a fatal
// error nothing is answered any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/node_options.h"
#include "engine/commands/queues.h"
#include "engine/commands/tasks.h"
#include "engine/commands/types.h"
#include "engine/engine.h"
#include "shard/attempt_progress.h"
#include "shard/checkpoints.h"
#include "shard/enqueue_desk.h"
#include "shard/environment.h"
#include "shard/exchange_desk.h"
#include "shard/frames.h"
#include "shard/pressure.h"
#include "shard/question_desk.h"
#include "shard/recovery.h"
#include "shard/shard_clock.h"
#include "shard/shard_services.h"
#include "shard/task_loader.h"

namespace treadle {

class Shard final : private ShardServices, private ShardEvents {
 public:
  template <class T>
  using Callback = ShardServices::Callback<T>;

  /// Borrows what the environment points at.
  Shard(const NodeOptions& options, const ShardEnvironment& environment, Recovered recovered);

  /// Starts timers and the first check of the disk.
  void Start();

  /// Takes room in the mailbox for an enqueue of so many bytes; see EnqueueDesk. Any thread.
  bool Admit(uint64_t bytes) { return enqueues_.Admit(bytes); }

  /// Does a command of engine/commands/ or shard/questions.h. Answers through `done` exactly once,
  /// when what the answer rests on is durable.
  template <class C>
  void Do(C command, Callback<typename C::Reply> done) {
    if (!has_failed()) Take(std::move(command), std::move(done));
  }
  /// One of a worker's exchanges; see ExchangeDesk.
  void Exchange(const ExchangeDesk::Job& job);
  void Abandon(uint64_t ticket);
  void Undelivered(const LeaseHolder& holder, const ExchangeReply& reply);

  /// See ShardServices.
  void WhenStored(int64_t wait_ms, std::function<void(bool is_stored)> run) override {
    checkpoints_.WhenStored(wait_ms, std::move(run));
  }
  /// Refuses new work, ends those who wait, makes a last checkpoint, then calls `closed`.
  void Close(std::function<void()> closed);

  const Engine& engine_for_tests() const { return *engine_; }

 private:
  void Take(EnqueueCommand command, Callback<EnqueueReply> done);
  void Take(SaveAttempt command, Callback<AttemptStanding> done);
  void Take(const GetShardStats& question, const Callback<ShardStats>& done);
  /// Runs a command in the open batch, and again with what it needs from the store.
  template <class C>
  void Take(C command, Callback<typename C::Reply> done) {
    if constexpr (requires { questions_.Do(std::move(command), std::move(done)); })
      return questions_.Do(std::move(command), std::move(done));
    else
      Ask<typename C::Reply>(
          [this, command = std::move(command)](Engine& engine, const Loaded* loaded) {
            Outcome<typename C::Reply> outcome = Run(engine, command, loaded);
            if (outcome.reply.ok()) Complete(command, &*outcome.reply);
            return outcome;
          },
          std::move(done));
  }
  /// Adds to a reply what only the shard knows: whether queues have workers.
  template <class C, class Reply>
  void Complete(const C&, Reply* reply) {
    if constexpr (std::is_same_v<C, ListQueues>)
      exchanges_.NoteWorkers(reply->views);
    else if constexpr (std::is_same_v<Reply, QueueView> && !std::is_same_v<C, DeleteQueue>)
      exchanges_.NoteWorkers({reply, 1});
  }

  Engine& Open() override { return frames_.Open(); }
  Engine& engine() override { return *engine_; }
  void Reply(std::function<void()> reply) override { frames_.Reply(std::move(reply)); }
  void Load(std::vector<TaskId> tasks, Then then) override {
    loader_.Load(std::move(tasks), std::move(then));
  }
  void LoadLane(std::vector<TaskId> tasks, Then then) override {
    loader_.LoadLane(std::move(tasks), std::move(then));
  }
  uint64_t stored_frame() const override { return checkpoints_.stored(); }
  void After(int64_t delay_ms, std::function<void()> work) override;
  BatchTime Now() override { return clock_.Now(); }
  int64_t MonotonicMs() const override { return clock_.MonotonicMs(); }
  void Fail(const Status& status) override;
  bool has_failed() const override { return life_ == Life::kFailed; }
  bool is_closing() const override { return life_ == Life::kClosing; }
  ShardStats& stats() override { return stats_; }

  void OnTurn() override;
  void OnDurable(uint64_t sequence, uint64_t bytes) override;
  void OnCheckpoint() override { CloseIfIdle(); }
  void OnTick() override;
  void CloseIfIdle();

  const NodeOptions options_;
  const ShardEnvironment env_;
  std::unique_ptr<Engine> engine_;
  ShardStats stats_;
  enum class Life : uint8_t { kOpen, kClosing, kFailed } life_ = Life::kOpen;
  std::function<void()> closed_;  // once it is closing and idle

  // Each stands on those above it.
  ShardClock clock_;
  Frames frames_;
  Checkpoints checkpoints_;
  Pressure pressure_;
  TaskLoader loader_;
  ExchangeDesk exchanges_;
  EnqueueDesk enqueues_;
  AttemptProgress progress_;
  QuestionDesk questions_;
};

}  // namespace treadle
