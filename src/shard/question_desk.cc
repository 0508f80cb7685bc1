#include "shard/question_desk.h"

#include <optional>
#include <utility>
#include <vector>

namespace treadle {
namespace {

constexpr int64_t kHistoryWaitMs = 2'000;  // for the store, at most
constexpr size_t kQueuesPerTurn = 2'000;   // well below a millisecond

struct Found {
  Result<TaskHistory> history;
  std::optional<LeaseHolder> holder;  // of the last attempt
};

Found ReadHistory(Store* store, TaskId id) {
  Found found{store->History(id), std::nullopt};
  if (!found.history.ok()) return found;
  Result<std::vector<TaskRecord>> record = store->Load({TaskPlace{.id = id}});
  if (!record.ok()) found.history = record.status();
  if (record.ok() && !record->empty()) found.holder = record->front().holder;
  return found;
}

}  // namespace

void QuestionDesk::Do(const GetTask& question, Callback<TaskView> done) {
  const TaskId id = question.id;
  const TaskSlot* task = shard_->Open().Peek(id);
  if (question.wait_ms > 0 && !shard_->is_closing() && task != nullptr &&
      !IsTerminal(task->state)) {
    const uint64_t ticket = next_watcher_++;
    watchers_.Watch(id, ticket,
                    [this, id, done = std::move(done)] { Do(GetTask{.id = id}, done); });
    env_.loop->PostAfter(question.wait_ms, [this, id, ticket] {
      if (const auto wake = watchers_.Take(id, ticket); wake && !shard_->has_failed()) wake();
    });
    return;
  }
  shard_->Ask<TaskView>(
      [this, id](const Engine& engine, const Loaded* loaded) {
        Outcome<TaskView> outcome = engine.Get(id, FindIn(loaded, id), loaded != nullptr);
        if (outcome.reply.ok()) progress_->AddTo(&*outcome.reply);
        return outcome;
      },
      std::move(done));
}

void QuestionDesk::Do(const ExplainTask& question, Callback<Explanation> done) {
  shard_->Ask<Explanation>(
      [this, id = question.id](Engine& engine, const Loaded* loaded) -> Outcome<Explanation> {
        Outcome<TaskReasons> found = engine.Explain(id, FindIn(loaded, id), loaded != nullptr);
        if (!found.needs.empty()) return Outcome<Explanation>::Need(std::move(found.needs));
        if (!found.reply.ok()) return found.reply.status();
        Explanation explanation{.reasons = *std::move(found.reply)};
        explanation.enqueue_refused = env_.space->refuses();
        exchanges_->NoteWorkers(&explanation);
        return explanation;
      },
      std::move(done));
}

void QuestionDesk::Do(const GetHistory& question, Callback<HistoryReply> done) {
  const TaskId id = question.id;
  Do(GetTask{.id = id}, [this, id, done = std::move(done)](Result<TaskView> view) {
    if (!view.ok()) return done(view.status());
    shard_->WhenStored(kHistoryWaitMs, [this, id, done, view = *std::move(view)](bool) {
      env_.reader->Post([this, id, done, view] {
        shard_->After(0, [done, view, found = ReadHistory(env_.store, id)]() mutable {
          if (!found.history.ok()) return done(found.history.status());
          HistoryReply reply{std::move(view), *std::move(found.history)};
          if (!reply.view.task.holder) reply.view.task.holder = std::move(found.holder);
          done(std::move(reply));
        });
      });
    });
  });
}

void QuestionDesk::Do(const GetLog& question, Callback<LogReply> done) {
  const TaskId id = question.id;
  Do(GetTask{.id = id},
     [this, id, attempt = question.attempt, done = std::move(done)](const Result<TaskView>& view) {
       if (!view.ok()) return done(view.status());
       const uint32_t wanted = attempt != 0 ? attempt : view->task.image.attempt;
       shard_->WhenStored(kHistoryWaitMs, [this, id, wanted, done](bool) {
         env_.reader->Post([this, id, wanted, done] {
           shard_->After(0, [wanted, done, text = env_.store->Log(id, wanted)]() mutable {
             if (!text.ok()) return done(text.status());
             done(LogReply{wanted, *std::move(text)});
           });
         });
       });
     });
}

void QuestionDesk::Do(ListTasks question, Callback<ListReply> done) {
  shard_->WhenStored(question.wait_ms, [this, query = std::move(question.query),
                                        done = std::move(done)](bool) { Read(query, done); });
}

void QuestionDesk::Read(const TaskQuery& query, Callback<ListReply> done) {
  const WallTime as_of = checkpoints_->is_current() ? env_.clock->Wall() : checkpoints_->as_of();
  env_.reader->Post([this, query, done = std::move(done), as_of] {
    auto page = env_.store->List(query);
    shard_->After(0, [this, page = std::move(page), done, as_of]() mutable {
      // What the store holds is durable: nothing to wait for.
      if (!page.ok()) return done(page.status());
      const BatchTime now = shard_->Now();
      for (TaskView& view : page->tasks) view.run_at = RunAt(view.task.image, now);
      done(ListReply{std::move(*page), as_of});
    });
  });
}

// Between its turns others have theirs.
void QuestionDesk::Do(const SummarizeQueues& question, Callback<QueueSummary> done) {
  auto summary = std::make_shared<QueueSummary>();
  summary->listed_max = question.listed_max;
  Summarize(std::move(summary), std::move(done));
}

void QuestionDesk::Summarize(std::shared_ptr<QueueSummary> summary, Callback<QueueSummary> done) {
  if (shard_->engine().Summarize(kQueuesPerTurn, summary.get())) {
    shard_->After(0, [this, summary = std::move(summary), done = std::move(done)]() mutable {
      Summarize(std::move(summary), std::move(done));
    });
    return;
  }
  done(std::move(*summary));
}

void QuestionDesk::Do(const FindContracts& question, Callback<FindContracts::Reply> done) {
  FindContracts::Reply names;
  names.reserve(question.tasks.size());
  for (const TaskId id : question.tasks) names.push_back(shard_->engine().ContractOf(id));
  done(std::move(names));
}

void QuestionDesk::WakeForEnded() {
  for (const TaskId task : shard_->engine().TakeEnded())
    for (const auto& wake : watchers_.TakeAllOf(task)) wake();
}

void QuestionDesk::EndAll() {
  for (const auto& wake : watchers_.TakeAll()) wake();
}

}  // namespace treadle
