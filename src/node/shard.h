// Shard: the loop of one shard. Mailbox → engine → journal → replies.
//
// The shard's lane is the mailbox: each command is a piece of work posted there. The first one
// opens a batch and posts Flush() behind itself, so that all that waits by then joins the same
// batch. A batch is sealed into a frame when no other one syncs, or when it is large and only one
// does; otherwise it keeps growing. That is the group commit: one sync for all that came during the
// last one, and the engine works while the disk does.
//
// Every reply is bound to the last frame that was applied when it was formed, and leaves when that
// frame is durable.
//
// All methods on the shard's lane, except the constructor, unless noted otherwise. Nothing here
// blocks: disk work happens on the other lanes, whose completions are posted back.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/commands/queues.h"
#include "engine/commands/tasks.h"
#include "engine/commands/types.h"
#include "engine/engine.h"
#include "node/checkpointer.h"
#include "node/exchange_desk.h"
#include "node/memory_guard.h"
#include "node/node.h"
#include "node/recovery.h"
#include "node/shard_services.h"
#include "node/space_guard.h"
#include "node/task_loader.h"
#include "node/task_watchers.h"

namespace treadle {

class Shard final : private ShardServices {
 public:
  template <class T>
  using Callback = Node::Callback<T>;

  /// Borrows everything but what it is given by value.
  Shard(const NodeOptions& options, const NodeEnvironment& environment, NodeStorage* storage,
        Checkpointer* checkpointer, SpaceGuard* space, MemoryGuard* memory, Recovered recovered);

  /// Starts timers and the first check of the disk.
  void Start();

  void Enqueue(EnqueueCommand command, uint64_t bytes, Callback<EnqueueReply> done);
  void Get(TaskId id, int64_t wait_ms, Callback<TaskView> done);
  /// Waits at most so long for the store to have all that was acknowledged before.
  static constexpr int64_t kListWaitMs = 1'000;
  void List(TaskQuery query, Callback<ListReply> done, int64_t wait_ms = kListWaitMs);
  /// Runs a command of engine/commands/: in the open batch, and again with what it needs from the
  /// store.
  template <class C>
  void Do(C command, Callback<typename C::Reply> done) {
    if (failed_) return;
    Ask<typename C::Reply>(
        [this, command = std::move(command)](Engine& engine, const Loaded* loaded) {
          Outcome<typename C::Reply> outcome = Run(engine, command, loaded);
          if (outcome.reply.ok()) Complete(command, &*outcome.reply);
          return outcome;
        },
        std::move(done));
  }
  void Explain(TaskId id, Callback<Explanation> done);
  void Save(AttemptSave save, std::optional<Progress> progress, Callback<AttemptStanding> done);
  void History(TaskId id, Callback<HistoryReply> done);
  void Log(TaskId id, uint32_t attempt, Callback<LogReply> done);
  void SummarizeQueues(size_t listed_max, Callback<QueueSummary> done);
  void Contracts(const std::vector<TaskId>& tasks,
                 const std::function<void(std::vector<std::optional<ContractName>>)>& done);
  void Exchange(const ExchangeDesk::Job& job);
  void Abandon(uint64_t ticket);
  void Undelivered(const LeaseHolder& holder, const ExchangeReply& reply);
  void Stats(Callback<NodeStats> done);
  /// Runs `run` when the store has all that was applied before, or with false after so long.
  void WhenStored(int64_t wait_ms, std::function<void(bool is_stored)> run);
  void Close(std::function<void()> closed);

  /// Bytes of enqueues that were accepted into the mailbox and are not durable yet. Any thread.
  std::atomic<uint64_t>& bytes_under_way() { return bytes_under_way_; }

  const Engine& engine_for_tests() const { return *engine_; }

 private:
  struct FrameUnderWay {
    uint64_t sequence = 0;
    std::vector<std::function<void()>> replies;
  };

  // batch.cc: batches, frames, replies.
  Engine& Open() override;
  Engine& engine() override { return *engine_; }
  void Flush();
  void SealIfRoom();
  void Seal();
  void Append(uint64_t sequence, ShardTime time, std::string effects);
  void OnDurable(uint64_t sequence, uint64_t bytes, const Status& status);
  void SyncLater();
  /// On the journal's lane.
  Status SyncJournal();
  void Reply(std::function<void()> reply) override;
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
  void Fail(const Status& status) override;

  void Load(std::vector<TaskId> tasks, Then then) override {
    loader_.Load(std::move(tasks), std::move(then));
  }
  void LoadLane(std::vector<TaskId> tasks, Then then) override {
    loader_.LoadLane(std::move(tasks), std::move(then));
  }
  void After(int64_t delay_ms, std::function<void()> work) override;
  uint64_t stored_frame() const override { return stored_frame_; }
  int64_t MonotonicMs() const override { return env_.clock->MonotonicMs(); }
  bool is_closing() const override { return closing_; }
  NodeStats& stats() override { return stats_; }

