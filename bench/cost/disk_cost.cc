// What reaches the disk: the journal, the checkpoint, and the whole node.

#include <optional>

#include "base/posix_disk.h"
#include "base/random.h"
#include "bench/cost/shop.h"
#include "journal/file_journal.h"
#include "node/node.h"
#include "shard/checkpointer.h"
#include "sim/scheduler.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle::cost {
namespace {

// The files of a data directory. Its randomness repeats.
struct Data {
  explicit Data(const std::string& directory)
      : journal(OrDie(FileJournal::Open(
            &disk, &random,
            {.directory = directory + "/journal", .segment_bytes = kSegmentBytes}))),
        store(OrDie(SqliteStore::Open(
            {.path = directory + "/store.sqlite", .identity = journal->identity()}))) {}

  static constexpr uint64_t kSegmentBytes = uint64_t{16} << 20;  // one segment holds everything

  PosixDisk disk;
  SeededRandom random{1};
  std::unique_ptr<FileJournal> journal;
  std::unique_ptr<SqliteStore> store;
};

// The frames of kTasks tasks, enqueued in batches of 100. The tasks of the first `completed`
// batches were also leased and completed.
std::vector<std::string> Frames(uint64_t completed) {
  Shop shop;
  shop.KeepFrames();
  for (uint64_t i = 0; i < kBatches; ++i) shop.Enqueue(NewTasks(kBatch));
  for (uint64_t i = 0; i < completed; ++i) shop.Report(Shop::Completed(shop.Lease()));
  return shop.TakeFrames();
}

void Append(const std::vector<std::string>& frames, Journal* journal) {
  uint64_t sequence = 0;
  for (const std::string& frame : frames) {
    ++sequence;
    const ShardTime time{static_cast<int64_t>(sequence)};
    OrDie(journal->Append({sequence, time, frame}, Journal::Durability::kSynced));
  }
}

class JournalCost final : public Workload {
 public:
  explicit JournalCost(const std::string& directory) : data_(directory) {}
  void Run() override { Append(frames_, data_.journal.get()); }

 private:
  Data data_;
  std::vector<std::string> frames_ = Frames(kBatches);
};

// A journal and its checkpoints.
class Checkpoints {
 public:
  Checkpoints(const std::string& directory, const std::vector<std::string>& frames)
      : data_(directory), frames_(frames.size()) {
    Append(frames, data_.journal.get());
  }
  void To(uint64_t frame) {
    const StoreMeta meta = OrDie(data_.store->ReadMeta());
    Checkpointer checkpointer(1, data_.journal.get(), data_.store.get(), &clock_, meta, 0,
                              NodeOptions().checkpoint_transaction_bytes, &watch_);
    Expect(OrDie(checkpointer.Run(frame)) == frame, "the checkpoint stopped early");
  }
  void ToTheEnd() { To(frames_); }

 private:
  sim::Scheduler clock_{1};
  DiskWatch watch_;
  Data data_;
  uint64_t frames_;
};

class CheckpointCost final : public Workload {
 public:
  explicit CheckpointCost(const std::string& directory)
      : checkpoints_(directory, Frames(kBatches / 2)) {}
  void Run() override { checkpoints_.ToTheEnd(); }

 private:
  Checkpoints checkpoints_;
};

class DrainCost final : public Workload {
 public:
  explicit DrainCost(const std::string& directory) : checkpoints_(directory, Frames(kBatches)) {
    checkpoints_.To(kBatches);
  }
  void Run() override { checkpoints_.ToTheEnd(); }

 private:
  Checkpoints checkpoints_;
};

// Producers and a worker of a whole node without HTTP. Its executors take turns on this thread.
class NodeCost final : public Workload {
 public:
  explicit NodeCost(const std::string& directory) : data_(directory) {
    NodeOptions options;
    options.directory = directory;
    options.disk_reserve_bytes = 0;
    options.ballast_bytes = 0;
    NodeEnvironment environment;
    environment.disk = &data_.disk;
    environment.clock = &scheduler_;
    environment.random = &data_.random;
    for (Executor** executor :
         {&environment.shard, &environment.journal, &environment.checkpoint, &environment.reader})
      *executor = scheduler_.MakeExecutor();
    environment.on_fatal = [](const Status& status) { OrDie(status); };
    environment.log = [](const std::string&) {};
    node_ =
        OrDie(Node::Open(options, environment, {std::move(data_.journal), std::move(data_.store)}));
    for (uint64_t i = 0; i < kBatches; ++i) batches_.push_back(NewTasks(kBatch));
  }

  void Run() override {
    for (auto& batch : batches_) {
      auto command = OrDie(EnqueueCommand::Make(std::move(batch)));
      Await<EnqueueReply>([&](auto done) { node_->Do(std::move(command), std::move(done)); });
      Exchange(kBatch);
    }
    Exchange(0);
    Expect(completed_ == kTasks, "a task was not completed");
  }

 private:
  // Reports the previous leases and requests more.
  void Exchange(uint32_t want) {
    ExchangeRequest request{.holder = {"worker", 1},
                            .sequence = ++sequence_,
                            .queues = {"default"},
                            .types = {"digest"},
                            .want = want,
                            .renew = {},
                            .reports = std::move(reports_)};
    const auto reply = Await<ExchangeReply>(
        [&](auto done) { node_->Exchange(std::move(request), std::move(done)); });
    for (const ReportReply& report : reply.reports) completed_ += report.status.ok();
    reports_ = Shop::Completed(reply.leases);
  }

  template <class T, class Call>
  T Await(Call call) {
    std::optional<Result<T>> answer;
    call([&answer](Result<T> result) { answer = std::move(result); });
    while (!answer) Expect(scheduler_.Step(), "the node does not answer");
    return OrDie(*std::move(answer));
  }

  sim::Scheduler scheduler_{1};
  Data data_;
  std::unique_ptr<Node> node_;
  std::vector<std::vector<NewTask>> batches_;
  std::vector<Report> reports_;
  uint32_t sequence_ = 0;
  uint64_t completed_ = 0;
};

}  // namespace

const WorkloadKind kDiskWorkloads[] = {
    {"journal_append", "append and sync the frames of whole lives", Make<JournalCost>},
    {"checkpoint", "fold the frames of tasks, half of them completed, into the store",
     Make<CheckpointCost>},
    {"checkpoint_drain", "fold the completion of tasks that wait in the store", Make<DrainCost>},
    {"node", "enqueue 100, lease and report 100 by an exchange, all synced", Make<NodeCost>},
    {},
};

}  // namespace treadle::cost
