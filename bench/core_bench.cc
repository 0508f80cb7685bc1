// Engine and journal only, without HTTP and store: the speed of the core when every batch is
// synced.

#include <filesystem>
#include <string>
#include <vector>

#include "base/posix_disk.h"
#include "base/thread_executor.h"
#include "bench/bench.h"
#include "engine/engine.h"
#include "journal/file_journal.h"

namespace treadle::bench {
namespace {

constexpr size_t kBatch = 1'000;

// The engine runs on this thread, the journal on another. The engine works on the next batch while
// the previous one syncs.
class Core {
 public:
  explicit Core(const Settings& settings)
      : settings_(settings),
        journal_(OrDie(FileJournal::Open(&disk_, &random_, {settings.directory}))),
        engine_(1, journal_->term()),
        next_(journal_->recovered_sequence() + 1),
        durable_(next_ - 1) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "\"" + std::string(settings.payload_bytes - 2, 'x') + "\"";
    body->payload_sha256 = Sha256Of(body->payload);
    body_ = body;
  }

  ~Core() { lane_.Stop(); }

  void Run() {
    Stopwatch watch;
    uint64_t done = 0;
    for (uint32_t exchange = 1; done < settings_.tasks; ++exchange) {
      InFrame([&] { OrDie(engine_.Enqueue(NewBatch())); });
      std::vector<Leased> leases;
      InFrame([&] { leases = Lease(exchange); });
      InFrame([&] { Complete(leases); });
      done += leases.size();
    }
    WaitFor(next_ - 1);
    Print("core enqueue+lease+complete, batches of 1000, each batch synced", done, watch.Seconds());
  }

 private:
  // Like a producer's request: each task has its own body, hashed.
  EnqueueCommand NewBatch() {
    std::vector<NewTask> tasks(kBatch);
    for (NewTask& task : tasks) {
      auto body = std::make_shared<TaskBody>(*body_);
      body->payload_sha256 = Sha256Of(body->payload);
      task.type = "bench";
      task.body = std::move(body);
    }
    return OrDie(EnqueueCommand::Make(std::move(tasks)));
  }

  std::vector<Leased> Lease(uint32_t exchange) {
    auto outcome = engine_.Lease({{"bench", 1}, exchange, {"default"}, {"bench"}, kBatch});
    return OrDie(std::move(outcome.reply)).leases;
  }

  void Complete(const std::vector<Leased>& leases) {
    const auto result = std::make_shared<TaskResult>(TaskResult{.bytes = "null"});
    for (const Leased& lease : leases) {
      Report report;
      report.token = lease.token;
      report.result = result;
      OrDie(engine_.Apply(report, nullptr, true).reply.status());
    }
  }

  template <class Work>
  void InFrame(Work work) {
    if (next_ > 2) WaitFor(next_ - 2);  // at most two frames in progress, as in the node
    std::string effects;
    const ShardTime now{clock_.MonotonicMs()};
    engine_.BeginBatch(next_, {now, clock_.Wall(), 1}, &effects);
    work();
    engine_.EndBatch();
    engine_.mutable_state()->Forget(next_ > 4 ? next_ - 4 : 0, 5 * kBatch);
    lane_.Post([this, sequence = next_, now, effects = std::move(effects)] {
      OrDie(journal_->Append({sequence, now, effects}, Journal::Durability::kSynced));
      if (sequence % 64 == 0) OrDie(journal_->Trim(sequence - 8));
      durable_.store(sequence);
      durable_.notify_one();
    });
    ++next_;
  }

  void WaitFor(uint64_t sequence) {
    for (uint64_t now = durable_; now < sequence; now = durable_) durable_.wait(now);
  }

  Settings settings_;
  PosixDisk disk_;
  SystemRandom random_;
  SystemClock clock_;
  std::unique_ptr<FileJournal> journal_;
  Engine engine_;
  uint64_t next_;
  std::shared_ptr<const TaskBody> body_;
  std::atomic<uint64_t> durable_;
  ThreadExecutor lane_{"journal"};
};

}  // namespace

void RunCore(const Settings& settings) {
  Settings own = settings;
  own.directory += "-core";
  std::filesystem::remove_all(own.directory);
  for (int round = 0; round < 3; ++round) Core(own).Run();
  std::filesystem::remove_all(own.directory);
}

}  // namespace treadle::bench
