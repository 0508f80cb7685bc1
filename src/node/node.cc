#include "node/node.h"

#include <utility>

#include "engine/commands/queues.h"
#include "engine/commands/tasks.h"
#include "engine/commands/types.h"
#include "node/checkpointer.h"
#include "node/recovery.h"
#include "node/shard.h"
#include "node/space_guard.h"
#include "node/stall_alarm.h"

namespace treadle {
namespace {

constexpr uint64_t kBytesUnderWayMax = uint64_t{256} << 20;  // of enqueues in the mailbox
constexpr int64_t kRetryBusyMs = 200;
constexpr uint64_t kLittleBytes = uint64_t{4} << 10;
constexpr size_t kLittleReports = 4;

uint64_t BytesOf(const EnqueueCommand& command) {
  uint64_t bytes = 0;
  for (const NewTask& task : command.tasks) bytes += task.body->payload.size() + 256;
  return bytes;
}

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
  node->shard_ =
      std::make_unique<Shard>(options, environment, node->storage_.get(), node->checkpointer_.get(),
                              node->space_.get(), node->memory_.get(), std::move(recovered));
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

// Little work is done in less time than it takes to wake the shard's thread for it.
void Node::RunSoon(std::function<void()> work, bool is_little) {
  is_little ? executor_->PostOrRun(std::move(work)) : executor_->Post(std::move(work));
}

void Node::Enqueue(EnqueueCommand command, Callback<EnqueueReply> done) {
  const uint64_t bytes = BytesOf(command);
  if (shard_->bytes_under_way().fetch_add(bytes) > kBytesUnderWayMax) {
    shard_->bytes_under_way() -= bytes;
    executor_->Post([done = std::move(done)] {
      done(Status(Code::kResourceExhausted, "too much is being enqueued at once; try again later")
               .WithRetryAfter(kRetryBusyMs));
    });
    return;
  }
  RunSoon(
      [this, command = std::move(command), bytes, done = std::move(done)]() mutable {
        shard_->Enqueue(std::move(command), bytes, std::move(done));
      },
      /*is_little=*/bytes <= kLittleBytes);
}

void Node::Get(TaskId id, int64_t wait_ms, Callback<TaskView> done) {
  executor_->PostOrRun([this, id, wait_ms, done = std::move(done)]() mutable {
    shard_->Get(id, wait_ms, std::move(done));
  });
}

template <class C>
void Node::Do(C command, Callback<typename C::Reply> done) {
  executor_->Post([this, command = std::move(command), done = std::move(done)]() mutable {
    shard_->Do(std::move(command), std::move(done));
  });
}

template void Node::Do(GetQueue, Callback<QueueView>);
template void Node::Do(ListQueues, Callback<ListPart<QueueView>>);
template void Node::Do(SetQueuePolicy, Callback<QueueView>);
template void Node::Do(PauseQueue, Callback<QueueView>);
template void Node::Do(DeleteQueue, Callback<QueueView>);
template void Node::Do(GetType, Callback<TypeView>);
template void Node::Do(ListTypes, Callback<ListPart<TypeView>>);
template void Node::Do(SetTypePolicy, Callback<TypeView>);
template void Node::Do(DeleteType, Callback<TypeView>);
template void Node::Do(TaskCommand, Callback<TaskStanding>);

void Node::Explain(TaskId id, Callback<Explanation> done) {
  executor_->Post(
      [this, id, done = std::move(done)]() mutable { shard_->Explain(id, std::move(done)); });
}

void Node::StartBulk(BulkRequest request, Callback<BulkView> done) {
  executor_->Post([this, request = std::move(request), done = std::move(done)]() mutable {
    done(bulk_->Start(std::move(request)));
  });
}

void Node::GetBulk(uint64_t id, Callback<BulkView> done) {
  executor_->Post([this, id, done = std::move(done)] { done(bulk_->Get(id)); });
}

void Node::Save(AttemptSave save, std::optional<Progress> progress,
                Callback<AttemptStanding> done) {
  executor_->Post([this, save = std::move(save), progress = std::move(progress),
                   done = std::move(done)]() mutable {
    shard_->Save(std::move(save), std::move(progress), std::move(done));
  });
}

void Node::History(TaskId id, Callback<HistoryReply> done) {
  executor_->Post(
      [this, id, done = std::move(done)]() mutable { shard_->History(id, std::move(done)); });
}

void Node::Log(TaskId id, uint32_t attempt, Callback<LogReply> done) {
  executor_->Post([this, id, attempt, done = std::move(done)]() mutable {
    shard_->Log(id, attempt, std::move(done));
  });
}

void Node::ListBulk(Callback<std::vector<BulkView>> done) {
  executor_->Post([this, done = std::move(done)] { done(bulk_->List()); });
}

void Node::StopBulk(uint64_t id, Callback<BulkView> done) {
  executor_->Post([this, id, done = std::move(done)] { done(bulk_->Stop(id)); });
}

void Node::List(TaskQuery query, Callback<ListReply> done) {
  executor_->Post([this, query = std::move(query), done = std::move(done)]() mutable {
    shard_->List(std::move(query), std::move(done));
  });
}

void Node::SummarizeQueues(size_t listed_max, Callback<QueueSummary> done) {
  executor_->Post([this, listed_max, done = std::move(done)]() mutable {
    shard_->SummarizeQueues(listed_max, std::move(done));
  });
}

void Node::Contracts(std::vector<TaskId> tasks,
                     std::function<void(std::vector<std::optional<ContractName>>)> done) {
  executor_->Post(
      [this, tasks = std::move(tasks), done = std::move(done)] { shard_->Contracts(tasks, done); });
}

uint64_t Node::Exchange(ExchangeRequest request, Callback<ExchangeReply> done) {
  auto job = std::make_shared<ExchangeJob>();
  job->ticket = next_ticket_++;
  job->request = std::move(request);
  job->done = std::move(done);
  const bool is_little = job->request.reports.size() <= kLittleReports;
  RunSoon([this, job] { shard_->Exchange(job); }, is_little);
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

void Node::StartBackup(Callback<BackupView> done) {
  executor_->Post([this, done = std::move(done)]() mutable { backups_->Start(std::move(done)); });
}

void Node::GetBackup(std::string name, Callback<BackupView> done) {
  executor_->Post([this, name = std::move(name), done = std::move(done)]() mutable {
    backups_->Get(name, std::move(done));
  });
}

void Node::ListBackups(Callback<BackupList> done) {
  executor_->Post([this, done = std::move(done)]() mutable { backups_->List(std::move(done)); });
}

void Node::Stats(Callback<NodeStats> done) {
  executor_->Post([this, done = std::move(done)]() mutable {
    shard_->Stats([this, done = std::move(done)](Result<NodeStats> stats) {
      if (stats.ok()) stats->backups = backups_->stats();
      done(std::move(stats));
    });
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