  // time.cc
  BatchTime Now();
  void TickLater();
  void Tick(int64_t at_ms);

  bool IsDiskNearlyFull();
  /// Why nothing may be added now: the disk is nearly full, or the store is far behind.
  Status RefuseWrites();
  Status RefuseSave();
  Status RefuseForBacklog() const;
  /// Why no task may be added now: memory is nearly full.
  Status RefuseForMemory();
  Status RefuseEnqueue(const EnqueueCommand& command);
  void AnswerEnqueue(uint64_t bytes, Callback<EnqueueReply> done, Result<EnqueueReply> reply);

  // queues.cc
  void SummarizeMore(std::shared_ptr<QueueSummary> summary, Callback<QueueSummary> done);
  /// Adds to a reply what only the shard knows.
  template <class C, class Reply>
  void Complete(const C&, Reply*) {}
  template <class C>
  void Complete(const C&, QueueView* view) {
    desk_.NoteWorkers({view, 1});
  }
  void Complete(const DeleteQueue&, QueueView*) {}
  void Complete(const ListQueues&, ListPart<QueueView>* part) { desk_.NoteWorkers(part->views); }

  // attempt.cc: what attempts save and leave behind.
  void NoteProgress(const Token& token, const Progress& progress);
  void AddProgress(TaskView* view) const;
  void ForgetProgress();

  // lists.cc
  void ReadList(TaskQuery query, Callback<ListReply> done);

  // checkpoint.cc
  void CheckpointLater();
  void Checkpoint();
  void RunCheckpoint(uint64_t to);
  void OnCheckpointed(const Result<uint64_t>& applied, WallTime as_of);
  void ForgetLater();
  void CheckSpace();
  void CheckSpaceLater();
  void RunAfterCheckpoint();
  void EnqueueNow(const EnqueueCommand& command, uint64_t bytes, Callback<EnqueueReply> done);
  void EnqueueThoseThatWait();
  void CloseIfIdle();

  NodeOptions options_;
  NodeEnvironment env_;
  NodeStorage* storage_;
  Checkpointer* checkpointer_;
  SpaceGuard* space_;
  MemoryGuard* memory_;
  std::unique_ptr<Engine> engine_;
  TaskLoader loader_;
  ExchangeDesk desk_{this};
  TaskWatchers watchers_;
  bool failed_ = false;
  bool closing_ = false;

  // Time.
  ShardTime base_time_;
  int64_t base_monotonic_ms_;
  int64_t started_monotonic_ms_;
  int64_t unstored_since_ms_;       // monotonic; of the oldest in backlog_, or earlier
  int64_t tick_at_ms_ = INT64_MAX;  // by the monotonic clock; the earliest Tick() that is posted

  // The batch that is open, and frames on their way to disk.
  bool batch_open_ = false;
  bool time_is_stale_ = false;
  bool flush_posted_ = false;
  std::string effects_;
  std::vector<std::function<void()>> replies_;
  std::deque<FrameUnderWay> under_way_;
  uint64_t next_frame_;
  uint64_t durable_frame_;
  bool sync_posted_ = false;
  std::atomic<uint64_t> bytes_under_way_{0};

  // Checkpoints.
  uint64_t stored_frame_;
  WallTime stored_as_of_;
  uint64_t backlog_bytes_ = 0;                         // of frames after stored_frame_
  std::deque<std::pair<uint64_t, uint64_t>> backlog_;  // (frame, bytes)
  bool checkpoint_runs_ = false;
  bool checkpoint_timer_ = false;
  bool checkpoint_pauses_ = false;  // the disk was too full for the last one
  bool forget_posted_ = false;
  struct WaitingForStore {
    uint64_t frame;                                  // that the store must have reached
    std::shared_ptr<std::function<void(bool)>> run;  // empty once it has run
  };
  std::vector<WaitingForStore> wait_for_store_;
  // Enqueues that came while too much journal waited for a checkpoint; emptied when one has run.
  std::vector<std::shared_ptr<std::function<void()>>> wait_for_room_;
  bool space_check_posted_ = false;
  uint64_t written_at_space_check_ = 0;  // journal bytes when the disk was last looked at
  std::function<void()> closed_;

  struct AttemptProgress {
    Token token;
    Progress progress;
  };
  std::map<TaskId, AttemptProgress> progress_;  // of attempts that reported some; kept a while
  uint64_t next_watcher_ = 1;
  NodeStats stats_;
};

}  // namespace treadle
