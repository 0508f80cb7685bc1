// QuestionDesk: answers questions about tasks and queues; see shard/questions.h.
//
// The engine has what is live. Histories, logs and lists come from the store, once that has what
// was acknowledged before, so that nobody misses in a list what they have just enqueued. What rests
// on the engine leaves with the frame that it may have seen; what the store has is durable already.
//
// On the shard's executor.
#pragma once

#include <cstdint>
#include <memory>

#include "shard/attempt_progress.h"
#include "shard/checkpoints.h"
#include "shard/environment.h"
#include "shard/exchange_desk.h"
#include "shard/questions.h"
#include "shard/shard_services.h"
#include "shard/task_watchers.h"

namespace treadle {

class QuestionDesk {
 public:
  template <class T>
  using Callback = ShardServices::Callback<T>;

  /// Borrows all.
  QuestionDesk(ShardServices* shard, const ShardEnvironment& environment,
               const Checkpoints* checkpoints, const ExchangeDesk* exchanges,
               const AttemptProgress* progress)
      : shard_(shard),
        env_(environment),
        checkpoints_(checkpoints),
        exchanges_(exchanges),
        progress_(progress) {}

  void Do(const GetTask& question, Callback<TaskView> done);
  void Do(const ExplainTask& question, Callback<Explanation> done);
  void Do(const GetHistory& question, Callback<HistoryReply> done);
  void Do(const GetLog& question, Callback<LogReply> done);
  void Do(ListTasks question, Callback<ListReply> done);
  void Do(const SummarizeQueues& question, Callback<QueueSummary> done);
  void Do(const FindContracts& question, Callback<FindContracts::Reply> done);

  /// Answers those who wait for tasks that have ended in this batch.
  void WakeForEnded();
  /// Answers all who wait.
  void EndAll();

 private:
  void Read(const TaskQuery& query, Callback<ListReply> done);
  void Summarize(std::shared_ptr<QueueSummary> summary, Callback<QueueSummary> done);

  ShardServices* const shard_;
  const ShardEnvironment& env_;
  const Checkpoints* const checkpoints_;
  const ExchangeDesk* const exchanges_;
  const AttemptProgress* const progress_;
  TaskWatchers watchers_;
  uint64_t next_watcher_ = 1;
};

}  // namespace treadle
