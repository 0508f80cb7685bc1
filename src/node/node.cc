#include "node/node.h"

#include <utility>

#include "engine/commands/queues.h"
#include "engine/commands/tasks.h"
#include "engine/commands/types.h"
#include "journal/journal_queue.h"
#include "node/stall_alarm.h"
#include "shard/checkpointer.h"
#include "shard/recovery.h"
#include "shard/shard.h"
#include "shard/space_guard.h"

namespace treadle {
namespace {

constexpr int64_t kRetryBusyMs = 200;
constexpr uint64_t kLittleBytes = uint64_t{4} << 10;
constexpr size_t kLittleReports = 4;

// Little work is done in less time than it takes to wake the shard's thread for it.
template <class C>
bool IsLittle(const C&) {
  return false;
}
bool IsLittle(const EnqueueCommand& command) { return command.bytes <= kLittleBytes; }
bool IsLittle(const GetTask&) { return true; }
bool IsLittle(const ExchangeRequest& request) { return request.reports.size() <= kLittleReports; }

}  // namespace

Node::Node() = default;
Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::Open(NodeOptions options, NodeEnvironment environment,
                                         NodeStorage storage) {
  std::unique_ptr<Node> node(new Node());
  node->storage_ = std::make_unique<NodeStorage>(std::move(storage));
  Journal* journal = node->storage_->journal.get();
  Store* store = node->storage_->store.get();
  TREADLE_ASSIGN_OR_RETURN(Recovered recovered,
                           Recover(options.shard, journal, store, environment.progress));
  node->checkpointer_ = std::make_unique<Checkpointer>(
      options.shard, journal, store, environment.clock, recovered.meta,
      journal->recovered_sequence(), options.checkpoint_transaction_bytes,
      node->storage_->watch.get());
  TREADLE_ASSIGN_OR_RETURN(FilesWatch files,
                           FilesWatch::Begin(environment.disk, journal, options.watched_files));
  node->checkpointer_->Watch(std::move(files));
  node->space_ = std::make_unique<SpaceGuard>(
      environment.disk, journal, store,
      SpaceGuard::Options{options.directory, options.disk_reserve_bytes, options.ballast_bytes},
      environment.log);
  journal->WhenFull([space = node->space_.get()] { return space->NoteFull(); });
  // Before the first enqueue: what the disk can hold must be known by then.
  TREADLE_RETURN_IF_ERROR(node->space_->Check(recovered.replayed == 0 ? 0 : SpaceGuard::kUnknown));
  node->memory_ = std::make_unique<MemoryGuard>(environment.memory, environment.log);
  node->memory_->Check();
  ResumeTime(&recovered, environment.clock->Wall());
  node->executor_ = environment.shard;
  node->next_ticket_ = 1;
  node->appends_ = std::make_unique<JournalQueue>(journal, environment.journal,
                                                  node->storage_->watch.get(), environment.clock);
  node->shard_ = std::make_unique<Shard>(options,
                                         ShardEnvironment{.clock = environment.clock,
                                                          .random = environment.random,
                                                          .loop = environment.shard,
                                                          .checkpoint = environment.checkpoint,
                                                          .reader = environment.reader,
                                                          .journal = journal,
                                                          .appends = node->appends_.get(),
                                                          .store = store,
                                                          .checkpointer = node->checkpointer_.get(),
                                                          .watch = node->storage_->watch.get(),
                                                          .space = node->space_.get(),
                                                          .memory = node->memory_.get(),
                                                          .on_fatal = environment.on_fatal,
                                                          .log = environment.log},
                                         std::move(recovered));
  node->bulk_ =
      std::make_unique<BulkActions>(node->shard_.get(), environment.shard, environment.clock);
  node->environment_ = std::make_unique<NodeEnvironment>(environment);
  node->backups_ =
      std::make_unique<Backups>(options, *node->environment_, node->shard_.get(),
                                BackupMaker::Tools{.disk = environment.disk,
                                                   .clock = environment.clock,
                                                   .store = store,
                                                   .checkpointer = node->checkpointer_.get(),
                                                   .term = journal->term(),
                                                   .reserve_bytes = options.disk_reserve_bytes});
  node->stalls_ =
      std::make_unique<StallAlarm>(StallAlarm::Tools{.watch = node->storage_->watch.get(),
                                                     .clock = environment.clock,
                                                     .executor = environment.watch,
                                                     .log = environment.log,
                                                     .directory = options.directory});
  node->stalls_->Begin();
  environment.shard->Post([node = node.get()] {
    node->shard_->Start();
    node->backups_->Begin();
  });
  return node;
}

void Node::RunSoon(std::function<void()> work, bool is_little) {
  is_little ? executor_->PostOrRun(std::move(work)) : executor_->Post(std::move(work));
}

template <class C>
void Node::Do(C command, Callback<typename C::Reply> done) {
  const bool is_little = IsLittle(command);
  RunSoon([this, command = std::move(command),
           done = std::move(done)]() mutable { Take(std::move(command), std::move(done)); },
          is_little);
}

template <>
void Node::Do(EnqueueCommand command, Callback<EnqueueReply> done) {
  if (!shard_->Admit(command.bytes)) {
    executor_->Post([done = std::move(done)] {
      done(Status(Code::kResourceExhausted, "too much is being enqueued at once; try again later")
               .WithRetryAfter(kRetryBusyMs));
    });
    return;
  }
  const bool is_little = IsLittle(command);
  RunSoon([this, command = std::move(command),
           done = std::move(done)]() mutable { shard_->Do(std::move(command), std::move(done)); },
          is_little);
}

template <>
void Node::Do(GetNodeStats, Callback<NodeStats> done) {
  Do(GetShardStats{}, [this, done = std::move(done)](const Result<ShardStats>& stats) {
    done(NodeStats{*stats, backups_->stats()});
  });
}

// To whoever knows the command; on the shard's executor.
template <class C>
void Node::Take(C command, Callback<typename C::Reply> done) {
  if constexpr (requires { bulk_->Run(std::move(command)); })
    done(bulk_->Run(std::move(command)));
  else if constexpr (requires { backups_->Do(std::move(command), std::move(done)); })
    backups_->Do(std::move(command), std::move(done));
  else
    shard_->Do(std::move(command), std::move(done));
}

template void Node::Do(GetQueue, Callback<QueueView>);
template void Node::Do(ListQueues, Callback<ListPart<QueueView>>);
template void Node::Do(SetQueuePolicy, Callback<QueueView>);
template void Node::Do(PauseQueue, Callback<QueueView>);
template void Node::Do(DeleteQueue, Callback<QueueView>);
template void Node::Do(SummarizeQueues, Callback<QueueSummary>);
template void Node::Do(GetType, Callback<TypeView>);
template void Node::Do(ListTypes, Callback<ListPart<TypeView>>);
template void Node::Do(SetTypePolicy, Callback<TypeView>);
template void Node::Do(DeleteType, Callback<TypeView>);
template void Node::Do(TaskCommand, Callback<TaskStanding>);
template void Node::Do(GetTask, Callback<TaskView>);
template void Node::Do(ExplainTask, Callback<Explanation>);
template void Node::Do(GetHistory, Callback<HistoryReply>);
template void Node::Do(GetLog, Callback<LogReply>);
template void Node::Do(ListTasks, Callback<ListReply>);
template void Node::Do(FindContracts, Callback<FindContracts::Reply>);
template void Node::Do(SaveAttempt, Callback<AttemptStanding>);
template void Node::Do(StartBulk, Callback<BulkView>);
template void Node::Do(GetBulk, Callback<BulkView>);
template void Node::Do(ListBulk, Callback<std::vector<BulkView>>);
template void Node::Do(StopBulk, Callback<BulkView>);
template void Node::Do(StartBackup, Callback<BackupView>);
template void Node::Do(GetBackup, Callback<BackupView>);
template void Node::Do(ListBackups, Callback<BackupList>);

uint64_t Node::Exchange(ExchangeRequest request, Callback<ExchangeReply> done) {
  auto job = std::make_shared<ExchangeJob>();
  job->ticket = next_ticket_++;
  job->request = std::move(request);
  job->done = std::move(done);
  RunSoon([this, job] { shard_->Exchange(job); }, IsLittle(job->request));
  return job->ticket;
}

void Node::Abandon(uint64_t ticket) {
  executor_->Post([this, ticket] { shard_->Abandon(ticket); });
}

void Node::Undelivered(LeaseHolder holder, ExchangeReply reply) {
  executor_->Post([this, holder = std::move(holder), reply = std::move(reply)] {
    shard_->Undelivered(holder, reply);
  });
}

uint32_t Node::term() const { return storage_->journal->term(); }

Status Node::Readiness() const {
  TREADLE_RETURN_IF_ERROR(stalls_->Check());
  TREADLE_RETURN_IF_ERROR(memory_->Refusal());
  if (space_->refuses())
    return {Code::kResourceExhausted, "the disk is nearly full: new tasks are refused"};
  return {};
}

void Node::Close(std::function<void()> closed) {
  executor_->Post([this, closed = std::move(closed)]() mutable {
    bulk_->StopAll();
    backups_->Stop();
    stalls_->Stop();
    shard_->Close(std::move(closed));
  });
}

const Engine& Node::engine_for_tests() const { return shard_->engine_for_tests(); }

}  // namespace treadle
